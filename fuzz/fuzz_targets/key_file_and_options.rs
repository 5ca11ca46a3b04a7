//! A key file that parses is written the same; any arguments are taken or refused.
#![no_main]

use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

use clap::Parser;
use libfuzzer_sys::fuzz_target;
use reelseal::{cli::Arguments, keys::KeyFile};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(key_file) = KeyFile::parse(bytes) {
        let text = key_file.to_text();
        assert_eq!(text.trim_end().as_bytes(), bytes.trim_ascii_end());
    }
    let arguments = bytes.split(|&byte| byte == 0).map(OsStr::from_bytes);
    let _ = Arguments::try_parse_from([OsStr::new("reelseal")].into_iter().chain(arguments));
});
