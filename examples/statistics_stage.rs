//! A private stage that keeps running statistics of the payload while the stream passes through the chain.
//!
//!     cargo run --release --example statistics_stage [FILE]
//!
//! encrypts FILE, or data that it makes up, on all cores into a pipe, decrypts it at the pipe's other end through the
//! same chain, and checks that both directions saw the same bytes.
//!
//! **It observes and does not transform.** A stage must be a pure function of a frame, and this one keeps counts,
//! although it has only `&self`. It is pure all the same: no byte and no refusal depends on the counts. For the same
//! reason it takes no feature bit, which would shut stock readers out of a stream that they can read.
//!
//! **It works in any order.** Workers seal and open frames in parallel, so the counts must come out the same in
//! whatever order frames are added. Sums of integers do. The stage keeps how often each byte value occurred; count,
//! mean, variance and entropy are computed from that on request. (For samples that are not integers, keep count, mean
//! and sum of squared deviations, and merge them pairwise: Chan, Golub and LeVeque, "Algorithms for Computing the
//! Sample Variance", The American Statistician 37 (3), 1983. Its rounding depends a little on the order.)
//!
//! **Until the run is done, the figures are a preview.** Frames are counted when they are sealed or opened, which may
//! be before an earlier one fails: the statistics are those of the stream only once the run has returned `Ok`. A frame
//! that is opened twice is counted twice, as the last one is by `StreamFile::verify_final_frame`.

use std::{
    env,
    error::Error,
    fs::File,
    io::{self, PipeReader, PipeWriter, Read, Write},
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use reelseal::{
    container::Layout,
    keys::{Credential, KeyFile, Lock},
    pipeline::{CiphertextSource, Opening, OrderedSink, PlaintextSource, Sealing, Workers},
    stage::{Chain, FrameFault, FrameParts, Stage},
    stream::{Clock, ReaderInput, StreamHeader},
};

/// How often each byte value occurred.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Statistics {
    occurrences: [u64; 256],
}

impl Statistics {
    const NONE: Self = Self { occurrences: [0; 256] };

    fn of(bytes: &[u8]) -> Self {
        let mut statistics = Self::NONE;
        for &byte in bytes {
            statistics.occurrences[usize::from(byte)] += 1;
        }
        statistics
    }

    fn add(&mut self, other: &Self) {
        self.occurrences.iter_mut().zip(other.occurrences).for_each(|(sum, more)| *sum += more);
    }

    /// Bytes.
    fn count(&self) -> u64 {
        self.occurrences.iter().sum()
    }

    /// The mean of the byte values; NaN if there are none.
    fn mean(&self) -> f64 {
        self.expectation(|value, _| value)
    }

    /// The variance of the byte values about their mean; NaN if there are none.
    fn variance(&self) -> f64 {
        let mean = self.mean();
        self.expectation(|value, _| (value - mean).powi(2))
    }

    /// Shannon's entropy of a byte, 0 to 8 bits; NaN if there are none.
    fn entropy(&self) -> f64 {
        self.expectation(|_, probability| -probability.log2())
    }

    fn expectation(&self, term: impl Fn(f64, f64) -> f64) -> f64 {
        let count = self.count() as f64;
        let occurring = (0u8..=255).zip(self.occurrences).filter(|&(_, occurrences)| occurrences > 0);
        let weighted = occurring.map(|(value, occurrences)| {
            let probability = occurrences as f64 / count;
            probability * term(value.into(), probability)
        });
        if count > 0.0 { weighted.sum() } else { f64::NAN }
    }
}

/// Statistics that somebody else can look at while the stage that keeps them is in a chain.
#[derive(Clone)]
struct Observer(Arc<Mutex<Statistics>>);

impl Observer {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Statistics::NONE)))
    }

    /// What was seen so far, in whole frames.
    fn so_far(&self) -> Statistics {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn observe(&self, frame: &FrameParts) {
        // Counted without the lock, which is held only for a sum: workers do not wait for each other's frames.
        let of_frame = Statistics::of(frame.payload());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).add(&of_frame);
    }
}

impl Stage for Observer {
    fn seal(&self, frame: &mut FrameParts) {
        self.observe(frame);
    }

    fn open(&self, frame: &mut FrameParts) -> Result<(), FrameFault> {
        self.observe(frame);
        Ok(())
    }
}

type AnyError = Box<dyn Error + Send + Sync>;

/// Encrypts `plaintext` on all cores into `pipe`.
fn encrypt(
    plaintext: impl Read + Send,
    key_file: &KeyFile,
    observer: Observer,
    mut pipe: PipeWriter,
) -> Result<(), AnyError> {
    let private: Vec<Box<dyn Stage>> = vec![Box::new(observer)];
    let layout = Layout::default();
    let frame_size = layout.frame_size;
    let stream = Lock::with_key_file(key_file).new_stream(layout, Chain::private_features(&private))?;
    let chain = Chain::sealing(&stream.keys, &stream.header.prefix, private)?;
    pipe.write_all(&stream.keys.seal_header(&stream.header)?)?;
    let source = PlaintextSource::new(ReaderInput(plaintext), frame_size, Clock::None, None);
    let workers = Workers::new(thread::available_parallelism()?, frame_size);
    Ok(workers.run(&source, &Sealing::new(&chain), &OrderedSink::new(pipe))?)
}

