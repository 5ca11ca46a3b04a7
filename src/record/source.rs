//! Where a recording comes from.

use std::{
    fs::File,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use rustix::io::ioctl_fionread;

use crate::stream::{DescriptorInput, Input, Readiness, Stop, Wait, Wake};

/// Where a recording comes from.
pub(crate) trait Source {
    /// Waits until a read would not block, until the recording is to end without waiting for more, or until the time
    /// `until`.
    fn wait(&mut self, until: Option<Instant>) -> io::Result<Readiness>;

    /// Ends a wait when it is set, from any thread; the wait then returns [`Readiness::NotReady`]. `None` if nothing
    /// can.
    fn wake(&self) -> Option<Arc<Wake>> {
        None
    }

    /// Reads some bytes; none at the end.
    fn read(&mut self, area: &mut [u8]) -> io::Result<usize>;

    /// How many bytes have arrived already; `None` where the system does not say.
    fn pending(&self) -> Option<usize>;

    /// Whether another segment is to begin; each request is returned once. Called before each read.
    fn takes_cut(&mut self) -> Option<Cut> {
        None
    }

    /// How the source ended; waits for that. Called once it has ended, or was stopped.
    fn end(&mut self) -> SourceEnd;

    /// The recording is over, however it ended: whatever still writes for it is ended, too.
    fn close(&mut self) {}
}

/// Where another segment is to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// With the next byte that can begin one.
    AtPacket,
    /// With the next byte, which is unrelated to those before it.
    Here,
}

/// How a source ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SourceEnd {
    /// With everything that it was to deliver.
    Finished,
    /// Because it was asked to.
    Asked,
    /// By itself, too early.
    Failed,
}

/// Standard input, or another open file.
pub(crate) struct StandardInputSource<'a> {
    file: &'a File,
    input: DescriptorInput<&'a File>,
    /// `None` if it could not be created.
    wake: Option<Arc<Wake>>,
    asked: Arc<AtomicBool>,
}

impl<'a> StandardInputSource<'a> {
    /// Reads `file` from its current position.
    ///
    /// # Errors
    ///
    /// The error that the system reports.
    pub fn new(file: &'a File) -> io::Result<Self> {
        let mut input = DescriptorInput::new(file)?;
        let wake = Wake::new().ok().map(Arc::new);
        wake.iter().for_each(|wake| input.wake_on(Arc::clone(wake)));
        Ok(Self { file, input, wake, asked: Arc::default() })
    }

    /// Returns a function that ends it; what has already arrived is still read.
    pub fn ender(&self) -> impl Fn() + Send + 'static {
        let (asked, stop) = (Arc::clone(&self.asked), self.input.stop());
        move || {
            asked.store(true, Ordering::Release);
            stop.as_deref().into_iter().for_each(Stop::request);
        }
    }
}

impl Source for StandardInputSource<'_> {
    fn wait(&mut self, until: Option<Instant>) -> io::Result<Readiness> {
        // A wait for a regular file returns at once, and so is never woken.
        if self.asked.load(Ordering::Acquire) {
            return Ok(Readiness::Stopped);
        }
        self.input.readiness(until.map_or(Wait::ForInput, Wait::Until))
    }

    fn wake(&self) -> Option<Arc<Wake>> {
        self.wake.clone()
    }

    fn read(&mut self, area: &mut [u8]) -> io::Result<usize> {
        self.input.read(area)
    }

    fn pending(&self) -> Option<usize> {
        // All of a regular file is available, however long it is: a request to end does not mean reading to its end.
        if self.input.stop().is_none() && self.asked.load(Ordering::Acquire) {
            return Some(0);
        }
        let count = ioctl_fionread(self.file).ok()?;
        Some(usize::try_from(count).unwrap_or(usize::MAX))
    }

    fn end(&mut self) -> SourceEnd {
        if self.asked.load(Ordering::Acquire) { SourceEnd::Asked } else { SourceEnd::Finished }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Write, pipe};

    use super::*;

    #[test]
    fn what_is_there_counts_when_the_end_is_asked_for_but_not_the_rest_of_a_regular_file() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(1 << 20).unwrap();
        let (reader, mut writer) = pipe().unwrap();
        writer.write_all(b"arrived").unwrap();
        let pipe = File::from(std::os::fd::OwnedFd::from(reader));
        for (file, before, after) in [(&file, 1 << 20, 0), (&pipe, 7, 7)] {
            let mut source = StandardInputSource::new(file).unwrap();
            assert_eq!(source.pending(), Some(before));
            source.ender()();
            assert_eq!(source.wait(None).unwrap(), Readiness::Stopped);
            assert_eq!((source.pending(), source.end()), (Some(after), SourceEnd::Asked));
        }
    }

    #[test]
    fn what_is_pending_in_a_device_that_does_not_say_is_unknown() {
        let zeros = File::open("/dev/zero").unwrap();
        assert_eq!(StandardInputSource::new(&zeros).unwrap().pending(), None);
    }
}
