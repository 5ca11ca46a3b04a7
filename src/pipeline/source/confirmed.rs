//! A source whose origin says, after the last byte, whether it was complete.

use std::{error::Error, sync::Arc};

use super::{Source, Taken};
use crate::{
    stage::{Frame, FrameBuffer},
    stream::StreamError,
};

/// A source that is whole only if `confirm` says so: it is asked once all of the source has been read, before the final
/// frame is written to a sink in order, or else before [`run`](super::super::Workers::run) returns. If it refuses,
/// there is no stream: a sink in order has received no final frame, and what any other sink has received must be
/// discarded.
///
/// This is how to encrypt the output of a program that may fail after its last byte: `confirm` waits for its exit.
///
/// ```
/// use std::num::NonZero;
///
/// use reelseal::{
///     container::{Features, Layout},
///     keys::{KeyFile, Lock},
///     pipeline::{ConfirmedSource, OrderedSink, PlaintextSource, Sealing, Workers},
///     stage::Chain,
///     stream::{Clock, ReaderInput, StreamError},
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let layout = Layout::default();
/// let stream = Lock::with_key_file(&KeyFile::random()?).new_stream(layout, Features::NONE)?;
/// let chain = Chain::new(&stream.keys, &stream.header.prefix);
///
/// let half = PlaintextSource::new(ReaderInput(b"half a film".as_slice()), layout.frame_size, Clock::None, None);
/// let source = ConfirmedSource::new(half, || Err("the camera failed".into()));
/// let sink = OrderedSink::new(Vec::new());
/// let ended = Workers::new(NonZero::<usize>::MIN, layout.frame_size).run(&source, &Sealing::new(&chain), &sink);
///
/// assert!(matches!(ended, Err(StreamError::NotConfirmed(reason)) if reason.to_string() == "the camera failed"));
/// assert!(sink.into_inner().is_empty());
/// # Ok(())
/// # }
/// ```
pub struct ConfirmedSource<T, F> {
    source: T,
    confirm: F,
}

impl<T, F> ConfirmedSource<T, F>
where
    F: Fn() -> Result<(), Box<dyn Error + Send + Sync>> + Sync,
{
    /// All of `source`, if `confirm` agrees. `confirm` may block, and is called by one of the workers.
    pub fn new(source: T, confirm: F) -> Self {
        Self { source, confirm }
    }
}

impl<S, T, F> Source<S> for ConfirmedSource<T, F>
where
    T: Source<S>,
    F: Fn() -> Result<(), Box<dyn Error + Send + Sync>> + Sync,
{
    fn take(&self, empty: &mut Vec<FrameBuffer>, frames: &mut Vec<Frame<S>>) -> Option<Taken> {
        self.source.take(empty, frames)
    }

    fn most_frames(&self) -> Option<u64> {
        self.source.most_frames()
    }

    fn most_at_once(&self) -> usize {
        self.source.most_at_once()
    }

    /// # Errors
    ///
    /// Those of the source, or [`StreamError::NotConfirmed`].
    fn confirm(&self) -> Result<(), StreamError> {
        self.source.confirm()?;
        (self.confirm)().map_err(|reason| StreamError::NotConfirmed(Arc::from(reason)))
    }

    fn interrupt(&self) {
        self.source.interrupt();
    }
}
