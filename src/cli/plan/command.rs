//! The command at one end of the stream, and what cannot be combined with it.

use std::{ffi::OsStr, fs, path::Path, time::Duration};

use super::{Many, NEW_PASSPHRASE_VARIABLE, PASSPHRASE_VARIABLE};
use crate::{
    cli::{
        arguments::{CommandArguments, CommonArguments, FilesArguments, ProgressArgument},
        messages::{command_failure::command_failure, failure::Failure, shell_word::shell_word},
    },
    process::CommandLine,
};

pub(super) const KILL_AFTER: Duration = Duration::from_secs(10);

/// What cannot be combined with a command: whether it was given, its name, and what to do about it.
pub(super) type Excluded = (bool, &'static str, &'static str);

/// The command that `arguments` name, if they name one, checked against the other arguments and the `excluded` ones.
pub(super) fn command_line(
    verb: &str,
    arguments: &CommandArguments,
    files: &FilesArguments,
    common: &CommonArguments,
    excluded: &[Excluded],
) -> Result<Option<CommandLine>, Failure> {
    let Some((program, rest)) = arguments.command.split_first() else { return Ok(None) };
    let line = CommandLine {
        program: program.clone(),
        arguments: rest.to_vec(),
        timeout: arguments.timeout.filter(|timeout| !timeout.is_zero()),
        kill_after: arguments.kill_after.unwrap_or(KILL_AFTER),
        hidden_variables: &[PASSPHRASE_VARIABLE, NEW_PASSPHRASE_VARIABLE],
    };
    let always = [
        (files.recursive, "--recursive", "a command handles one stream; run reelseal once for each file"),
        (files.output_dir.is_some(), "--output-dir", "a command handles one stream; name the file with -o FILE"),
        (files.skip_existing, "--skip-existing", "leave it out: an existing output is not replaced without --force"),
        (
            common.ignore_interrupts,
            "--ignore-interrupts",
            "leave it out: Ctrl-C goes to the command, whose exit code decides",
        ),
    ];
    let path = Path::new(program);
    let path = if path.components().count() > 1 { path.to_owned() } else { Path::new(".").join(path) };
    let as_a_file =
        || format!("what follows -- is run as a command; to {verb} the file, write {}, without --", shell_word(&path));
    if let Some((_, name, hint)) = excluded.iter().chain(&always).find(|(is_there, ..)| *is_there) {
        let refused = Failure::usage(format!("{name} cannot be used with a command after --"));
        return Err(if names_a_file(program) { refused.with_hint(as_a_file()) } else { refused.with_hint(*hint) });
    }
    line.check().map_err(|failure| {
        let refused = command_failure(program, &failure);
        if names_a_file(program) { refused.with_hint(as_a_file()) } else { refused }
    })?;
    Ok(Some(line))
}

/// Refuses a command that cannot be run before anything else is done.
pub(super) fn check_program(line: &CommandLine) -> Result<(), Failure> {
    line.check().map_err(|failure| command_failure(&line.program, &failure))
}

/// Whether `word` names something that exists.
fn names_a_file(word: &OsStr) -> bool {
    fs::symlink_metadata(word).is_ok()
}

impl<Wanted> Many<Wanted> {
    /// With a `command`, which may use the terminal itself, there is no progress bar unless it was asked for.
    pub(super) fn beside(mut self, command: &Option<CommandLine>, common: &CommonArguments) -> Self {
        if command.is_some() && common.progress == ProgressArgument::Auto {
            self.reporting.progress = None;
        }
        self
    }
}
