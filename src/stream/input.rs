//! Input that is read in order, and that can say whether a read would block.

use std::{
    io::{self, ErrorKind, Read},
    os::fd::AsFd,
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{FileType, fstat},
    io::{Errno, ioctl_fionread},
};

use super::{Stop, Wake};

/// What a wait for input found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// A read would not block.
    Ready,
    /// A read might block.
    NotReady,
    /// A stop was requested.
    Stopped,
}

/// Whether to wait for input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Wait until there is some.
    ForInput,
    /// Wait until there is some, but no longer than this deadline.
    Until(Instant),
    /// Do not wait.
    Never,
}

/// Input that is read in order.
pub trait Input: Send {
    /// Whether a read would block. An input that cannot wait until a deadline does not wait at all in that case.
    ///
    /// # Errors
    ///
    /// The system's error.
    fn readiness(&mut self, wait: Wait) -> io::Result<Readiness>;

    /// Reads as [`Read::read`] does.
    ///
    /// # Errors
    ///
    /// The input's error.
    fn read(&mut self, area: &mut [u8]) -> io::Result<usize>;

    /// The stop that ends this input's waits, if they can be long and can be ended.
    fn stop(&self) -> Option<Arc<Stop>> {
        None
    }
}

/// Any reader. It cannot say whether more is ready, so it is read one frame at a time, and a live frame ends with what
/// one read returned.
pub struct ReaderInput<R>(pub R);

impl<R: Read + Send> Input for ReaderInput<R> {
    fn readiness(&mut self, wait: Wait) -> io::Result<Readiness> {
        Ok(if wait == Wait::ForInput { Readiness::Ready } else { Readiness::NotReady })
    }

    fn read(&mut self, area: &mut [u8]) -> io::Result<usize> {
        self.0.read(area)
    }
}

/// A descriptor: a pipe, a socket, a terminal, a file.
pub struct DescriptorInput<F> {
    descriptor: F,
    /// `None` for a regular file, which is always ready.
    stop: Option<Arc<Stop>>,
    wake: Option<Arc<Wake>>,
}

impl<F: AsFd> DescriptorInput<F> {
    /// Reads `descriptor` from its current position.
    ///
    /// # Errors
    ///
    /// The system's error for the descriptor, or for the pipe that is created to end a wait.
    pub fn new(descriptor: F) -> io::Result<Self> {
        let status = fstat(&descriptor)?;
        // Files that the kernel generates, as in /proc, have no size, and reading some of them blocks.
        let never_waits = FileType::from_raw_mode(status.st_mode) == FileType::RegularFile && status.st_size > 0;
        let stop = if never_waits { None } else { Some(Arc::new(Stop::new()?)) };
        Ok(Self { descriptor, stop, wake: None })
    }
}

impl<F: AsFd> DescriptorInput<F> {
    /// Makes `wake`, while it is set, end each wait as if there were no input.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "recordings come with the command"))]
    pub(crate) fn wake_on(&mut self, wake: Arc<Wake>) {
        self.wake = Some(wake);
    }

    /// How many bytes can be read without waiting; zero if the system does not say.
    pub fn pending(&self) -> usize {
        ioctl_fionread(&self.descriptor).ok().and_then(|count| usize::try_from(count).ok()).unwrap_or(0)
    }
}

