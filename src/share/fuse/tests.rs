use std::{error::Error, fs::File, io::Write, path::Path, sync::Arc};

use fuser::INodeNo;

use super::{
    buffers::Buffers,
    content::{Content, LARGE},
    inodes::{Caching, Inodes},
    open_file::OpenFile,
    read_ahead::{Ahead, Decryptors},
};
use crate::{
    keys::{Key, KeyFile, Lock},
    share::tree::{Generated, SharedStream, Tree, Unlock},
    stream::{DescriptorInput, OpenedStream, StreamHeader, StreamOptions, Writer},
};

const FRAME: usize = 64 << 10;

/// Opens with one key file.
struct Unlocking;

impl Unlock for Unlocking {
    fn unlock(
        &self,
        _: &Path,
        header: StreamHeader<DescriptorInput<File>>,
    ) -> Result<OpenedStream, Arc<dyn Error + Send + Sync>> {
        header.open(&mut key_file().into()).map(|(stream, _)| stream).map_err(|error| Arc::new(error) as _)
    }
}

fn key_file() -> KeyFile {
    KeyFile::from_key(Key::from_bytes([4; 32]))
}

fn plaintext(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

/// A stream of `length` bytes; without its last frame, if it is not `whole`.
fn stream(length: usize, whole: bool) -> Arc<SharedStream> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.reel");
    let lock = Lock::with_key_file(&key_file());
    let mut writer = Writer::create(File::create(&path).unwrap(), &lock, StreamOptions::default()).unwrap();
    writer.write_all(&plaintext(length)).unwrap();
    let file = writer.finish().unwrap();
    if !whole {
        file.set_len(file.metadata().unwrap().len() - 50).unwrap();
    }
    let tree = Tree::new(&[path], Generated::default(), Box::new(Unlocking), |_| {}).unwrap();
    let listing = tree.listing();
    tree.open(listing.files()[0].file().unwrap()).unwrap()
}

fn content(stream: Arc<SharedStream>) -> Content {
    Content::new(stream, true, Arc::<Buffers>::default())
}

#[test]
fn another_content_gets_another_number_and_the_same_keeps_it() {
    const NODE: u64 = 5;
    let (first, second) = (stream(100, true), stream(100, true));
    let inodes = Inodes::default();
    assert_eq!(inodes.number(NODE), INodeNo(NODE));
    assert_eq!(inodes.opened(NODE, &first), Caching::Begin);
    assert_eq!(inodes.opened(NODE, &first), Caching::Keep);
    inodes.seen(NODE, Some(&first));
    assert_eq!(inodes.node(INodeNo(NODE)), Some(NODE));
    assert_eq!(inodes.opened(NODE, &second), Caching::Replaced, "what is cached is not of this content");
    let number = inodes.number(NODE);
    assert_eq!((inodes.node(INodeNo(NODE)), inodes.node(number)), (None, Some(NODE)), "the old number is stale");
    assert_eq!(inodes.opened(NODE, &second), Caching::Begin);
    inodes.seen(NODE, None);
    assert_ne!(inodes.number(NODE), number, "so it is once the content is gone");
}

#[test]
fn of_a_stream_without_its_end_nothing_is_cached() {
    let (inodes, unfinished) = (Inodes::default(), stream(3 * FRAME + 100, false));
    assert_eq!(unfinished.len(), 3 * FRAME as u64);
    for _ in 0..2 {
        assert_eq!(inodes.opened(1, &unfinished), Caching::Nothing);
    }
    assert_eq!(inodes.number(1), INodeNo(1));
}

#[test]
fn what_is_read_in_order_is_right_to_the_end_and_after_some_reads_comes_from_ahead() {
    const LENGTH: usize = 20 * FRAME + 100;
    let (stream, expected) = (stream(LENGTH, true), plaintext(LENGTH));
    let decryptors = Decryptors::start().unwrap();
    let ahead = Arc::new(Ahead::of(content(Arc::clone(&stream))));
    let (mut read, mut from_ahead) = (Vec::new(), 0);
    while read.len() < LENGTH {
        let offset = read.len() as u64;
        let answer = ahead.take(offset, LARGE, &decryptors);
        from_ahead += usize::from(answer.is_some());
        read.extend_from_slice(answer.unwrap_or_else(|| ahead.content().read(offset, LARGE)).unwrap().as_ref());
        // Whoever does something with what was read leaves time for what comes next.
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
        let answer = file.read(offset as u64, LARGE, &decryptors).unwrap();
        assert!(answer.as_ref() == &expected[offset..offset + LARGE], "{offset}");
    }
}
