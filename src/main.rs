//! The command: parse, run, exit code.

use std::{alloc::System, process::ExitCode};

use clap::Parser;
use reelseal::cli::{self, Arguments};
use zeroizing_alloc::ZeroAlloc;

// Libraries that see a passphrase copy it as they grow their buffers and take it apart: what they free is wiped.
#[global_allocator]
static WIPING_ON_FREE: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    match Arguments::try_parse() {
        Ok(arguments) => cli::run(&arguments),
        Err(error) => cli::report_usage(&error),
    }
}
