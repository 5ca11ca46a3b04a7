use std::{
    error::Error,
    fs::{self, File},
    os::unix::fs::{FileExt, symlink},
    path::Path,
    sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::SystemTime,
};

use rustix::io::Errno;

use super::{
    memory::CachesFrames,
    testing::{key_file, plaintext},
    *,
};
use crate::{
    container::{Features, FrameSize, FrameTag, Layout, TagFlags},
    keys::{KeyFile, Lock, NewStream},
    stage::{Chain, Frame, FrameBuffer},
    stream::{DescriptorInput, OpenedStream, StreamHeader},
};

const SIZE: FrameSize = FrameSize::MIN;
const PAYLOAD: usize = SIZE.payload();

/// Opens with one key file, and counts how often.
struct Unlocking(Arc<AtomicUsize>, KeyFile);

impl Unlock for Unlocking {
    fn unlock(
        &self,
        path: &Path,
        header: StreamHeader<DescriptorInput<File>>,
    ) -> Result<OpenedStream, Arc<dyn Error + Send + Sync>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        self.1.unlock(path, header)
    }
}

fn new_stream(features: Features, key: u8) -> NewStream {
    Lock::with_key_file(&key_file(key)).new_stream(Layout { frame_size: SIZE, ..Layout::default() }, features).unwrap()
}

/// The stream that holds `plaintext`, in frames of `payload` bytes.
fn sealed(stream: &NewStream, plaintext: &[u8], payload: usize) -> Vec<u8> {
    let chain = Chain::new(&stream.keys, &stream.header.prefix);
    let mut bytes = stream.keys.seal_header(&stream.header).unwrap();
    let mut chunks: Vec<_> = plaintext.chunks(payload).collect();
    if chunks.last().is_none_or(|last| last.len() == PAYLOAD) {
        chunks.push(&[]);
    }
    let (mut offset, count) = (0, chunks.len());
    for (index, chunk) in chunks.into_iter().enumerate() {
        let mut buffer = FrameBuffer::new(SIZE);
        buffer.payload_area()[..chunk.len()].copy_from_slice(chunk);
        let flags = if index + 1 == count { TagFlags::FINAL } else { TagFlags::NONE };
        let tag = FrameTag { index: index as u64, time: 0, offset, length: chunk.len() as u32, flags };
        bytes.extend(chain.seal(Frame::clear(buffer, tag)).wire());
        offset += chunk.len() as u64;
    }
    bytes
}

fn plain(length: usize) -> Vec<u8> {
    sealed(&new_stream(Features::NONE, 4), &plaintext(length), PAYLOAD)
}

struct Shared {
    tree: Tree,
    unlocked: Arc<AtomicUsize>,
    events: Arc<Mutex<Vec<String>>>,
}

fn share(paths: &[&Path]) -> Shared {
    share_with(paths, key_file(4))
}

fn share_with(paths: &[&Path], key_file: KeyFile) -> Shared {
    let (unlocked, events) = (Arc::<AtomicUsize>::default(), Arc::<Mutex<Vec<String>>>::default());
    let unlocking = Unlocking(Arc::clone(&unlocked), key_file);
    let log = Arc::clone(&events);
    let listener = move |event: Event<'_>| {
        let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
        log.lock().unwrap().push(match event {
            Event::NotOpened { path, failure } => format!("{} not opened: {failure}", name(path)),
            Event::Unfinished { path, length } => format!("{} unfinished: {length}", name(path)),
            Event::BrokenChain { path, why } => format!("{} broken: {why}", name(path)),
            Event::Damaged { path, error, .. } => format!("{} damaged: {error}", name(path)),
        });
    };
    let paths: Vec<_> = paths.iter().map(|path| path.to_path_buf()).collect();
    Shared { tree: Tree::new(&paths, Generated::default(), Box::new(unlocking), listener).unwrap(), unlocked, events }
}

