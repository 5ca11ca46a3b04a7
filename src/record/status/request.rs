//! The head of a request: its method, its path, and the headers that matter here.

use std::net::IpAddr;

/// The longest head. No request that is understood here needs more.
pub(super) const LONGEST_HEAD: usize = 4096;
/// The longest body, which is read and discarded.
const LONGEST_BODY: usize = 4096;
const MOST_HEADERS: usize = 48;
/// The header that a request to change something must have: no form on a web page can send it.
const HEADER: &str = "X-Reelseal";

/// What is requested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub method: String,
    pub path: String,
    /// Whether it has the header that a web page cannot send.
    pub is_deliberate: bool,
    /// The length of the head and the body together.
    pub length: usize,
}

/// What is wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadRequest {
    /// It is not HTTP/1.1.
    Malformed,
    /// Its head or its body is too long.
    TooLong,
    /// Its host is not this machine: it may come from a web page whose name was made to lead here.
    ForeignHost,
}

impl Request {
    /// The request at the start of `bytes`; `None` if more has to come.
    ///
    /// # Errors
    ///
    /// [`BadRequest`].
    pub fn parse(bytes: &[u8]) -> Result<Option<Self>, BadRequest> {
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut head = httparse::Request::new(&mut headers);
        let head_length = match head.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) if bytes.len() < LONGEST_HEAD => return Ok(None),
            Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => return Err(BadRequest::TooLong),
            Err(_) => return Err(BadRequest::Malformed),
        };
        if head_length > LONGEST_HEAD {
            return Err(BadRequest::TooLong);
        }
        let (Some(method), Some(target)) = (head.method, head.path) else { return Err(BadRequest::Malformed) };
        let all = |name: &str| -> Vec<_> {
            let is_it = |header: &&httparse::Header<'_>| header.name.eq_ignore_ascii_case(name);
            head.headers.iter().filter(is_it).map(|header| header.value).collect()
        };
        match all("Host").as_slice() {
            [host] if is_this_machine(host) => {}
            [_] => return Err(BadRequest::ForeignHost),
            _ => return Err(BadRequest::Malformed),
        }
        let body_length = match all("Content-Length").as_slice() {
            [] => 0,
            [length] => {
                std::str::from_utf8(length).ok().and_then(|text| text.parse().ok()).ok_or(BadRequest::Malformed)?
            }
            _ => return Err(BadRequest::Malformed),
        };
        if !all("Transfer-Encoding").is_empty() {
            return Err(BadRequest::Malformed);
        }
        if body_length > LONGEST_BODY {
            return Err(BadRequest::TooLong);
        }
        let path = target.split_once('?').map_or(target, |(path, _)| path).to_owned();
        let is_deliberate = !all(HEADER).is_empty();
        Ok(Some(Self { method: method.to_owned(), path, is_deliberate, length: head_length + body_length }))
    }
}

/// Whether `host`, with or without a port, is a name of this machine that no web site can have.
fn is_this_machine(host: &[u8]) -> bool {
    let Ok(host) = std::str::from_utf8(host) else { return false };
    let host = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let ip = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || ip.is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(head: &str) -> Result<Option<Request>, BadRequest> {
        Request::parse(head.replace('\n', "\r\n").as_bytes())
    }

    #[test]
    fn a_request_is_read_once_its_head_is_there() {
        let head = "POST /cut?now HTTP/1.1\nHost: localhost\nx-reelseal: 1\nContent-Length: 2\n\n";
        let request = parse(head).unwrap().unwrap();
        assert_eq!((&*request.method, &*request.path, request.is_deliberate), ("POST", "/cut", true));
        assert_eq!(request.length, head.replace('\n', "\r\n").len() + 2);
        let whole = head.replace('\n', "\r\n");
        assert!((0..whole.len()).all(|length| Request::parse(&whole.as_bytes()[..length]) == Ok(None)));
        assert!(!parse("GET /status HTTP/1.1\nHost: localhost\n\n").unwrap().unwrap().is_deliberate);
    }

    #[test]
    fn a_host_is_this_machine_or_refused() {
        for host in ["localhost", "LOCALHOST:80", "127.0.0.1", "127.0.0.1:9000", "[::1]", "[::1]:9000", "127.1.2.3"] {
            assert!(parse(&format!("GET / HTTP/1.1\nHost: {host}\n\n")).is_ok(), "{host}");
        }
        for host in ["cam.example", "localhost.example:80", "127.0.0.1.example", "192.168.1.1", "", "0.0.0.0"] {
            let refused = parse(&format!("GET / HTTP/1.1\nHost: {host}\n\n"));
            assert_eq!(refused, Err(BadRequest::ForeignHost), "{host}");
        }
    }

    #[test]
    fn bytes_that_are_not_a_request_are_refused() {
        for head in [
            "GET / HTTP/1.1\n\n",
            "GET / HTTP/1.1\nHost: localhost\nHost: localhost\n\n",
            "GET / HTTP/1.1\nHost: localhost\nContent-Length: x\n\n",
            "GET / HTTP/1.1\nHost: localhost\nTransfer-Encoding: chunked\n\n",
            "\u{1}\n\n",
            "GET / HTTP/2\nHost: localhost\n\n",
        ] {
            assert_eq!(parse(head), Err(BadRequest::Malformed), "{head:?}");
        }
        let long = format!("GET /{} HTTP/1.1\n", "x".repeat(LONGEST_HEAD));
        assert_eq!(parse(&long), Err(BadRequest::TooLong));
        let body = "POST / HTTP/1.1\nHost: localhost\nContent-Length: 5000\n\n";
        assert_eq!(parse(body), Err(BadRequest::TooLong));
        let many = format!("GET / HTTP/1.1\nHost: localhost\n{}\n", "a: b\n".repeat(MOST_HEADERS));
        assert_eq!(parse(&many), Err(BadRequest::TooLong));
    }
}
