//! A file read from some position on, with zeros where it cannot be read: for a header with one copy on a bad sector.

use std::io::{self, ErrorKind, Read};

use super::ReadAt;

/// The unit in which a disk reads or fails; some disks combine eight of them.
const SECTOR: usize = 512;

/// Reads a source from some position on. Unreadable sectors read as zeros.
///
/// ```
/// use std::io::Write;
///
/// use reelseal::{
///     keys::{KeyFile, Lock},
///     stream::{PatchedReader, ReadAt, ReaderInput, StreamHeader, StreamOptions, Writer},
/// };
///
/// /// A disk on which the first sector cannot be read.
/// struct Disk(Vec<u8>);
///
/// impl ReadAt for Disk {
///     fn read_at(&self, area: &mut [u8], position: u64) -> std::io::Result<usize> {
///         if position < 512 { Err(std::io::Error::other("bad sector")) } else { self.0.read_at(area, position) }
///     }
///
///     fn size(&self) -> std::io::Result<u64> {
///         self.0.size()
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let lock = Lock::with_key_file(&KeyFile::random()?);
/// let mut writer = Writer::create(Vec::new(), &lock, StreamOptions::default())?;
/// writer.write_all(b"first steps")?;
/// let disk = Disk(writer.finish()?);
///
/// let header = StreamHeader::read(ReaderInput(PatchedReader::new(disk, 0)), Vec::new())?;
/// assert!(header.damaged_copy().is_some());
/// # Ok(())
/// # }
/// ```
pub struct PatchedReader<R> {
    source: R,
    position: u64,
}

impl<R: ReadAt> PatchedReader<R> {
    /// Reads `source` from the byte `position` on.
    pub fn new(source: R, position: u64) -> Self {
        Self { source, position }
    }
}

impl<R: ReadAt> Read for PatchedReader<R> {
    fn read(&mut self, area: &mut [u8]) -> io::Result<usize> {
        let in_sector = (self.position % SECTOR as u64) as usize;
        let size = self.source.size()?;
        let read = match self.source.read_at(area, self.position) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Err(error),
            Err(_) if self.position < size => {
                let left = usize::try_from(size - self.position).unwrap_or(usize::MAX);
                let length = area.len().min(left).min(SECTOR - in_sector);
                let sector = area.get_mut(..length).unwrap_or_default();
                match self.source.read_at(sector, self.position) {
                    Ok(read) if read > 0 => read,
                    _ => {
                        sector.fill(0);
                        length
                    }
                }
            }
            read => read?,
        };
        self.position += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails where any of these bytes are read.
    struct Failing(Vec<u8>, std::ops::Range<usize>);

    impl ReadAt for Failing {
        fn read_at(&self, area: &mut [u8], position: u64) -> io::Result<usize> {
            let at = position as usize;
            if at < self.1.end && at + area.len() > self.1.start {
                return Err(io::Error::from_raw_os_error(5));
            }
            self.0.read_at(area, position)
        }

        fn size(&self) -> io::Result<u64> {
            self.0.size()
        }
    }

    #[test]
    fn only_the_sectors_that_cannot_be_read_are_zeros() {
        for bad in [0..512, 512..1024, 1024..2048, 3584..4096] {
            let mut read = Vec::new();
            PatchedReader::new(Failing(vec![7; 4096], bad.clone()), 0).read_to_end(&mut read).unwrap();
            let is_bad = |at: usize| at / SECTOR >= bad.start / SECTOR && at / SECTOR <= (bad.end - 1) / SECTOR;
            assert_eq!(read.len(), 4096, "{bad:?}");
            assert!(read.iter().enumerate().all(|(at, &byte)| byte == if is_bad(at) { 0 } else { 7 }), "{bad:?}");
        }
    }

    #[test]
    fn a_bad_sector_at_the_end_is_zeros_up_to_the_end() {
        let mut read = Vec::new();
        PatchedReader::new(Failing(vec![7; 700], 512..700), 100).read_to_end(&mut read).unwrap();
        assert_eq!(read, [vec![7; 412], vec![0; 188]].concat());
    }
}
