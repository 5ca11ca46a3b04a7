//! The command: what a person types and sees. Not an interface for programs; those use the rest of the library.

mod arguments;
mod commands;
mod files;
mod messages;
mod on_signal;
mod secrets;

use std::process::ExitCode;

pub use arguments::Arguments;
use arguments::Command;
use commands::{decrypt, encrypt, keygen};
use messages::report;
pub use messages::report::report_usage;
use secrets::hardening;

/// Does what the arguments ask for, tells of it on standard error, and gives the exit code.
pub fn run(arguments: &Arguments) -> ExitCode {
    hardening::harden();
    let result = match &arguments.command {
        Command::Encrypt(arguments) => encrypt::encrypt(arguments),
        Command::Decrypt(arguments) => decrypt::decrypt(arguments),
        Command::Keygen(arguments) => keygen::keygen(arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report::failure(&failure);
            failure.exit_code()
        }
    }
}
