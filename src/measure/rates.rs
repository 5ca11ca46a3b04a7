//! How fast frames go through single stages and through the whole chain, in memory.

use std::{hint::black_box, io, num::NonZero, thread, time::Duration};

use crate::{
    container::{Features, FrameSize, FrameTag, IV_LENGTH, Prefix, TagFlags},
    keys::{Key, StageKeys},
    measure::median::median_time,
    pipeline::{CiphertextSource, Opening, OrderedSink, PlaintextSource, Sealing, Workers},
    stage::{Chain, Frame, FrameAuthentication, FrameBuffer, FrameEncryption, Stage},
    stream::{Clock, ReaderInput, StreamError},
};

/// The bytes that one round moves: more than a core's cache holds, and a few milliseconds' work.
const ROUND_BYTES: usize = 32 << 20;
const BUDGET: Duration = Duration::from_millis(150);
const IV: [u8; IV_LENGTH] = [0; IV_LENGTH];

/// Payload bytes per second.
pub(crate) struct Rates {
    pub frame_size: FrameSize,
    pub encryption: u64,
    pub authentication: u64,
    /// With one worker and, where there are more cores, with all.
    pub chain: Vec<ChainRate>,
}

pub(crate) struct ChainRate {
    pub workers: NonZero<usize>,
    pub sealing: u64,
    pub opening: u64,
}

impl Rates {
    pub fn measure() -> Result<Self, StreamError> {
        let (frame_size, key) = (FrameSize::default(), Key::from_bytes([0; Key::LENGTH]));
        let cores = thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
        let mut counts = vec![NonZero::<usize>::MIN, cores];
        counts.dedup();
        let memory = InMemory::new(frame_size, &key)?;
        Ok(Self {
            frame_size,
            encryption: stage_rate(frame_size, &FrameEncryption::new(&key, IV, frame_size))?,
            authentication: stage_rate(frame_size, &FrameAuthentication::new(&key))?,
            chain: counts.into_iter().map(|workers| memory.rate(workers)).collect::<Result<_, _>>()?,
        })
    }
}

/// One stage on one frame, repeatedly.
fn stage_rate(frame_size: FrameSize, stage: &dyn Stage) -> Result<u64, StreamError> {
    let length = frame_size.payload() as u32;
    let tag = FrameTag { index: 0, time: 0, offset: 0, length, flags: TagFlags::NONE };
    let mut frame = Frame::clear(FrameBuffer::new(frame_size), tag);
    rate(|| {
        for _ in 0..ROUND_BYTES / frame_size.payload() {
            stage.seal(black_box(frame.parts_mut()));
        }
        Ok(())
    })
}

fn rate(round: impl FnMut() -> Result<(), StreamError>) -> Result<u64, StreamError> {
    Ok((ROUND_BYTES as f64 / median_time(BUDGET, round)?.as_secs_f64()) as u64)
}

/// A plaintext in memory, and the stream made from it.
struct InMemory {
    chain: Chain,
    frame_size: FrameSize,
    plaintext: Vec<u8>,
    sealed: Vec<u8>,
}

impl InMemory {
    fn new(frame_size: FrameSize, key: &Key) -> Result<Self, StreamError> {
        let prefix = Prefix { frame_size, features: Features::NONE, iv: IV };
        let chain = Chain::new(&StageKeys::derive(key, &prefix), &prefix);
        let mut memory = Self { chain, frame_size, plaintext: vec![7; ROUND_BYTES], sealed: Vec::new() };
        let sink = OrderedSink::new(Vec::new());
        memory.seal(NonZero::<usize>::MIN, &sink)?;
        memory.sealed = sink.into_inner();
        Ok(memory)
    }

    fn rate(&self, workers: NonZero<usize>) -> Result<ChainRate, StreamError> {
        Ok(ChainRate {
            workers,
            sealing: rate(|| self.seal(workers, &OrderedSink::new(io::sink())))?,
            opening: rate(|| self.open(workers))?,
        })
    }

    fn seal<W: io::Write + Send>(&self, workers: NonZero<usize>, sink: &OrderedSink<W>) -> Result<(), StreamError> {
        let source = PlaintextSource::new(ReaderInput(self.plaintext.as_slice()), self.frame_size, Clock::None, None);
        Workers::new(workers, self.frame_size).run(&source, &Sealing::new(&self.chain), sink)
    }

    fn open(&self, workers: NonZero<usize>) -> Result<(), StreamError> {
        let source = CiphertextSource::new(ReaderInput(self.sealed.as_slice()), self.frame_size);
        let opening = Opening::new(&self.chain);
        Workers::new(workers, self.frame_size).run(&source, &opening, &OrderedSink::new(io::sink()))
    }
}
