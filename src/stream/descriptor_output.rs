//! Output to a descriptor: a pipe, a socket, a terminal, even one that others have set non-blocking.

use std::{
    io::{self, IoSlice, Write},
    os::fd::AsFd,
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
};

/// A descriptor that is written from its current position, without a buffer in between.
pub struct DescriptorOutput<F>(F);

impl<F: AsFd> DescriptorOutput<F> {
    /// Writes to `descriptor`.
    pub fn new(descriptor: F) -> Self {
        Self(descriptor)
    }
}

impl<F: AsFd> DescriptorOutput<F> {
    /// Waits where `write` would block.
    fn when_ready(&self, mut write: impl FnMut(&F) -> rustix::io::Result<usize>) -> io::Result<usize> {
        loop {
            match write(&self.0) {
                Err(Errno::AGAIN) => match poll(&mut [PollFd::new(&self.0, PollFlags::OUT)], None) {
                    Ok(_) | Err(Errno::INTR) => {}
                    Err(error) => return Err(error.into()),
                },
                written => return Ok(written?),
            }
        }
    }
}

impl<F: AsFd> Write for DescriptorOutput<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.when_ready(|descriptor| rustix::io::write(descriptor, bytes))
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.when_ready(|descriptor| rustix::io::writev(descriptor, slices))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_full_non_blocking_pipe_is_waited_for() {
        let (mut reader, writer) = io::pipe().unwrap();
        rustix::io::ioctl_fionbio(&writer, true).unwrap();
        let sent = vec![7; 1 << 20];
        std::thread::scope(|scope| {
            scope.spawn(|| DescriptorOutput::new(writer).write_all(&sent).unwrap());
            let mut received = Vec::new();
            reader.read_to_end(&mut received).unwrap();
            assert!(received == sent);
        });
    }
}
