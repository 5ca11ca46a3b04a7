//! The worker loop, one for both directions and every pair of ends.

use std::{
    num::NonZero,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, Scope},
};

use super::{
    Sink, Source, Transform,
    sink::{MAX_HAND, Outgoing},
    turns::{Turn, Turns},
};
use crate::{
    container::FrameSize,
    stage::{Frame, FrameBuffer},
    stream::{Stop, StreamError},
};

/// The threads of a run.
pub struct Workers<'a> {
    count: usize,
    hand: usize,
    frame_size: FrameSize,
    stop: Option<&'a Stop>,
    delivered: Option<&'a AtomicU64>,
}

impl<'a> Workers<'a> {
    /// At most `count` workers on frames of `frame_size`, and no more than their buffers find room for in 256 MiB.
    pub fn new(count: NonZero<usize>, frame_size: FrameSize) -> Self {
        let hand = hand(frame_size);
        let most = MAX_BUFFER_BYTES / Self::bytes_each(frame_size);
        Self { count: count.get().min(most), hand, frame_size, stop: None, delivered: None }
    }

    /// The bytes of one worker's buffers.
    pub fn bytes_each(frame_size: FrameSize) -> usize {
        hand(frame_size) * frame_size.wire()
    }

    /// A failure requests `stop`, so that a source that waits for it does not wait on.
    #[must_use]
    pub fn with_stop(mut self, stop: &'a Stop) -> Self {
        self.stop = Some(stop);
        self
    }

    /// Adds the payload bytes of each delivered frame to `delivered`.
    #[must_use]
    pub fn with_progress(mut self, delivered: &'a AtomicU64) -> Self {
        self.delivered = Some(delivered);
        self
    }

    /// Moves all frames of `source` through `transform` to `sink`.
    ///
    /// # Errors
    ///
    /// The [`StreamError`] of the lowest index; that of a frame only if the transform does not go on. To a sink that is
    /// written in turn, every frame before it was delivered and none after. What was written to another sink is to be
    /// thrown away.
    pub fn run<T, S, K>(&self, source: &S, transform: &T, sink: &K) -> Result<(), StreamError>
    where
        T: Transform,
        S: Source<T::From>,
        K: Sink<T::To>,
        Frame<T::To>: Outgoing,
    {
        let turns = (K::IN_TURN || transform.needs_turns()).then(|| Turns::new(self.count));
        let run = Run { workers: self, source, transform, sink, turns, failure: Failure::new(self.stop) };
        thread::scope(|scope| run.work(scope, self.count - 1));
        let in_turn = run.turns.is_some();
        run.failure.into_result()?;
        // In turns, the input was confirmed before the final frame left.
        if in_turn { Ok(()) } else { source.confirm() }
    }
}

// Few enough frames to stay in a core's cache, enough that passing turns and waiting for a file do not count.
const HAND_BYTES: usize = 512 << 10;
const MAX_BUFFER_BYTES: usize = 256 << 20;

/// The frames that a worker takes at once.
fn hand(frame_size: FrameSize) -> usize {
    (HAND_BYTES / frame_size.wire()).clamp(1, MAX_HAND)
}

/// One run: what its workers share.
struct Run<'a, T, S, K> {
    workers: &'a Workers<'a>,
    source: &'a S,
    transform: &'a T,
    sink: &'a K,
    turns: Option<Turns>,
    failure: Failure<'a>,
}

