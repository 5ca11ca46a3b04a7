//! What new key slots are made for: where the secrets come from, and the recipients, which are read at once.

use std::fs::Metadata;

#[cfg(feature = "age")]
use crate::cli::secrets::recipients::GivenRecipients;
use crate::{
    cli::{
        messages::{failure::Failure, lock_failure::lock_failure, stream_failure},
        plan::{LockRequest, SecretRequest},
        secrets::{question::Question, secret_source::SecretSource},
    },
    keys::{KdfLimits, Lock, ScryptCost, Secret, SlotDemand, SlotKind},
    signals::Startup,
};

/// Where the secrets and recipients of new key slots come from. No secret is read yet.
pub(in crate::cli) struct LockSource {
    secrets: Vec<SecretSource>,
    #[cfg(feature = "age")]
    recipients: GivenRecipients,
}

impl LockSource {
    /// Chooses the sources; without an option, a passphrase comes from the environment, or else from the terminal.
    pub fn choose(request: &LockRequest, input_is_stdin: bool, startup: &Startup) -> Result<Self, Failure> {
        Self::chosen(request, |secret| SecretSource::choose(secret, input_is_stdin, startup))
    }

    /// Chooses the sources of what is to open a stream from now on, in the same way.
    pub fn choose_new(request: &LockRequest, startup: &Startup) -> Result<Self, Failure> {
        Self::chosen(request, |secret| SecretSource::choose_new(secret, startup))
    }

    fn chosen(
        request: &LockRequest,
        choose: impl FnMut(&SecretRequest) -> Result<SecretSource, Failure>,
    ) -> Result<Self, Failure> {
        Ok(Self {
            secrets: request.secrets.iter().map(choose).collect::<Result<_, _>>()?,
            #[cfg(feature = "age")]
            recipients: GivenRecipients::read(&request.recipients)?,
        })
    }

    /// Whether a passphrase is among the secrets.
    fn has_passphrase(&self) -> bool {
        self.secrets.iter().any(|secret| secret.kind() == SlotKind::Passphrase)
    }

    /// Refuses a passphrase that would cost more than is allowed.
    pub fn check_cost(&self, limits: KdfLimits, cost: ScryptCost) -> Result<(), Failure> {
        if !self.has_passphrase() {
            return Ok(());
        }
        limits.check_memory(cost).map_err(|error| stream_failure::kdf("--scrypt-log-n", &error))
    }

    /// Whether the user is prompted for anything.
    pub fn is_terminal(&self) -> bool {
        self.secrets.iter().any(SecretSource::is_terminal)
    }

    /// The files of the secrets and recipients, so that no output overwrites them.
    pub fn metadata(&self) -> Vec<Metadata> {
        let files: Vec<_> = self.secrets.iter().flat_map(SecretSource::metadata).collect();
        #[cfg(feature = "age")]
        let files = [files, self.recipients.files.clone()].concat();
        files
    }

    /// What the new slots require, with a passphrase slot at `cost`.
    pub fn demands(&self, cost: ScryptCost) -> Vec<SlotDemand> {
        let demands = self.secrets.iter().map(|secret| match secret.kind() {
            SlotKind::Passphrase => SlotDemand::passphrase(cost),
            SlotKind::KeyFile => SlotDemand::key_file(),
            SlotKind::Recipient => SlotDemand::recipient(),
        });
        #[cfg(feature = "age")]
        let demands = demands.chain(self.recipients.list.iter().map(|_| SlotDemand::recipient()));
        demands.collect()
    }

    /// The reason why a plugin could not ask for what it needs, if there was one.
    pub fn prompt_failure(&self) -> Option<Failure> {
        #[cfg(feature = "age")]
        return self.recipients.prompt_failure();
        #[cfg(not(feature = "age"))]
        None
    }

    /// Reads the secrets, or asks `question` on the terminal.
    pub fn read(&self, question: &Question) -> Result<Vec<Secret>, Failure> {
        self.secrets.iter().map(|secret| secret.read(question)).collect()
    }

    /// A lock with the `secrets` that were read, a passphrase among them at `cost`, and the recipients.
    pub fn lock(&self, secrets: &[Secret], cost: ScryptCost) -> Result<Lock, Failure> {
        let locks = secrets.iter().map(|secret| Lock::with_secret(secret, cost).map_err(|error| lock_failure(&error)));
        #[cfg(feature = "age")]
        let locks = locks.chain(self.recipients.list.iter().map(|recipient| Ok(Lock::with_recipient(recipient))));
        let one = locks.reduce(|one, other| one?.or(other?).map_err(|error| lock_failure(&error)));
        one.unwrap_or_else(|| Err(Failure::usage("nothing would open the result")))
    }
}
