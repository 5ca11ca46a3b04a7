//! A key file that parses is written the same; any passphrase and any arguments are taken or refused.
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
    if let Ok(passphrase) = Passphrase::from_source(bytes) {
        // One line's end is dropped: without one, the same comes of a line.
        let line = Passphrase::from_source(&[bytes, b"\r\n"].concat());
        assert!(bytes.ends_with(b"\n") || line.is_ok_and(|line| line == passphrase));
    }
    let arguments = bytes.split(|&byte| byte == 0).map(OsStr::from_bytes);
    let _ = Arguments::try_parse_from([OsStr::new("reelseal")].into_iter().chain(arguments));
});
