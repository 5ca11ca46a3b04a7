//! The command: parse, run, exit code.

use std::{alloc::System, env, process::ExitCode};

use reelseal::cli::{self, Arguments};
use zeroizing_alloc::ZeroAlloc;

// Libraries that handle a passphrase leave copies when they grow their buffers and split strings, so everything that is
// freed is wiped.
#[global_allocator]
static WIPING_ON_FREE: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    if let Some(ended) = cli::run_hidden(env::args_os()) {
        return ended;
    }
    match Arguments::parse_all(env::args_os()) {
        Ok(arguments) => cli::run(&arguments),
        Err(error) => cli::report_usage(&error),
    }
}
