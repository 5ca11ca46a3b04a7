//! Where clients of the status server connect.

use std::{
    fs::{self, Metadata},
    io::{self, ErrorKind},
    net::{SocketAddr, TcpListener},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::{
            fs::FileTypeExt,
            net::{UnixListener, UnixStream},
        },
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FlockOperation, Mode, chmod, flock},
    net::{AddressFamily, SocketAddrUnix, SocketType, bind, listen, socket_with},
    process::geteuid,
};
use thiserror::Error;

use super::address::StatusAddress;
use crate::{
    files::{file_identity::FileIdentity, folders::folder_of},
    system::{SOCKET_CLOSED_ON_EXEC, user_of_peer},
};

const BACKLOG: i32 = 128;

/// Where clients of the status server connect. A Unix socket is removed when this is dropped.
pub(crate) struct Listener {
    socket: Socket,
    _file: Option<SocketFile>,
}

enum Socket {
    Unix(UnixListener),
    Loopback(TcpListener),
}

/// The name of a socket, which is ours as long as it leads to the same file.
struct SocketFile {
    path: PathBuf,
    identity: Option<FileIdentity>,
}

/// Why nobody can connect.
#[derive(Debug, Error)]
pub(crate) enum ListenError {
    /// Another process listens there.
    #[error("another process is listening there")]
    InUse,
    /// What is there is not a socket, and is left alone.
    #[error("exists, and is not a socket")]
    NotASocket,
    #[error("cannot listen there")]
    System(#[source] io::Error),
}

impl From<io::Error> for ListenError {
    fn from(error: io::Error) -> Self {
        if error.kind() == ErrorKind::AddrInUse { Self::InUse } else { Self::System(error) }
    }
}

impl Listener {
    /// Listens at `address`. A socket left behind by a process that is gone is replaced.
    ///
    /// # Errors
    ///
    /// [`ListenError`].
    pub fn bind(address: &StatusAddress) -> Result<Self, ListenError> {
        match address {
            StatusAddress::Socket(path) => {
                let listener = bind_socket(path)?;
                listener.set_nonblocking(true)?;
                let identity = fs::symlink_metadata(path).ok().as_ref().map(FileIdentity::of);
                let file = SocketFile { path: path.clone(), identity };
                Ok(Self { socket: Socket::Unix(listener), _file: Some(file) })
            }
            StatusAddress::Loopback(address) => {
                let listener = TcpListener::bind(address)?;
                listener.set_nonblocking(true)?;
                Ok(Self { socket: Socket::Loopback(listener), _file: None })
            }
        }
    }

    /// The address that it is bound to, if that has a port.
    pub fn address(&self) -> Option<SocketAddr> {
        match &self.socket {
            Socket::Unix(_) => None,
            Socket::Loopback(listener) => listener.local_addr().ok(),
        }
    }

    /// The next connection, if it may be served; `None` if it belongs to another user: a Unix socket has a mode, but
    /// anybody on the machine can connect to a port.
    pub(super) fn accept(&self) -> io::Result<Option<OwnedFd>> {
        match &self.socket {
            Socket::Unix(listener) => {
                let (stream, _) = listener.accept()?;
                stream.set_nonblocking(true)?;
                Ok(Some(stream.into()))
            }
            Socket::Loopback(listener) => {
                let (stream, peer) = listener.accept()?;
                stream.set_nonblocking(true)?;
                let user = user_of_peer(peer, stream.local_addr()?).ok().flatten();
                let is_ours = user == Some(geteuid().as_raw());
                Ok(is_ours.then(|| stream.into()))
            }
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.socket {
            Socket::Unix(listener) => listener.as_fd(),
            Socket::Loopback(listener) => listener.as_fd(),
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let is_ours = |found: &Metadata| self.identity == Some(FileIdentity::of(found));
        if fs::symlink_metadata(&self.path).as_ref().is_ok_and(is_ours) {
            // A socket that remains is replaced by the next recorder.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Listens at `path`, for our own user alone: nobody can connect before the mode is set, since listening begins only
/// then.
fn bind_socket(path: &Path) -> Result<UnixListener, ListenError> {
    let folder = fs::File::open(folder_of(path))?;
    // Keeps two recorders that start at once from taking each other's socket for one that is left over.
    flock(&folder, FlockOperation::LockExclusive).map_err(io::Error::from)?;
    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => return Err(ListenError::NotASocket),
        Ok(_) => match UnixStream::connect(path) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path)?,
            _ => return Err(ListenError::InUse),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    let name = SocketAddrUnix::new(path).map_err(io::Error::from)?;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SOCKET_CLOSED_ON_EXEC, None);
    let socket = socket.map_err(io::Error::from)?;
    bind(&socket, &name).map_err(io::Error::from)?;
    chmod(path, Mode::RUSR | Mode::WUSR).map_err(io::Error::from)?;
    listen(&socket, BACKLOG).map_err(io::Error::from)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_socket_is_ours_alone_and_only_one_that_is_left_over_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cam.sock");
        let address = StatusAddress::Socket(path.clone());
        // Left over: nobody listens.
        drop(UnixListener::bind(&path).unwrap());
        let listener = Listener::bind(&address).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(Listener::bind(&address), Err(ListenError::InUse)));
        UnixStream::connect(&path).unwrap();
        drop(listener);
        assert!(!path.exists());
        fs::write(&path, b"a film").unwrap();
        assert!(matches!(Listener::bind(&address), Err(ListenError::NotASocket)));
        assert_eq!(fs::read(&path).unwrap(), b"a film");
        let missing = StatusAddress::Socket(folder.path().join("no/cam.sock"));
        assert!(matches!(Listener::bind(&missing), Err(ListenError::System(_))));
    }

    #[test]
    fn a_socket_that_another_has_put_there_is_not_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cam.sock");
        let listener = Listener::bind(&StatusAddress::Socket(path.clone())).unwrap();
        fs::rename(&path, folder.path().join("moved")).unwrap();
        let other = UnixListener::bind(&path).unwrap();
        drop(listener);
        assert!(path.exists());
        drop(other);
    }
}
