//! The worker loop, one for both directions and every pair of ends.

use std::sync::{Mutex, PoisonError};

use super::{PipelineError, Sink, Source, Stop, turns::Turns};
use crate::{
    container::{Features, FrameSize},
    stage::{Chain, Clear, Frame, FrameBuffer, FrameFault, Received, Sealed, Verified},
};

/// One direction of a chain.
pub trait Transform: Sync {
    /// The state of frames going in.
    type From;
    /// The state of frames coming out.
    type To;

    /// Runs the chain on one frame.
    ///
    /// # Errors
    ///
    /// [`FrameFault`] if the frame is refused.
    fn apply(&self, frame: Frame<Self::From>) -> Result<Frame<Self::To>, FrameFault>;

    /// Checks what needs order, at the frame's turn.
    ///
    /// # Errors
    ///
    /// [`FrameFault`] if the frame does not follow on the one before.
    fn check_in_turn(&self, _frame: &Frame<Self::To>) -> Result<(), FrameFault> {
        Ok(())
    }

    /// Whether [`Transform::check_in_turn`] is needed even for a sink that takes frames in any order.
    fn needs_turns(&self) -> bool {
        false
    }
}

/// Sealing, forwards through the chain.
pub struct Sealing<'a>(pub &'a Chain);

impl Transform for Sealing<'_> {
    type From = Clear;
    type To = Sealed;

    fn apply(&self, frame: Frame<Clear>) -> Result<Frame<Sealed>, FrameFault> {
        Ok(self.0.seal(frame))
    }
}

/// Opening, backwards through the chain; live offsets and times are checked at the turn.
pub struct Opening<'a> {
    chain: &'a Chain,
    features: Features,
    follows: Mutex<Follows>,
}

#[derive(Default)]
struct Follows {
    offset: u64,
    time: i64,
}

impl<'a> Opening<'a> {
    /// Opening with `chain` a stream with `features`.
    pub fn new(chain: &'a Chain, features: Features) -> Self {
        Self { chain, features, follows: Mutex::default() }
    }
}

impl Transform for Opening<'_> {
    type From = Received;
    type To = Verified;

    fn apply(&self, frame: Frame<Received>) -> Result<Frame<Verified>, FrameFault> {
        self.chain.open(frame)
    }

    fn check_in_turn(&self, frame: &Frame<Verified>) -> Result<(), FrameFault> {
        let mut follows = self.follows.lock().unwrap_or_else(PoisonError::into_inner);
        let tag = frame.tag();
        if self.features.contains(Features::LIVE) && tag.offset != follows.offset {
            return Err(FrameFault::Offset(tag.offset));
        }
        if tag.time < follows.time {
            return Err(FrameFault::Time(tag.time));
        }
        follows.offset = tag.offset.checked_add(tag.length.into()).ok_or(FrameFault::Offset(tag.offset))?;
        follows.time = tag.time;
        Ok(())
    }

    fn needs_turns(&self) -> bool {
        self.features != Features::NONE
    }
}

/// The failure with the lowest index so far.
struct Failure<'a> {
    lowest: Mutex<Option<(u64, PipelineError)>>,
    stop: Option<&'a Stop>,
}

impl Failure<'_> {
    fn publish(&self, hand: u64, error: PipelineError) {
        let mut lowest = self.lowest.lock().unwrap_or_else(PoisonError::into_inner);
        if lowest.as_ref().is_none_or(|(known, _)| hand < *known) {
            *lowest = Some((hand, error));
        }
        // A worker that waits for input would wait for ever.
        if let Some(stop) = self.stop {
            stop.request();
        }
    }

    fn is_some(&self) -> bool {
        self.lowest.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

/// Moves all frames of `source` through `transform` to `sink`, with at most `workers` threads. A failure requests
/// `stop`, so that a source that waits for it does not wait on.
///
/// # Errors
///
/// The [`PipelineError`] of the lowest index: to a sink that is written in turn, every frame before it was delivered and
/// none after. What was written to another sink is to be thrown away.
pub fn run<T: Transform, K: Sink<T::To>>(
    source: &impl Source<T::From>,
    transform: &T,
    sink: &K,
    frame_size: FrameSize,
    workers: usize,
    stop: Option<&Stop>,
) -> Result<(), PipelineError> {
    let workers = workers.max(1);
    let turns = (K::IN_TURN || transform.needs_turns()).then(|| Turns::new(workers));
    let failure = Failure { lowest: Mutex::default(), stop };
    let work = || {
        let released = ReleaseOnPanic { turns: turns.as_ref(), failure: &failure };
        work(source, transform, sink, frame_size, turns.as_ref(), &failure);
        drop(released);
    };
    std::thread::scope(|scope| {
        for _ in 1..workers {
            scope.spawn(work);
        }
        work();
    });
    match failure.lowest.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some((_, error)) => Err(error),
        None => Ok(()),
    }
}

struct ReleaseOnPanic<'a> {
    turns: Option<&'a Turns>,
    failure: &'a Failure<'a>,
}

impl Drop for ReleaseOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.failure.publish(0, PipelineError::Panicked);
            if let Some(turns) = self.turns {
                turns.end();
            }
        }
    }
}

