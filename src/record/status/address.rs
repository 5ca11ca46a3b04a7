//! Where a recorder's status is asked for.

use std::{
    ffi::OsStr,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use thiserror::Error;

/// Where a recorder's status is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StatusAddress {
    /// A Unix socket of this path.
    Socket(PathBuf),
    /// A port of this machine, which others cannot reach.
    Loopback(SocketAddr),
}

/// Why a text is no such address.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum AddressError {
    /// Whoever else could reach it is not ours.
    #[error("{0} is not a loopback address")]
    NotLoopback(SocketAddr),
    #[error("is empty")]
    Empty,
}

impl StatusAddress {
    /// The address that `text` means: `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`; anything else is a path.
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
            None => Ok(Self::Socket(text.into())),
        }
    }
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
        for path in ["/run/cam.sock", "cam.sock", "127.0.0.1", "localhost", "localhost:http", "./127.0.0.1:8080"] {
            assert_eq!(parse(path), Ok(StatusAddress::Socket(path.into())), "{path}");
        }
        for text in ["0.0.0.0:80", "[::]:80", "192.168.1.2:80"] {
            assert_eq!(parse(text), Err(AddressError::NotLoopback(text.parse().unwrap())), "{text}");
        }
        assert_eq!(parse(""), Err(AddressError::Empty));
    }
}
