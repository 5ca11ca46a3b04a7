//! Whether a file is a stream, by its content: its name may be misleading.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
};

use rustix::fs::OFlags;

use super::naming::has_suffix;
use crate::container::{HeaderError, HeaderLength, search_header};

const MAGIC_LENGTH: usize = 8;

/// Whether the regular file at `path` is a stream, see [`is_stream`].
pub(super) fn is_stream_at(path: &Path) -> io::Result<bool> {
    // If a pipe has taken the file's place, opening must not wait for its other end.
    let file = OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path)?;
    is_stream(&file, path)
}

/// Whether `file`, which is at `path`, is a stream: it starts like one. If only the name says so, the header's second
/// copy is looked for, since the first may be damaged.
pub(super) fn is_stream(file: &File, path: &Path) -> io::Result<bool> {
    let front = read_front(file, MAGIC_LENGTH)?;
    if front.len() == MAGIC_LENGTH && !matches!(search_header(&front, true), Err(HeaderError::NotReelseal(_))) {
        return Ok(true);
    }
    Ok(has_suffix(path) && search_header(&read_front(file, 2 * HeaderLength::MAX.bytes())?, true).is_ok())
}

/// The first `length` bytes of `file`, or all there are.
fn read_front(file: &File, length: usize) -> io::Result<Vec<u8>> {
    let mut front = vec![0; length];
    let mut filled = 0;
    while let Some(rest) = front.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    front.truncate(filled);
    Ok(front)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::container::{Features, FrameSize, Header, IV_LENGTH, Prefix};

    #[test]
    fn a_stream_is_known_by_either_copy_of_its_header_and_by_its_magic_alone() {
        let prefix = Prefix { frame_size: FrameSize::MIN, features: Features::NONE, iv: [7; IV_LENGTH] };
        let header = Header { prefix, length: HeaderLength::MAX, generation: 1, records: Vec::new() };
        let stream = header.encode(|_| [5; 32]).unwrap().repeat(2);
        let folder = tempfile::tempdir().unwrap();
        let is_stream = |name: &str, content: &[u8]| {
            let path = folder.path().join(name);
            fs::write(&path, content).unwrap();
            is_stream_at(&path).unwrap()
        };
        assert!(is_stream("film", &stream) && is_stream("film.reel", &stream) && is_stream("cut", &stream[..8]));
        for plaintext in [b"".as_slice(), &stream[..7], b"frames frames frames"] {
            assert!(!is_stream("film.reel", plaintext));
        }
        let mut damaged = stream;
        damaged[0] ^= 1;
        assert!(is_stream("film.reel", &damaged));
        // A file without the name is not searched.
        assert!(!is_stream("film", &damaged));
    }
}
