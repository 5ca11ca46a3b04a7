//! The command: what a person types and sees. Not an interface for programs; those use the rest of the library.

mod arguments;
mod decrypt;
mod encrypt;
mod ends;
mod failure;
mod hardening;
mod input;
mod keygen;
mod on_signal;
mod output;
mod progress;
mod prompt;
mod report;
mod secret;
mod shown;
mod stream_failure;
mod transfer;
mod whole_file;

use std::process::ExitCode;

pub use arguments::Arguments;
use arguments::Command;
pub use report::report_usage;

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
