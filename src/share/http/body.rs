//! The body of an answer: bytes that are there already, or plaintext that is decrypted as it is sent.

use std::{
    collections::VecDeque,
    convert::Infallible,
    ops::Range,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use thiserror::Error;
use tokio::task::{JoinHandle, spawn_blocking};

use super::flush::Flush;
use crate::share::tree::{ReadFailure, SharedStream};

/// Bytes that are decrypted at a time, while those before them are sent.
const BATCH: u64 = 256 << 10;

/// What is sent.
pub(super) enum Content {
    Bytes(Option<Bytes>),
    Stream(StreamBody),
}

/// Parts of a stream, and what is between them. Decrypts no faster than it is read, and stops when the client is gone.
pub(super) struct StreamBody {
    stream: Arc<SharedStream>,
    parts: VecDeque<Part>,
    /// What is still to be sent.
    left: u64,
    ready: VecDeque<Bytes>,
    /// Ends the body after what is ready.
    failure: Option<BodyError>,
    decrypting: Option<JoinHandle<Batch>>,
    /// What a failure waits for: the connection is cut by it, with all that was not sent yet.
    flush: Option<Flush>,
}

#[derive(Debug)]
pub(super) enum Part {
    Text(Bytes),
    Range(Range<u64>),
}

/// Plaintext in order, and why there is no more, if it is less than was asked for.
#[derive(Default)]
struct Batch {
    pieces: Vec<Bytes>,
    failure: Option<ReadFailure>,
}

/// Why a body ends before its end.
#[derive(Debug, Error)]
pub(super) enum BodyError {
    #[error(transparent)]
    Read(ReadFailure),
    #[error("decrypting ended before its time")]
    Ended,
}

impl Content {
    pub fn of(bytes: impl Into<Bytes>) -> Self {
        Self::Bytes(Some(bytes.into()).filter(|bytes| !bytes.is_empty()))
    }

    pub fn empty() -> Self {
        Self::Bytes(None)
    }

    /// The same, for the connection of `flush`: it does not fail before everything up to the failure has been sent.
    #[must_use]
    pub fn failing_after(mut self, flush: Flush) -> Self {
        if let Self::Stream(stream) = &mut self {
            stream.flush = Some(flush);
        }
        self
    }
}

impl StreamBody {
    /// These parts of `stream`. What is sent first is decrypted now.
    pub fn new(stream: Arc<SharedStream>, parts: VecDeque<Part>) -> Self {
        let left = parts.iter().map(Part::length).sum();
        let mut body =
            Self { stream, parts, left, ready: VecDeque::new(), failure: None, decrypting: None, flush: None };
        body.take_texts();
        if let Some(range) = body.next_range() {
            let batch = decrypt(&body.stream, range);
            body.add(batch);
        }
        body
    }

    /// Makes ready what needs no decrypting.
    fn take_texts(&mut self) {
        while let Some(Part::Text(_)) = self.parts.front() {
            if let Some(Part::Text(text)) = self.parts.pop_front() {
                self.ready.push_back(text);
            }
        }
    }

    /// The next bytes to decrypt.
    fn next_range(&mut self) -> Option<Range<u64>> {
        let Some(Part::Range(range)) = self.parts.front_mut() else { return None };
        let next = range.start..range.end.min(range.start.saturating_add(BATCH));
        range.start = next.end;
        if range.start == range.end {
            self.parts.pop_front();
        }
        Some(next)
    }

    fn add(&mut self, batch: Batch) {
        self.ready.extend(batch.pieces);
        self.failure = batch.failure.map(BodyError::Read);
        if self.failure.is_none() {
            self.take_texts();
        }
    }

    /// Has the next bytes decrypted, unless enough is ready.
    fn look_ahead(&mut self) {
        if self.decrypting.is_none()
            && self.failure.is_none()
            && self.ready.len() <= 1
            && let Some(range) = self.next_range()
        {
            let stream = Arc::clone(&self.stream);
            self.decrypting = Some(spawn_blocking(move || decrypt(&stream, range)));
        }
    }
}

/// The plaintext in `range`, up to what cannot be read.
fn decrypt(stream: &SharedStream, range: Range<u64>) -> Batch {
    let (mut batch, mut offset) = (Batch::default(), range.start);
    while offset < range.end {
        match stream.piece_at(offset, range.end - offset) {
            Ok(Some(piece)) => {
                let piece = Bytes::from_owner(piece);
                offset += piece.len() as u64;
                batch.pieces.push(piece);
            }
            // Ranges are within the length.
            Ok(None) => break,
            Err(failure) => {
                batch.failure = Some(failure);
                break;
            }
        }
    }
    batch
}

impl Part {
    pub fn length(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Range(range) => range.end - range.start,
        }
    }
}

impl Body for StreamBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        loop {
            self.look_ahead();
            if let Some(bytes) = self.ready.pop_front() {
                self.left = self.left.saturating_sub(bytes.len() as u64);
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            if self.failure.is_some() {
                if let Some(flush) = &self.flush {
                    ready!(flush.poll(context));
                }
                self.parts.clear();
                return Poll::Ready(self.failure.take().map(Err));
            }
            let Some(decrypting) = &mut self.decrypting else {
                if self.left == 0 {
                    return Poll::Ready(None);
                }
                self.failure = Some(BodyError::Ended);
                continue;
            };
            let batch = ready!(Pin::new(decrypting).poll(context));
            self.decrypting = None;
            match batch {
                Ok(batch) => self.add(batch),
                Err(_) => self.failure = Some(BodyError::Ended),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Bytes(bytes) => {
                let frame = bytes.take().map(|bytes| Ok::<_, Infallible>(Frame::data(bytes)));
                Poll::Ready(frame.map(|frame| frame.map_err(|never| match never {})))
            }
            Self::Stream(stream) => Pin::new(stream).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Bytes(bytes) => bytes.is_none(),
            Self::Stream(stream) => stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Bytes(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Stream(stream) => stream.size_hint(),
        }
    }
}
