//! Responses, as bytes.

use serde_json::{Value, json};

/// A response.
pub(super) struct Response {
    status: &'static str,
    kind: &'static str,
    header: &'static str,
    body: String,
}

impl Response {
    pub fn json(status: &'static str, value: &Value) -> Self {
        Self { status, kind: "application/json", header: "", body: format!("{value}\n") }
    }

    /// A response that says why a request was refused.
    pub fn refusal(status: &'static str, fact: &str) -> Self {
        Self::json(status, &json!({"error": fact}))
    }

    pub fn text(kind: &'static str, body: String) -> Self {
        Self { status: "200 OK", kind, header: "", body }
    }

    /// Adds a header line, which includes its line ending.
    #[must_use]
    pub fn with(self, header: &'static str) -> Self {
        Self { header, ..self }
    }

    /// The bytes to send; with `is_head`, the body is left out.
    pub fn into_bytes(self, is_head: bool) -> Vec<u8> {
        let Self { status, kind, header, body } = self;
        let length = body.len();
        let body = if is_head { "" } else { &body };
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{header}Cache-Control: no-store\r\n\
             X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n{body}"
        )
        .into_bytes()
    }
}