impl Shared {
    fn open(&self, name: &str) -> Result<Arc<SharedStream>, Arc<OpenFailure>> {
        let listing = self.tree.listing();
        let node = listing.find(Path::new(name).iter()).unwrap_or_else(|| panic!("{name} in {:?}", names(&listing)));
        self.tree.open(node.file().unwrap())
    }

    fn events(&self) -> Vec<String> {
        std::mem::take(&mut self.events.lock().unwrap())
    }

    fn unlocked(&self) -> usize {
        self.unlocked.load(Ordering::Relaxed)
    }
}

fn names(listing: &Listing) -> Vec<String> {
    let path = |node: &Node| listing.names_to(node.id).join("/".as_ref()).into_string().unwrap();
    listing.files().into_iter().map(path).collect()
}

fn read_all(stream: &SharedStream) -> Result<Vec<u8>, ReadFailure> {
    let (mut bytes, mut area) = (Vec::new(), [0; 1000]);
    loop {
        match stream.read_at(&mut area, bytes.len() as u64)? {
            0 => return Ok(bytes),
            read => bytes.extend(&area[..read]),
        }
    }
}

#[test]
fn a_tree_lists_streams_by_their_names_and_lengths_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir_all(root.join("day/empty")).unwrap();
    fs::write(root.join("film.mp4.reel"), plain(10_000)).unwrap();
    fs::write(root.join("day/clip.reel"), plain(0)).unwrap();
    fs::write(root.join("day/live.ts.reel"), sealed(&new_stream(Features::LIVE, 4), &plaintext(300), 100)).unwrap();
    fs::write(root.join("broken.reel"), b"").unwrap();
    fs::write(root.join("notes.txt"), b"plain").unwrap();
    symlink("/etc/passwd", root.join("passwd.reel")).unwrap();
    symlink("film.mp4.reel", root.join("alias.reel")).unwrap();
    symlink("..", root.join("day/up")).unwrap();
    let shared = share(&[root]);
    // The listed files need not be there any more: nothing is opened.
    let kept = root.with_extension("kept");
    fs::rename(root, &kept).unwrap();
    let listing = shared.tree.listing();
    assert_eq!(names(&listing), ["broken", "film.mp4", "day/clip", "day/live.ts"].map(|name| name.to_owned()));
    let claimed = |name: &str| listing.find(Path::new(name).iter()).unwrap().file().unwrap().claimed;
    assert_eq!(["film.mp4", "day/clip", "day/live.ts"].map(claimed), [Some(10_000), Some(0), None]);
    assert!(listing.find(Path::new("day/../film.mp4").iter()).is_none());
    assert_eq!(shared.unlocked(), 0);
    fs::rename(&kept, root).unwrap();
    assert_eq!(shared.open("day/live.ts").unwrap().len(), 300);
    assert!(matches!(*shared.open("broken").unwrap_err(), OpenFailure::Header(_)));
}

#[test]
fn several_paths_are_each_under_their_last_name_and_nodes_keep_their_ids() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    for place in [&one, &other] {
        fs::create_dir(place).unwrap();
        fs::write(place.join("a.mp4.reel"), plain(5)).unwrap();
    }
    let shared = share(&[&one, &one.join("a.mp4.reel"), &other.join("a.mp4.reel")]);
    let before = shared.tree.listing();
    assert_eq!(names(&before), ["a.mp4", "a.mp4.reel", "one/a.mp4"].map(|name| name.to_owned()));
    fs::write(one.join("B.reel"), plain(6)).unwrap();
    shared.tree.scanner.lock().unwrap().1 -= FRESH;
    let after = shared.tree.fresh_listing();
    assert_eq!(names(&after), ["a.mp4", "a.mp4.reel", "one/B", "one/a.mp4"].map(|name| name.to_owned()));
    let id = |listing: &Listing| listing.find(Path::new("one/a.mp4").iter()).unwrap().id;
    assert_eq!(id(&before), id(&after));
    assert!(matches!(
        Tree::new(
            &[folder.path().join("none")],
            Generated::default(),
            Box::new(Unlocking(Arc::default(), key_file(4))),
            |_| ()
        ),
        Err(TreeError::Open { .. })
    ));
}

