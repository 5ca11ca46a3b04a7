//! Whose connection it is: on this machine, the kernel knows.

use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use rustix::process::geteuid;

/// Whether the connection from `peer` to `local` may be served: one from this machine must be of our own user. Of one from
/// elsewhere nothing is known.
pub(super) fn is_admitted(peer: SocketAddr, local: SocketAddr) -> bool {
    if !peer.ip().to_canonical().is_loopback() {
        return true;
    }
    // Where there is no such list, the token alone guards.
    owner(peer, local)
        .map_or_else(|error| error.kind() == io::ErrorKind::NotFound, |owner| owner == Some(geteuid().as_raw()))
}

/// The user who owns the end `peer` of the connection to `local`.
fn owner(peer: SocketAddr, local: SocketAddr) -> io::Result<Option<u32>> {
    let mut found = None;
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        match fs::read_to_string(table) {
            Ok(table) => found = found.or_else(|| owner_in(&table, peer, local)),
            // A kernel without IPv6 has but one.
            Err(error) if table.ends_with('6') && error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

fn owner_in(table: &str, peer: SocketAddr, local: SocketAddr) -> Option<u32> {
    let (peer, local) = (canonical(peer), canonical(local));
    table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (own, other) = (address(fields.next()?)?, address(fields.next()?)?);
        // After the addresses: state, queues, timer, retransmissions.
        let user = fields.nth(4)?.parse().ok()?;
        (own == peer && other == local).then_some(user)
    })
}

/// The address in a field as the kernel prints it: words in the byte order of the machine.
fn address(field: &str) -> Option<SocketAddr> {
    let (ip, port) = field.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let words: Vec<_> = ip
        .as_bytes()
        .chunks(8)
        .map(|word| u32::from_str_radix(str::from_utf8(word).ok()?, 16).ok())
        .collect::<Option<_>>()?;
    let ip = match words.as_slice() {
        [word] => IpAddr::from(Ipv4Addr::from(word.to_ne_bytes())),
        [a, b, c, d] => {
            let mut bytes = [0; 16];
            for (place, word) in bytes.chunks_exact_mut(4).zip([a, b, c, d]) {
                place.copy_from_slice(&word.to_ne_bytes());
            }
            IpAddr::from(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some(canonical(SocketAddr::new(ip, port)))
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn the_owner_of_a_connection_is_found_whatever_it_is_made_with() {
        for (listen, connect) in [("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "[::1]"), ("[::]:0", "127.0.0.1")] {
            let Ok(listener) = TcpListener::bind(listen) else { continue };
            let port = listener.local_addr().unwrap().port();
            let Ok(_client) = TcpStream::connect(format!("{connect}:{port}")) else { continue };
            let (served, peer) = listener.accept().unwrap();
            let local = served.local_addr().unwrap();
            assert_eq!(owner(peer, local).unwrap(), Some(geteuid().as_raw()), "{listen}, {connect}");
            assert!(is_admitted(peer, local));
            let other = SocketAddr::new(peer.ip(), peer.port() ^ 1);
            assert_eq!(owner(other, local).unwrap(), None);
            assert!(!is_admitted(other, local));
        }
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn the_kernels_table_is_understood() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
                     0: 0100007F:1F90 0100007F:A6C2 01 00000000:00000000 00:00000000 00000000     0        0 1\n   \
                     1: 0100007F:A6C2 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 2\n";
        let [server, client]: [SocketAddr; 2] = ["127.0.0.1:8080", "127.0.0.1:42690"].map(|text| text.parse().unwrap());
        assert_eq!(owner_in(table, client, server), Some(1000));
        assert_eq!(owner_in(table, server, client), Some(0));
        let mapped: SocketAddr = "[::ffff:127.0.0.1]:42690".parse().unwrap();
        assert_eq!(owner_in(table, mapped, server), Some(1000));
        assert_eq!(address("00000000000000000000000001000000:0050"), Some("[::1]:80".parse().unwrap()));
        assert!(is_admitted("192.0.2.1:5".parse().unwrap(), server));
    }
}
