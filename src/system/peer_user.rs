//! The user whose process is at the other end of a connection on this machine, as the kernel lists it in /proc.

use std::{
    fs, io,
    net::{IpAddr, Ipv6Addr, SocketAddr},
};

/// Established, or closed by the peer in its direction alone: FIN_WAIT1 and FIN_WAIT2.
const ALIVE: [&str; 3] = ["01", "04", "05"];

/// The user whose process is at `peer`, the other end of a connection to `own`. `None` if that is unknown, for example
/// if the process has closed the connection: the system then no longer says whose it was.
///
/// # Errors
///
/// The system's error if there is no such list: [`io::ErrorKind::NotFound`] if it keeps none.
pub(crate) fn user_of_peer(peer: SocketAddr, own: SocketAddr) -> io::Result<Option<u32>> {
    // A program may use sockets for both kinds of addresses, whichever it connects to. The kernel goes through all of
    // its sockets for each table, which takes milliseconds.
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        match fs::read_to_string(table).map(|table| user_in(&table, peer, own)) {
            Ok(Some(user)) => return Ok(Some(user)),
            Ok(None) => {}
            // A kernel without IPv6 has only one.
            Err(error) if table.ends_with('6') && error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

fn user_in(table: &str, peer: SocketAddr, own: SocketAddr) -> Option<u32> {
    let (peer, own) = (canonical(peer), canonical(own));
    table.lines().find_map(|line| {
        let fields: Vec<_> = line.split_ascii_whitespace().take(10).collect();
        let &[_, local, remote, state, _, _, _, user, _, inode] = fields.as_slice() else { return None };
        // Closed connections are listed as belonging to user 0.
        let is_it =
            ALIVE.contains(&state) && inode != "0" && address(local) == Some(peer) && address(remote) == Some(own);
        if is_it { user.parse().ok() } else { None }
    })
}

/// An address as the kernel prints it: words of the machine's byte order, in hexadecimal.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| Some(u32::from_str_radix(ip.get(at * 8..at * 8 + 8)?, 16).ok()?.to_ne_bytes());
    let ip = match ip.len() {
        8 => IpAddr::from(word(0)?),
        32 => {
            let words = [word(0)?, word(1)?, word(2)?, word(3)?];
            Ipv6Addr::from(<[u8; 16]>::try_from(words.concat()).ok()?).to_canonical()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use rustix::process::getuid;

    use super::*;

    #[test]
    fn the_user_of_a_connection_is_found_while_it_is_there() {
        for (listen, connect) in [("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "[::1]"), ("[::]:0", "127.0.0.1")] {
            // A machine may have no IPv6.
            let Ok(listener) = TcpListener::bind(listen) else { continue };
            let port = listener.local_addr().unwrap().port();
            let Ok(client) = TcpStream::connect(format!("{connect}:{port}")) else { continue };
            let (server, peer) = listener.accept().unwrap();
            let own = server.local_addr().unwrap();
            assert_eq!(user_of_peer(peer, own).unwrap(), Some(getuid().as_raw()), "{listen}, {connect}");
            let other = SocketAddr::new(peer.ip(), peer.port() ^ 1);
            assert_eq!(user_of_peer(other, own).unwrap(), None);
            drop(client);
            assert_eq!(user_of_peer(peer, own).unwrap(), None);
        }
    }

    #[test]
    fn a_closed_connection_or_another_one_is_not_mistaken_for_it() {
        let line = |local: &str, remote: &str, state: &str, user: &str, inode: &str| {
            format!(
                "   1: {local} {remote} {state} 00000000:00000000 00:00000000 00000000 {user} 0 {inode} 1 0 20 0 0 10 -1\n"
            )
        };
        let (peer, own) = ("127.0.0.1:4660".parse().unwrap(), "127.0.0.1:80".parse().unwrap());
        let hex = |ip: [u8; 4], port: u16| format!("{:08X}:{port:04X}", u32::from_ne_bytes(ip));
        let (here, there) = (hex([127, 0, 0, 1], 4660), hex([127, 0, 0, 1], 80));
        assert_eq!(user_in(&line(&here, &there, "01", "1000", "77"), peer, own), Some(1000));
        for (local, remote, state, inode) in [
            (&here, &there, "06", "0"),
            (&here, &there, "05", "0"),
            (&here, &there, "01", "0"),
            (&there, &here, "01", "77"),
            (&here, &here, "01", "77"),
        ] {
            assert_eq!(user_in(&line(local, remote, state, "0", inode), peer, own), None, "{local} {state}");
        }
        let mapped = |ip: [u8; 4], port| {
            format!("0000000000000000{:08X}{}", u32::from_ne_bytes([0, 0, 255, 255]), hex(ip, port))
        };
        let (here, there) = (mapped([127, 0, 0, 1], 4660), mapped([127, 0, 0, 1], 80));
        assert_eq!(user_in(&line(&here, &there, "01", "7", "77"), peer, own), Some(7));
    }
}