#[test]
fn a_stream_is_opened_once_for_a_hundred_callers_and_a_failure_is_remembered_until_the_file_changes() {
    let folder = tempfile::tempdir().unwrap();
    let (sound, locked) = (folder.path().join("sound.reel"), folder.path().join("locked.reel"));
    fs::write(&sound, plain(10_000)).unwrap();
    fs::write(&locked, sealed(&new_stream(Features::NONE, 5), b"other", PAYLOAD)).unwrap();
    let shared = share(&[folder.path()]);
    let start = Barrier::new(100);
    thread::scope(|scope| {
        for number in 0..100 {
            let (shared, start) = (&shared, &start);
            scope.spawn(move || {
                start.wait();
                match number % 2 {
                    0 => assert_eq!(read_all(&shared.open("sound").unwrap()).unwrap(), plaintext(10_000)),
                    _ => assert_eq!(shared.open("locked").unwrap_err().errno(), Errno::ACCESS),
                }
            });
        }
    });
    assert_eq!(shared.unlocked(), 2);
    assert_eq!(shared.events(), ["locked.reel not opened: wrong key file"]);
    fs::write(&locked, plain(7)).unwrap();
    assert_eq!(shared.open("locked").unwrap().len(), 7);
}

#[test]
fn a_new_header_keeps_the_stream_and_its_etag_and_another_stream_has_another_etag() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.reel");
    let mut stream = new_stream(Features::NONE, 4);
    fs::write(&path, sealed(&stream, &plaintext(9000), PAYLOAD)).unwrap();
    let shared = share(&[&path]);
    let first = shared.open("film").unwrap();
    assert!(Arc::ptr_eq(&first, &shared.open("film").unwrap()));
    // The key file no longer opens it.
    stream.header.generation += 1;
    stream.header.records.clear();
    let file = File::options().write(true).open(&path).unwrap();
    file.write_all_at(&stream.keys.seal_header(&stream.header).unwrap(), 0).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    let second = shared.open("film").unwrap();
    assert!(!Arc::ptr_eq(&first, &second) && first.etag() == second.etag() && first.etag().len() == 32);
    assert_eq!((read_all(&second).unwrap(), shared.unlocked()), (plaintext(9000), 1));
    fs::write(&path, plain(9000)).unwrap();
    let third = shared.open("film").unwrap();
    assert_ne!(third.etag(), first.etag());
    // Readers who opened it before are not given bytes of another stream.
    assert!(read_all(&first).is_err());
}

#[test]
fn all_sound_bytes_of_an_unfinished_stream_are_there_and_its_end_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.reel");
    let whole = plain(4 * PAYLOAD + 10);
    let frames_start = Layout::default().frames_start() as usize;
    fs::write(&path, &whole[..frames_start + 3 * SIZE.wire() + 50]).unwrap();
    let shared = share(&[&path]);
    let stream = shared.open("film").unwrap();
    assert_eq!((stream.len(), stream.end()), (3 * PAYLOAD as u64, End::Unfinished));
    let mut area = [0; 100];
    assert_eq!(stream.read_at(&mut area, stream.len() - 60).unwrap(), 60);
    assert_eq!(stream.read_at(&mut area, stream.len()).unwrap_err().errno(), Errno::IO);
    assert!(stream.piece_at(stream.len(), 1).is_err());
    assert_eq!(shared.events(), ["film.reel unfinished: 12288"]);
    let etag = stream.etag().to_owned();
    fs::write(&path, &whole).unwrap();
    let stream = shared.open("film").unwrap();
    assert_eq!((read_all(&stream).unwrap(), shared.unlocked()), (plaintext(4 * PAYLOAD + 10), 1));
    assert_ne!(stream.etag(), etag);
}

