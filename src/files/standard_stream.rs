//! Standard input and output as descriptors, and whether there is anything at the other end.

use std::{
    fs::{self, File, Metadata},
    io,
    os::{
        fd::AsFd,
        unix::fs::{FileTypeExt, MetadataExt},
    },
};

use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat};

const NULL_DEVICE: &str = "/dev/null";

/// Standard input's descriptor, without std's buffer.
pub(super) fn standard_input() -> io::Result<File> {
    io::stdin().as_fd().try_clone_to_owned().map(File::from)
}

/// Standard output's descriptor, without std's buffer.
pub(super) fn standard_output() -> io::Result<File> {
    io::stdout().as_fd().try_clone_to_owned().map(File::from)
}

/// Whether `stream` may have been closed when we were started: Rust's runtime opens the null device for reading and
/// writing as a closed standard descriptor, and then all output would be lost without an error. A shell's `>/dev/null`
/// and `</dev/null` are open one way only.
pub(super) fn is_maybe_closed(stream: &File, metadata: &Metadata) -> io::Result<bool> {
    if !is_null_device(metadata) {
        return Ok(false);
    }
    Ok(fcntl_getfl(stream)?.intersection(OFlags::RWMODE) == OFlags::RDWR)
}

/// Whether `stream` is a pipe or a socket, with another program at its other end.
pub(crate) fn is_pipe(stream: &impl AsFd) -> bool {
    let kind = fstat(stream).map(|status| FileType::from_raw_mode(status.st_mode));
    matches!(kind, Ok(FileType::Fifo | FileType::Socket))
}

fn is_null_device(metadata: &Metadata) -> bool {
    metadata.file_type().is_char_device() && fs::metadata(NULL_DEVICE).is_ok_and(|null| null.rdev() == metadata.rdev())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_null_device_open_both_ways_may_be_a_closed_stream() {
        let is_maybe_closed = |path: &str, read, write| {
            let file = File::options().read(read).write(write).open(path).unwrap();
            is_maybe_closed(&file, &file.metadata().unwrap()).unwrap()
        };
        assert!(is_maybe_closed(NULL_DEVICE, true, true));
        assert!(!is_maybe_closed(NULL_DEVICE, true, false));
        assert!(!is_maybe_closed(NULL_DEVICE, false, true));
        assert!(!is_maybe_closed("/dev/zero", true, true));
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(!is_maybe_closed(file.path().to_str().unwrap(), true, true));
    }
}
