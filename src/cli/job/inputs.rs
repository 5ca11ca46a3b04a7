//! The inputs that a command line names.

use std::path::PathBuf;

use crate::{
    cli::{
        messages::{display_name::display_path, failure::Failure, report},
        signals::Watching,
    },
    files::{
        input::is_standard,
        label::Label,
        walk::{self, FileKind, NamedInput},
    },
};

/// Whether standard input is read: if nothing is named, or `-`, which goes alone.
pub(in crate::cli) fn reads_standard_input(named: &[PathBuf]) -> Result<bool, Failure> {
    let is_named = named.iter().any(|path| is_standard(Some(path)));
    if is_named && named.len() > 1 {
        let refused = Failure::usage("cannot be one of several inputs").about(&Label::StandardInput);
        return Err(refused.with_hint("give it a run of its own"));
    }
    Ok(named.is_empty() || is_named)
}

/// The inputs that are `named`, as [`walk::expand`] finds them; what is passed over is reported as a detail.
pub(in crate::cli) fn expand(
    _: &Watching,
    named: &[PathBuf],
    recursive: bool,
    kind: FileKind,
) -> Vec<Result<NamedInput, Failure>> {
    let inputs = walk::expand(named, recursive, kind, |path| {
        report::detail(&format!("{}: passed over", display_path(path)));
    });
    inputs.into_iter().map(|input| input.map_err(Failure::from)).collect()
}
