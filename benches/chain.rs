//! Each stage alone and the whole chain, for every frame size, and the worker loop for one worker and more.

#![expect(clippy::unwrap_used, reason = "a bench panics when it fails")]

use std::{hint::black_box, io, num::NonZero};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use reelseal::{
    container::{Features, FrameSize, FrameTag, IV_LENGTH, Prefix, TagFlags},
    keys::{Key, StageKeys},
    pipeline::{OrderedSink, PlaintextSource, Sealing, Workers},
    stage::{Chain, Frame, FrameAuthentication, FrameBuffer, FrameEncryption, FrameTagging, Stage},
    stream::{Clock, ReaderInput},
};

const IV: [u8; IV_LENGTH] = [7; IV_LENGTH];
const RUN_BYTES: u64 = 64 << 20;

fn frame_sizes() -> impl Iterator<Item = FrameSize> {
    (12..=24).step_by(2).map(|log2| FrameSize::from_log2(log2).unwrap())
}

fn prefix(frame_size: FrameSize) -> Prefix {
    Prefix { frame_size, features: Features::NONE, iv: IV }
}

fn chain(frame_size: FrameSize) -> Chain {
    let prefix = prefix(frame_size);
    Chain::new(&StageKeys::derive(&Key::from_bytes([1; 32]), &prefix), &prefix)
}

fn full_frame(frame_size: FrameSize, buffer: FrameBuffer) -> Frame<reelseal::stage::Clear> {
    let length = frame_size.payload() as u32;
    Frame::clear(buffer, FrameTag { index: 0, time: 0, offset: 0, length, flags: TagFlags::NONE })
}

fn stages(criterion: &mut Criterion) {
    for frame_size in frame_sizes() {
        let mut group = criterion.benchmark_group(format!("seal a frame of {} KiB", frame_size.payload() >> 10));
        group.throughput(Throughput::Bytes(frame_size.payload() as u64));
        let key = Key::from_bytes([1; 32]);
        let stages: [(&str, Box<dyn Stage>); 3] = [
            ("tagging", Box::new(FrameTagging::new(Features::NONE))),
            ("encryption", Box::new(FrameEncryption::new(&key, IV, frame_size))),
            ("authentication", Box::new(FrameAuthentication::new(&key))),
        ];
        for (name, stage) in stages {
            let mut frame = full_frame(frame_size, FrameBuffer::new(frame_size));
            group.bench_function(name, |bencher| bencher.iter(|| stage.seal(black_box(frame.parts_mut()))));
        }
        let (chain, mut buffer) = (chain(frame_size), Some(FrameBuffer::new(frame_size)));
        group.bench_function("the chain", |bencher| {
            bencher.iter(|| buffer = Some(chain.seal(full_frame(frame_size, buffer.take().unwrap())).into_buffer()));
        });
        group.finish();
    }
}

fn worker_loop(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("seal 64 MiB in order");
    group.throughput(Throughput::Bytes(RUN_BYTES)).sample_size(20);
    for frame_size in frame_sizes() {
        let chain = chain(frame_size);
        for count in [1, 2, 4] {
            let workers = Workers::new(NonZero::new(count).unwrap(), frame_size);
            let id = BenchmarkId::new(format!("{} KiB frames", frame_size.payload() >> 10), format!("{count} workers"));
            group.bench_function(id, |bencher| {
                bencher.iter(|| {
                    let input = ReaderInput(io::Read::take(io::repeat(7), RUN_BYTES));
                    let source = PlaintextSource::new(input, frame_size, Clock::None, None);
                    workers.run(&source, &Sealing::new(&chain), &OrderedSink::new(io::sink())).unwrap();
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, stages, worker_loop);
criterion_main!(benches);
