//! A header that parses serialises to the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reelseal::container::{Features, MAC_LENGTH, Search, search_header};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(Search::Found(found)) = search_header(bytes, true)
        && let Ok(header) = found.copy.parse(Features::from_bits(u32::MAX))
    {
        let mac: [u8; MAC_LENGTH] = found.copy.mac();
        let again = header.encode(|_| mac).unwrap();
        assert_eq!(again[..again.len() - 16], [found.copy.authenticated(), &mac].concat());
        assert!(bytes.windows(again.len()).any(|window| window == again));
    }
});
