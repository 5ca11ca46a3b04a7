//! Whose connection it is: if it comes from this machine, the kernel knows.

use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
};

use rustix::process::geteuid;

use crate::system::user_of_peer;

/// Whether the connection from `peer` to `local` may be served: one from this machine must belong to our own user,
/// whichever of the machine's addresses it uses. Nothing is known about one from elsewhere.
pub(super) fn is_admitted(peer: SocketAddr, local: SocketAddr) -> bool {
    // The lookup takes milliseconds.
    !is_of_this_machine(peer) || admits(peer, user_of_peer(peer, local))
}

/// Whether `peer` is admitted, as far as the kernel knows whose process it is.
fn admits(peer: SocketAddr, user: io::Result<Option<u32>>) -> bool {
    match user {
        Ok(Some(user)) => user == geteuid().as_raw(),
        // Another machine, or a container, may have the same address as we do, but none has a loopback address.
        Ok(None) => !is_loopback(peer),
        // Without the kernel's list of connections, only the token protects the files.
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// Whether `peer` has an address of this machine: only those can be bound to.
fn is_of_this_machine(peer: SocketAddr) -> bool {
    if is_loopback(peer) {
        return true;
    }
    let mut own = match peer.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::from((ip, 0)),
        // A link-local address belongs to one interface.
        IpAddr::V6(_) => peer,
    };
    own.set_port(0);
    match UdpSocket::bind(own) {
        Ok(_) => true,
        // Any other error, for example for want of descriptors, proves nothing.
        Err(error) => error.kind() != io::ErrorKind::AddrNotAvailable,
    }
}

fn is_loopback(peer: SocketAddr) -> bool {
    peer.ip().to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn our_own_connection_is_admitted_and_one_that_nobody_owns_is_not() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (served, peer) = listener.accept().unwrap();
        let local = served.local_addr().unwrap();
        assert!(is_admitted(peer, local));
        assert!(!is_admitted(SocketAddr::new(peer.ip(), peer.port() ^ 1), local));
        assert!(is_admitted("198.51.100.1:5".parse().unwrap(), local));
    }

    #[test]
    fn another_user_of_this_machine_is_not_admitted_whichever_address_is_used() {
        let (own, other) = (geteuid().as_raw(), geteuid().as_raw() + 1);
        for address in ["127.0.0.1:5", "[::1]:5", "[::ffff:127.0.0.1]:5", "192.0.2.2:5", "[fd00::2]:5"] {
            let peer = address.parse().unwrap();
            assert!(admits(peer, Ok(Some(own))) && !admits(peer, Ok(Some(other))), "{address}");
            assert_eq!(admits(peer, Ok(None)), !is_loopback(peer), "{address}");
        }
    }

    #[test]
    fn the_addresses_of_this_machine_are_known() {
        let of_this_machine = |address: &str| is_of_this_machine(address.parse().unwrap());
        assert!(of_this_machine("127.0.0.1:5") && of_this_machine("[::ffff:127.0.0.2]:5"));
        // Addresses for documentation, which no machine has.
        assert!(!of_this_machine("198.51.100.1:5") && !of_this_machine("[::ffff:198.51.100.1]:5"));
    }
}
