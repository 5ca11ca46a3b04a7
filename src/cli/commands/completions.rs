//! `reelseal completions`: a script that has a shell complete the command.

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
    // To memory first: a script that cannot be written is a failure to report, not the panic it is to the generator.
    let mut script = Vec::new();
    generate(shell, &mut Arguments::command(), env!("CARGO_PKG_NAME"), &mut script);
    standard_output::text(&script)
}
