//! The command: what a person types and sees. Not an interface for programs; those use the rest of the library.

mod arguments;
mod batch;
mod commands;
mod files;
mod messages;
mod on_signal;
mod secrets;
mod timing;

use std::process::ExitCode;

pub use arguments::Arguments;
use arguments::Command;
use commands::{completions, decrypt, encrypt, inspect, keygen, man, passwd, speed, verify};
pub use messages::report::report_usage;
use messages::{
    failure::{Exit, Failure},
    report,
};
use secrets::hardening;

/// Does what the arguments ask for, tells of it on standard error, and gives the exit code.
pub fn run(arguments: &Arguments) -> ExitCode {
    hardening::harden();
    let result = match &arguments.command {
        Command::Encrypt(arguments) => encrypt::encrypt(arguments),
        Command::Decrypt(arguments) => decrypt::decrypt(arguments),
        Command::Verify(arguments) => verify::verify(arguments),
        Command::Inspect(arguments) => inspect::inspect(arguments),
        Command::Keygen(arguments) => one(keygen::keygen(arguments)),
        Command::Passwd(arguments) => passwd::passwd(arguments),
        Command::Speed(arguments) => one(speed::speed(arguments)),
        Command::Completions(arguments) => one(completions::completions(arguments)),
        Command::Man(arguments) => one(man::man(arguments)),
    };
    result.map_or_else(Into::into, |()| ExitCode::SUCCESS)
}

/// A command that does one thing: its failure is told here.
fn one(result: Result<(), Failure>) -> Result<(), Exit> {
    result.map_err(|failure| report::failure(&failure))
}
