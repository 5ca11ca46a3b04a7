use std::{
    error::Error,
    ffi::OsStr,
    fs::{self, File},
    io::Write,
    path::Path,
    sync::{
        Arc, Mutex,
        mpsc::{RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Duration,
};

use fuser::INodeNo;

use super::{
    buffers::Buffers,
    content::{Content, LARGE},
    inodes::{Caching, Inodes},
    open_file::OpenFile,
    read_ahead::{Ahead, Decryptors},
    shown::Shown,
};
use crate::{
    keys::Lock,
    share::tree::{
        Generated, Listing, Node, ROOT, SharedStream, Tree, Unlock,
        testing::{key_file, plaintext, stream},
    },
    stream::{DescriptorInput, OpenedStream, StreamHeader, StreamOptions, Writer},
};

const FRAME: usize = 64 << 10;
const WIRE: usize = FRAME + 64;
const HEADER: usize = 8192;

/// Opens once nobody holds the gate; reports when it has got there.
struct Gated(Arc<Mutex<()>>, Sender<()>);

impl Unlock for Gated {
    fn unlock(
        &self,
        path: &Path,
        header: StreamHeader<DescriptorInput<File>>,
    ) -> Result<OpenedStream, Arc<dyn Error + Send + Sync>> {
        self.1.send(()).unwrap();
        let _gate = self.0.lock().unwrap();
        key_file(4).unlock(path, header)
    }
}

/// A stream at several points in time, with this many frames at each; with the last number it is whole.
fn growing<const TIMES: usize>(frames: &[usize; TIMES]) -> [Arc<SharedStream>; TIMES] {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.reel");
    let lock = Lock::with_key_file(&key_file(4));
    let mut writer = Writer::create(Vec::new(), &lock, StreamOptions::default()).unwrap();
    writer.write_all(&plaintext(frames[TIMES - 1] * FRAME - 100)).unwrap();
    let bytes = writer.finish().unwrap();
    fs::write(&path, &bytes[..HEADER + frames[0] * WIRE]).unwrap();
    let tree = Tree::new(std::slice::from_ref(&path), Generated::default(), Box::new(key_file(4)), |_| {}).unwrap();
    let listing = tree.listing();
    frames.map(|frames| {
        fs::write(&path, &bytes[..bytes.len().min(HEADER + frames * WIRE)]).unwrap();
        tree.open(listing.files()[0].file().unwrap()).unwrap()
    })
}

fn content(stream: Arc<SharedStream>) -> Content {
    Content::new(stream, true, Arc::<Buffers>::default())
}

#[test]
fn different_content_gets_a_different_number_and_the_same_content_keeps_its_number() {
    const NODE: u64 = 5;
    let (first, second) = (stream(100, true), stream(90, true));
    let inodes = Inodes::default();
    assert_eq!(inodes.last_shown(NODE), (INodeNo(NODE), None));
    assert_eq!(inodes.opened(NODE, &first, 100), Caching::Begin);
    assert_eq!(inodes.opened(NODE, &first, 100), Caching::Keep);
    assert_eq!(inodes.seen(NODE, &first, 100), (INodeNo(NODE), 100));
    assert_eq!(inodes.node(INodeNo(NODE)), Some(NODE));
    assert_eq!(inodes.opened(NODE, &second, 90), Caching::Replaced, "what is cached is not of this content");
    let number = inodes.number(NODE);
    assert_eq!((inodes.node(INodeNo(NODE)), inodes.node(number)), (None, Some(NODE)), "the old number is stale");
    assert_eq!(inodes.opened(NODE, &second, 90), Caching::Begin);
    assert_eq!(inodes.last_shown(NODE), (number, Some(90)));
    let (replaced, size) = inodes.seen(NODE, &first, 100);
    assert!(replaced != number && size == 100, "the size of one content is never shown under the number of another");
    inodes.opened(NODE, &first, 100);
    assert_ne!(inodes.gone(NODE), replaced, "so it is once the content is gone");
}

#[test]
fn a_stream_without_its_end_is_not_cached_and_keeps_its_number_while_it_grows() {
    const NODE: u64 = 1;
    let [short, long, whole] = growing(&[1, 3, 4]);
    let other = stream(3 * FRAME + 100, false);
    assert_eq!(long.len(), 3 * FRAME as u64);
    let inodes = Inodes::default();
    for _ in 0..2 {
        assert_eq!(inodes.opened(NODE, &short, 11), Caching::Nothing);
    }
    assert_eq!(inodes.seen(NODE, &long, 33), (INodeNo(NODE), 33));
    assert_eq!(inodes.seen(NODE, &short, 11), (INodeNo(NODE), 33), "who was late cuts nobody off");
    assert_eq!(inodes.opened(NODE, &short, 11), Caching::Nothing);
    assert_eq!(inodes.opened(NODE, &whole, 40), Caching::Begin);
    assert_eq!(inodes.seen(NODE, &long, 33), (INodeNo(NODE), 40));
    assert_eq!(inodes.opened(NODE, &whole, 40), Caching::Keep);
    assert_eq!(inodes.opened(NODE, &other, 33), Caching::Replaced);
    assert_eq!(inodes.opened(NODE, &other, 33), Caching::Nothing);
    assert_eq!(inodes.opened(NODE, &short, 33), Caching::Replaced, "pages of it may be mapped");
}

#[test]
fn what_the_system_caches_is_all_there_or_an_error() {
    let unfinished = Content::new(stream(3 * FRAME + 100, false), false, Arc::<Buffers>::default());
    let end = 3 * FRAME as u64;
    for size in [4096, LARGE, 2 * LARGE] {
        let from = end - 100;
        assert_eq!(unfinished.read(from, size, false).unwrap().as_ref().len(), 100, "{size}");
        assert!(unfinished.read(from, size, true).is_err(), "{size}");
        assert_eq!(unfinished.read(end - size as u64, size, true).unwrap().as_ref().len(), size);
    }
    let whole = content(stream(3 * FRAME + 100, true));
    assert_eq!(whole.read(end, LARGE, true).unwrap().as_ref().len(), 100);
}

/// Writes a stream of `length` bytes over the file at `path`, as another file.
fn replace(path: &Path, length: usize, live: bool) {
    let lock = Lock::with_key_file(&key_file(4));
    let new = path.with_extension("new");
    let options = StreamOptions { live, ..StreamOptions::default() };
    let mut writer = Writer::create(File::create(&new).unwrap(), &lock, options).unwrap();
    writer.write_all(&plaintext(length)).unwrap();
    writer.finish().unwrap();
    fs::rename(new, path).unwrap();
}

#[test]
fn while_a_file_is_being_opened_its_number_is_not_shown_with_the_size_of_other_content() {
    const LENGTH: usize = 3 * FRAME + 100;
    let folder = tempfile::tempdir().unwrap();
    for live in [false, true] {
        let path = folder.path().join("film.reel");
        replace(&path, LENGTH, live);
        let ((entered, entries), gate) = (channel(), Arc::<Mutex<()>>::default());
        let unlock = Gated(Arc::clone(&gate), entered);
        let tree =
            Arc::new(Tree::new(&[folder.path().to_owned()], Generated::default(), Box::new(unlock), |_| {}).unwrap());
        let shown = Shown::new(Arc::clone(&tree));
        let listing = tree.listing();
        let node = listing.files()[0];
        let unopened = shown.attributes_at_once(node);
        assert_eq!(
            (unopened.0.size, unopened.1 == Duration::ZERO),
            if live { (0, true) } else { (LENGTH as u64, false) }
        );
        let stream = tree.open(node.file().unwrap()).unwrap();
        shown.inodes.opened(node.id, &stream, LENGTH as u64);
        entries.recv().unwrap();
        let number = shown.attributes(node).unwrap().ino;

        let closed = gate.lock().unwrap();
        replace(&path, FRAME, live);
        let listing = fresh(&tree, |now| now.is_some_and(|now| now.attributes != node.attributes));
        let node = listing.files()[0];
        thread::scope(|scope| {
            let (answered, answers) = channel();
            for count in 0..2 {
                let (shown, answered) = (&shown, answered.clone());
                scope.spawn(move || answered.send(shown.attributes(node).unwrap()).unwrap());
                if count == 0 {
                    entries.recv().unwrap();
                }
            }
            // A program that only lists the folder does not wait.
            let (listed, valid) = shown.attributes_at_once(node);
            assert_eq!((listed.ino, listed.size, valid), (number, LENGTH as u64, Duration::ZERO));
            assert_eq!(answers.recv_timeout(Duration::from_millis(200)).unwrap_err(), RecvTimeoutError::Timeout);
            drop(closed);
            for attributes in answers.iter().take(2) {
                assert!(attributes.ino != number && attributes.size == FRAME as u64, "{attributes:?}");
            }
        });
    }
}

#[test]
fn a_file_that_was_removed_and_comes_back_different_has_a_different_number() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.reel");
    replace(&path, 3 * FRAME, false);
    let tree =
        Arc::new(Tree::new(&[folder.path().to_owned()], Generated::default(), Box::new(key_file(4)), |_| {}).unwrap());
    let shown = Shown::new(Arc::clone(&tree));
    let listing = tree.listing();
    let node = listing.files()[0];
    let stream = tree.open(node.file().unwrap()).unwrap();
    shown.inodes.opened(node.id, &stream, 3 * FRAME as u64);
    let number = shown.attributes(node).unwrap().ino;
    fs::rename(&path, folder.path().join("away")).unwrap();
    fresh(&tree, |node| node.is_none());
    replace(&path, FRAME, false);
    let listing = fresh(&tree, |node| node.is_some());
    let back = listing.node(node.id).unwrap();
    let (listed, valid) = shown.attributes_at_once(back);
    assert_eq!(
        (listed.ino, listed.size, valid),
        (number, 3 * FRAME as u64, Duration::ZERO),
        "nobody has opened it yet"
    );
    let attributes = shown.attributes(back).unwrap();
    assert!(attributes.ino != number && attributes.size == FRAME as u64, "{attributes:?}");
}

/// Returns the first listing in which the film is as it `should` be.
fn fresh(tree: &Tree, should: impl Fn(Option<&Node>) -> bool) -> Arc<Listing> {
    loop {
        let listing = tree.fresh_listing();
        if should(listing.child(ROOT, OsStr::new("film"))) {
            return listing;
        }
        thread::yield_now();
    }
}

#[test]
fn reads_in_order_are_right_to_the_end_and_after_a_few_are_answered_from_what_was_read_ahead() {
    const LENGTH: usize = 20 * FRAME + 100;
    let (stream, expected) = (stream(LENGTH, true), plaintext(LENGTH));
    let decryptors = Decryptors::start().unwrap();
    let ahead = Arc::new(Ahead::of(content(Arc::clone(&stream))));
    let (mut read, mut from_ahead) = (Vec::new(), 0);
    while read.len() < LENGTH {
        let offset = read.len() as u64;
        let answer = ahead.take(offset, LARGE, &decryptors);
        from_ahead += usize::from(answer.is_some());
        read.extend_from_slice(answer.unwrap_or_else(|| ahead.content().read(offset, LARGE, true)).unwrap().as_ref());
        // A program that does something with what it has read leaves time to read ahead.
        ahead.wait_for_all();
    }
    assert!(read == expected);
    assert!(from_ahead > 15, "{from_ahead} of 21");
}

#[test]
fn reads_out_of_order_are_right_and_nothing_is_read_ahead_of_them() {
    const FRAMES: usize = 64;
    let (stream, expected) = (stream(FRAMES * FRAME, true), plaintext(FRAMES * FRAME));
    let decryptors = Decryptors::start().unwrap();
    let file = OpenFile::new(content(Arc::clone(&stream)));
    let ahead = Arc::new(Ahead::of(content(stream)));
    for number in 0..FRAMES {
        let offset = number * 27 % FRAMES * FRAME;
        assert!(ahead.take(offset as u64, LARGE, &decryptors).is_none(), "{offset}");
        let answer = file.read(offset as u64, LARGE, true, &decryptors).unwrap();
        assert!(answer.as_ref() == &expected[offset..offset + LARGE], "{offset}");
    }
}
