//! `reelseal man`: the manual, one page per command.

use std::path::Path;

use clap::CommandFactory;
use clap_mangen::Man;

use crate::cli::{
    arguments::Arguments,
    messages::{
        display_name::display_path,
        failure::{Exit, Failure, describe},
        standard_output,
    },
};

/// When the manual last changed. Without a date, the page's other titles would move into that field.
const DATE: &str = "2026-11-28";

/// The page of `command`, or the main page without one.
pub(in crate::cli) fn man(command: Option<&str>) -> Result<(), Failure> {
    let mut program = Arguments::command().disable_help_subcommand(true);
    program.build();
    let page = match command {
        None => &program,
        Some(name) => program.find_subcommand(name).ok_or_else(|| no_such_command(name, &program))?,
    };
    let mut text = Vec::new();
    let page = Man::new(page.clone()).date(DATE).source(concat!("reelseal ", env!("CARGO_PKG_VERSION")));
    page.render(&mut text).map_err(|error| Failure::new(Exit::InputOutput, describe(&error)))?;
    // Replaces the generator's own title for what follows the options.
    let text = String::from_utf8_lossy(&text).replace("\n.SH EXTRA\n", "\n.SH NOTES\n");
    standard_output::text(text.as_bytes())
}

fn no_such_command(name: &str, program: &clap::Command) -> Failure {
    let names: Vec<_> = program.get_subcommands().map(clap::Command::get_name).collect();
    Failure::usage(format!("unrecognized subcommand '{}'", display_path(Path::new(name))))
        .with_hint(format!("the commands are: {}", names.join(", ")))
}
