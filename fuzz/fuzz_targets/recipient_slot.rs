//! The body of a recipient's slot, whatever it is, is bounded before any key is used, and opens to nothing but the file
//! key that was put into it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reelseal::{
    container::{Features, FrameSize, HeaderLength, MAX_STANZAS, RecipientSlot, Search, Slot, search_header},
    keys::{Credential, Identities, UnlockError, unlock},
};

const IDENTITY: &str = include_str!("../../tests/vectors/identity");

fuzz_target!(|bytes: &[u8]| {
    let slot = RecipientSlot { body: bytes.to_vec() };
    let stanzas = slot.stanzas();
    if let Ok(stanzas) = &stanzas {
        assert!((1..=MAX_STANZAS).contains(&stanzas.len()));
        assert!(stanzas.iter().all(|stanza| stanza.kind() != "scrypt" && !stanza.kind().is_empty()));
    }
    let (mut header, keys) = reelseal_fuzz::header(FrameSize::MIN);
    header.length = HeaderLength::MAX;
    header.records = vec![(&Slot::Recipient(slot)).into()];
    let Ok(copies) = keys.seal_header(&header) else { return };
    let Ok(Search::Found(found)) = search_header(&copies, true) else { panic!() };
    let Ok(parsed) = found.copy.parse(Features::NONE) else { return };
    let mut identities = Identities::default();
    identities.add_file("identity", IDENTITY.as_bytes(), &age::NoCallbacks).unwrap();
    match unlock(&parsed, &mut Credential::from(identities)) {
        Ok(unlocked) => assert!(stanzas.is_ok() && unlocked.file_key.bytes() == &[9; 32]),
        Err(UnlockError::RecipientSlot(error)) => assert_eq!(stanzas, Err(error)),
        Err(UnlockError::WrongSecret(_) | UnlockError::Altered) => assert!(stanzas.is_ok()),
        Err(error) => panic!("{error}"),
    }
});
