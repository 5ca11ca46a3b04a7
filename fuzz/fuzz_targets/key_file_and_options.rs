//! A key file that parses is written back the same; any passphrase and any arguments are accepted or refused.
#![no_main]

use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

use clap::Parser;
use libfuzzer_sys::fuzz_target;
use reelseal::{
    cli::Arguments,
    keys::{KeyFile, Passphrase},
};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(key_file) = KeyFile::parse(bytes) {
        let text = key_file.to_text();
        assert_eq!(text.trim_end().as_bytes(), bytes.trim_ascii_end());
    }
    if let Ok(found) = Passphrase::from_source(bytes) {
        // The first line counts: by itself, and with anything after its end, it is the same passphrase.
        let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
        assert_eq!(found.has_more_lines, bytes.len() > line.len() + 1);
        // A CR belongs to the end of the line only before an LF.
        let ends_in_cr_alone = line.len() == bytes.len() && line.ends_with(b"\r");
        for end in [b"\n".as_slice(), b"\nmore\n"].into_iter().filter(|_| !ends_in_cr_alone) {
            let again = Passphrase::from_source(&[line, end].concat());
            assert!(again.is_ok_and(|again| again.passphrase == found.passphrase));
        }
    }
    let arguments = bytes.split(|&byte| byte == 0).map(OsStr::from_bytes);
    let _ = Arguments::try_parse_from([OsStr::new("reelseal")].into_iter().chain(arguments));
});
