//! A header that parses serialises to the same bytes, claims what it contains, and takes changed slots; a segment's
//! record serialises to the same bytes, too; a search that sees the stream grow finds what a search over the whole
//! finds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reelseal::{
    container::{
        CHECKSUM_LENGTH, Features, Header, HeaderClaims, HeaderError, HeaderSearch, MAC_LENGTH, MAX_PASSPHRASE_SLOTS,
        MAX_RECIPIENT_SLOTS, ParsedHeader, Record, Search, search_header,
    },
    keys::{KdfLimits, KeySlots, SlotChangeError, UnlockError},
};

fuzz_target!(|bytes: &[u8]| {
    look_at(bytes);
    look_at(&with_checksums(bytes.to_vec()));
});

fn look_at(bytes: &[u8]) {
    let searched = search_header(bytes, true);
    assert_eq!(search_growing(bytes), searched);
    if let Ok(Search::Found(found)) = searched
        && let Ok(parsed) = found.copy.parse(Features::from_bits(u32::MAX))
    {
        assert_comes_back(bytes, &parsed);
        assert_claims(&parsed);
        change_slots(parsed.header());
        assert_segment_comes_back(parsed.header());
    }
}

/// `bytes` with sound checksums in both header copies, as far as the first copy names a valid length.
fn with_checksums(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(length) = HeaderClaims::read(&bytes).and_then(|claims| claims.header_length) {
        for copy in bytes.chunks_exact_mut(length.bytes()).take(2) {
            let (content, checksum) = copy.split_at_mut(length.bytes() - CHECKSUM_LENGTH);
            checksum.copy_from_slice(&blake3::hash(content).as_bytes()[..CHECKSUM_LENGTH]);
        }
    }
    bytes
}

/// Searches as a reader does, which reads no more than the search asks for.
fn search_growing(bytes: &[u8]) -> Result<Search, HeaderError> {
    let (mut search, mut seen, mut complete) = (HeaderSearch::default(), 0, false);
    loop {
        match search.look(&bytes[..seen], complete)? {
            Search::Need(length) => {
                assert!(length > seen && !complete);
                complete = length > bytes.len();
                seen = length.min(bytes.len());
            }
            found @ Search::Found(_) => return Ok(found),
        }
    }
}

fn assert_comes_back(bytes: &[u8], parsed: &ParsedHeader) {
    let mac: [u8; MAC_LENGTH] = parsed.mac();
    let again = parsed.header().encode(|_| mac).unwrap();
    assert_eq!(again[..again.len() - CHECKSUM_LENGTH], [parsed.authenticated(), &mac].concat());
    assert!(bytes.windows(again.len()).any(|window| window == again));
}

fn assert_claims(parsed: &ParsedHeader) {
    let (claims, header) = (HeaderClaims::read(parsed.authenticated()).unwrap(), parsed.header());
    assert!(claims.is_of_known_version());
    assert_eq!(claims.frame_size, Some(header.prefix.frame_size));
    assert_eq!(claims.features, header.prefix.features);
    assert_eq!(claims.header_length, Some(header.length));
}

/// The segment record of a stream is one of its records, byte for byte.
fn assert_segment_comes_back(header: &Header) {
    if let Some(segment) = header.segment() {
        assert!(header.records.contains(&Record::from(&segment)));
    }
}

/// A slot that is replaced by itself, or added and removed, leaves the records as they were. An addition is refused
/// only if there would be too many slots or too little room.
fn change_slots(header: &Header) {
    let slots = match KeySlots::of(header) {
        Err(UnlockError::TooManySlots(count)) => return assert!(count > MAX_PASSPHRASE_SLOTS),
        Err(UnlockError::TooManyRecipientSlots(count)) => return assert!(count > MAX_RECIPIENT_SLOTS),
        Err(_) => return,
        Ok(slots) => slots,
    };
    let limits = KdfLimits { memory: u64::MAX };
    for slot in slots.iter() {
        assert_eq!(slots.numbered(slot.number()), Some(slot));
        let again = std::slice::from_ref(slot.slot());
        assert_eq!(slots.with_replaced(slot, again, limits).unwrap(), header.records);
        match slots.with_added(again, limits) {
            Ok(records) => {
                let longer = Header { records, ..header.clone() };
                assert!(longer.encode(|_| [0; MAC_LENGTH]).is_ok());
                let slots = KeySlots::of(&longer).unwrap();
                assert_eq!(slots.without(slots.iter().last().unwrap()).unwrap(), header.records);
            }
            Err(SlotChangeError::Full | SlotChangeError::TooManyRecipients | SlotChangeError::NoRoom { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}
