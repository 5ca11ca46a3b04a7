//! `reelseal completions`: a script for completing the command in a shell.

use clap::CommandFactory;
use clap_complete::{Shell as ScriptOf, generate};

use crate::cli::{
    arguments::{Arguments, Shell},
    messages::{failure::Failure, standard_output},
};

pub(in crate::cli) fn completions(shell: Shell) -> Result<(), Failure> {
    let shell = match shell {
        Shell::Bash => ScriptOf::Bash,
        Shell::Zsh => ScriptOf::Zsh,
        Shell::Fish => ScriptOf::Fish,
    };
    // To memory first: failing to write the script must be reported, and the generator would panic.
    let mut script = Vec::new();
    generate(shell, &mut Arguments::command(), env!("CARGO_PKG_NAME"), &mut script);
    standard_output::text(&script)
}
