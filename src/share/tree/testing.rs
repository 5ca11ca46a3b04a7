//! Streams for tests, and the key file that opens them.

use std::{error::Error, fs::File, io::Write, path::Path, sync::Arc};

use super::{Generated, SharedStream, Tree, Unlock};
use crate::{
    keys::{Key, KeyFile, Lock},
    stream::{DescriptorInput, OpenedStream, StreamHeader, StreamOptions, Writer},
};

impl Unlock for KeyFile {
    fn unlock(
        &self,
        _: &Path,
        header: StreamHeader<DescriptorInput<File>>,
    ) -> Result<OpenedStream, Arc<dyn Error + Send + Sync>> {
        header.open(&mut self.clone().into()).map(|(stream, _)| stream).map_err(|error| Arc::new(error) as _)
    }
}

pub(crate) fn key_file(byte: u8) -> KeyFile {
    KeyFile::from_key(Key::from_bytes([byte; 32]))
}

pub(crate) fn plaintext(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

/// A stream of `length` bytes; without its last frame, if it is not `whole`.
#[cfg(any(feature = "serve", feature = "mount"))]
pub(crate) fn stream(length: usize, whole: bool) -> Arc<SharedStream> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.reel");
    let lock = Lock::with_key_file(&key_file(4));
    let mut writer = Writer::create(File::create(&path).unwrap(), &lock, StreamOptions::default()).unwrap();
    writer.write_all(&plaintext(length)).unwrap();
    let file = writer.finish().unwrap();
    if !whole {
        file.set_len(file.metadata().unwrap().len() - 50).unwrap();
    }
    let tree = Tree::new(&[path], Generated::default(), Box::new(key_file(4)), |_| {}).unwrap();
    let listing = tree.listing();
    tree.open(listing.files()[0].file().unwrap()).unwrap()
}