#[test]
fn a_damaged_frame_is_an_error_where_it_is_and_is_reported_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.reel");
    let mut bytes = plain(5 * PAYLOAD);
    bytes[Layout::default().frames_start() as usize + 2 * SIZE.wire() + 77] ^= 1;
    fs::write(&path, bytes).unwrap();
    let shared = share(&[&path]);
    let stream = shared.open("film").unwrap();
    let mut area = vec![0; 3 * PAYLOAD];
    for _ in 0..2 {
        assert_eq!(stream.read_at(&mut area, 0).unwrap(), 2 * PAYLOAD);
        let failure = stream.read_at(&mut area, 2 * PAYLOAD as u64).unwrap_err();
        assert_eq!((failure.errno(), failure.frame(), failure.path), (Errno::IO, Some(2), path.clone()));
        assert!(stream.piece_at(2 * PAYLOAD as u64 + 100, 5).is_err());
        assert_eq!(stream.read_at(&mut area, 3 * PAYLOAD as u64).unwrap(), 2 * PAYLOAD);
    }
    assert_eq!(shared.events().len(), 1);
    assert_eq!(stream.damaged_frames(), 1);
}

#[test]
fn a_source_that_is_gone_or_was_replaced_by_a_link_is_stale() {
    let folder = tempfile::tempdir().unwrap();
    let (path, other) = (folder.path().join("film.reel"), folder.path().join("other.reel"));
    for path in [&path, &other] {
        fs::write(path, plain(5000)).unwrap();
    }
    let shared = share(&[folder.path()]);
    shared.open("film").unwrap();
    fs::remove_file(&path).unwrap();
    assert_eq!(shared.open("film").unwrap_err().errno(), Errno::STALE);
    symlink(&other, &path).unwrap();
    assert_eq!(shared.open("film").unwrap_err().errno(), Errno::STALE);
    fs::remove_file(&path).unwrap();
    fs::write(&path, plain(6000)).unwrap();
    assert_eq!(shared.open("film").unwrap().len(), 6000);
}

#[test]
fn pieces_are_the_plaintext_of_every_kind_of_frame() {
    let folder = tempfile::tempdir().unwrap();
    let large = {
        let layout = Layout { frame_size: FrameSize::from_log2(20).unwrap(), ..Layout::default() };
        let options = crate::stream::StreamOptions { frame_size: layout.frame_size, ..Default::default() };
        let lock = Lock::with_key_file(&key_file(4));
        let mut writer = crate::stream::Writer::create(Vec::new(), &lock, options).unwrap();
        std::io::Write::write_all(&mut writer, &plaintext(2_500_000)).unwrap();
        writer.finish().unwrap()
    };
    let live = sealed(&new_stream(Features::LIVE, 4), &plaintext(30_000), 1000);
    for (name, bytes, length) in [("plain", plain(50_000), 50_000), ("live", live, 30_000), ("large", large, 2_500_000)]
    {
        fs::write(folder.path().join(name).with_extension("reel"), bytes).unwrap();
        let shared = share(&[folder.path()]);
        let stream = shared.open(name).unwrap();
        for (from, until) in [(0, length), (1, 2), (4095, 4097), (length - 1, length), (12_345, length - 777)] {
            let mut read = Vec::new();
            while (from + read.len()) < until {
                let (offset, left) = ((from + read.len()) as u64, (until - from - read.len()) as u64);
                read.extend_from_slice(stream.piece_at(offset, left).unwrap().unwrap().as_ref());
            }
            assert!(read == plaintext(length)[from..until], "{name}, {from} to {until}");
        }
        assert!(stream.piece_at(length as u64, 9).unwrap().is_none());
    }
}

