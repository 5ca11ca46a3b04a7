//! Analyses an encrypted log, line by line, into another encrypted file: no plaintext on disk, and constant memory.
//!
//!     cargo run --release --example log_analysis [LOG.reel ANALYSIS.reel KEY-FILE]
//!
//! Without arguments it makes up a log of a million lines, in a temporary file.
//!
//! Four parts, each pulling from the one before: a [`Reader`] gives authenticated bytes, [`Records`] parses them into
//! records, [`Analysis`] compares each with the records of its level so far, and a [`Writer`] encrypts the result as
//! JSON lines. Back-pressure needs no code: nothing is read before what came from it is written. An error in any part
//! ends everything: [`Writer::finish`] is not reached, so what was written so far lacks its final frame, and every
//! reader refuses it.
//!
//! A line of the log is `TIME LEVEL MILLISECONDS MESSAGE`, as in `2026-11-24T10:00:00Z WARN 12.5 slow disk`.

use std::{
    env,
    error::Error,
    fs::{self, File},
    io::{self, BufRead, BufReader, BufWriter, Read, Seek, Write},
    process::ExitCode,
    str,
};

use reelseal::{
    keys::{KeyFile, Lock},
    stream::{Reader, StreamOptions, Writer},
};
use serde::Serialize;

/// The longest line in bytes: without a bound, a log without line ends would have to fit into memory.
const LONGEST_LINE: usize = 64 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

impl Level {
    const ALL: [Self; 4] = [Self::Debug, Self::Info, Self::Warn, Self::Error];

    fn name(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }
}

/// One line of the log.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Record<'line> {
    time: &'line str,
    level: Level,
    milliseconds: f64,
    message: &'line str,
}

impl<'line> Record<'line> {
    fn parse(line: &'line [u8]) -> Option<Self> {
        let mut fields = str::from_utf8(line).ok()?.trim_end_matches(['\n', '\r']).splitn(4, ' ');
        let (time, level) = (fields.next()?, fields.next()?);
        let level = Level::ALL.into_iter().find(|known| known.name() == level)?;
        let milliseconds = fields.next()?.parse().ok().filter(|milliseconds: &f64| milliseconds.is_finite())?;
        Some(Self { time, level, milliseconds, message: fields.next()? })
    }
}

/// The first transform: bytes to records.
struct Records<R> {
    log: R,
    line: Vec<u8>,
    /// The number of the line that was read last, from 1.
    number: u64,
}

impl<R: BufRead> Records<R> {
    fn new(log: R) -> Self {
        Self { log, line: Vec::with_capacity(LONGEST_LINE + 1), number: 0 }
    }

    /// The next record, or `None` after the last. It is valid until the next call, so that lines share one buffer.
    fn next(&mut self) -> io::Result<Option<Record<'_>>> {
        self.line.clear();
        let length = (&mut self.log).take(LONGEST_LINE as u64 + 1).read_until(b'\n', &mut self.line)?;
        if length == 0 {
            return Ok(None);
        }
        self.number += 1;
        let invalid = |what| io::Error::new(io::ErrorKind::InvalidData, format!("line {}: {what}", self.number));
        if length > LONGEST_LINE {
            return Err(invalid("too long"));
        }
        Record::parse(&self.line).map(Some).ok_or_else(|| invalid("not TIME LEVEL MILLISECONDS MESSAGE"))
    }
}

/// Running count, mean and variance: Welford, "Note on a Method for Calculating Corrected Sums of Squares and
/// Products", Technometrics 4 (3), 1962.
#[derive(Clone, Copy, Debug, Default)]
struct Running {
    count: u64,
    mean: f64,
    squares: f64,
}

impl Running {
    fn add(&mut self, value: f64) {
        self.count += 1;
        let before = value - self.mean;
        self.mean += before / self.count as f64;
        self.squares += before * (value - self.mean);
    }

    /// The standard deviation of the sample; 0 for fewer than two values.
    fn deviation(&self) -> f64 {
        if self.count < 2 { 0.0 } else { (self.squares / (self.count - 1) as f64).sqrt() }
    }
}

