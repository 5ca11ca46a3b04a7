//! The command: what a person types and sees. It is not an interface for programs, which use the rest of the library.

mod arguments;
mod commands;
mod job;
mod messages;
mod plan;
mod secrets;

use std::{ffi::OsString, process::ExitCode};

pub use arguments::Arguments;
use arguments::Command;
#[cfg(all(feature = "mount", target_os = "linux"))]
use commands::mount;
use commands::{completions, decrypt, encrypt, inspect, keygen, man, passwd, record, salvage, speed, verify};
#[cfg(feature = "serve")]
use commands::{play, serve};
pub use messages::usage::report_usage;
use messages::{
    failure::{Exit, Failure},
    progress, report,
};
use plan::Reporting;
use secrets::hardening;

use crate::{process, signals::Startup};

/// Runs as a process that guards a command, if the arguments say so; a person never types these.
pub fn run_hidden(mut arguments: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    let first = arguments.by_ref().nth(1)?;
    process::hidden(&first, arguments)
}

/// Does what the arguments ask for, reports it on standard error, and returns the exit code.
pub fn run(arguments: &Arguments) -> ExitCode {
    hardening::harden();
    let startup = Startup::new(progress::report_status);
    if let Some(common) = arguments.command.common() {
        report::configure(Reporting::of(common));
    }
    let result = match &arguments.command {
        Command::Encrypt(arguments) => planned(arguments, |plan| encrypt::encrypt(&plan, startup)),
        Command::Decrypt(arguments) => planned(arguments, |plan| decrypt::decrypt(&plan, startup)),
        Command::Record(arguments) => planned(arguments, |plan| record::record(&plan, startup)),
        #[cfg(feature = "serve")]
        Command::Serve(arguments) => planned(arguments, |plan| serve::serve(&plan, startup)),
        #[cfg(feature = "serve")]
        Command::Play(arguments) => planned(arguments, |plan| play::play(&plan, startup)),
        #[cfg(all(feature = "mount", target_os = "linux"))]
        Command::Mount(arguments) => planned(arguments, |plan| mount::mount(&plan, startup)),
        Command::Verify(arguments) => planned(arguments, |plan| verify::verify(&plan, startup)),
        Command::Salvage(arguments) => planned(arguments, |plan| one(salvage::salvage(&plan, startup))),
        Command::Inspect(arguments) => planned(arguments, |plan| inspect::inspect(&plan, startup)),
        Command::Keygen(arguments) => one(keygen::keygen(&arguments.into(), startup)),
        Command::Passwd(arguments) => planned(arguments, |plan| passwd::passwd(plan, startup)),
        Command::Speed(arguments) => one(speed::speed(arguments.json)),
        Command::Completions(arguments) => one(completions::completions(arguments.shell)),
        Command::Man(arguments) => one(man::man(arguments.command.as_deref())),
    };
    result.map_or_else(Into::into, |()| ExitCode::SUCCESS)
}

/// Resolves the arguments to a plan, and runs `command` with it.
fn planned<'a, A, P>(arguments: &'a A, command: impl FnOnce(P) -> Result<(), Exit>) -> Result<(), Exit>
where
    P: TryFrom<&'a A, Error = Failure>,
{
    command(P::try_from(arguments).map_err(|failure| report::failure(&failure))?)
}

/// A command with a single task: its failure is reported here.
fn one(result: Result<(), Failure>) -> Result<(), Exit> {
    result.map_err(|failure| report::failure(&failure))
}