fn work<T: Transform>(
    source: &impl Source<T::From>,
    transform: &T,
    sink: &impl Sink<T::To>,
    frame_size: FrameSize,
    turns: Option<&Turns>,
    failure: &Failure<'_>,
) {
    let mut empty = vec![FrameBuffer::new(frame_size)];
    let (mut incoming, mut outgoing) = (Vec::with_capacity(1), Vec::with_capacity(1));
    while !failure.is_some() && !turns.is_some_and(Turns::ended) {
        let Some(taken) = source.take(&mut empty, &mut incoming) else { return };
        let mut fault = taken.failure;
        for frame in incoming.drain(..) {
            let index = frame.index();
            match transform.apply(frame) {
                Ok(frame) => outgoing.push(frame),
                Err(refused) => {
                    fault = Some(PipelineError::Frame { index, fault: refused });
                    break;
                }
            }
        }
        let turn = match turns.map(|turns| turns.wait(taken.hand)) {
            Some(None) => return,
            Some(turn) => turn,
            None => None,
        };
        for frame in outgoing.drain(..) {
            let written = match turn.as_ref().map_or(Ok(()), |_| transform.check_in_turn(&frame)) {
                Ok(()) => sink.write(&frame).map_err(PipelineError::Write),
                Err(refused) => Err(PipelineError::Frame { index: frame.index(), fault: refused }),
            };
            if let Err(error) = written {
                fault = Some(error);
                break;
            }
            empty.push(frame.into_buffer());
        }
        if let Some(error) = fault {
            // The turn is dropped, not passed: nothing after this hand is delivered.
            failure.publish(taken.hand, error);
            return;
        }
        if let Some(turn) = turn {
            turn.pass();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CiphertextSource, Clock, OrderedSink, PlaintextSource, ReaderInput};
    use super::*;
    use crate::{
        container::{IV_LENGTH, Prefix},
        keys::{Key, StageKeys},
    };

    const SIZE: FrameSize = FrameSize::MIN;

    fn chain(features: Features) -> Chain {
        let prefix = Prefix { frame_size: SIZE, features, iv: [0xff; IV_LENGTH] };
        Chain::new(&StageKeys::derive(&Key::from_bytes([1; 32]), &prefix), &prefix, Vec::new())
    }

    fn seal(plaintext: &[u8], workers: usize) -> Vec<u8> {
        let (source, sink) =
            (PlaintextSource::new(ReaderInput(plaintext), SIZE, Clock::Fixed(9)), OrderedSink::new(Vec::new()));
        run(&source, &Sealing(&chain(Features::TIMED)), &sink, SIZE, workers, None).unwrap();
        sink.into_inner()
    }

    fn open(wire: &[u8], workers: usize) -> (Vec<u8>, Result<(), PipelineError>) {
        let (source, sink) = (CiphertextSource::new(ReaderInput(wire), SIZE), OrderedSink::new(Vec::new()));
        let chain = chain(Features::TIMED);
        let result = run(&source, &Opening::new(&chain, Features::TIMED), &sink, SIZE, workers, None);
        (sink.into_inner(), result)
    }

    fn plaintext(length: usize) -> Vec<u8> {
        (0..length).map(|at| (at % 251) as u8).collect()
    }

    #[test]
    fn every_length_around_the_frame_boundaries_comes_back_with_the_same_bytes_from_one_worker_and_eight() {
        let payload = SIZE.payload();
        for length in [0, 1, payload - 1, payload, payload + 1, 2 * payload, 257 * payload, 257 * payload + 5] {
            let plaintext = plaintext(length);
            let wire = seal(&plaintext, 1);
            assert!(seal(&plaintext, 8) == wire, "{length}");
            for workers in [1, 8] {
                let (opened, result) = open(&wire, workers);
                assert!(result.is_ok() && opened == plaintext, "{length}, {workers} workers");
            }
        }
    }

    #[test]
    fn a_damaged_frame_releases_just_the_frames_before_it() {
        let plaintext = plaintext(20 * SIZE.payload());
        let mut wire = seal(&plaintext, 2);
        wire[7 * SIZE.wire() + 100] ^= 1;
        for workers in [1, 2, 8] {
            let (opened, result) = open(&wire, workers);
            assert!(opened == plaintext[..7 * SIZE.payload()]);
            assert!(matches!(result, Err(PipelineError::Frame { index: 7, fault: FrameFault::Mac })));
        }
    }

    #[test]
    fn a_stream_cut_anywhere_is_refused() {
        let wire = seal(&plaintext(2 * SIZE.payload() + 9), 1);
        for length in 0..wire.len() {
            let (_, result) = open(&wire[..length], 2);
            let expected = match length % SIZE.wire() {
                0 => matches!(result, Err(PipelineError::EndBeforeFinalFrame { .. })),
                1..64 => matches!(result, Err(PipelineError::CutFrame { .. })),
                _ => matches!(result, Err(PipelineError::Frame { fault: FrameFault::Mac, .. })),
            };
            assert!(expected, "cut to {length}: {result:?}");
        }
    }

    #[test]
    fn a_writer_that_fails_ends_the_run() {
        let source = PlaintextSource::new(ReaderInput(std::io::repeat(1)), SIZE, Clock::None);
        let room = &mut [0; 3 * 4096][..];
        let result = run(&source, &Sealing(&chain(Features::NONE)), &OrderedSink::new(room), SIZE, 4, None);
        assert!(matches!(result, Err(PipelineError::Write(_))));
    }
}
