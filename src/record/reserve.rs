//! Room for what is yet to be written, reserved before anything is read that could not be stored otherwise.

use std::io;

use rustix::io::Errno;

use super::store::{SegmentFile, is_no_room};

/// Reserved at once, where there is room for it: a system call for each frame would be wasteful.
const AHEAD: u64 = 1 << 20;

/// How much of a file is reserved.
#[derive(Default)]
pub(super) struct Reserve {
    until: u64,
    /// Whether the file system cannot reserve room.
    is_impossible: bool,
}

impl Reserve {
    /// Reserves at least `length` bytes of `file` from `from` on, unless they are reserved already or the file system
    /// cannot reserve.
    ///
    /// # Errors
    ///
    /// There is no room: the disk is full, a quota is used up, or no file may be so long. Not every file system notices
    /// the last of these when it reserves, so the length is checked here.
    pub fn ensure(&mut self, file: &impl SegmentFile, from: u64, length: u64) -> io::Result<()> {
        let (end, most) = (from.saturating_add(length), file.most_bytes());
        if end > most {
            return Err(Errno::FBIG.into());
        }
        if self.is_impossible || end <= self.until {
            return Ok(());
        }
        let ahead = length.max(AHEAD).min(most - from);
        self.take(file, from, ahead).or_else(|_| self.take(file, from, length))
    }

    fn take(&mut self, file: &impl SegmentFile, from: u64, length: u64) -> io::Result<()> {
        loop {
            match file.reserve(from, length) {
                Ok(()) => self.until = from + length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if is_no_room(&error) => return Err(error),
                Err(_) => self.is_impossible = true,
            }
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// A file of which `room` bytes can be reserved.
    struct Limited {
        room: u64,
        most: u64,
        error: Errno,
        asked: RefCell<Vec<(u64, u64)>>,
    }

    impl Limited {
        fn new(room: u64, error: Errno) -> Self {
            Self { room, most: u64::MAX, error, asked: RefCell::default() }
        }
    }

    impl SegmentFile for Limited {
        fn write_at(&self, bytes: &[u8], _: u64) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn reserve(&self, from: u64, length: u64) -> io::Result<()> {
            self.asked.borrow_mut().push((from, length));
            if from + length > self.room { Err(self.error.into()) } else { Ok(()) }
        }

        fn most_bytes(&self) -> u64 {
            self.most
        }

        fn truncate(&self, _: u64) -> io::Result<()> {
            Ok(())
        }

        fn sync(&self) -> io::Result<()> {
            Ok(())
        }

        fn is_removed(&self) -> bool {
            false
        }
    }

    #[test]
    fn room_is_taken_ahead_and_near_the_end_of_the_disk_as_it_is_needed() {
        let file = Limited::new(AHEAD + 250, Errno::NOSPC);
        let mut reserve = Reserve::default();
        reserve.ensure(&file, 0, 100).unwrap();
        reserve.ensure(&file, 100, AHEAD - 100).unwrap();
        assert_eq!(file.asked.take(), [(0, AHEAD)]);
        reserve.ensure(&file, AHEAD, 200).unwrap();
        assert_eq!(file.asked.take(), [(AHEAD, AHEAD), (AHEAD, 200)]);
        let refused = reserve.ensure(&file, AHEAD + 200, 100).unwrap_err();
        assert!(is_no_room(&refused));
        // What was reserved before is still there.
        reserve.ensure(&file, AHEAD + 136, 64).unwrap();
    }

    #[test]
    fn a_file_system_that_cannot_reserve_is_asked_once() {
        let file = Limited::new(0, Errno::OPNOTSUPP);
        let mut reserve = Reserve::default();
        reserve.ensure(&file, 0, 100).unwrap();
        reserve.ensure(&file, 100, 100).unwrap();
        assert_eq!(file.asked.borrow().len(), 1);
    }

    #[test]
    fn no_room_is_found_past_the_limit_on_the_length_of_files_and_none_is_asked_for_there() {
        let file = Limited { most: 1000, ..Limited::new(u64::MAX, Errno::NOSPC) };
        let mut reserve = Reserve::default();
        reserve.ensure(&file, 0, 1000).unwrap();
        assert!(is_no_room(&reserve.ensure(&file, 1, 1000).unwrap_err()));
        assert_eq!(file.asked.take(), [(0, 1000)]);
    }
}
