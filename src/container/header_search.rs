//! Finding the header copy that counts, when one of the two may be damaged or old.

use super::header::{Examined, HeaderCopy, HeaderError, HeaderLength};

/// One of the two header copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyNumber {
    /// The copy at 0.
    First,
    /// The copy at H.
    Second,
}

/// The copy that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundHeader {
    /// Its bytes.
    pub copy: HeaderCopy,
    /// The other copy, if that is damaged.
    pub damaged: Option<CopyNumber>,
    /// Which of the two it is.
    pub counts: CopyNumber,
    /// The generation of the other copy, if that is sound.
    pub other_generation: Option<u64>,
}

impl FoundHeader {
    /// The generation of a copy, or `None` if that copy is damaged.
    pub fn generation_of(&self, copy: CopyNumber) -> Option<u64> {
        if copy == self.counts { Some(self.copy.generation()) } else { self.other_generation }
    }
}

/// How far a search came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Search {
    /// The header was found.
    Found(FoundHeader),
    /// To tell, this many bytes of the stream are needed.
    Need(usize),
}

/// Looks for the header in `bytes`, the stream's first; `complete` says that the stream has no more.
///
/// # Errors
///
/// [`HeaderError`] if no copy is sound: what is wrong with the first.
pub fn search_header(bytes: &[u8], complete: bool) -> Result<Search, HeaderError> {
    let first = match HeaderCopy::examine(bytes) {
        // A damaged length may reach past the end.
        Examined::Need(_) if complete => return search_second(bytes, complete, HeaderError::Cut),
        Examined::Need(more) => return Ok(Search::Need(more)),
        Examined::Sound(copy) => copy,
        Examined::Faulty(error) => return search_second(bytes, complete, error),
    };
    let second_start = first.length().bytes();
    let Some(second) = bytes.get(second_start..2 * second_start) else {
        return if complete { Err(HeaderError::Cut) } else { Ok(Search::Need(2 * second_start)) };
    };
    let found = |copy, counts, other_generation| FoundHeader { copy, damaged: None, counts, other_generation };
    Ok(Search::Found(match sound_at(second, first.length()) {
        Some(second) if second.generation() > first.generation() => {
            found(second, CopyNumber::Second, Some(first.generation()))
        }
        Some(second) => found(first, CopyNumber::First, Some(second.generation())),
        None => FoundHeader { damaged: Some(CopyNumber::Second), ..found(first, CopyNumber::First, None) },
    }))
}

/// Looks for copy 2 wherever it can stand, copy 1 being damaged.
fn search_second(bytes: &[u8], complete: bool, first_error: HeaderError) -> Result<Search, HeaderError> {
    for length in HeaderLength::all() {
        let (start, end) = (length.bytes(), 2 * length.bytes());
        if bytes.len() < end && !complete {
            return Ok(Search::Need(end));
        }
        let Some(second) = bytes.get(start..end) else { break };
        if let Some(copy) = sound_at(second, length) {
            let (damaged, counts) = (Some(CopyNumber::First), CopyNumber::Second);
            return Ok(Search::Found(FoundHeader { copy, damaged, counts, other_generation: None }));
        }
    }
    Err(first_error)
}

fn sound_at(bytes: &[u8], length: HeaderLength) -> Option<HeaderCopy> {
    match HeaderCopy::examine(bytes) {
        Examined::Sound(copy) if copy.length() == length => Some(copy),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Features, FrameSize, Header, IV_LENGTH, Prefix};
    use super::*;

    fn copy(generation: u64) -> Vec<u8> {
        let prefix = Prefix { frame_size: FrameSize::MIN, features: Features::NONE, iv: [7; IV_LENGTH] };
        let length = HeaderLength::from_units(10).unwrap();
        Header { prefix, length, generation, records: Vec::new() }.encode(|_| [5; 32]).unwrap()
    }

    fn found(bytes: &[u8]) -> FoundHeader {
        match search_header(bytes, false) {
            Ok(Search::Found(found)) => found,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_higher_generation_counts_and_the_first_of_equals() {
        assert_eq!(found(&[copy(1), copy(2)].concat()).copy.generation(), 2);
        assert_eq!(found(&[copy(2), copy(1)].concat()).copy.generation(), 2);
        assert_eq!(found(&[copy(1), copy(1)].concat()).damaged, None);
    }

    #[test]
    fn each_copys_generation_is_told_and_a_damaged_ones_is_not() {
        let generations = |bytes: &[u8]| {
            let found = found(bytes);
            (found.counts, [CopyNumber::First, CopyNumber::Second].map(|copy| found.generation_of(copy)))
        };
        assert_eq!(generations(&[copy(1), copy(2)].concat()), (CopyNumber::Second, [Some(1), Some(2)]));
        assert_eq!(generations(&[copy(3), copy(2)].concat()), (CopyNumber::First, [Some(3), Some(2)]));
        let mut stream = [copy(1), copy(2)].concat();
        stream[700] ^= 1;
        assert_eq!(generations(&stream), (CopyNumber::First, [Some(1), None]));
        let mut stream = [copy(2), copy(1)].concat();
        stream[60] ^= 1;
        assert_eq!(generations(&stream), (CopyNumber::Second, [None, Some(1)]));
    }

    #[test]
    fn any_flipped_bit_in_either_copy_is_survived_and_named() {
        let stream = [copy(1), copy(1), vec![0; 70_000 * 2]].concat();
        for bit in 0..2 * 640 * 8 {
            let mut flipped = stream.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let expected = if bit < 640 * 8 { CopyNumber::First } else { CopyNumber::Second };
            assert_eq!(found(&flipped).damaged, Some(expected), "bit {bit}");
        }
    }

    #[test]
    fn no_more_is_read_than_both_copies() {
        let stream = [copy(1), copy(1)].concat();
        assert_eq!(search_header(&stream[..100], false), Ok(Search::Need(640)));
        assert_eq!(search_header(&stream[..640], false), Ok(Search::Need(1280)));
        assert!(matches!(search_header(&stream, false), Ok(Search::Found(_))));
    }

    #[test]
    fn without_a_sound_copy_the_first_ones_fault_is_told() {
        assert_eq!(search_header(b"hello", true), Err(HeaderError::NotReelseal(None)));
        assert_eq!(search_header(&copy(1)[..40], true), Err(HeaderError::Cut));
        let mut both = [copy(1), copy(1)].concat();
        both[100] ^= 1;
        both[740] ^= 1;
        assert_eq!(search_header(&both, true), Err(HeaderError::Damaged));
    }
}
