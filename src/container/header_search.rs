//! Finding the header copy that counts, when one of the two may be damaged or old.

use super::{HeaderCopy, HeaderError, HeaderLength, header_copy::Examined};

/// One of the two header copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyNumber {
    /// The copy at 0.
    First,
    /// The copy at H.
    Second,
}

impl CopyNumber {
    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }

    /// The position of the copy, in bytes, in a stream whose copies have this length.
    pub fn position(self, length: HeaderLength) -> u64 {
        match self {
            Self::First => 0,
            Self::Second => length.bytes() as u64,
        }
    }
}

/// The copy that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundHeader {
    /// Its bytes.
    pub copy: HeaderCopy,
    /// Which of the two it is.
    pub number: CopyNumber,
    /// The generation of the other copy, or `None` if that is damaged.
    pub other_generation: Option<u64>,
}

impl FoundHeader {
    /// The other copy, if it is damaged.
    pub fn damaged(&self) -> Option<CopyNumber> {
        if self.other_generation.is_none() { Some(self.number.other()) } else { None }
    }

    /// The generation of a copy, or `None` if that copy is damaged.
    pub fn generation_of(&self, copy: CopyNumber) -> Option<u64> {
        if copy == self.number { Some(self.copy.generation()) } else { self.other_generation }
    }
}

/// The state of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Search {
    /// The header was found.
    Found(FoundHeader),
    /// More of the stream is needed: this many bytes.
    Need(usize),
}

/// Looks for the header in `bytes`, the stream's first; `complete` means that the stream has no more.
///
/// # Errors
///
/// [`HeaderError`] if no copy is sound: what is wrong with the first.
pub fn search_header(bytes: &[u8], complete: bool) -> Result<Search, HeaderError> {
    HeaderSearch::default().look(bytes, complete)
}

/// A search that sees more of the stream with each call. No position is checked twice: each check costs a checksum, and
/// whoever made the stream can make every position require one.
#[derive(Debug, Default)]
pub struct HeaderSearch {
    first_fault: Option<HeaderError>,
    /// How many header lengths, from the shortest on, have been ruled out: no sound copy 2 is there.
    lengths_tried: usize,
}

impl HeaderSearch {
    /// Looks for the header in `bytes`, the stream's first, which extend those of the previous call; `complete` means
    /// that the stream has no more.
    ///
    /// # Errors
    ///
    /// [`HeaderError`] if no copy is sound: what is wrong with the first.
    pub fn look(&mut self, bytes: &[u8], complete: bool) -> Result<Search, HeaderError> {
        if let Some(fault) = self.first_fault {
            return self.look_for_second(bytes, complete, fault);
        }
        let fault = match HeaderCopy::examine(bytes) {
            // A damaged length field may point past the end.
            Examined::Need(_) if complete => HeaderError::Cut,
            Examined::Need(more) => return Ok(Search::Need(more)),
            Examined::Sound(first) => return beside_sound_first(first, bytes, complete),
            Examined::Faulty(error) => error,
        };
        self.first_fault = Some(fault);
        self.look_for_second(bytes, complete, fault)
    }

    /// Looks for copy 2 wherever it can be, since copy 1 is damaged.
    fn look_for_second(&mut self, bytes: &[u8], complete: bool, fault: HeaderError) -> Result<Search, HeaderError> {
        for length in HeaderLength::all().skip(self.lengths_tried) {
            let (start, end) = (length.bytes(), 2 * length.bytes());
            if bytes.len() < end && !complete {
                return Ok(Search::Need(end));
            }
            let Some(second) = bytes.get(start..end) else { break };
            if let Some(copy) = sound_at(second, length) {
                return Ok(Search::Found(FoundHeader { copy, number: CopyNumber::Second, other_generation: None }));
            }
            self.lengths_tried += 1;
        }
        Err(fault)
    }
}

fn beside_sound_first(first: HeaderCopy, bytes: &[u8], complete: bool) -> Result<Search, HeaderError> {
    let second_start = first.length().bytes();
    let Some(second) = bytes.get(second_start..2 * second_start) else {
        return if complete { Err(HeaderError::Cut) } else { Ok(Search::Need(2 * second_start)) };
    };
    let found = |copy, number, other_generation| FoundHeader { copy, number, other_generation };
    Ok(Search::Found(match sound_at(second, first.length()) {
        Some(second) if second.generation() > first.generation() => {
            found(second, CopyNumber::Second, Some(first.generation()))
        }
        Some(second) => found(first, CopyNumber::First, Some(second.generation())),
        None => found(first, CopyNumber::First, None),
    }))
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
        for (generations, counts) in
            [([1, 2], CopyNumber::Second), ([2, 1], CopyNumber::First), ([2, 2], CopyNumber::First)]
        {
            let found = found(&generations.map(copy).concat());
            assert_eq!((found.copy.generation(), found.number, found.damaged()), (2, counts, None));
        }
    }

    #[test]
    fn the_generation_of_each_sound_copy_is_shown() {
        let generations = |bytes: &[u8]| {
            let found = found(bytes);
            (found.number, [CopyNumber::First, CopyNumber::Second].map(|copy| found.generation_of(copy)))
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
            let found = found(&flipped);
            assert_eq!((found.damaged(), found.number), (Some(expected), expected.other()), "bit {bit}");
        }
    }

    #[test]
    fn a_second_copy_that_is_not_at_its_own_length_does_not_count() {
        let damaged = |bytes: &mut Vec<u8>| bytes[100] ^= 1;
        let mut first = copy(1);
        damaged(&mut first);
        let misplaced = [first.clone(), vec![0; 640], copy(1), vec![0; 640]].concat();
        assert_eq!(search_header(&misplaced, true), Err(HeaderError::Damaged));
        let longer = HeaderLength::from_units(20).unwrap();
        let prefix = Prefix { frame_size: FrameSize::MIN, features: Features::NONE, iv: [7; IV_LENGTH] };
        let header = Header { prefix, length: longer, generation: 9, records: Vec::new() };
        let beside = [copy(1), header.encode(|_| [5; 32]).unwrap()].concat();
        let beside = found(&beside);
        assert_eq!((beside.copy.generation(), beside.number), (1, CopyNumber::First));
    }

    #[test]
    fn no_more_than_both_copies_is_read() {
        let stream = [copy(1), copy(1)].concat();
        assert_eq!(search_header(&stream[..100], false), Ok(Search::Need(640)));
        assert_eq!(search_header(&stream[..640], false), Ok(Search::Need(1280)));
        assert!(matches!(search_header(&stream, false), Ok(Search::Found(_))));
    }

    #[test]
    fn without_a_sound_copy_the_fault_of_the_first_is_reported() {
        assert_eq!(search_header(b"hello", true), Err(HeaderError::NotReelseal(None)));
        assert_eq!(search_header(&copy(1)[..40], true), Err(HeaderError::Cut));
        let mut both = [copy(1), copy(1)].concat();
        both[100] ^= 1;
        both[740] ^= 1;
        assert_eq!(search_header(&both, true), Err(HeaderError::Damaged));
    }
}
