//! Where a recorder's status can be queried.

use std::{
    ffi::OsStr,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use thiserror::Error;

/// Where a recorder's status can be queried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StatusAddress {
    /// A Unix socket at this path.
    Socket(PathBuf),
    /// A port of this machine, which others cannot reach.
    Loopback(SocketAddr),
}

/// Why a text is not such an address.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum AddressError {
    /// Others could reach it.
    #[error("{0} is not a loopback address")]
    NotLoopback(SocketAddr),
    /// It looks like a mistyped address; taken as a path, it would make a socket where nobody looks for it.
    #[error("neither an address with a port nor clearly a path")]
    Ambiguous,
    #[error("is empty")]
    Empty,
}

impl StatusAddress {
    /// The address that `text` means: `127.0.0.1:8080`, `[::1]:8080` or `localhost:8080`; anything else is a path,
    /// unless it looks like part of such an address.
    ///
    /// # Errors
    ///
    /// [`AddressError`].
    pub fn parse(text: &OsStr) -> Result<Self, AddressError> {
        let shown = text.to_str().unwrap_or_default();
        let local = shown.strip_prefix("localhost:").and_then(|port| port.parse().ok());
        let local = local.map(|port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        match local.or_else(|| shown.parse().ok()) {
            Some(address) if address.ip().is_loopback() => Ok(Self::Loopback(address)),
            Some(address) => Err(AddressError::NotLoopback(address)),
            None if text.is_empty() => Err(AddressError::Empty),
            None if is_ambiguous(shown) => Err(AddressError::Ambiguous),
            None => Ok(Self::Socket(text.into())),
        }
    }
}

/// Whether `text`, which is not an address, may have been meant as one: a port, a host, or both. With a slash it is a
/// path.
fn is_ambiguous(text: &str) -> bool {
    let is_port = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_host = text == "localhost" || text.parse::<IpAddr>().is_ok();
    !text.contains('/') && (is_port || is_host || text.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_a_port_is_one_and_anything_else_is_a_path() {
        let parse = |text: &str| StatusAddress::parse(text.as_ref());
        for (text, address) in [
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("localhost:80", "127.0.0.1:80"),
            ("[::1]:0", "[::1]:0"),
            ("127.9.9.9:1", "127.9.9.9:1"),
        ] {
            assert_eq!(parse(text), Ok(StatusAddress::Loopback(address.parse().unwrap())), "{text}");
        }
        for path in ["/run/cam.sock", "cam.sock", "8080.sock", "./8080", "./127.0.0.1:8080"] {
            assert_eq!(parse(path), Ok(StatusAddress::Socket(path.into())), "{path}");
        }
        for text in ["0.0.0.0:80", "[::]:80", "192.168.1.2:80"] {
            assert_eq!(parse(text), Err(AddressError::NotLoopback(text.parse().unwrap())), "{text}");
        }
        assert_eq!(parse(""), Err(AddressError::Empty));
        for text in
            ["8080", ":8080", "127.0.0.1", "::1", "[::1]", "localhost", "localhost:http", "cam:8080", "127.0.0.1:"]
        {
            assert_eq!(parse(text), Err(AddressError::Ambiguous), "{text}");
        }
    }
}
