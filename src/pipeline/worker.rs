//! The worker loop: one for both directions and for every source and sink.

use std::{
    num::NonZero,
    sync::atomic::{AtomicU64, Ordering},
    thread::{self, Scope},
};

use super::{
    DamagedFrame, FrameDamage, Sink, Source, Transform,
    lowest_failure::LowestFailure,
    sink::{MAX_HAND, Outgoing},
    source::Taken,
    turns::{Turn, Turns},
};
use crate::{
    container::FrameSize,
    stage::{Frame, FrameBuffer, FrameFault},
    stream::StreamError,
};

/// The threads of a run.
pub struct Workers<'a> {
    count: usize,
    hand: usize,
    frame_size: FrameSize,
    delivered: Option<&'a AtomicU64>,
}

impl<'a> Workers<'a> {
    /// At most `count` workers on frames of `frame_size`, and only as many as fit their buffers into 256 MiB.
    pub fn new(count: NonZero<usize>, frame_size: FrameSize) -> Self {
        let hand = hand(frame_size);
        let most = MAX_BUFFER_BYTES / Self::bytes_each(frame_size);
        Self { count: count.get().min(most), hand, frame_size, delivered: None }
    }

    /// The size of one worker's buffers, in bytes.
    pub fn bytes_each(frame_size: FrameSize) -> usize {
        hand(frame_size) * frame_size.wire()
    }

    /// Adds the payload bytes of each frame that the sink delivered to `delivered`.
    #[must_use]
    pub fn with_progress(mut self, delivered: &'a AtomicU64) -> Self {
        self.delivered = Some(delivered);
        self
    }

    /// Moves all frames of `source` through `transform` to `sink`.
    ///
    /// # Errors
    ///
    /// The [`StreamError`] with the lowest frame index; that of a damaged frame only if the sink does not let the run
    /// go on past damage. A sink that is written in order has received every frame before that index and none after it.
    /// What was written to any other sink must be discarded.
    pub fn run<T, S, K>(&self, source: &S, transform: &T, sink: &K) -> Result<(), StreamError>
    where
        T: Transform,
        S: Source<T::From>,
        K: Sink<T::To>,
        Frame<T::To>: Outgoing,
    {
        let turns = (K::IN_TURN || transform.needs_turns()).then(|| Turns::new(self.count));
        let most_frames = source.most_frames().and_then(|frames| usize::try_from(frames).ok()).unwrap_or(usize::MAX);
        let hand = self.hand.min(most_frames.max(1)).min(source.most_at_once().max(1));
        let work = Work { workers: self, hand, source, transform, sink, turns, failure: LowestFailure::none() };
        thread::scope(|scope| work.on_hands(scope, self.count - 1));
        let in_turn = work.turns.is_some();
        work.failure.into_result()?;
        // In turn, the input was confirmed before the final frame was written.
        if in_turn { Ok(()) } else { source.confirm() }
    }
}

// Few enough bytes to stay in a core's cache, and enough to make passing turns and waiting for a file negligible.
const HAND_BYTES: usize = 512 << 10;
const MAX_BUFFER_BYTES: usize = 256 << 20;

/// The number of frames that a worker takes at once.
fn hand(frame_size: FrameSize) -> usize {
    (HAND_BYTES / frame_size.wire()).clamp(1, MAX_HAND)
}

/// What the workers of one run share.
struct Work<'a, T, S, K> {
    workers: &'a Workers<'a>,
    /// The number of frames of a hand: fewer than usual if the source has no more, or does not return more at once.
    hand: usize,
    source: &'a S,
    transform: &'a T,
    sink: &'a K,
    turns: Option<Turns>,
    failure: LowestFailure<StreamError>,
}

/// A failure and the frame at which it happened.
type FailureAt = (u64, StreamError);