impl<F: AsFd + Send> Input for DescriptorInput<F> {
    fn readiness(&mut self, wait: Wait) -> io::Result<Readiness> {
        let Some(stop) = &self.stop else { return Ok(Readiness::Ready) };
        let wake = self.wake.as_ref().map_or(stop.descriptor(), |wake| wake.descriptor());
        let [stop, wake] = [stop.descriptor(), wake].map(|other| PollFd::from_borrowed_fd(other, PollFlags::IN));
        let mut descriptors = [PollFd::new(&self.descriptor, PollFlags::IN), stop, wake];
        loop {
            let timeout = match wait {
                Wait::ForInput => None,
                Wait::Until(moment) => Some(moment.saturating_duration_since(Instant::now())),
                Wait::Never => Some(Duration::ZERO),
            };
            // A wait that is too long for the system might as well be forever.
            let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
            match poll(&mut descriptors, timeout.as_ref()) {
                Ok(_) => break,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let [input, stop, _] = &descriptors;
        Ok(if !stop.revents().is_empty() {
            Readiness::Stopped
        } else if input.revents().is_empty() {
            Readiness::NotReady
        } else {
            Readiness::Ready
        })
    }

    fn read(&mut self, area: &mut [u8]) -> io::Result<usize> {
        match rustix::io::read(&self.descriptor, area) {
            // Another process set it non-blocking and read what was ready: wait again.
            Err(Errno::AGAIN) => Err(ErrorKind::Interrupted.into()),
            read => Ok(read?),
        }
    }

    fn stop(&self) -> Option<Arc<Stop>> {
        self.stop.clone()
    }
}

/// An input preceded by bytes that were already read from it.
pub struct Resumed<R> {
    ahead: Vec<u8>,
    at: usize,
    input: R,
}

impl<R: Input> Resumed<R> {
    /// Reads the bytes of `ahead`, then those of `input`.
    pub fn new(ahead: Vec<u8>, input: R) -> Self {
        Self { ahead, at: 0, input }
    }
}

impl<R: Input> Input for Resumed<R> {
    fn readiness(&mut self, wait: Wait) -> io::Result<Readiness> {
        if self.at < self.ahead.len() { Ok(Readiness::Ready) } else { self.input.readiness(wait) }
    }

    fn read(&mut self, area: &mut [u8]) -> io::Result<usize> {
        let mut left = self.ahead.get(self.at..).unwrap_or_default();
        if left.is_empty() {
            return self.input.read(area);
        }
        let read = left.read(area)?;
        self.at += read;
        Ok(read)
    }

    fn stop(&self) -> Option<Arc<Stop>> {
        self.input.stop()
    }
}

/// Reads until `area`, which already holds `filled` bytes, is full or the input ends.
///
/// # Errors
///
/// The input's error. An interrupted read (EINTR) is repeated.
pub(crate) fn fill(input: &mut impl Input, area: &mut [u8], filled: &mut usize) -> io::Result<Filled> {
    loop {
        match read_once(input, area, filled, Wait::ForInput)? {
            Filled::Partly | Filled::NotReady => {}
            filled => return Ok(filled),
        }
    }
}

/// Reads `count` bytes, or up to the end, and discards them.
///
/// # Errors
///
/// The input's error.
pub fn skip(input: &mut impl Input, mut count: u64) -> io::Result<()> {
    let mut room = [0; 4096];
    while count > 0 {
        let length = usize::try_from(count).map_or(room.len(), |count| count.min(room.len()));
        let mut filled = 0;
        if fill(input, room.get_mut(..length).unwrap_or_default(), &mut filled)? != Filled::Full {
            break;
        }
        count -= length as u64;
    }
    Ok(())
}

/// Reads once into the rest of `area`, which already holds `filled` bytes.
///
/// # Errors
///
/// The input's error. An interrupted read (EINTR) reads nothing.
pub(crate) fn read_once(input: &mut impl Input, area: &mut [u8], filled: &mut usize, wait: Wait) -> io::Result<Filled> {
    let room = area.get_mut(*filled..).unwrap_or_default();
    let length = room.len();
    if length == 0 {
        return Ok(Filled::Full);
    }
    match input.readiness(wait)? {
        Readiness::Ready => {}
        Readiness::NotReady => return Ok(Filled::NotReady),
        Readiness::Stopped => return Ok(Filled::Stopped),
    }
    match input.read(room) {
        Ok(0) => Ok(Filled::Ended),
        Ok(read) => {
            *filled += read;
            Ok(if read == length { Filled::Full } else { Filled::Partly })
        }
        Err(error) if error.kind() == ErrorKind::Interrupted => Ok(Filled::Partly),
        Err(error) => Err(error),
    }
}

/// How full an area is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filled {
    Full,
    /// There is room left, and the input may have more.
    Partly,
    /// There is room left, and nothing more is ready.
    NotReady,
    Ended,
    Stopped,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_ends_the_wait_for_a_silent_pipe() {
        let (silent, _writer) = io::pipe().unwrap();
        let mut input = DescriptorInput::new(silent).unwrap();
        let stop = input.stop().unwrap();
        assert_eq!(input.readiness(Wait::Never).unwrap(), Readiness::NotReady);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| input.readiness(Wait::ForInput).unwrap());
            stop.request();
            assert_eq!(waiting.join().unwrap(), Readiness::Stopped);
        });
    }

    #[test]
    fn a_wait_until_a_deadline_ends_then_or_earlier_with_input() {
        let (silent, writer) = io::pipe().unwrap();
        let mut input = DescriptorInput::new(silent).unwrap();
        let moment = Instant::now() + Duration::from_millis(2);
        assert_eq!(input.readiness(Wait::Until(moment)).unwrap(), Readiness::NotReady);
        assert!(Instant::now() >= moment);
        assert_eq!(input.readiness(Wait::Until(moment)).unwrap(), Readiness::NotReady);
        io::Write::write_all(&mut &writer, b"x").unwrap();
        for far in [Duration::ZERO, Duration::from_secs(u64::MAX >> 2)] {
            let moment = Instant::now().checked_add(far).unwrap();
            assert_eq!(input.readiness(Wait::Until(moment)).unwrap(), Readiness::Ready);
        }
    }

    #[test]
    fn bytes_read_ahead_come_first_and_once() {
        let (silent, writer) = io::pipe().unwrap();
        let mut input = Resumed::new(b"ahead".to_vec(), DescriptorInput::new(silent).unwrap());
        let mut area = [0; 2];
        for expected in [b"ah".as_slice(), b"ea", b"d"] {
            assert_eq!(input.readiness(Wait::Never).unwrap(), Readiness::Ready);
            let read = input.read(&mut area).unwrap();
            assert_eq!(&area[..read], expected);
        }
        assert_eq!(input.readiness(Wait::Never).unwrap(), Readiness::NotReady);
        io::Write::write_all(&mut &writer, b"x").unwrap();
        assert_eq!((input.read(&mut area).unwrap(), area[0]), (1, b'x'));
    }

    #[test]
    fn a_closed_pipe_is_ready_and_ends() {
        let (closed, writer) = io::pipe().unwrap();
        drop(writer);
        let mut filled = 0;
        let mut input = DescriptorInput::new(closed).unwrap();
        assert_eq!(fill(&mut input, &mut [0; 4], &mut filled).unwrap(), Filled::Ended);
    }

    #[test]
    fn a_regular_file_needs_no_stop_and_one_that_the_kernel_generates_has_one() {
        let mut file = tempfile::tempfile().unwrap();
        io::Write::write_all(&mut file, b"film").unwrap();
        let mut input = DescriptorInput::new(&file).unwrap();
        assert!(input.stop().is_none());
        assert_eq!(input.readiness(Wait::Never).unwrap(), Readiness::Ready);
        let made_up = std::fs::File::open("/proc/self/status").unwrap();
        assert!(DescriptorInput::new(made_up).unwrap().stop().is_some());
    }
}
