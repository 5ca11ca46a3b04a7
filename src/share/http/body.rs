//! The body of an answer: bytes that are ready, or plaintext that is decrypted as it is sent.

use std::{
    collections::VecDeque,
    convert::Infallible,
    ops::Range,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use thiserror::Error;
use tokio::task::{JoinHandle, spawn_blocking};

use super::{
    batch::{Batch, decrypt},
    flush::Flush,
    load::Load,
    pace::{Pace, QUICK},
};
use crate::share::tree::{ReadFailure, SharedStream};

/// How many bytes another thread decrypts at a time, while those before them are sent.
const BATCH: u64 = 256 << 10;
/// How many bytes the connection's own thread decrypts at a time: they are sent while they are in its processor's
/// cache.
const SMALL_BATCH: u64 = 64 << 10;
/// How long another thread reads before it hands over what there is.
const PATIENCE: Duration = Duration::from_millis(100);
/// How soon after a quick read a file still counts as quick: after a pause, a disk may have stopped spinning.
const RECENT: Duration = Duration::from_millis(500);

/// What is sent.
pub(super) enum Content {
    Bytes(Option<Bytes>),
    Stream(StreamBody),
}

/// Parts of a stream, and the text between them. They are decrypted no faster than they are taken, and decrypting stops
/// when the client is gone.
pub(super) struct StreamBody {
    stream: Arc<SharedStream>,
    parts: VecDeque<Part>,
    /// What is still to be sent.
    left: u64,
    ready: VecDeque<Bytes>,
    /// Ends the body once what is ready has been sent.
    failure: Option<BodyError>,
    decrypting: Option<JoinHandle<Batch>>,
    load: Load,
    /// The pace of the stream's file.
    pace: Arc<Pace>,
    /// Stops decrypting in another thread.
    is_dropped: Arc<AtomicBool>,
    /// When the last batch was ready, if it was quick.
    quick: Option<Instant>,
    /// What a failure waits for: it cuts the connection, and anything not sent by then is lost.
    flush: Option<Flush>,
}

#[derive(Debug)]
pub(super) enum Part {
    Text(Bytes),
    Range(Range<u64>),
}

/// Why a body ends early.
#[derive(Debug, Error)]
pub(super) enum BodyError {
    #[error(transparent)]
    Read(ReadFailure),
    #[error("decryption ended early")]
    Ended,
}

impl Content {
    pub fn of(bytes: impl Into<Bytes>) -> Self {
        Self::Bytes(Some(bytes.into()).filter(|bytes| !bytes.is_empty()))
    }

    pub fn empty() -> Self {
        Self::Bytes(None)
    }

    /// Makes a failure wait until everything before it has been sent over the connection of `flush`.
    #[must_use]
    pub fn failing_after(mut self, flush: Flush) -> Self {
        if let Self::Stream(stream) = &mut self {
            stream.flush = Some(flush);
        }
        self
    }
}

impl StreamBody {
    /// Sends these parts of `stream`. The first bytes are decrypted now, as many as are quickly available, so that the
    /// head of the answer does not wait long.
    pub fn new(stream: Arc<SharedStream>, parts: VecDeque<Part>, load: Load, pace: Arc<Pace>) -> Self {
        let left = parts.iter().map(Part::length).sum();
        let mut body = Self {
            stream,
            parts,
            left,
            ready: VecDeque::new(),
            failure: None,
            decrypting: None,
            load,
            pace,
            is_dropped: Arc::default(),
            quick: None,
            flush: None,
        };
        body.take_texts();
        if let Some(range) = body.next_range() {
            body.decrypt_here(range, BATCH);
        }
        body
    }

    fn decrypt_here(&mut self, range: Range<u64>, least: u64) {
        let batch = decrypt(&self.stream, range, least, QUICK, &self.is_dropped);
        self.add(batch);
    }

    /// Moves on what needs no decrypting.
    fn take_texts(&mut self) {
        while let Some(Part::Text(_)) = self.parts.front() {
            if let Some(Part::Text(text)) = self.parts.pop_front() {
                self.ready.push_back(text);
            }
        }
    }

    /// What is to be decrypted next, up to the next text.
    fn next_range(&self) -> Option<Range<u64>> {
        match self.parts.front() {
            Some(Part::Range(range)) => Some(range.clone()),
            Some(Part::Text(_)) | None => None,
        }
    }

    fn add(&mut self, batch: Batch) {
        if let Some(Part::Range(range)) = self.parts.front_mut() {
            range.start += batch.pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
            if range.is_empty() {
                self.parts.pop_front();
            }
        }
        let now = Instant::now();
        self.pace.note(batch.was_quick, now);
        self.quick = batch.was_quick.then_some(now);
        self.ready.extend(batch.pieces);
        self.failure = batch.failure.map(BodyError::Read);
        if self.failure.is_none() {
            self.take_texts();
        }
    }

    /// Has the next bytes decrypted, unless enough is ready: by another thread, if a processor is free for it or it may
    /// have to wait for a disk; otherwise here.
    fn look_ahead(&mut self) {
        if self.decrypting.is_some() || self.failure.is_some() {
            return;
        }
        let Some(range) = self.next_range() else { return };
        let now = Instant::now();
        let is_recent = self.quick.is_some_and(|quick| now.saturating_duration_since(quick) <= RECENT);
        let is_quick = is_recent && self.pace.is_reliable(now);
        if is_quick && !self.load.leaves_processors() {
            if self.ready.is_empty() {
                self.decrypt_here(range, SMALL_BATCH);
            }
        } else if self.ready.iter().map(Bytes::len).sum::<usize>() as u64 <= BATCH {
            let (stream, is_dropped) = (Arc::clone(&self.stream), Arc::clone(&self.is_dropped));
            self.decrypting = Some(spawn_blocking(move || decrypt(&stream, range, BATCH, PATIENCE, &is_dropped)));
        }
    }
}

impl Drop for StreamBody {
    fn drop(&mut self) {
        self.is_dropped.store(true, Ordering::Relaxed);
    }
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