#[test]
fn only_what_is_new_in_a_growing_recording_is_opened() {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/recording");
    let folder = tempfile::tempdir().unwrap();
    let add = |name: &str| {
        let place = folder.path().join(name).with_extension("reel");
        fs::copy(vectors.join(name).with_extension("reel"), place).unwrap();
    };
    add("first");
    let shared = share(&[folder.path()]);
    for (count, (added, length)) in [("second", 8392), ("third", 12_588)].into_iter().enumerate() {
        shared.open("first").unwrap();
        assert_eq!(shared.unlocked(), count + 1);
        add(added);
        shared.tree.scanner.lock().unwrap().1 -= FRESH;
        shared.tree.fresh_listing();
        assert_eq!(shared.open("first").unwrap().len(), length);
        assert_eq!(shared.unlocked(), count + 2);
    }
}

#[test]
fn a_recording_is_one_file_as_far_as_its_segments_are_one_chain() {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/recording");
    let folder = tempfile::tempdir().unwrap();
    // The names of the files, which are copied in this order, and the expected listing, length, end and number of
    // events.
    type Case<'a> = (&'a [&'a str], &'a [&'a str], u64, End, usize);
    let cases: [Case<'_>; 6] = [
        (&["first", "second", "third"], &["1"], 12_588, End::Whole, 0),
        (&["second", "third"], &["1"], 8392, End::Whole, 0),
        (&["first", "second"], &["1"], 8392, End::Continued, 0),
        (&["first", "third"], &["1", "2"], 4196, End::Continued, 0),
        (&["first", "second-unfinished", "third-after-unfinished"], &["1"], 12_588, End::Whole, 0),
        (&["first", "forged-second"], &["1"], 4196, End::Broken(crate::record::chain::Break::NotLinked), 1),
    ];
    for (segments, listed, length, end, events) in cases {
        let place = folder.path().join(segments.join("-"));
        fs::create_dir(&place).unwrap();
        for (number, segment) in (1..).zip(segments) {
            fs::copy(vectors.join(segment).with_extension("reel"), place.join(format!("{number}.reel"))).unwrap();
        }
        let shared = share_with(&[&place], key_file(4));
        assert_eq!(names(&shared.tree.listing()), listed, "{segments:?}");
        let stream = shared.open("1").unwrap();
        assert_eq!((stream.len(), stream.end()), (length, end), "{segments:?}");
        assert_eq!(shared.events().len(), events, "{segments:?}");
        let mut area = vec![0; length as usize];
        assert_eq!(stream.read_at(&mut area, 0).unwrap() as u64, length, "{segments:?}");
        assert_eq!(stream.read_at(&mut area, length).is_ok(), stream.is_whole(), "{segments:?}");
        assert_eq!(stream.pieces(false).iter().map(|(range, _)| range.end - range.start).sum::<u64>(), length);
    }
}

#[test]
fn damage_a_missing_end_and_a_file_that_was_replaced_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.reel");
    let whole = plain(5 * PAYLOAD);
    let mut damaged = whole.clone();
    let place = damaged.len() - 3 * SIZE.wire();
    damaged[place] ^= 1;
    let cut = whole[..whole.len() - 2 * SIZE.wire()].to_vec();
    let other = plain(5 * PAYLOAD);
    let cases = [
        (&damaged, &damaged, vec![Loss::Damage]),
        (&cut, &cut, vec![Loss::MissingEnd]),
        (&whole, &other, vec![Loss::Replaced]),
        (&whole, &whole, vec![]),
    ];
    for (opened, read, expected) in cases {
        fs::write(&path, opened).unwrap();
        let shared = share(&[&path]);
        let stream = shared.open("film").unwrap();
        fs::write(&path, read).unwrap();
        stream.forget_frames();
        assert_eq!(read_all(&stream).is_ok(), expected.is_empty(), "{expected:?}");
        let kinds = [Loss::Damage, Loss::Unreadable, Loss::Replaced, Loss::MissingEnd];
        let met: Vec<_> = kinds.into_iter().filter(|loss| shared.tree.losses().has(*loss)).collect();
        assert_eq!(met, expected);
        assert_eq!(stream.damaged_frames(), usize::from(expected == [Loss::Damage]));
    }
}
