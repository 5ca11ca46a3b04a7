//! Rewriting a header in place: one copy after the other, so that one of them is sound at every moment.

use std::{
    fs::{File, TryLockError},
    io::{self, Seek},
    os::unix::fs::FileExt,
};

use thiserror::Error;

use super::{HeaderReadError, ReaderInput, StreamHeader};
use crate::{
    container::{CopyNumber, Features, Header, ParsedHeader, Record, RecordError},
    keys::StageKeys,
    system,
};

/// Why a header was not rewritten.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HeaderRewriteError {
    /// A pipe, a device or a folder.
    #[error("not a regular file")]
    NotRegular,
    /// Another process holds the lock.
    #[error("the file is locked by another process")]
    Locked,
    /// The system refuses to lock it.
    #[error("locking failed")]
    Lock(#[source] io::Error),
    /// There is no header to rewrite.
    #[error(transparent)]
    Header(#[from] HeaderReadError),
    /// The keys are those of another stream: rewritten under them, this one could never be opened again.
    #[error("the keys are not this stream's")]
    ForeignKeys,
    /// The generation is already the highest possible.
    #[error("the header was rewritten too often")]
    TooOften,
    /// The new records do not fit.
    #[error(transparent)]
    Records(#[from] RecordError),
    /// Writing or syncing failed. One sound copy holds either the old records or the new ones.
    #[error("writing failed")]
    Write(#[source] io::Error),
    /// What was written could not be read back.
    #[error("reading back failed")]
    ReadBack(#[source] io::Error),
    /// The file does not hold what was written to it.
    #[error("the header does not read back as it was written")]
    NotAsWritten,
}

/// A file and its header. The file is exclusively locked until this is dropped.
///
/// ```
/// use reelseal::{
///     keys::{Credential, KdfLimits, KeyFile, KeySlots, Lock, unlock},
///     stage::Chain,
///     stream::{HeaderRewrite, SealedFile, StreamOptions, Writer},
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let [old, new] = [KeyFile::random()?, KeyFile::random()?];
/// let file = Writer::create(tempfile::tempfile()?, &Lock::with_key_file(&old), StreamOptions::default())?.finish()?;
///
/// let rewrite = HeaderRewrite::begin(file.try_clone()?, Chain::known_features(&[]))?;
/// let opened = unlock(rewrite.parsed(), &mut Credential::from(&old))?;
/// let added = Lock::with_key_file(&new).new_slots(&opened.file_key)?;
/// let records = KeySlots::of(rewrite.header())?.with_added(&added, KdfLimits::default())?;
/// rewrite.finish(records, &opened.keys)?;
///
/// assert!(SealedFile::open(file, &new)?.is_empty());
/// # Ok(())
/// # }
/// ```
pub struct HeaderRewrite {
    file: File,
    parsed: ParsedHeader,
    number: CopyNumber,
    damaged_copy: Option<CopyNumber>,
}

impl HeaderRewrite {
    /// Locks `file`, which is open for reading and writing, and reads its header, for a reader that knows the features
    /// `known`. Does not wait for the lock.
    ///
    /// # Errors
    ///
    /// [`HeaderRewriteError`]; the file is unchanged.
    pub fn begin(mut file: File, known: Features) -> Result<Self, HeaderRewriteError> {
        let read = |error| HeaderRewriteError::Header(HeaderReadError::Read(error));
        if !file.metadata().map_err(read)?.is_file() {
            return Err(HeaderRewriteError::NotRegular);
        }
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => HeaderRewriteError::Locked,
            TryLockError::Error(error) => HeaderRewriteError::Lock(error),
        })?;
        file.rewind().map_err(read)?;
        let header = StreamHeader::read_knowing(ReaderInput(&file), known)?;
        let (number, damaged_copy) = (header.number(), header.damaged_copy());
        let (parsed, ..) = header.into_parts();
        Ok(Self { file, parsed, number, damaged_copy })
    }

    /// The copy that counts, with its fields.
    pub fn parsed(&self) -> &ParsedHeader {
        &self.parsed
    }

    /// The header's fields.
    pub fn header(&self) -> &Header {
        self.parsed.header()
    }

    /// The other copy, if that is damaged.
    pub fn damaged_copy(&self) -> Option<CopyNumber> {
        self.damaged_copy
    }

    /// Rewrites the header with `records` instead of its own, under the stream's own `keys`. A damaged copy is
    /// repaired; nothing but the two copies is touched.
    ///
    /// # Errors
    ///
    /// [`HeaderRewriteError`]. The file is unchanged, unless writing, syncing or reading back failed.
    pub fn finish(self, records: Vec<Record>, keys: &StageKeys) -> Result<(), HeaderRewriteError> {
        if !keys.verify_header(&self.parsed) {
            return Err(HeaderRewriteError::ForeignKeys);
        }
        let header = self.parsed.into_header();
        let generation = header.generation.checked_add(1).ok_or(HeaderRewriteError::TooOften)?;
        let header = Header { generation, records, ..header };
        let copies = keys.seal_header(&header)?;
        let (copy, _) = copies.split_at(header.length.bytes());
        write_copies(&mut &self.file, copy, &header, self.number).map_err(HeaderRewriteError::Write)?;

        // Read back from the disk, not from the page cache; if the system ignores the advice, the cache has to suffice.
        system::drop_from_memory(&self.file);
        let mut written = vec![0; copies.len()];
        self.file.read_exact_at(&mut written, 0).map_err(HeaderRewriteError::ReadBack)?;
        if written == copies { Ok(()) } else { Err(HeaderRewriteError::NotAsWritten) }
    }
}

/// Writes `copy` to both positions. The copy that `counts` is overwritten last: until the other is safely on disk, it
/// may be the only sound one, or the only one with the current records.
fn write_copies(target: &mut impl Target, copy: &[u8], header: &Header, counts: CopyNumber) -> io::Result<()> {
    for number in [counts.other(), counts] {
        target.write_at(copy, number.position(header.length))?;
        target.sync()?;
    }
    Ok(())
}

/// What the copies are written to: a trait, so that tests can cut a rewrite short at any byte.
trait Target {
    fn write_at(&mut self, bytes: &[u8], position: u64) -> io::Result<()>;
    fn sync(&mut self) -> io::Result<()>;
}

impl Target for &File {
    fn write_at(&mut self, bytes: &[u8], position: u64) -> io::Result<()> {
        self.write_all_at(bytes, position)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        container::{FrameSize, HeaderLength, IV_LENGTH, Prefix, Search, Slot, search_header},
        keys::{Key, KeyFile, new_key_file_slot},
    };

    const FILE_KEY: [u8; 32] = [9; 32];
    const FRAMES: [u8; 700] = [0xf5; 700];

    fn keys() -> StageKeys {
        StageKeys::derive(&Key::from_bytes(FILE_KEY), &prefix())
    }

    fn prefix() -> Prefix {
        Prefix { frame_size: FrameSize::MIN, features: Features::NONE, iv: [7; IV_LENGTH] }
    }

    /// Records that differ from one `mark` to the next.
    fn records(mark: u8) -> Vec<Record> {
        let key_file = KeyFile::from_key(Key::from_bytes([4; 32]));
        vec![(&Slot::KeyFile(new_key_file_slot(&Key::from_bytes(FILE_KEY), &key_file, [mark; 32]))).into()]
    }

    fn header(generation: u64, mark: u8) -> Header {
        Header { prefix: prefix(), length: HeaderLength::MIN, generation, records: records(mark) }
    }

    fn copy(generation: u64, mark: u8) -> Vec<u8> {
        let mut copies = keys().seal_header(&header(generation, mark)).unwrap();
        copies.truncate(HeaderLength::MIN.bytes());
        copies
    }

    /// Every state a rewrite may find, with the copy that counts; that always holds the records of mark 1 at
    /// generation 5.
    fn starting_states() -> Vec<(&'static str, CopyNumber, [Vec<u8>; 2])> {
        let damaged = |mut copy: Vec<u8>| {
            copy[300] ^= 1;
            copy
        };
        let (current, old) = (copy(5, 1), copy(4, 0));
        vec![
            ("both sound", CopyNumber::First, [current.clone(), current.clone()]),
            ("second older", CopyNumber::First, [current.clone(), old.clone()]),
            ("second damaged", CopyNumber::First, [current.clone(), damaged(current.clone())]),
            ("first older", CopyNumber::Second, [old, current.clone()]),
            ("first damaged", CopyNumber::Second, [damaged(current.clone()), current]),
        ]
    }

    /// The file after a rewrite that was cut short when `left` more bytes had been written: of the last write, those at
    /// its start or at its end.
    struct Cut {
        bytes: Vec<u8>,
        left: usize,
        from_the_back: bool,
        steps: Vec<String>,
    }

    impl Target for Cut {
        fn write_at(&mut self, bytes: &[u8], position: u64) -> io::Result<()> {
            self.steps.push(format!("write at {position}"));
            let written = bytes.len().min(self.left);
            let range = if self.from_the_back { bytes.len() - written..bytes.len() } else { 0..written };
            self.bytes[position as usize..][range.clone()].copy_from_slice(&bytes[range]);
            self.left -= written;
            if written < bytes.len() { Err(io::Error::other("cut")) } else { Ok(()) }
        }

        fn sync(&mut self) -> io::Result<()> {
            self.steps.push("sync".to_owned());
            Ok(())
        }
    }

    fn cut(state: &[Vec<u8>; 2], counts: CopyNumber, left: usize, from_the_back: bool) -> Cut {
        let mut target = Cut { bytes: state.concat(), left, from_the_back, steps: Vec::new() };
        let whole = write_copies(&mut target, &copy(6, 2), &header(6, 2), counts);
        assert_eq!(whole.is_ok(), left >= 2 * HeaderLength::MIN.bytes());
        target
    }

    #[test]
    fn the_copy_that_does_not_count_is_written_and_synced_first() {
        for (name, counts, state) in starting_states() {
            let steps = cut(&state, counts, usize::MAX, false).steps;
            let expected = match counts {
                CopyNumber::First => ["write at 512", "sync", "write at 0", "sync"],
                CopyNumber::Second => ["write at 0", "sync", "write at 512", "sync"],
            };
            assert_eq!(steps, expected, "{name}");
        }
    }

    #[test]
    fn a_rewrite_cut_at_any_byte_leaves_the_current_records_or_the_new() {
        for (name, counts, state) in starting_states() {
            for left in 0..=2 * HeaderLength::MIN.bytes() {
                for from_the_back in [false, true] {
                    let moment = format!("{name}, {left} bytes written, {from_the_back}");
                    let bytes = cut(&state, counts, left, from_the_back).bytes;
                    let Ok(Search::Found(found)) = search_header(&bytes, true) else { panic!("{moment}") };
                    let found = found.copy.parse(Features::NONE).unwrap().into_header();
                    assert!(found == header(5, 1) || found == header(6, 2), "{moment}");
                    // What was synced is never lost again.
                    assert!(left < HeaderLength::MIN.bytes() || found == header(6, 2), "{moment}");
                }
            }
        }
    }

    fn stored(header: &[u8]) -> (tempfile::NamedTempFile, File) {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().write_all_at(header, 0).unwrap();
        file.as_file().write_all_at(&FRAMES, header.len() as u64).unwrap();
        let opened = File::options().read(true).write(true).open(file.path()).unwrap();
        (file, opened)
    }

    #[test]
    fn a_rewrite_from_any_state_leaves_two_equal_copies_and_the_frames_as_they_were() {
        for (name, _, state) in starting_states() {
            let (file, opened) = stored(&state.concat());
            HeaderRewrite::begin(opened, Features::NONE).unwrap().finish(records(2), &keys()).unwrap();
            let expected = [copy(6, 2), copy(6, 2), FRAMES.to_vec()].concat();
            assert!(std::fs::read(file.path()).unwrap() == expected, "{name}");
        }
    }

    #[test]
    fn while_one_rewrite_is_under_way_another_is_refused() {
        let (file, opened) = stored(&copy(1, 1).repeat(2));
        let first = HeaderRewrite::begin(opened, Features::NONE).unwrap();
        let again = || File::options().read(true).write(true).open(file.path()).unwrap();
        let second = HeaderRewrite::begin(again(), Features::NONE);
        assert!(matches!(second, Err(HeaderRewriteError::Locked)));
        drop(first);
        assert!(HeaderRewrite::begin(again(), Features::NONE).is_ok());
    }

    #[test]
    fn a_refused_rewrite_leaves_the_file_as_it_was() {
        let foreign = StageKeys::derive(&Key::from_bytes([8; 32]), &prefix());
        let too_many = vec![records(1).remove(0); 6];
        for (generation, records, keys, expected) in [
            (1, records(2), foreign, "the keys are not this stream's"),
            (u64::MAX, records(2), keys(), "the header was rewritten too often"),
            (1, too_many, keys(), "the header has no room for its records"),
        ] {
            let before = copy(generation, 1).repeat(2);
            let (file, opened) = stored(&before);
            let refused = HeaderRewrite::begin(opened, Features::NONE).unwrap().finish(records, &keys).unwrap_err();
            assert_eq!(refused.to_string(), expected);
            assert!(std::fs::read(file.path()).unwrap() == [before, FRAMES.to_vec()].concat(), "{expected}");
        }
    }

    #[test]
    fn anything_but_a_regular_file_is_refused() {
        let null = File::options().read(true).write(true).open("/dev/null").unwrap();
        assert!(matches!(HeaderRewrite::begin(null, Features::NONE), Err(HeaderRewriteError::NotRegular)));
    }
}