impl<T, S, K> Run<'_, T, S, K>
where
    T: Transform,
    S: Source<T::From>,
    K: Sink<T::To>,
    Frame<T::To>: Outgoing,
{
    /// Works on one hand after the other, and starts the next of the `others` once there is work for it.
    fn work<'scope, 'env>(&'scope self, scope: &'scope Scope<'scope, 'env>, mut others: usize)
    where
        'env: 'scope,
    {
        let _released = ReleaseOnPanic { turns: self.turns.as_ref(), failure: &self.failure };
        let (mut empty, hand) = (Vec::new(), self.workers.hand);
        let (mut incoming, mut outgoing) = (Vec::with_capacity(hand), Vec::with_capacity(hand));
        while !self.failure.is_some() {
            // The buffers of frames that were refused or could not be read are gone.
            empty.resize_with(hand, || FrameBuffer::new(self.workers.frame_size));
            let Some(taken) = self.source.take(&mut empty, &mut incoming) else { return };
            if others > 0 && !taken.ends && taken.failure.is_none() {
                // Where the system gives no more threads, those there are do the work.
                let _ = thread::Builder::new().spawn_scoped(scope, move || self.work(scope, others - 1));
                others = 0;
            }
            taken.unreadable.iter().for_each(|frame| self.transform.pass_over(frame));
            let mut failure = taken.failure.map(|failure| (taken.next_index, failure));
            for frame in incoming.drain(..) {
                let index = frame.index();
                match self.transform.apply(frame) {
                    Ok(frame) => outgoing.push(frame),
                    Err(_) if self.transform.goes_on() => {}
                    Err(fault) => {
                        failure = Some((index, StreamError::Frame { index, fault }));
                        break;
                    }
                }
            }
            let turn = match self.turns.as_ref().map(|turns| turns.wait(taken.hand)) {
                Some(None) => return,
                Some(turn) => turn,
                None => None,
            };
            let ends = taken.ends && failure.is_none();
            if let Err(first) = self.deliver(&mut outgoing, &mut empty, turn.as_ref(), ends) {
                failure = Some(first);
            }
            if let Some((index, error)) = failure {
                // The turn is dropped, not passed: nothing after this is delivered.
                return self.failure.publish(index, error);
            }
            if let Some(turn) = turn {
                turn.pass();
            }
        }
    }

    /// Writes `frames`, and gives the first failure with its index. In turn, only frames that follow on those before
    /// are written, and the final one, the last if the stream `ends` here, only if the input did not change.
    fn deliver(
        &self,
        frames: &mut Vec<Frame<T::To>>,
        empty: &mut Vec<FrameBuffer>,
        turn: Option<&Turn<'_>>,
        ends: bool,
    ) -> Result<(), (u64, StreamError)> {
        let mut failure = None;
        if turn.is_some() {
            failure = self.check_in_turn(frames).err();
            if failure.is_none() && ends {
                let last = frames.last().map_or(0, Frame::index);
                failure = self.source.confirm().err().map(|error| (last, error));
            }
        }
        if let Some((index, _)) = &failure {
            frames.truncate(frames.iter().take_while(|frame| frame.index() < *index).count());
        }
        let first_index = frames.first().map_or(0, Frame::index);
        self.sink.write(frames).map_err(|error| (first_index, StreamError::Write(error)))?;
        let payloads = frames.iter().map(|frame| frame.payload_length() as u64).sum();
        if let Some(delivered) = self.workers.delivered {
            delivered.fetch_add(payloads, Ordering::Relaxed);
        }
        empty.extend(frames.drain(..).map(Frame::into_buffer));
        failure.map_or(Ok(()), Err)
    }

    fn check_in_turn(&self, frames: &[Frame<T::To>]) -> Result<(), (u64, StreamError)> {
        frames.iter().try_for_each(|frame| {
            let index = frame.index();
            self.transform.check_in_turn(frame).map_err(|fault| (index, StreamError::Frame { index, fault }))
        })
    }
}

/// The failure with the lowest index so far.
struct Failure<'a> {
    lowest: Mutex<Option<(u64, StreamError)>>,
    stop: Option<&'a Stop>,
}

impl<'a> Failure<'a> {
    fn new(stop: Option<&'a Stop>) -> Self {
        Self { lowest: Mutex::default(), stop }
    }

    fn publish(&self, index: u64, error: StreamError) {
        let mut lowest = self.lowest.lock().unwrap_or_else(PoisonError::into_inner);
        if lowest.as_ref().is_none_or(|(known, _)| index < *known) {
            *lowest = Some((index, error));
        }
        // A worker that waits for input would wait for ever.
        if let Some(stop) = self.stop {
            stop.request();
        }
    }

    fn is_some(&self) -> bool {
        self.lowest.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn into_result(self) -> Result<(), StreamError> {
        self.lowest.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), |(_, error)| Err(error))
    }
}

struct ReleaseOnPanic<'a> {
    turns: Option<&'a Turns>,
    failure: &'a Failure<'a>,
}

