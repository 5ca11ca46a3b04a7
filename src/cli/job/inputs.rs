//! How a command that works on many files starts: the source of its secret, signals, and its inputs, in that order.

use crate::{
    cli::{
        messages::{failure::Failure, passed_over::PassedOver, progress::Progress},
        plan::{LockRequest, Many, SecretRequest},
        secrets::{lock_source::LockSource, secret_source::SecretSource},
    },
    files::walk::{self, EmptyFolder, NamedInput},
    signals::{Answer, Startup, Watching},
};

/// A command that works on many files, once it has started.
pub(in crate::cli) struct Started<Source> {
    pub watching: Watching,
    pub secret: Source,
    /// An input that could not be found is a failure in its place.
    pub inputs: Vec<Result<NamedInput, Failure>>,
    pub empty_folders: Vec<EmptyFolder>,
    pub passed_over: PassedOver,
    pub progress: Progress,
}

/// A request for a secret, for which a source can be chosen.
pub(in crate::cli) trait Wanted {
    type Source;

    /// Chooses where the secret comes from.
    fn choose(&self, input_is_stdin: bool, startup: &Startup) -> Result<Self::Source, Failure>;
}

impl Wanted for SecretRequest {
    type Source = SecretSource;

    fn choose(&self, input_is_stdin: bool, startup: &Startup) -> Result<SecretSource, Failure> {
        SecretSource::choose(self, input_is_stdin, startup)
    }
}

impl Wanted for LockRequest {
    type Source = LockSource;

    fn choose(&self, input_is_stdin: bool, startup: &Startup) -> Result<LockSource, Failure> {
        LockSource::choose(self, input_is_stdin, startup)
    }
}

/// Starts. Neither the inputs nor the secret are read yet.
pub(in crate::cli) fn start<W: Wanted>(many: &Many<W>, startup: Startup) -> Result<Started<W::Source>, Failure> {
    let secret = many.secret.choose(many.inputs.from_standard_input, &startup)?;
    let watching = startup.watch(if many.ignores_interrupts { Answer::Ignore } else { Answer::Die });
    let found = walk::expand(&many.inputs.named, many.inputs.below_folders);
    let passed_over = PassedOver::new(many.reporting.quiet);
    found.passed_over.iter().for_each(|(path, unfit)| passed_over.add(path, *unfit));
    let inputs: Vec<_> = found.inputs.into_iter().map(|input| input.map_err(Failure::from)).collect();
    let sizes = inputs.iter().map(|input| input.as_ref().ok().and_then(NamedInput::size));
    let progress = Progress::start(&watching, many.reporting, sizes);
    Ok(Started { watching, secret, inputs, empty_folders: found.empty_folders, passed_over, progress })
}
