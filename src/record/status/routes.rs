//! What can be requested, and the answers.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    board::{Board, Snapshot},
    metrics::metrics,
    request::{BadRequest, Request},
    response::Response,
};
use crate::record::supervisor::Control;

/// Another segment, or a restart, can be requested only once in this time.
const INTERVAL: Duration = Duration::from_secs(1);

/// What answers are made from.
pub(super) struct Routes<'a> {
    board: &'a Board,
    control: &'a Control,
    last_cut: Option<Instant>,
    last_restart: Option<Instant>,
}

impl<'a> Routes<'a> {
    pub fn new(board: &'a Board, control: &'a Control) -> Self {
        Self { board, control, last_cut: None, last_restart: None }
    }

    /// The answer to a request that arrived at `now`.
    pub fn answer(&mut self, request: &Request, now: Instant) -> Response {
        let is_reading = matches!(&*request.method, "GET" | "HEAD");
        match &*request.path {
            "/status" if is_reading => Response::json("200 OK", &status(&self.board.snapshot())),
            "/metrics" if is_reading => {
                Response::text("text/plain; version=0.0.4; charset=utf-8", metrics(&self.board.snapshot()))
            }
            "/status" | "/metrics" => {
                Response::refusal("405 Method Not Allowed", "this can only be read").with("Allow: GET, HEAD\r\n")
            }
            "/cut" | "/restart" if request.method != "POST" => {
                Response::refusal("405 Method Not Allowed", "this needs POST").with("Allow: POST\r\n")
            }
            "/cut" | "/restart" if !request.is_deliberate => {
                Response::refusal("403 Forbidden", "this needs the header X-Reelseal, as in: X-Reelseal: 1")
            }
            "/cut" => match self.is_too_soon(now, |routes| &mut routes.last_cut) {
                true => too_soon(),
                false => {
                    self.control.cut();
                    Response::json(
                        "202 Accepted",
                        &json!({"cut": "another segment begins with the next data that arrives"}),
                    )
                }
            },
            "/restart" if !self.board.has_producer() => {
                Response::refusal("409 Conflict", "standard input is recorded: there is no command to restart")
            }
            "/restart" => match self.is_too_soon(now, |routes| &mut routes.last_restart) {
                true => too_soon(),
                false => {
                    self.control.restart();
                    Response::json("202 Accepted", &json!({"restart": "now"}))
                }
            },
            _ => Response::refusal("404 Not Found", "there are /status, /metrics, /cut and /restart"),
        }
    }

    fn is_too_soon(&mut self, now: Instant, last: impl FnOnce(&mut Self) -> &mut Option<Instant>) -> bool {
        let last = last(self);
        if last.is_some_and(|last| now.saturating_duration_since(last) < INTERVAL) {
            return true;
        }
        *last = Some(now);
        false
    }
}

fn too_soon() -> Response {
    Response::refusal("429 Too Many Requests", "allowed only once a second").with("Retry-After: 1\r\n")
}

/// The answer to a request that is not understood.
pub(super) fn answer_to_bad(bad: BadRequest) -> Response {
    match bad {
        BadRequest::Malformed => {
            Response::refusal("400 Bad Request", "not an HTTP/1.1 request with exactly one Host header")
        }
        BadRequest::TooLong => Response::refusal("431 Request Header Fields Too Large", "the request is too long"),
        BadRequest::ForeignHost => Response::refusal("421 Misdirected Request", "Host is not this machine"),
    }
}

/// What is known, for programs.
fn status(known: &Snapshot) -> Value {
    let last_byte_at = known.last_byte_at.and_then(|at| Timestamp::from_microsecond(at).ok());
    let last_exit = known.last_exit.as_ref();
    json!({
        "pid": known.process,
        "running": known.process.is_some(),
        "uptime": known.uptime.as_secs_f64(),
        "restarts": known.restarts,
        "bytes": known.bytes,
        "segment": known.segment.as_ref().map(|name| name.to_string_lossy()),
        "segments": known.segments,
        "last_byte_at": last_byte_at.map(|at| format!("{at:.3}")),
        "memory": known.usage.memory,
        "cpu_seconds": known.usage.cpu_seconds,
        "last_exit": last_exit.map(|exit| json!({
            "exit_code": exit.exit_code, "signal": exit.signal, "reason": exit.reason,
        })),
        "recorder": {
            "pid": std::process::id(),
            "memory": known.own_usage.memory,
            "cpu_seconds": known.own_usage.cpu_seconds,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(routes: &mut Routes<'_>, method: &str, path: &str, is_deliberate: bool, now: Instant) -> String {
        let request = Request { method: method.to_owned(), path: path.to_owned(), is_deliberate, length: 0 };
        String::from_utf8(routes.answer(&request, now).into_bytes(method == "HEAD")).unwrap()
    }

    #[test]
    fn requests_that_change_something_are_deliberate_and_not_too_frequent() {
        let (board, control, now) = (Board::new(true), Control::new().unwrap(), Instant::now());
        let routes = &mut Routes::new(&board, &control);
        assert!(answered(routes, "POST", "/cut", false, now).starts_with("HTTP/1.1 403 "));
        assert!(answered(routes, "GET", "/cut", true, now).contains("\r\nAllow: POST\r\n"));
        assert!(!control.takes_cut());
        assert!(answered(routes, "POST", "/cut", true, now).starts_with("HTTP/1.1 202 "));
        assert!(control.takes_cut() && !control.takes_cut());
        // A restart is limited separately.
        assert!(answered(routes, "POST", "/restart", true, now).starts_with("HTTP/1.1 202 "));
        assert!(control.takes_restart());
        let soon = now + Duration::from_millis(900);
        for path in ["/cut", "/restart"] {
            let refused = answered(routes, "POST", path, true, soon);
            assert!(refused.starts_with("HTTP/1.1 429 ") && refused.contains("\r\nRetry-After: 1\r\n"), "{refused}");
        }
        assert!(!control.takes_cut() && !control.takes_restart());
        assert!(answered(routes, "POST", "/cut", true, now + INTERVAL).starts_with("HTTP/1.1 202 "));
    }

    #[test]
    fn standard_input_cannot_be_restarted() {
        let (board, control) = (Board::new(false), Control::new().unwrap());
        let refused = answered(&mut Routes::new(&board, &control), "POST", "/restart", true, Instant::now());
        assert!(refused.starts_with("HTTP/1.1 409 "), "{refused}");
        assert!(!control.takes_restart());
    }

    #[test]
    fn the_head_of_an_answer_is_the_same_without_its_body() {
        let (board, control) = (Board::new(true), Control::new().unwrap());
        let routes = &mut Routes::new(&board, &control);
        let read = answered(routes, "GET", "/metrics", false, Instant::now());
        assert!(read.contains("\nreelseal_record_restarts_total 0\n"), "{read}");
        let head = answered(routes, "HEAD", "/metrics", false, Instant::now());
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
        assert!(answered(routes, "GET", "/", false, Instant::now()).starts_with("HTTP/1.1 404 "));
        assert!(answered(routes, "DELETE", "/status", true, Instant::now()).starts_with("HTTP/1.1 405 "));
    }
}