impl Drop for ReleaseOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            // The panic itself goes on to whoever called.
            self.failure.publish(0, StreamError::Stopped);
            if let Some(turns) = self.turns {
                turns.end();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{io, os::unix::fs::FileExt};

    use super::super::{
        CiphertextFile, CiphertextSource, FileSnapshot, Opening, OrderedSink, PlaintextFile, PlaintextSource,
        PositionalSink, Sealing, StreamFile,
    };
    use super::*;
    use crate::{
        container::{Features, HeaderLength, IV_LENGTH, Layout, Prefix},
        keys::{Key, StageKeys},
        stage::{Chain, FrameFault},
        stream::{Clock, DescriptorInput, ReaderInput},
    };

    const SIZE: FrameSize = FrameSize::MIN;
    const LAYOUT: Layout = Layout { frame_size: SIZE, header_length: HeaderLength::MIN };

    fn chain(features: Features) -> Chain {
        let prefix = Prefix { frame_size: SIZE, features, iv: [0xff; IV_LENGTH] };
        Chain::new(&StageKeys::derive(&Key::from_bytes([1; 32]), &prefix), &prefix, Vec::new())
    }

    fn workers(count: usize) -> Workers<'static> {
        Workers::new(NonZero::new(count).unwrap(), SIZE)
    }

    fn seal(plaintext: &[u8], count: usize) -> Vec<u8> {
        let (source, sink) =
            (PlaintextSource::new(ReaderInput(plaintext), SIZE, Clock::Fixed(9), None), OrderedSink::new(Vec::new()));
        workers(count).run(&source, &Sealing(&chain(Features::TIMED)), &sink).unwrap();
        sink.into_inner()
    }

    fn open(wire: &[u8], count: usize) -> (Vec<u8>, Result<(), StreamError>) {
        let (source, sink) = (CiphertextSource::new(ReaderInput(wire), SIZE, None), OrderedSink::new(Vec::new()));
        let chain = chain(Features::TIMED);
        let result = workers(count).run(&source, &Opening::new(&chain, Features::TIMED), &sink);
        (sink.into_inner(), result)
    }

    fn file_with(bytes: &[u8]) -> std::fs::File {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(bytes, 0).unwrap();
        file
    }

    fn content(file: &std::fs::File) -> Vec<u8> {
        let mut bytes = vec![0; file.metadata().unwrap().len() as usize];
        file.read_exact_at(&mut bytes, 0).unwrap();
        bytes
    }

    fn plaintext(length: usize) -> Vec<u8> {
        (0..length).map(|at| (at % 251) as u8).collect()
    }

    fn boundary_lengths() -> impl Iterator<Item = usize> {
        let payload = SIZE.payload();
        [0, 1, payload - 1, payload, payload + 1, 2 * payload, 64 * payload, 257 * payload, 257 * payload + 5]
            .into_iter()
    }

    #[test]
    fn every_length_around_the_frame_boundaries_comes_back_with_the_same_bytes_from_one_worker_and_eight() {
        for length in boundary_lengths() {
            let plaintext = plaintext(length);
            let wire = seal(&plaintext, 1);
            assert!(seal(&plaintext, 8) == wire, "{length}");
            for count in [1, 8] {
                let (opened, result) = open(&wire, count);
                assert!(result.is_ok() && opened == plaintext, "{length}, {count} workers");
            }
        }
    }

    #[test]
    fn positional_ends_give_the_bytes_of_ordered_ones() {
        let chain = chain(Features::NONE);
        for (length, count) in boundary_lengths().flat_map(|length| [(length, 1), (length, 8)]) {
            let plaintext = plaintext(length);
            let (input, sealed, opened) = (file_with(&plaintext), file_with(&[]), file_with(&[]));
            let snapshot = FileSnapshot::take(&input).unwrap();
            let source = PlaintextFile::new(&input, snapshot, SIZE, Clock::None).unwrap();
            workers(count).run(&source, &Sealing(&chain), &PositionalSink::new(&sealed, LAYOUT)).unwrap();

            let ordered = OrderedSink::new(Vec::new());
            let source = PlaintextSource::new(ReaderInput(plaintext.as_slice()), SIZE, Clock::None, None);
            workers(count).run(&source, &Sealing(&chain), &ordered).unwrap();
            let start = LAYOUT.frames_start() as usize;
            assert!(content(&sealed)[start..] == ordered.into_inner(), "{length}, {count} workers");

            let snapshot = FileSnapshot::take(&sealed).unwrap();
            let stream = StreamFile::new(&sealed, snapshot.size(), 0, LAYOUT).unwrap();
            let last = stream.verify_final_frame(&chain).unwrap();
            assert_eq!(last.tag().offset + u64::from(last.tag().length), length as u64);
            let source = CiphertextFile::new(stream, snapshot);
            let opening = Opening::new(&chain, Features::NONE);
            workers(count).run(&source, &opening, &PositionalSink::new(&opened, LAYOUT)).unwrap();
            assert!(content(&opened) == plaintext, "{length}, {count} workers");
        }
    }

    #[test]
    fn a_damaged_frame_releases_just_the_frames_before_it() {
        let plaintext = plaintext(200 * SIZE.payload());
        let mut wire = seal(&plaintext, 2);
        wire[70 * SIZE.wire() + 100] ^= 1;
        for count in [1, 2, 8] {
            let (opened, result) = open(&wire, count);
            assert!(opened == plaintext[..70 * SIZE.payload()]);
            assert!(matches!(result, Err(StreamError::Frame { index: 70, fault: FrameFault::Mac })));
        }
    }

    #[test]
    fn the_first_of_two_damaged_frames_is_the_one_reported_whoever_reads_it() {
        let chain = chain(Features::NONE);
        let mut wire = vec![0; LAYOUT.frames_start() as usize];
        let sealed = OrderedSink::new(Vec::new());
        let plaintext = plaintext(400 * SIZE.payload());
        let source = PlaintextSource::new(ReaderInput(plaintext.as_slice()), SIZE, Clock::None, None);
        workers(1).run(&source, &Sealing(&chain), &sealed).unwrap();
        wire.extend(sealed.into_inner());
        for index in [130, 131, 250] {
            wire[LAYOUT.frame_position(index) as usize] ^= 1;
        }
        let file = file_with(&wire);
        for count in [1, 3, 8] {
            let snapshot = FileSnapshot::take(&file).unwrap();
            let source = CiphertextFile::new(StreamFile::new(&file, snapshot.size(), 0, LAYOUT).unwrap(), snapshot);
            let sink = file_with(&[]);
            let result =
                workers(count).run(&source, &Opening::new(&chain, Features::NONE), &PositionalSink::new(&sink, LAYOUT));
            assert!(matches!(result, Err(StreamError::Frame { index: 130, .. })), "{count} workers: {result:?}");
        }
    }

    #[test]
    fn a_stream_cut_anywhere_is_refused() {
        let wire = seal(&plaintext(2 * SIZE.payload() + 9), 1);
        for length in 0..wire.len() {
            let (_, result) = open(&wire[..length], 2);
            let expected = match length % SIZE.wire() {
                0 => matches!(result, Err(StreamError::EndBeforeFinalFrame { .. })),
                1..64 => matches!(result, Err(StreamError::CutFrame { .. })),
                _ => matches!(result, Err(StreamError::Frame { fault: FrameFault::Mac, .. })),
            };
            assert!(expected, "cut to {length}: {result:?}");
        }
    }

    #[test]
    fn a_writer_that_fails_ends_the_run() {
        let source = PlaintextSource::new(ReaderInput(std::io::repeat(1)), SIZE, Clock::None, None);
        let room = &mut [0; 3 * 4096][..];
        let result = workers(4).run(&source, &Sealing(&chain(Features::NONE)), &OrderedSink::new(room));
        assert!(matches!(result, Err(StreamError::Write(_))));
    }

    #[test]
    fn a_failure_ends_the_wait_for_a_silent_peer() {
        let (reader, writer) = io::pipe().unwrap();
        let mut wire = seal(&plaintext(3 * SIZE.payload()), 1);
        wire.truncate(2 * SIZE.wire());
        wire[SIZE.wire()] ^= 1;
        std::thread::scope(|scope| {
            // The pipe stays open until the run has ended.
            scope.spawn(|| io::Write::write_all(&mut &writer, &wire).unwrap());
            let stop = Stop::new().unwrap();
            let source = CiphertextSource::new(DescriptorInput::new(reader, &stop), SIZE, None);
            let (chain, sink) = (chain(Features::TIMED), OrderedSink::new(Vec::new()));
            let opening = Opening::new(&chain, Features::TIMED);
            let result = workers(4).with_stop(&stop).run(&source, &opening, &sink);
            assert!(matches!(result, Err(StreamError::Frame { index: 1, fault: FrameFault::Mac })), "{result:?}");
            assert!(sink.into_inner() == plaintext(SIZE.payload()));
        });
    }

    #[test]
    fn a_frame_leaves_a_pipe_before_the_next_one_is_there() {
        let (reader, mut writer) = io::pipe().unwrap();
        let (sealed, sink) = io::pipe().unwrap();
        let stop = Stop::new().unwrap();
        let (chain, stop) = (&chain(Features::NONE), &stop);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let source = PlaintextSource::new(DescriptorInput::new(reader, stop), SIZE, Clock::None, None);
                workers(2).with_stop(stop).run(&source, &Sealing(chain), &OrderedSink::new(sink)).unwrap();
            });
            let mut sealed = sealed;
            let mut wire = vec![0; SIZE.wire()];
            for _ in 0..20 {
                io::Write::write_all(&mut writer, &plaintext(SIZE.payload())).unwrap();
                // Were the frame held back for a second one, this would wait for ever.
                io::Read::read_exact(&mut sealed, &mut wire).unwrap();
            }
            drop(writer);
            assert_eq!(io::Read::read_to_end(&mut sealed, &mut wire).unwrap(), 64);
        });
    }

    #[test]
    fn an_input_that_grew_or_shrank_is_an_error_and_gets_no_final_frame() {
        let chain = chain(Features::NONE);
        for new_size in [9 * SIZE.payload() as u64, 2 * SIZE.payload() as u64] {
            let file = file_with(&plaintext(7 * SIZE.payload()));
            let snapshot = FileSnapshot::take(&file).unwrap();
            let source = PlaintextFile::new(&file, snapshot, SIZE, Clock::None).unwrap();
            file.set_len(new_size).unwrap();
            let sink = OrderedSink::new(Vec::new());
            let result = workers(2).run(&source, &Sealing(&chain), &sink);
            assert!(matches!(result, Err(StreamError::InputChanged)), "{result:?}");
            assert!(sink.into_inner().len() <= 7 * SIZE.wire());
        }
    }
}
