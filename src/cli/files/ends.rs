//! How every run begins: the secret's source, the input, and where the output may go.

use std::path::{Path, PathBuf};

use crate::cli::{
    arguments::SecretArguments,
    files::{
        input::{self, Access, InputFile},
        output::{Destination, Wanted},
    },
    messages::failure::Failure,
    on_signal,
    secrets::secret_source::SecretSource,
};

/// The ends of a run: nothing is asked, and nothing written yet.
pub(in crate::cli) struct Ends {
    pub secret_source: SecretSource,
    pub input: InputFile,
    pub access: Access,
}

impl Ends {
    /// Opens `input`, or standard input without one.
    pub fn open(secret: &SecretArguments, input: Option<&Path>) -> Result<Self, Failure> {
        let secret_source = SecretSource::choose(secret, input::is_standard(input))?;
        on_signal::watch();
        let input = InputFile::open(input)?;
        let access = input.access()?;
        secret_source.check_apart_from(&input)?;
        Ok(Self { secret_source, input, access })
    }

    /// Where the output goes: to the place `named`, else to the file `beside` the input, else to standard output.
    pub fn destination(
        &self,
        named: Option<&Path>,
        beside: Option<&PathBuf>,
        overwrite: bool,
    ) -> Result<Destination, Failure> {
        let wanted = match (named, beside) {
            (Some(named), _) => Wanted::named(named),
            (None, Some(beside)) => Wanted::File(beside),
            (None, None) => Wanted::StandardOutput,
        };
        let secret = self.secret_source.metadata();
        let precious: Vec<_> = [Some(&self.input.metadata), secret.as_ref()].into_iter().flatten().collect();
        Destination::resolve(&wanted, &precious, overwrite)
    }
}
