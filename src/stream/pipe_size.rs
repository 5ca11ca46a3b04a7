//! The room in a pipe.

use std::{fs::File, os::unix::fs::FileTypeExt};

use rustix::pipe::fcntl_setpipe_size;

/// The bytes that a pipe is to hold: what the system allows anyone. A reader and a writer that take turns on a full pipe
/// otherwise meet for every 64 KiB.
const PIPE_BYTES: usize = 1 << 20;

/// Makes `file` hold more, if it is a pipe and the system lets us; says whether it is one.
pub fn widen_pipe(file: &File) -> bool {
    let is_pipe = file.metadata().is_ok_and(|metadata| metadata.file_type().is_fifo());
    if is_pipe {
        let _ = fcntl_setpipe_size(file, PIPE_BYTES);
    }
    is_pipe
}
