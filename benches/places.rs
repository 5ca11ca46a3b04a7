//! Random access: an aligned, uncached 64 KiB read against its parts alone, and two threads against one.

#![expect(clippy::unwrap_used, reason = "a bench panics when it fails")]

use std::{
    cell::Cell,
    fs::File,
    hint::black_box,
    io::Write,
    os::unix::fs::FileExt,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use aes::cipher::{KeyIvInit, StreamCipher};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use reelseal::{
    container::{FrameSize, Layout},
    keys::{KeyFile, Lock},
    stream::{SealedFile, StreamOptions, Writer},
};

const FRAMES: u64 = 1024;
/// The stride in frames: none of them is still cached when it is read again.
const STRIDE: u64 = 389;
const PAYLOAD: u64 = 64 << 10;

/// A stream of 64 MiB in a file, and its `SealedFile`.
fn sealed_file() -> SealedFile<File> {
    let key_file = KeyFile::random().unwrap();
    let lock = Lock::with_key_file(&key_file);
    let mut writer = Writer::create(tempfile::tempfile().unwrap(), &lock, StreamOptions::default()).unwrap();
    let frame: Vec<u8> = (0..PAYLOAD).map(|at| (at % 251) as u8).collect();
    (0..FRAMES).for_each(|_| writer.write_all(&frame).unwrap());
    SealedFile::open(writer.finish().unwrap(), key_file).unwrap()
}

/// The work that no read of a frame can avoid.
struct Parts(File);

impl Parts {
    /// Parts on a file as long as the stream.
    fn new() -> Self {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&vec![7; Layout::default().frame_position(FRAMES) as usize], 0).unwrap();
        Self(file)
    }

    /// Reads, hashes and decrypts the frame at `index`.
    fn apply(&self, frame: &mut [u8], index: u64) {
        self.0.read_exact_at(frame, Layout::default().frame_position(index)).unwrap();
        let text_length = frame.len() - 32;
        let text = black_box(&mut frame[..text_length]);
        black_box(blake3::keyed_hash(&[1; 32], text));
        ctr::Ctr64BE::<aes::Aes256>::new(&[1; 32].into(), &[7; 16].into()).apply_keystream(text);
    }
}

fn one_read(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("an aligned read of 64 KiB");
    group.throughput(Throughput::Bytes(PAYLOAD));

    let (film, mut area, next) = (sealed_file(), vec![0; PAYLOAD as usize], Cell::new(0));
    let index = || {
        next.set((next.get() + STRIDE) % FRAMES);
        next.get()
    };
    group.bench_function("read_at, uncached", |bencher| {
        bencher.iter(|| film.read_exact_at(black_box(&mut area), index() * PAYLOAD).unwrap());
    });

    let (parts, mut frame) = (Parts::new(), vec![0; FrameSize::default().wire()]);
    group.bench_function("pread, BLAKE3 and AES-256-CTR alone", |bencher| {
        bencher.iter(|| parts.apply(black_box(&mut frame), index()));
    });
    group.finish();
}

/// The time that `threads` threads, once all are running, take for this many reads of random frames each.
fn threads_reading(threads: u64, reads: u64, read: impl Fn(&mut [u8], u64) + Sync) -> Duration {
    let (ready, read) = (&Barrier::new(threads as usize + 1), &read);
    let started = thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                let (mut area, mut random) = (vec![0; FrameSize::default().wire()], thread * 77 + 1);
                ready.wait();
                for _ in 0..reads {
                    random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    read(black_box(&mut area), (random >> 33) % FRAMES);
                }
            });
        }
        ready.wait();
        Instant::now()
    });
    started.elapsed()
}

fn two_threads(criterion: &mut Criterion) {
    // Long enough that the scheduler has moved the threads to cores of their own.
    const READS: u64 = 5_000;
    let (film, parts) = (sealed_file(), Parts::new());
    let mut group = criterion.benchmark_group("random frames, per read");
    for threads in [1, 2] {
        // The time per read, over all threads: with two threads, half of what one read takes.
        let per_read = |total: Duration| total / (READS * threads) as u32;
        group.bench_function(format!("{threads} threads"), |bencher| {
            let read =
                |area: &mut [u8], index| film.read_exact_at(&mut area[..PAYLOAD as usize], index * PAYLOAD).unwrap();
            bencher.iter_custom(|count| per_read((0..count).map(|_| threads_reading(threads, READS, read)).sum()));
        });
        group.bench_function(format!("{threads} threads, the parts alone"), |bencher| {
            let read = |area: &mut [u8], index| parts.apply(area, index);
            bencher.iter_custom(|count| per_read((0..count).map(|_| threads_reading(threads, READS, read)).sum()));
        });
    }
    group.finish();
}

criterion_group!(benches, one_read, two_threads);
criterion_main!(benches);
