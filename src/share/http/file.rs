//! The answer to a request for a file.

use std::{collections::VecDeque, ffi::OsStr, ops::Range, sync::Arc, time::SystemTime};

use httpdate::fmt_http_date;
use hyper::{
    HeaderMap, Method, StatusCode,
    body::Bytes,
    header::{
        ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
        HeaderValue, LAST_MODIFIED, RANGE,
    },
};

use super::{
    answer::{Answer, answer, refusal},
    body::{Content, Part, StreamBody},
    conditions::{self, Validators},
    load::Load,
    media_type::{Kind, MediaType, media_type},
    pace::Pace,
    path::encoded,
    ranges::{Wanted, wanted},
    token::random_word,
};
use crate::share::tree::SharedStream;

/// A film is not a document: it must not run or load anything. The page that plays it must be allowed to read its
/// frames, which it could not if the film had an origin of its own.
const PASSIVE: &str =
    "sandbox allow-same-origin; default-src 'none'; media-src 'self'; img-src 'self'; frame-ancestors 'none'";

/// Answers a request with this method and these headers for the file called `name` with the content of `stream`. `load`
/// counts the answer, and `pace` is that of the file.
pub(super) fn file(
    method: &Method,
    headers: &HeaderMap,
    name: &OsStr,
    modified: SystemTime,
    stream: Arc<SharedStream>,
    (load, pace): (Load, Arc<Pace>),
) -> Answer {
    let now = SystemTime::now();
    let (media_type, length) = (media_type(name), advertised_length(&stream));
    let validators = Validators { etag: stream.etag().to_owned(), modified: modified.min(now) };
    let of_range = match conditions::outcome(headers, &validators, now) {
        conditions::Outcome::Failed => return refusal(StatusCode::PRECONDITION_FAILED, "the file has changed"),
        conditions::Outcome::NotModified => {
            return with_metadata(answer(StatusCode::NOT_MODIFIED, Content::empty()), &validators, media_type, name);
        }
        conditions::Outcome::Content { of_range } => of_range,
    };
    // A range is defined for GET alone, and if there are several such headers, it is unclear which one is meant.
    let mut ranges = headers.get_all(RANGE).iter().filter(|_| of_range && method == Method::GET);
    let range = ranges.next().filter(|_| ranges.next().is_none());
    let wanted = range.and_then(|range| range.to_str().ok()).map_or(Wanted::All, |range| wanted(range, length));
    let of_type = HeaderValue::from_static(media_type.name);
    let (status, parts, of_type, content_range) = match wanted {
        Wanted::Unsatisfiable => {
            let refusal = refusal(StatusCode::RANGE_NOT_SATISFIABLE, "the requested range is outside the file");
            let mut refusal = with_validators(refusal, &validators);
            insert(&mut refusal, CONTENT_RANGE, &format!("bytes */{length}"));
            return refusal;
        }
        Wanted::All => (StatusCode::OK, vec![Part::Range(0..length)], of_type, None),
        Wanted::Ranges(ranges) => match ranges.as_slice() {
            [range] => {
                let content_range = content_range(range, length);
                (StatusCode::PARTIAL_CONTENT, vec![Part::Range(range.clone())], of_type, Some(content_range))
            }
            _ => {
                let Ok(boundary) = random_word() else {
                    return refusal(StatusCode::INTERNAL_SERVER_ERROR, "the system provides no random bytes");
                };
                let parts = multipart(ranges, length, media_type, &boundary);
                let of_type = HeaderValue::from_str(&format!("multipart/byteranges; boundary={boundary}"));
                (
                    StatusCode::PARTIAL_CONTENT,
                    parts,
                    of_type.unwrap_or(HeaderValue::from_static("multipart/byteranges")),
                    None,
                )
            }
        },
    };
    let parts: VecDeque<_> = parts.into_iter().filter(|part| part.length() > 0).collect();
    let content_length: u64 = parts.iter().map(Part::length).sum();
    let is_head = method == Method::HEAD;
    let content = if is_head { Content::empty() } else { Content::Stream(StreamBody::new(stream, parts, load, pace)) };
    let mut answer = with_metadata(answer(status, content), &validators, media_type, name);
    answer.headers_mut().insert(CONTENT_TYPE, of_type);
    answer.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(content_length));
    if let Some(content_range) = content_range {
        insert(&mut answer, CONTENT_RANGE, &content_range);
    }
    answer
}

/// The length that is announced. For a stream without a proper end, it is one byte more than there is: a client that
/// reads to the end learns that something is missing, and can still seek in everything that is there.
fn advertised_length(stream: &SharedStream) -> u64 {
    stream.len().saturating_add(u64::from(!stream.is_whole()))
}

fn content_range(range: &Range<u64>, length: u64) -> String {
    format!("bytes {}-{}/{length}", range.start, range.end.saturating_sub(1))
}

fn multipart(ranges: Vec<Range<u64>>, length: u64, media_type: MediaType, boundary: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    for range in ranges {
        let line = if parts.is_empty() { "" } else { "\r\n" };
        let (of_type, content_range) = (media_type.name, content_range(&range, length));
        let header = format!("{line}--{boundary}\r\nContent-Type: {of_type}\r\nContent-Range: {content_range}\r\n\r\n");
        parts.push(Part::Text(Bytes::from(header)));
        parts.push(Part::Range(range));
    }
    parts.push(Part::Text(Bytes::from(format!("\r\n--{boundary}--\r\n"))));
    parts
}

fn with_validators(mut answer: Answer, validators: &Validators) -> Answer {
    insert(&mut answer, ETAG, &format!("\"{}\"", validators.etag));
    insert(&mut answer, LAST_MODIFIED, &fmt_http_date(validators.modified));
    answer.headers_mut().insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    answer
}

fn with_metadata(answer: Answer, validators: &Validators, media_type: MediaType, name: &OsStr) -> Answer {
    let mut answer = with_validators(answer, validators);
    match media_type.kind {
        Kind::Video | Kind::Audio | Kind::Image => {
            answer.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(PASSIVE));
        }
        Kind::Text => {}
        // It is downloaded under its name, not shown.
        Kind::Download => insert(
            &mut answer,
            CONTENT_DISPOSITION,
            &format!("attachment; filename*=UTF-8''{}", encoded(OsStr::new(&*name.to_string_lossy()))),
        ),
    }
    answer
}

fn insert(answer: &mut Answer, name: hyper::header::HeaderName, value: &str) {
    // The values made here contain no character that is illegal in a header.
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(name, value);
    }
}
