//! Answers, and the headers that each of them has for browsers.

use hyper::{
    Response, StatusCode,
    header::{
        CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION,
        REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    },
};

use super::body::Content;

pub(super) type Answer = Response<Content>;

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// The policy for an answer that is only to be read: it may do nothing.
const NOTHING: &str = "sandbox; default-src 'none'; frame-ancestors 'none'";

/// An answer with the whole `content`. Browsers must not keep it, guess its type, or pass its address to other sites.
pub(super) fn answer(status: StatusCode, content: Content) -> Answer {
    let mut answer = Response::new(content);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(NOTHING));
    answer
}

/// An answer with `text` of the media type `of_type`.
pub(super) fn text(status: StatusCode, of_type: &'static str, text: String) -> Answer {
    let length = text.len();
    let mut answer = answer(status, Content::of(text));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(of_type));
    answer.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    answer
}

/// An answer that only says what is wrong.
pub(super) fn refusal(status: StatusCode, fact: &str) -> Answer {
    text(status, "text/plain; charset=utf-8", format!("{fact}\n"))
}

/// A redirect to `place`.
pub(super) fn moved(place: &str) -> Answer {
    let mut answer = refusal(StatusCode::MOVED_PERMANENTLY, "moved: folder addresses end with a slash");
    if let Ok(place) = HeaderValue::from_str(place) {
        answer.headers_mut().insert(LOCATION, place);
    }
    answer
}
