//! Whether a request means this server: a page elsewhere can make a browser send it requests under a name of its own.

use std::net::{IpAddr, SocketAddr};

use hyper::{HeaderMap, Uri, Version, header::HOST};

/// What is wrong with the host of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HostError {
    /// It is missing, or there are several.
    Malformed,
    /// It names another host.
    Foreign,
}

/// Checks that a request that came in at `local` names that address; `name` is what others call this machine.
pub(super) fn check(
    uri: &Uri,
    version: Version,
    headers: &HeaderMap,
    local: SocketAddr,
    name: Option<&str>,
) -> Result<(), HostError> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err(HostError::Malformed);
    }
    // For a request as to a proxy, the target takes precedence over the header.
    let named = match (uri.authority(), host) {
        (Some(authority), _) => authority.as_str(),
        (None, Some(host)) => host.to_str().map_err(|_| HostError::Malformed)?,
        (None, None) if version < Version::HTTP_11 => return Ok(()),
        (None, None) => return Err(HostError::Malformed),
    };
    if is_own(named, local, name) { Ok(()) } else { Err(HostError::Foreign) }
}

fn is_own(named: &str, local: SocketAddr, own_name: Option<&str>) -> bool {
    let ip = local.ip().to_canonical();
    if let Ok(address) = named.parse::<SocketAddr>() {
        return address.ip().to_canonical() == ip && address.port() == local.port();
    }
    let bare = named.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        return address.to_canonical() == ip && local.port() == 80;
    }
    let (host, port) = match named.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()),
        None => (named, Some(80)),
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    let is_local_name = ip.is_loopback() && host.eq_ignore_ascii_case("localhost");
    let is_own_name = own_name.is_some_and(|own| {
        let short = host.get(..own.len()).is_some_and(|start| start.eq_ignore_ascii_case(own));
        short && matches!(host.get(own.len()..), Some("" | ".local"))
    });
    port == Some(local.port()) && (is_local_name || is_own_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(host: Option<&str>, local: &str) -> Result<(), HostError> {
        let headers = host.iter().map(|host| (HOST, host.parse().unwrap())).collect();
        check(&Uri::from_static("/"), Version::HTTP_11, &headers, local.parse().unwrap(), Some("box"))
    }

    #[test]
    fn only_the_address_that_is_listened_on_is_accepted_as_host() {
        let here = "127.0.0.1:8080";
        for host in ["127.0.0.1:8080", "localhost:8080", "LOCALHOST.:8080", "[::ffff:127.0.0.1]:8080"] {
            assert_eq!(checked(Some(host), here), Ok(()), "{host}");
        }
        let foreign = [
            "127.0.0.1",
            "127.0.0.1:80",
            "localhost",
            "evil.example:8080",
            "127.0.0.2:8080",
            "localhost.evil:8080",
            "127.0.0.1.evil:8080",
            "boxer:8080",
            "",
            "[::1]:8080",
            "localhost:8080:8080",
        ];
        for host in foreign {
            assert_eq!(checked(Some(host), here), Err(HostError::Foreign), "{host}");
        }
        assert_eq!(checked(None, here), Err(HostError::Malformed));
        assert_eq!(checked(Some("[::1]:8080"), "[::1]:8080"), Ok(()));
        assert_eq!(checked(Some("localhost"), "127.0.0.1:80"), Ok(()));
        for host in ["192.0.2.7:8080", "box:8080", "Box.local:8080"] {
            assert_eq!(checked(Some(host), "192.0.2.7:8080"), Ok(()), "{host}");
        }
        // On Debian, a machine's own name resolves to a loopback address.
        assert_eq!(checked(Some("box:8080"), "127.0.1.1:8080"), Ok(()));
        for host in ["localhost:8080", "boxer:8080", "box.evil:8080", "127.0.0.1:8080"] {
            assert_eq!(checked(Some(host), "192.0.2.7:8080"), Err(HostError::Foreign), "{host}");
        }
    }

    #[test]
    fn a_request_as_to_a_proxy_names_its_host_in_its_target() {
        let local = "127.0.0.1:8080".parse().unwrap();
        let headers = [(HOST, "127.0.0.1:8080".parse().unwrap())].into_iter().collect();
        let at = |uri| check(&Uri::from_static(uri), Version::HTTP_11, &headers, local, None);
        assert_eq!(at("http://127.0.0.1:8080/x"), Ok(()));
        assert_eq!(at("http://evil.example/x"), Err(HostError::Foreign));
        let none = HeaderMap::new();
        assert_eq!(check(&Uri::from_static("/"), Version::HTTP_10, &none, local, None), Ok(()));
    }
}
