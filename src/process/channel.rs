//! Messages, and descriptors with them, between this process and one that it started.

use std::{
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, SendAncillaryBuffer, SendAncillaryMessage, Shutdown, recvmsg,
        sendmsg, shutdown,
    },
};

use crate::system;

/// The longest message, in bytes.
const MESSAGE_BYTES: usize = 64;
/// The most descriptors with one message.
const DESCRIPTORS: usize = 2;

/// One end of a channel.
pub(super) struct Channel(OwnedFd);

/// A message, and the descriptors that came with it.
pub(super) struct Received {
    pub bytes: Vec<u8>,
    pub descriptors: Vec<OwnedFd>,
}

impl Channel {
    /// A channel, and its other end, which becomes the standard input of the process to be started.
    ///
    /// # Errors
    ///
    /// The system's error.
    pub fn pair() -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) = system::message_sockets()?;
        Ok((Self(ours), theirs))
    }

    /// The end that this process was given as its standard input.
    ///
    /// # Errors
    ///
    /// The system's error.
    pub fn of_standard_input() -> io::Result<Self> {
        Ok(Self(io::stdin().as_fd().try_clone_to_owned()?))
    }

    /// Sends a message.
    ///
    /// # Errors
    ///
    /// The system's error, for example if the other end is closed.
    pub fn send(&self, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(io::Error::other("too many descriptors"));
        }
        loop {
            match sendmsg(&self.0, &[IoSlice::new(bytes)], &mut control, system::SEND_WITHOUT_SIGNAL) {
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits for a message; `None` once the other end is closed.
    ///
    /// # Errors
    ///
    /// The system's error.
    pub fn receive(&self) -> io::Result<Option<Received>> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut bytes = vec![0; MESSAGE_BYTES];
        let length = loop {
            match recvmsg(&self.0, &mut [IoSliceMut::new(&mut bytes)], &mut control, system::RECEIVE_CLOSED_ON_EXEC) {
                Ok(received) => break received.bytes,
                // The other end closed without reading all of our messages. The system reports that once, before the
                // messages that it had sent.
                Err(Errno::INTR | Errno::CONNRESET) => {}
                Err(error) => return Err(error.into()),
            }
        };
        let mut descriptors = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                descriptors.extend(rights);
            }
        }
        bytes.truncate(length);
        Ok((length > 0).then_some(Received { bytes, descriptors }))
    }

    /// Whether the other end is closed.
    pub fn is_closed(&self) -> bool {
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let mut events = [PollFd::new(&self.0, PollFlags::empty())];
        poll(&mut events, Some(&at_once)).is_ok() && events.iter().any(|event| event.revents().contains(PollFlags::HUP))
    }

    /// Closes both directions, even if another thread is waiting for a message here.
    pub fn close(&self) {
        // The other end may have closed it already.
        let _ = shutdown(&self.0, Shutdown::Both);
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        io::{Read, Write, pipe},
    };

    use super::*;

    #[test]
    fn messages_arrive_one_by_one_with_their_descriptors_and_then_the_end() {
        let (ours, theirs) = Channel::pair().unwrap();
        let theirs = Channel(theirs);
        let (reader, writer) = pipe().unwrap();
        ours.send(b"one", &[]).unwrap();
        ours.send(b"two", &[reader.as_fd()]).unwrap();
        drop((ours, reader));
        let first = theirs.receive().unwrap().unwrap();
        assert_eq!((first.bytes.as_slice(), first.descriptors.len()), (b"one".as_slice(), 0));
        let mut second = theirs.receive().unwrap().unwrap();
        assert_eq!(second.bytes, b"two");
        (&writer).write_all(b"frames").unwrap();
        drop(writer);
        let mut text = String::new();
        File::from(second.descriptors.pop().unwrap()).read_to_string(&mut text).unwrap();
        assert_eq!(text, "frames");
        assert!(theirs.receive().unwrap().is_none());
    }

    #[test]
    fn what_was_sent_arrives_even_if_the_sender_ended_without_reading_what_it_got() {
        let (ours, theirs) = Channel::pair().unwrap();
        let theirs = Channel(theirs);
        ours.send(b"never read", &[]).unwrap();
        theirs.send(b"last words", &[]).unwrap();
        assert!(!ours.is_closed());
        drop(theirs);
        assert!(ours.is_closed());
        assert_eq!(ours.receive().unwrap().unwrap().bytes, b"last words");
        assert!(ours.receive().unwrap().is_none());
    }
}
