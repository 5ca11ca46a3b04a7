//! The command: what a person types and sees. Not an interface for programs; those use the rest of the library.

mod arguments;
mod commands;
mod job;
mod messages;
mod secrets;
mod signals;

use std::process::ExitCode;

pub use arguments::Arguments;
use arguments::Command;
use commands::{completions, decrypt, encrypt, inspect, keygen, man, passwd, speed, verify};
pub use messages::report::report_usage;
use messages::{
    failure::{Exit, Failure},
    progress, report,
};
use secrets::hardening;
use signals::Startup;

/// Does what the arguments ask for, reports it on standard error, and gives the exit code.
pub fn run(arguments: &Arguments) -> ExitCode {
    hardening::harden();
    let startup = Startup::new(progress::report_status);
    let result = match &arguments.command {
        Command::Encrypt(arguments) => encrypt::encrypt(arguments, startup),
        Command::Decrypt(arguments) => decrypt::decrypt(arguments, startup),
        Command::Verify(arguments) => verify::verify(arguments, startup),
        Command::Inspect(arguments) => inspect::inspect(arguments, startup),
        Command::Keygen(arguments) => one(keygen::keygen(arguments, startup)),
        Command::Passwd(arguments) => passwd::passwd(arguments, startup),
        Command::Speed(arguments) => one(speed::speed(arguments)),
        Command::Completions(arguments) => one(completions::completions(arguments)),
        Command::Man(arguments) => one(man::man(arguments)),
    };
    result.map_or_else(Into::into, |()| ExitCode::SUCCESS)
}

/// A command that does one thing: its failure is reported here.
fn one(result: Result<(), Failure>) -> Result<(), Exit> {
    result.map_err(|failure| report::failure(&failure))
}
