//! Whose connection it is: on this machine, the kernel knows.

use std::{io, net::SocketAddr};

use rustix::process::geteuid;

use crate::system::user_of_peer;

/// Whether the connection from `peer` to `local` may be served: one from this machine must be of our own user. Of one from
/// elsewhere nothing is known.
pub(super) fn is_admitted(peer: SocketAddr, local: SocketAddr) -> bool {
    if !peer.ip().to_canonical().is_loopback() {
        return true;
    }
    // Where there is no such list, the token alone guards.
    user_of_peer(peer, local)
        .map_or_else(|error| error.kind() == io::ErrorKind::NotFound, |user| user == Some(geteuid().as_raw()))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_connection_of_our_own_is_admitted_and_one_that_nobody_has_is_not() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (served, peer) = listener.accept().unwrap();
        let local = served.local_addr().unwrap();
        assert!(is_admitted(peer, local));
        assert!(!is_admitted(SocketAddr::new(peer.ip(), peer.port() ^ 1), local));
        assert!(is_admitted("192.0.2.1:5".parse().unwrap(), local));
    }
}
