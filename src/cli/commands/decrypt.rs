//! `reelseal decrypt`.

use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use crate::cli::{
    arguments::DecryptArguments,
    commands::encrypt::SUFFIX,
    files::{
        ends::Ends,
        input::Access,
        output::Destination,
        transfer::{Transfer, new_stop, widen_pipe},
    },
    messages::{failure::Failure, progress::Progress, report, stream_failure},
    secrets::secret_source::{Purpose, Secret, SecretSource},
};
use crate::{
    container::{FoundHeader, Header},
    keys::{Credential, KeyEncryptionKeys, KeySlots, StageKeys, UnlockError, unlock},
    pipeline::{CiphertextFile, CiphertextSource, DescriptorInput, Opening, Resumed, Workers, read_header},
    stage::Chain,
};

pub(in crate::cli) fn decrypt(arguments: &DecryptArguments) -> Result<(), Failure> {
    let ends = Ends::open(&arguments.secret, arguments.input.as_deref())?;
    let destination = destination(arguments, &ends)?;
    let Ends { secret_source, input, access } = ends;

    let stop = new_stop()?;
    let mut descriptor = DescriptorInput::new(&input.file, &stop);
    let (found, ahead) =
        read_header(&mut descriptor).map_err(|error| stream_failure::header_input(&input.name, &error))?;
    if let Some(copy) = found.damaged {
        report::warning(&stream_failure::damaged_copy(&input.name, copy));
    }
    let refused = |error: UnlockError| stream_failure::unlock(&input.name, &error);
    let header = found.copy.parse(Chain::known_features(&[])).map_err(|error| refused(error.into()))?;
    let keys = open_header(arguments, &secret_source, &found, &header).map_err(|error| match error {
        OpenError::Secret(failure) => failure,
        OpenError::Unlock(error) => refused(error),
    })?;

    let (layout, features) = (header.layout(), header.prefix.features);
    let chain = Chain::new(&keys, &header.prefix, Vec::new());
    let opening = Opening::new(&chain, features);
    let failed = |error| stream_failure::pipeline(&input.name, &destination.name, false, layout, &error);
    let snapshot = input.snapshot().map_err(failed)?;
    let stream = input.stream_file(access, snapshot.as_ref(), layout).map_err(failed)?;
    let size = match &stream {
        Some(stream) => {
            let last = stream.verify_final_frame(&chain).map_err(failed)?;
            last.tag().offset.checked_add(last.tag().length.into())
        }
        None => None,
    };

    let carried = Some(&input.metadata).filter(|metadata| metadata.is_file());
    let transfer = Transfer::open(&input.name, &destination, layout, size, carried)?;
    let progress = Progress::start(&arguments.run, &input.name, size, destination.is_terminal());
    let threads = arguments.run.threads(widen_pipe(&input.file) && transfer.to_pipe);
    let workers = Workers::new(threads, layout.frame_size);
    let workers = workers.with_stop(&stop).with_progress(progress.delivered());
    match (access, stream, snapshot) {
        (Access::Positional, Some(stream), Some(snapshot)) => {
            transfer.run(&workers, &CiphertextFile::new(stream, snapshot), &opening)?;
        }
        (_, _, snapshot) => {
            let source = CiphertextSource::new(Resumed::new(ahead, descriptor), layout.frame_size, snapshot);
            transfer.run(&workers, &source, &opening)?;
        }
    }
    transfer.finish()?;
    progress.finish();
    Ok(())
}

enum OpenError {
    Secret(Failure),
    Unlock(UnlockError),
}

impl From<UnlockError> for OpenError {
    fn from(error: UnlockError) -> Self {
        Self::Unlock(error)
    }
}

/// Refuses what the header alone shows, and only then asks for the secret.
fn open_header(
    arguments: &DecryptArguments,
    secret_source: &SecretSource,
    found: &FoundHeader,
    header: &Header,
) -> Result<StageKeys, OpenError> {
    let limits = arguments.secret.kdf_limits();
    let slots = KeySlots::of(header)?;
    if secret_source.is_key_file() {
        slots.check_key_file()?;
    } else {
        slots.check_passphrase(limits)?;
    }
    let secret = secret_source.read(Purpose::Decrypt).map_err(OpenError::Secret)?;
    let mut credential = match &secret {
        Secret::Passphrase(passphrase) => Credential::Passphrase(KeyEncryptionKeys::new(passphrase), limits),
        Secret::KeyFile(key_file) => Credential::KeyFile(key_file),
    };
    let (_, keys) = unlock(&found.copy, header, &mut credential)?;
    Ok(keys)
}

fn destination(arguments: &DecryptArguments, ends: &Ends) -> Result<Destination, Failure> {
    let named = arguments.output.as_deref();
    let original = match ends.input.regular_path() {
        Some(path) if named.is_none() => Some(without_suffix(path).ok_or_else(|| no_suffix(&ends.input.name))?),
        _ => None,
    };
    ends.destination(named, original.as_ref(), arguments.force)
}

fn no_suffix(name: &str) -> Failure {
    Failure::usage(format!("{name}: does not end in {SUFFIX} behind a name, so that there is none for the output"))
        .with_hint("name the output with -o FILE, or -o - for standard output")
}

fn without_suffix(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.as_bytes().strip_suffix(SUFFIX.as_bytes())?;
    (!name.is_empty()).then(|| path.with_file_name(OsStr::from_bytes(name)))
}