/// A record with the statistics of the records of its level so far, itself included.
#[derive(Serialize)]
struct Analysed<'line> {
    #[serde(flatten)]
    record: Record<'line>,
    count: u64,
    mean: f64,
    deviation: f64,
    /// More than three standard deviations from the mean of those before it.
    unusual: bool,
}

/// The second transform: records to analysed records.
#[derive(Default)]
struct Analysis {
    levels: [Running; Level::ALL.len()],
}

impl Analysis {
    fn add<'line>(&mut self, record: Record<'line>) -> Analysed<'line> {
        let running = &mut self.levels[record.level as usize];
        let unusual = running.count > 1 && (record.milliseconds - running.mean).abs() > 3.0 * running.deviation();
        running.add(record.milliseconds);
        Analysed { record, count: running.count, mean: running.mean, deviation: running.deviation(), unusual }
    }
}

/// Reads the encrypted `log` and writes its encrypted analysis. Returns the output, whole, and the statistics.
fn analyse<W: Write>(log: impl Read + Send, output: W, key_file: &KeyFile) -> Result<(W, Analysis), Box<dyn Error>> {
    let reader = Reader::open(log, key_file)?;
    let mut writer = Writer::create(output, &Lock::with_key_file(key_file), StreamOptions::default())?;
    let (mut records, mut analysis) = (Records::new(BufReader::new(reader)), Analysis::default());
    let mut lines = BufWriter::new(&mut writer);
    while let Some(record) = records.next()? {
        serde_json::to_writer(&mut lines, &analysis.add(record))?;
        lines.write_all(b"\n")?;
    }
    lines.flush()?;
    drop(lines);
    Ok((writer.finish()?, analysis))
}

/// Encrypts a made-up log of `lines` lines.
fn make_up<W: Write>(lines: u64, output: W, key_file: &KeyFile) -> io::Result<W> {
    let writer = Writer::create(output, &Lock::with_key_file(key_file), StreamOptions::default());
    let mut log = BufWriter::new(writer.map_err(io::Error::other)?);
    for number in 0..lines {
        let level = Level::ALL[(number % 7 % 4) as usize].name();
        let (minute, second) = (number / 60 % 60, number % 60);
        let milliseconds = if number % 1009 == 1008 { 900.0 } else { (number * 37 % 101) as f64 / 4.0 };
        writeln!(log, "2026-11-24T10:{minute:02}:{second:02}Z {level} {milliseconds} request {number}")?;
    }
    log.into_inner()?.finish()
}

