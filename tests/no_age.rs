//! The command without public keys: what it says about slots and flags that it does not support.

#![cfg(not(feature = "age"))]

mod support;

use std::path::Path;

use support::{Folder, assert_done, assert_refused, plaintext, text};

#[test]
fn a_recipients_slot_is_listed_and_kept_and_another_secret_opens_the_stream() {
    let folder = Folder::new();
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    for name in ["age-recipient-slot", "recipient"] {
        std::fs::copy(vectors.join(format!("{name}.reel")), folder.path(&format!("{name}.reel"))).unwrap();
    }
    folder.write("vector-key", &std::fs::read(vectors.join("key")).unwrap());
    let listed = folder.reelseal(&["passwd", "--list", "age-recipient-slot.reel"]).output().unwrap();
    assert!(text(&listed.stdout).contains("2: recipient, 236 bytes, X25519; "), "{listed:?}");
    let decrypt = ["decrypt", "age-recipient-slot.reel", "-o", "-", "--key-file", "vector-key"];
    let opened = folder.reelseal(&decrypt).output().unwrap();
    assert_done(&opened);
    assert_eq!(opened.stdout, plaintext(5));
    let refused = folder.run(&["decrypt", "recipient.reel"]);
    assert_refused(&refused, 2, "it opens with an identity, which this build does not support");
}

#[test]
fn the_flags_of_public_keys_are_unknown_and_the_hint_says_why() {
    let folder = Folder::new();
    let hint = "hint: this build has no public-key support";
    for arguments in [
        ["decrypt", "-i", "id"],
        ["encrypt", "-r", "age1"],
        ["encrypt", "-R", "team"],
        ["encrypt", "--recipient", "age1"],
        ["encrypt", "--recipients-file", "team"],
        ["keygen", "--age", "-ofile"],
    ] {
        assert_refused(&folder.reelseal(&arguments).output().unwrap(), 2, hint);
    }
}