impl<T, S, K> Work<'_, T, S, K>
where
    T: Transform,
    S: Source<T::From>,
    K: Sink<T::To>,
    Frame<T::To>: Outgoing,
{
    /// Works on one hand after another, and starts the next of the `others` once there is work for it.
    fn on_hands<'scope, 'env>(&'scope self, scope: &'scope Scope<'scope, 'env>, mut others: usize)
    where
        'env: 'scope,
    {
        let _released = ReleaseOnPanic(self);
        let hand = self.hand;
        // A source may keep a partly filled buffer, and return the one that it kept before.
        let mut empty = Vec::with_capacity(hand + 1);
        let (mut incoming, mut outgoing) = (Vec::with_capacity(hand), Vec::with_capacity(hand));
        while !self.failure.is_some() {
            // The buffers of damaged frames are gone.
            empty.resize_with(hand, || FrameBuffer::new(self.workers.frame_size));
            let Some(taken) = self.source.take(&mut empty, &mut incoming) else { return };
            if others > 0 && !taken.ends && taken.failure.is_none() {
                // If the system refuses another thread, the existing ones do the work.
                let _ = thread::Builder::new().spawn_scoped(scope, move || self.on_hands(scope, others - 1));
                others = 0;
            }
            let Taken { hand, next_index, failure, ends } = taken;
            let refused = self.apply(&mut incoming, &mut outgoing).err();
            let failure = refused.or(failure.map(|failure| (next_index, failure)));
            let turn = match self.turns.as_ref().map(|turns| turns.wait(hand)) {
                Some(None) => return,
                Some(turn) => turn,
                None => None,
            };
            let last = (ends && failure.is_none()).then(|| next_index.saturating_sub(1));
            // The delivered frames come before the failure.
            let delivered = self.deliver(&mut outgoing, &mut empty, turn.as_ref(), last);
            if let Some((index, error)) = delivered.err().or(failure) {
                // The turn is dropped, not passed: nothing after this is delivered.
                return self.fail(index, error);
            }
            if let Some(turn) = turn {
                turn.pass();
            }
        }
    }

    /// Runs the transform on the frames of a hand, up to the first that is refused.
    fn apply(&self, incoming: &mut Vec<Frame<T::From>>, outgoing: &mut Vec<Frame<T::To>>) -> Result<(), FailureAt> {
        for frame in incoming.drain(..) {
            let (index, wire_length) = (frame.index(), frame.wire_length());
            match self.transform.apply(frame) {
                Ok(frame) => outgoing.push(frame),
                Err(fault) => self.refuse(index, wire_length, fault)?,
            }
        }
        Ok(())
    }

    /// Reports a damaged frame and leaves it out, if the sink lets the run go on past it; otherwise fails.
    fn refuse(&self, index: u64, wire_length: usize, fault: FrameFault) -> Result<(), FailureAt> {
        let Some(listener) = self.sink.past_damage() else {
            return Err((index, StreamError::Frame { index, fault }));
        };
        listener.on_damage(DamagedFrame { index, wire_length, damage: FrameDamage::Refused(fault) });
        Ok(())
    }

    /// Writes `frames`, and returns the first failure with its index. In turn, only frames that continue those before
    /// them are written. If `last` is the index of the final frame, that one is written only if the input did not
    /// change.
    fn deliver(
        &self,
        frames: &mut Vec<Frame<T::To>>,
        empty: &mut Vec<FrameBuffer>,
        turn: Option<&Turn<'_>>,
        last: Option<u64>,
    ) -> Result<(), FailureAt> {
        let mut result = Ok(());
        if turn.is_some() {
            result = self.check_in_turn(frames);
            if let (Ok(()), Some(last)) = (&result, last) {
                result = self.source.confirm().map_err(|error| (last, error));
            }
        }
        if let Err((index, _)) = &result {
            frames.retain(|frame| frame.index() < *index);
        }
        let first_index = frames.first().map_or(0, Frame::index);
        self.sink.write(frames).map_err(|error| (first_index, StreamError::Write(error)))?;
        let payloads = frames.iter().map(|frame| self.sink.delivered_bytes(frame)).sum();
        if let Some(delivered) = self.workers.delivered {
            delivered.fetch_add(payloads, Ordering::Relaxed);
        }
        empty.extend(frames.drain(..).map(Frame::into_buffer));
        result
    }

    fn check_in_turn(&self, frames: &mut Vec<Frame<T::To>>) -> Result<(), FailureAt> {
        let mut result = Ok(());
        frames.retain(|frame| {
            if result.is_err() {
                return true;
            }
            match self.transform.check_in_turn(frame) {
                Ok(()) => true,
                Err(fault) => {
                    result = self.refuse(frame.index(), frame.wire_length(), fault);
                    result.is_err()
                }
            }
        });
        result
    }

    fn fail(&self, index: u64, error: StreamError) {
        self.failure.publish(index, error);
        // Otherwise a worker that waits for input might wait for ever.
        self.source.interrupt();
    }
}

/// Ends the other workers when one panics. The panic itself propagates to the caller.
struct ReleaseOnPanic<'a, T, S: Source<T::From>, K: Sink<T::To>>(&'a Work<'a, T, S, K>)
where
    T: Transform,
    Frame<T::To>: Outgoing;

impl<T, S, K> Drop for ReleaseOnPanic<'_, T, S, K>
where
    T: Transform,
    S: Source<T::From>,
    K: Sink<T::To>,
    Frame<T::To>: Outgoing,
{
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.fail(0, StreamError::Stopped);
            self.0.turns.iter().for_each(Turns::end);
        }
    }
}

#[cfg(test)]
mod tests;