fn run() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    let analysis = match arguments.as_slice() {
        [] => {
            let key_file = KeyFile::random()?;
            let mut log = make_up(1_000_000, tempfile::tempfile()?, &key_file)?;
            log.rewind()?;
            analyse(log, tempfile::tempfile()?, &key_file)?.1
        }
        [log, output, key_file] => {
            let key_file = KeyFile::parse(&fs::read(key_file)?)?;
            analyse(File::open(log)?, File::create_new(output)?, &key_file)?.1
        }
        _ => return Err("usage: log_analysis [LOG.reel ANALYSIS.reel KEY-FILE]".into()),
    };
    for (level, running) in Level::ALL.iter().zip(analysis.levels) {
        let (name, deviation) = (level.name(), running.deviation());
        println!(
            "{name:5} {:>8} records, {:.2} ms on average, standard deviation {deviation:.2}",
            running.count, running.mean
        );
    }
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("log_analysis: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use serde_json::{Value, json};

    use super::*;

    /// The allocator counts what all threads allocate, so only one test may run at a time.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

    fn encrypted(log: &[u8], key_file: &KeyFile) -> Vec<u8> {
        let lock = Lock::with_key_file(key_file);
        let mut writer = Writer::create(Vec::new(), &lock, StreamOptions::default()).unwrap();
        writer.write_all(log).unwrap();
        writer.finish().unwrap()
    }

    fn decrypted(stream: &[u8], key_file: &KeyFile) -> io::Result<String> {
        let mut text = String::new();
        let mut reader = Reader::open(stream, key_file).map_err(io::Error::other)?;
        reader.read_to_string(&mut text).map(|_| text)
    }

    #[test]
    fn each_record_is_written_with_the_statistics_of_its_level_so_far() {
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let key_file = KeyFile::random().unwrap();
        let log = "t1 INFO 2 one\nt2 WARN 7.5 slow disk\r\nt3 INFO 4 two\nt4 INFO 99 far";
        let (stream, _) = analyse(encrypted(log.as_bytes(), &key_file).as_slice(), Vec::new(), &key_file).unwrap();
        let lines: Vec<Value> =
            decrypted(&stream, &key_file).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let expected = |time, level, milliseconds: f64, message, count, mean: f64, deviation: f64, unusual| {
            json!({"time": time, "level": level, "milliseconds": milliseconds, "message": message,
                "count": count, "mean": mean, "deviation": deviation, "unusual": unusual})
        };
        // The sample 2, 4, 99 has the mean 35 and the variance (33² + 31² + 64²) / 2.
        let last = expected("t4", "INFO", 99.0, "far", 3, 35.0, 3073_f64.sqrt(), true);
        assert_eq!(
            lines,
            [
                expected("t1", "INFO", 2.0, "one", 1, 2.0, 0.0, false),
                expected("t2", "WARN", 7.5, "slow disk", 1, 7.5, 0.0, false),
                expected("t3", "INFO", 4.0, "two", 2, 3.0, 2_f64.sqrt(), false),
                last,
            ]
        );
    }

    #[test]
    fn a_million_lines_take_no_more_memory_than_ten_thousand() {
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let key_file = KeyFile::random().unwrap();
        let peak = |lines| {
            let mut log = make_up(lines, tempfile::tempfile().unwrap(), &key_file).unwrap();
            log.rewind().unwrap();
            let _profiler = dhat::Profiler::builder().testing().build();
            let (_, analysis) = analyse(log, tempfile::tempfile().unwrap(), &key_file).unwrap();
            assert_eq!(analysis.levels.iter().map(|running| running.count).sum::<u64>(), lines);
            dhat::HeapStats::get().max_bytes
        };
        let (few, many) = (peak(10_000), peak(1_000_000));
        assert!(many <= few + 4096, "{few} bytes for ten thousand lines, {many} for a million");
    }

    #[test]
    fn an_error_anywhere_ends_the_analysis_and_leaves_a_stream_that_every_reader_refuses() {
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let key_file = KeyFile::random().unwrap();
        let sound = b"t INFO 1 x\n".repeat(20_000);

        let mut damaged = encrypted(&sound, &key_file);
        let middle = damaged.len() / 2;
        damaged[middle] ^= 1;
        let mut unparsable = sound.clone();
        unparsable.extend_from_slice(b"t INFO fast x\n");
        let mut endless = sound.clone();
        endless.extend_from_slice(&vec![b'x'; LONGEST_LINE + 1]);

        for (log, reason) in [
            (damaged, "frame"),
            (encrypted(&unparsable, &key_file), "line 20001: not TIME LEVEL MILLISECONDS MESSAGE"),
            (encrypted(&endless, &key_file), "line 20001: too long"),
        ] {
            let mut output = Vec::new();
            let failure = analyse(log.as_slice(), &mut output, &key_file).err().unwrap().to_string();
            assert!(failure.contains(reason), "{failure}");
            assert!(!output.is_empty());
            assert_eq!(decrypted(&output, &key_file).unwrap_err().kind(), io::ErrorKind::InvalidData);
        }

        let full = File::options().write(true).open("/dev/full").unwrap();
        let failure = analyse(encrypted(&sound, &key_file).as_slice(), full, &key_file).err().unwrap();
        assert!(failure.to_string().contains("No space left"), "{failure}");
    }
}
