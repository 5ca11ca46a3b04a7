//! The secret of a run that opens streams: read once, when the first header needs it, and wiped after the last.

use std::{
    fs::Metadata,
    sync::{Mutex, PoisonError},
};

use crate::{
    cli::{
        messages::{failure::Failure, key_slot, report, stream_failure},
        secrets::{question::Question, secret_source::SecretSource},
    },
    container::Header,
    files::label::Label,
    keys::{Credential, KdfLimits, KeySlots, UnlockError},
    stream::{OpenedStream, Resumed, StreamHeader},
};

/// Opens headers one after another, for any thread. Streams that share salt and cost take one scrypt run.
pub(in crate::cli) struct Keyring {
    source: SecretSource,
    limits: KdfLimits,
    question: Question,
    credential: Mutex<Option<Credential>>,
}

impl Keyring {
    /// A keyring for the secret that `source` gives, on the terminal as the answer to `question`.
    pub fn new(source: SecretSource, limits: KdfLimits, question: Question) -> Self {
        Self { source, limits, question, credential: Mutex::default() }
    }

    /// The files that hold the secret, so that none of them is taken as an input.
    pub fn metadata(&self) -> Vec<Metadata> {
        self.source.metadata()
    }

    /// Whether the secret comes from the environment, and so was not asked for explicitly.
    pub fn is_ambient(&self) -> bool {
        self.source.is_environment()
    }

    /// Opens the stream `label`, of which `header` was read. What the header alone gives reason to refuse is refused
    /// before prompting for the secret.
    pub fn open<I>(&self, label: &Label, header: StreamHeader<I>) -> Result<(OpenedStream, Resumed<I>), Failure> {
        let refused = |error: UnlockError| stream_failure::unlock(label, &error);
        self.check(header.header()).map_err(refused)?;
        let (stream, rest) = self
            .opened(header)?
            .map_err(|error| self.source.prompt_failure(&error).unwrap_or_else(|| refused(error)))?;
        report::detail(&key_slot::opened_with(label, stream.slot()));
        Ok((stream, rest))
    }

    /// Opens the streams of several threads one after another: the secret is asked for once, and a plugin runs alone.
    fn opened<I>(&self, header: StreamHeader<I>) -> Result<Result<(OpenedStream, Resumed<I>), UnlockError>, Failure> {
        let mut credential = self.credential.lock().unwrap_or_else(PoisonError::into_inner);
        let credential = match &mut *credential {
            Some(credential) => credential,
            none => {
                let secret = self.source.read(&self.question).map_err(Failure::for_all)?;
                none.insert(Credential::new(secret, self.limits))
            }
        };
        Ok(header.open(credential))
    }

    fn check(&self, header: &Header) -> Result<(), UnlockError> {
        KeySlots::of(header)?.check_opening(self.source.kind(), self.limits)
    }
}
