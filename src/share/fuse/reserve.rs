//! Descriptors kept for unmounting, which may be needed when the process has no others left.

use std::{fs::File, io, thread, time::Duration};

use super::MountError;
use crate::files::descriptors;

/// As many as unmounting needs, with or without the helper.
const MOST: usize = 8;
/// How often, and at what interval, it is tried again if others have taken the descriptors.
const TRIES: u32 = 200;
const PAUSE: Duration = Duration::from_millis(10);

/// Descriptors that nobody else can use.
pub(super) struct Reserve(Vec<File>);

impl Reserve {
    pub fn take() -> io::Result<Self> {
        let first = File::open("/dev/null")?;
        let others = (1..MOST).map(|_| first.try_clone()).collect::<io::Result<Vec<_>>>()?;
        Ok(Self(others.into_iter().chain([first]).collect()))
    }

    /// Releases the descriptors and does `work` with them. Reading threads may be quicker to take them; they close
    /// theirs in a moment.
    ///
    /// # Errors
    ///
    /// Those of `work`.
    pub fn with<T>(&mut self, work: impl Fn() -> Result<T, MountError>) -> Result<T, MountError> {
        self.0.clear();
        let mut done = work();
        for _ in 0..TRIES {
            match &done {
                Err(MountError::System(error) | MountError::HelperStart(error)) if descriptors::are_lacking(error) => {
                    thread::sleep(PAUSE);
                    done = work();
                }
                _ => break,
            }
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use rustix::io::Errno;

    use super::*;

    #[test]
    fn work_that_lacks_descriptors_gets_those_of_the_reserve_and_is_tried_again() {
        let mut reserve = Reserve::take().unwrap();
        assert_eq!(reserve.0.len(), MOST);
        let tries = Cell::new(0);
        let work = || {
            tries.set(tries.get() + 1);
            if tries.get() < 3 { Err(MountError::System(Errno::MFILE.into())) } else { Ok(()) }
        };
        reserve.with(work).unwrap();
        assert_eq!((reserve.0.len(), tries.get()), (0, 3));
        let refused = reserve.with(|| {
            tries.set(tries.get() + 1);
            Err::<(), _>(MountError::System(Errno::BUSY.into()))
        });
        assert!(matches!(refused, Err(MountError::System(_))) && tries.get() == 4);
    }
}
