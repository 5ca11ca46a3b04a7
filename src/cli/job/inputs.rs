//! How a command that works on many files starts: the source of its secret, signals, and its inputs, in that order.

use crate::{
    cli::{
        messages::{display_name::display_path, failure::Failure, progress::Progress, report},
        plan::{Inputs, Many},
        secrets::secret_source::SecretSource,
        signals::{Answer, Startup, Watching},
    },
    files::walk::{self, NamedInput},
};

/// A command that works on many files, once it has started.
pub(in crate::cli) struct Started {
    pub watching: Watching,
    pub secret: SecretSource,
    /// What could not be found is a failure in its place.
    pub inputs: Vec<Result<NamedInput, Failure>>,
    pub progress: Progress,
}

/// Starts. Nothing is read of the inputs or of the secret.
pub(in crate::cli) fn start(many: &Many, startup: Startup) -> Result<Started, Failure> {
    let secret = SecretSource::choose(&many.secret, many.inputs.from_standard_input, &startup)?;
    let watching = startup.watch(if many.ignores_interrupts { Answer::Ignore } else { Answer::Die });
    let inputs = find(&many.inputs);
    let sizes = inputs.iter().map(|input| input.as_ref().ok().and_then(NamedInput::size));
    let progress = Progress::start(&watching, many.reporting, sizes);
    Ok(Started { watching, secret, inputs, progress })
}

/// The inputs that are named, and those below folders; what is passed over is reported as a detail.
fn find(inputs: &Inputs) -> Vec<Result<NamedInput, Failure>> {
    let found = walk::expand(&inputs.named, inputs.below_folders, |path| {
        report::detail(&format!("{}: passed over", display_path(path)));
    });
    found.into_iter().map(|input| input.map_err(Failure::from)).collect()
}
