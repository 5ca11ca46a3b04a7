//! Anything that can be read at a position: a file, bytes in memory, a remote object.

use std::{fs::File, io, os::unix::fs::FileExt, sync::Arc};

/// A source of known size that many threads can read at any position.
pub trait ReadAt: Send + Sync {
    /// Reads as [`FileExt::read_at`] does: up to `area.len()` bytes from the byte `position` on. Returns 0 only at the
    /// end.
    ///
    /// # Errors
    ///
    /// The system's error.
    fn read_at(&self, area: &mut [u8], position: u64) -> io::Result<usize>;

    /// The current size in bytes.
    ///
    /// # Errors
    ///
    /// The system's error.
    fn size(&self) -> io::Result<u64>;
}

impl ReadAt for File {
    fn read_at(&self, area: &mut [u8], position: u64) -> io::Result<usize> {
        FileExt::read_at(self, area, position)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}

impl ReadAt for [u8] {
    fn read_at(&self, area: &mut [u8], position: u64) -> io::Result<usize> {
        let mut rest = usize::try_from(position).ok().and_then(|position| self.get(position..)).unwrap_or_default();
        io::Read::read(&mut rest, area)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }
}

impl ReadAt for Vec<u8> {
    fn read_at(&self, area: &mut [u8], position: u64) -> io::Result<usize> {
        self.as_slice().read_at(area, position)
    }

    fn size(&self) -> io::Result<u64> {
        self.as_slice().size()
    }
}

impl<R: ReadAt + ?Sized> ReadAt for &R {
    fn read_at(&self, area: &mut [u8], position: u64) -> io::Result<usize> {
        (**self).read_at(area, position)
    }

    fn size(&self) -> io::Result<u64> {
        (**self).size()
    }
}

impl<R: ReadAt + ?Sized> ReadAt for Arc<R> {
    fn read_at(&self, area: &mut [u8], position: u64) -> io::Result<usize> {
        (**self).read_at(area, position)
    }

    fn size(&self) -> io::Result<u64> {
        (**self).size()
    }
}
