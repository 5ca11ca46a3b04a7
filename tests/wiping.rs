//! Plaintext is wiped from memory along with the frame that held it.
//!
//! The test starts itself as a second process, which reads a stream at several offsets, and searches that process's
//! memory. That process holds each marker only in the frames that it decrypts.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::{
    collections::{BTreeSet, HashMap},
    env, fs,
    io::{self, BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
};

use reelseal::{
    container::{Features, FrameSize, FrameTag, Header, HeaderLength, IV_LENGTH, Layout, Prefix, Slot, TagFlags},
    keys::{Key, KeyFile, StageKeys, new_key_file_slot},
    stage::{Chain, Frame, FrameBuffer},
    stream::{ReadAt, SealedFile, StreamError},
};

/// The stream that the other process reads.
const STREAM: &str = "REELSEAL_TEST_STREAM";
const SIZE: FrameSize = FrameSize::MIN;
const FRAMES: u64 = 200;
/// This frame is refused after it has been decrypted.
const UNKNOWN_FLAG: u64 = 150;

fn key_file() -> KeyFile {
    KeyFile::from_key(Key::from_bytes([4; 32]))
}

/// A marker that only the plaintext of frame `index` contains.
fn marker(index: u64) -> Vec<u8> {
    blake3::hash(&index.to_le_bytes()).as_bytes().to_vec()
}

/// A live stream with a marker in each frame, far enough from the edges that an allocator does not overwrite it.
fn stream() -> Vec<u8> {
    let file_key = Key::from_bytes([9; 32]);
    let slot = Slot::KeyFile(new_key_file_slot(&file_key, &key_file(), [3; 32]));
    let prefix = Prefix { frame_size: SIZE, features: Features::LIVE, iv: [7; IV_LENGTH] };
    let header = Header { prefix, length: HeaderLength::MIN, generation: 1, records: vec![(&slot).into()] };
    let keys = StageKeys::derive(&file_key, &prefix);
    let chain = Chain::new(&keys, &prefix);
    let mut stream = keys.seal_header(&header).unwrap();
    for index in 0..FRAMES {
        let mut buffer = FrameBuffer::new(SIZE);
        let length = 3000;
        buffer.payload_area()[2500..2532].copy_from_slice(&marker(index));
        let flags = match index {
            UNKNOWN_FLAG => TagFlags::from_bits(1 << 2),
            _ if index + 1 == FRAMES => TagFlags::FINAL,
            _ => TagFlags::NONE,
        };
        let tag = FrameTag { index, time: 0, offset: index * length, length: length as u32, flags };
        stream.extend(chain.seal(Frame::clear(buffer, tag)).wire());
    }
    stream
}

/// A source that delivers only half of each frame while it fails.
struct Failing<'a>(&'a [u8], AtomicBool);

impl ReadAt for Failing<'_> {
    fn read_at(&self, area: &mut [u8], position: u64) -> io::Result<usize> {
        let fails = self.1.load(Ordering::SeqCst);
        if fails && area.len() < SIZE.wire() {
            return Err(io::Error::from_raw_os_error(5));
        }
        let half = area.len() / 2;
        self.0.read_at(if fails { &mut area[..half] } else { area }, position)
    }

    fn size(&self) -> io::Result<u64> {
        self.0.size()
    }
}

/// Announces that this process is at `step`, and waits until its memory has been searched.
fn pause(step: &str) {
    println!("\nat: {step}");
    io::stdout().flush().unwrap();
    io::stdin().lock().read_line(&mut String::new()).unwrap();
}

/// The work of the other process.
fn read_at_places(path: &Path) {
    let stream = fs::read(path).unwrap();
    let source = Failing(&stream, AtomicBool::new(false));
    let open = || SealedFile::open(&source, key_file()).unwrap();

    let file = open();
    pause("opened");
    let held = file.frame(0).unwrap();
    for index in 1..100 {
        file.frame(index).unwrap();
    }
    pause("read 100 frames, the first one held");
    drop(held);
    pause("the first one dropped");
    for index in 0..30 {
        source.1.store(true, Ordering::SeqCst);
        assert!(matches!(file.frame(index), Err(StreamError::ReadFrame { .. })));
        source.1.store(false, Ordering::SeqCst);
        file.frame(100 + index).unwrap();
    }
    pause("30 reads failed halfway, and 30 more did not");
    assert!(matches!(file.frame(UNKNOWN_FLAG), Err(StreamError::Frame { index: UNKNOWN_FLAG, .. })));
    pause("one was refused");
    file.frame(FRAMES - 1).unwrap();
    drop(file);
    pause("dropped");

    let cut = &stream[..Layout { frame_size: SIZE, header_length: HeaderLength::MIN }.frame_position(140) as usize + 9];
    let file = SealedFile::open_unfinished(cut, key_file()).unwrap();
    assert_eq!(file.frames(), 140);
    pause("opened unfinished");
}

#[test]
fn frames_that_are_evicted_refused_or_dropped_are_wiped() {
    if let Some(path) = env::var_os(STREAM) {
        return read_at_places(Path::new(&path));
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), stream()).unwrap();
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "frames_that_are_evicted_refused_or_dropped_are_wiped", "--nocapture"])
        .env(STREAM, file.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let process = child.id();
    let (mut to_child, from_child) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    let mut steps = from_child.lines().filter_map(|line| line.unwrap().strip_prefix("at: ").map(str::to_owned));
    let markers: HashMap<_, _> = (0..FRAMES).map(|index| (marker(index), index)).collect();
    let mut expect = |step: &str, frames: &[u64]| {
        assert_eq!(steps.next().as_deref(), Some(step));
        let memory = support::memory_of(process);
        let windows = memory.iter().flat_map(|piece| piece.windows(32));
        let found: BTreeSet<_> = windows.filter_map(|window| markers.get(window).copied()).collect();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), frames, "{step}");
        writeln!(to_child).unwrap();
    };
    expect("opened", &[]);
    let kept: Vec<_> = (36..100).collect();
    expect("read 100 frames, the first one held", &[&[0], kept.as_slice()].concat());
    expect("the first one dropped", &kept);
    expect("30 reads failed halfway, and 30 more did not", &(66..130).collect::<Vec<_>>());
    expect("one was refused", &(67..130).collect::<Vec<_>>());
    expect("dropped", &[]);
    expect("opened unfinished", &[]);
    assert!(child.wait().unwrap().success());
}