/// Decrypts the stream that comes out of `pipe`, on all cores, to `plaintext`.
fn decrypt<W: Write + Send>(
    pipe: PipeReader,
    key_file: &KeyFile,
    observer: Observer,
    plaintext: W,
) -> Result<W, AnyError> {
    let private: Vec<Box<dyn Stage>> = vec![Box::new(observer)];
    let header = StreamHeader::read(ReaderInput(pipe), private)?;
    let (stream, input) = header.open(&mut Credential::from(key_file.clone()))?;
    let frame_size = stream.header().prefix.frame_size;
    let source = CiphertextSource::new(input, frame_size);
    let workers = Workers::new(thread::available_parallelism()?, frame_size);
    let sink = OrderedSink::new(plaintext);
    workers.run(&source, &Opening::new(stream.chain()), &sink)?;
    Ok(sink.into_inner())
}

/// Encrypts `plaintext` and decrypts it again, to `output`. Returns the statistics of both directions, and `output`.
fn there_and_back<W: Write + Send>(
    plaintext: impl Read + Send,
    output: W,
) -> Result<(Statistics, Statistics, W), AnyError> {
    let key_file = KeyFile::random()?;
    let (out, back) = (Observer::new(), Observer::new());
    let (reader, writer) = io::pipe()?;
    let output = thread::scope(|scope| {
        let encrypting = scope.spawn(|| encrypt(plaintext, &key_file, out.clone(), writer));
        let decrypted = decrypt(reader, &key_file, back.clone(), output);
        // If encrypting failed, that is why decrypting failed: report it first.
        encrypting.join().map_err(|_| "the encrypting thread panicked")??;
        decrypted
    })?;
    Ok((out.so_far(), back.so_far(), output))
}

/// 64 MiB of a wave with some noise on it, much as raw sound or pictures are.
fn made_up() -> impl Read + Send {
    let mut noise: u64 = 1;
    let wave = (0u32..64 << 20).map(move |at| {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let swing = (f64::from(at) / 700.0).sin() * 80.0;
        (128.0 + swing + (noise >> 60) as f64) as u8
    });
    Bytes(wave)
}

struct Bytes<I>(I);

impl<I: Iterator<Item = u8>> Read for Bytes<I> {
    fn read(&mut self, area: &mut [u8]) -> io::Result<usize> {
        Ok(area.iter_mut().zip(&mut self.0).map(|(place, byte)| *place = byte).count())
    }
}

fn show(direction: &str, statistics: &Statistics) {
    println!(
        "{direction}: {} bytes, mean {:.3}, variance {:.3}, entropy {:.4} bits a byte",
        statistics.count(),
        statistics.mean(),
        statistics.variance(),
        statistics.entropy()
    );
}

fn main() -> ExitCode {
    let plaintext: Box<dyn Read + Send> = match env::args_os().nth(1).map(File::open) {
        None => Box::new(made_up()),
        Some(Ok(file)) => Box::new(file),
        Some(Err(error)) => {
            eprintln!("statistics_stage: cannot open: {error}");
            return ExitCode::FAILURE;
        }
    };
    match there_and_back(plaintext, io::sink()) {
        Ok((out, back, _)) => {
            show("encrypted", &out);
            show("decrypted", &back);
            if out == back {
                return ExitCode::SUCCESS;
            }
            eprintln!("statistics_stage: the two directions saw different bytes");
        }
        Err(error) => {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            eprintln!("statistics_stage: {error}{cause}");
        }
    }
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use reelseal::stream::{Reader, StreamOptions, Writer};

    use super::*;

    fn wave(length: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        made_up().take(length as u64).read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn both_directions_see_every_byte_of_the_plaintext_once() {
        for length in [0, 1, 65_536, 3_000_001] {
            let plaintext = wave(length);
            let (out, back, decrypted) = there_and_back(plaintext.as_slice(), Vec::new()).unwrap();
            assert!(decrypted == plaintext, "{length}");
            assert_eq!((&out, &back), (&Statistics::of(&plaintext), &out), "{length}");
            assert_eq!(out.count(), length as u64);
        }
    }

    #[test]
    fn the_figures_are_those_of_the_textbook() {
        let die = Statistics::of(&[1, 2, 3, 4, 5, 6]);
        assert!((die.mean() - 3.5).abs() < 1e-12);
        assert!((die.variance() - 35.0 / 12.0).abs() < 1e-12);
        assert!((die.entropy() - 6f64.log2()).abs() < 1e-12);
    }

    #[test]
    fn the_statistics_are_kept_as_the_stream_passes_and_a_stock_reader_opens_it() {
        let key_file = KeyFile::random().unwrap();
        let observer = Observer::new();
        let options = StreamOptions { private: vec![Box::new(observer.clone())], ..StreamOptions::default() };
        let mut writer = Writer::create(Vec::new(), &Lock::with_key_file(&key_file), options).unwrap();
        let plaintext = wave(200_000);
        writer.write_all(&plaintext[..100_000]).unwrap();
        assert_eq!(observer.so_far(), Statistics::of(&plaintext[..65_536]));
        writer.write_all(&plaintext[100_000..]).unwrap();
        let stream = writer.finish().unwrap();
        assert_eq!(observer.so_far(), Statistics::of(&plaintext));

        let mut reader = Reader::open(stream.as_slice(), key_file).unwrap();
        let mut opened = Vec::new();
        reader.read_to_end(&mut opened).unwrap();
        assert!(opened == plaintext);
    }
}
