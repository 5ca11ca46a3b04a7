//! The capacity of a pipe.

use std::{fs::File, os::unix::fs::FileTypeExt};

use crate::system::set_pipe_capacity;

/// The capacity that pipes get: the most that the system allows an unprivileged user. With the default, reader and
/// writer of a full pipe would wake each other for every 64 KiB.
const PIPE_BYTES: usize = 1 << 20;

/// Enlarges `file` if it is a pipe and the system allows it; returns whether it is a pipe.
pub fn widen_pipe(file: &File) -> bool {
    let is_pipe = file.metadata().is_ok_and(|metadata| metadata.file_type().is_fifo());
    if is_pipe {
        set_pipe_capacity(file, PIPE_BYTES);
    }
    is_pipe
}
