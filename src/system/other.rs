//! Other Unix systems.

use std::{
    fs::File,
    io,
    os::fd::{AsFd, OwnedFd},
};

use rustix::io::FdFlags;

/// A pipe that no command inherits once this has returned: the read end, then the write end.
pub(crate) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (from, into) = rustix::pipe::pipe()?;
    rustix::io::fcntl_setfd(&from, FdFlags::CLOEXEC)?;
    rustix::io::fcntl_setfd(&into, FdFlags::CLOEXEC)?;
    Ok((from, into))
}

/// Does nothing: the system decides.
pub(crate) fn set_pipe_capacity(_: impl AsFd, _: usize) {}

/// Does nothing: the system decides.
pub(crate) fn drop_from_memory(_: &File) {}

/// No system call for this exists on every system.
pub(crate) fn random(_: &mut [u8]) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(feature = "cli")]
mod for_the_command {
    use std::{
        ffi::OsStr,
        fs::File,
        io,
        os::{
            fd::{AsFd, OwnedFd},
            unix::net::UnixDatagram,
        },
        path::Path,
    };

    use rustix::{
        fs::OFlags,
        io::Errno,
        net::{RecvFlags, SendFlags, SocketFlags},
    };

    /// A folder that may not be listed cannot be opened.
    pub(crate) const LOOK_UP_ONLY: OFlags = OFlags::empty();
    /// Every file has a name.
    pub(crate) const WITHOUT_NAME: Option<OFlags> = None;
    /// Sending to a socket that nobody reads may be a signal.
    pub(crate) const SEND_WITHOUT_SIGNAL: SendFlags = SendFlags::empty();
    /// Nothing is received, as no command is run.
    pub(crate) const RECEIVE_CLOSED_ON_EXEC: RecvFlags = RecvFlags::empty();

    /// A command would inherit the socket, but none is run.
    pub(crate) const SOCKET_CLOSED_ON_EXEC: SocketFlags = SocketFlags::empty();

    /// Unknown, so `false`: what is not synced may be lost.
    pub(crate) fn is_in_memory(_: &File) -> bool {
        false
    }

    /// Unknown, so `false`.
    pub(crate) fn is_of_one_machine(_: &File) -> bool {
        false
    }

    /// Not supported on every system.
    pub(crate) fn lock_this_open_file(_: &File) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Not supported on every system.
    pub(crate) fn is_open_file_locked(_: &File) -> io::Result<bool> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Not supported without changing the file's length.
    pub(crate) fn reserve(_: &File, _: u64, _: u64) -> rustix::io::Result<()> {
        Err(Errno::OPNOTSUPP)
    }

    /// A single file system cannot be synced.
    pub(crate) fn sync_file_system(_: impl AsFd) -> rustix::io::Result<()> {
        Err(Errno::OPNOTSUPP)
    }

    /// Folders are read from time to time instead.
    pub(crate) fn watch_folder(_: &Path) -> rustix::io::Result<OwnedFd> {
        Err(Errno::OPNOTSUPP)
    }

    /// A copy of the inherited descriptor `number`, by its name.
    pub(crate) fn copy_descriptor(number: i32) -> io::Result<OwnedFd> {
        Ok(File::open(format!("/dev/fd/{number}"))?.into())
    }

    /// Does nothing.
    pub(crate) fn protect_memory() {}

    /// Not supported on every system.
    pub(crate) fn pipe_capacity(_: impl AsFd) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Not supported: without them, no command is run.
    pub(crate) fn message_sockets() -> io::Result<(OwnedFd, OwnedFd)> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Connects to the socket at `path`.
    pub(crate) fn connect_to(socket: &UnixDatagram, path: &OsStr) -> io::Result<()> {
        socket.connect(path)
    }

    /// Not supported: without this, no command is run.
    pub(crate) fn adopt_orphans() -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Not supported: without this, no command is run.
    pub(crate) fn die_with_parent() -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(feature = "cli")]
pub(crate) use for_the_command::*;

/// Not known.
#[cfg(feature = "serve")]
pub(crate) fn waits_so_far() -> Option<std::ffi::c_long> {
    None
}
