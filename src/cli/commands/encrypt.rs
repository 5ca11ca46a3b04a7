//! `reelseal encrypt`.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use crate::cli::{
    arguments::{EncryptArguments, When},
    files::{
        ends::Ends,
        input::{Access, InputFile},
        output::Destination,
        transfer::{Transfer, new_stop, widen_pipe},
    },
    messages::{
        failure::{Exit, Failure},
        progress::Progress,
        stream_failure,
    },
    secrets::secret_source::{Purpose, Secret},
};
use crate::{
    container::{Features, Header, HeaderLength, Prefix, Slot},
    keys::{
        KdfError, Key, KeyEncryptionKeys, RandomnessUnavailable, ScryptCost, StageKeys, new_key_file_slot,
        new_passphrase_slot, random_bytes,
    },
    pipeline::{Clock, DescriptorInput, PlaintextFile, PlaintextSource, Sealing, Workers},
    stage::Chain,
};

/// What an encrypted file's name ends in.
pub(in crate::cli) const SUFFIX: &str = ".reel";

pub(in crate::cli) fn encrypt(arguments: &EncryptArguments) -> Result<(), Failure> {
    let ends = Ends::open(&arguments.secret, arguments.input.as_deref())?;
    let destination = destination(arguments, &ends)?;
    let Ends { secret_source, input, access } = ends;
    let cost = arguments.scrypt_cost();
    if !secret_source.is_key_file() {
        let limits = arguments.secret.kdf_limits();
        limits.check_memory(cost).map_err(|error| stream_failure::kdf("--scrypt-log-n", &error))?;
    }
    let secret = secret_source.read(Purpose::Encrypt)?;

    let timed = match arguments.timestamps {
        When::Auto => !input.metadata.is_file(),
        When::Always => true,
        When::Never => false,
    };
    let (header, keys) = new_stream(arguments, timed, &secret, cost)?;
    drop(secret);

    let size = match access {
        Access::Positional => Some(input.metadata.len()),
        Access::From(position) => Some(input.metadata.len().saturating_sub(position)),
        Access::Stream => None,
    };
    let length = size.and_then(|size| header.layout().stream_length(size));
    let carried = Some(&input.metadata).filter(|metadata| metadata.is_file());
    let transfer = Transfer::open(&input.name, &destination, header.layout(), length, carried)?;
    let copies = keys.seal_header(&header);
    transfer.write_header(&copies.map_err(|error| Failure::new(Exit::InputOutput, error.to_string()))?)?;

    let progress = Progress::start(&arguments.run, &input.name, size, destination.is_terminal());
    seal_frames(arguments, &input, access, &header, &keys, &transfer, &progress)?;
    transfer.finish()?;
    progress.finish();
    Ok(())
}

fn seal_frames(
    arguments: &EncryptArguments,
    input: &InputFile,
    access: Access,
    header: &Header,
    keys: &StageKeys,
    transfer: &Transfer<'_>,
    progress: &Progress,
) -> Result<(), Failure> {
    let frame_size = header.prefix.frame_size;
    let clock = if header.prefix.features.contains(Features::TIMED) { Clock::system() } else { Clock::None };
    let chain = Chain::new(keys, &header.prefix, Vec::new());
    let sealing = Sealing(&chain);
    let stop = new_stop()?;
    let threads = arguments.run.threads(widen_pipe(&input.file) && transfer.to_pipe);
    let workers = Workers::new(threads, frame_size).with_stop(&stop).with_progress(progress.delivered());
    let snapshot = input.snapshot().map_err(|error| transfer.failure(&error))?;
    match (access, snapshot) {
        (Access::Positional, Some(snapshot)) => {
            let source = PlaintextFile::new(&input.file, snapshot, frame_size, clock);
            transfer.run(&workers, &source.map_err(|error| transfer.failure(&error))?, &sealing)
        }
        (_, snapshot) => {
            let input = DescriptorInput::new(&input.file, &stop);
            transfer.run(&workers, &PlaintextSource::new(input, frame_size, clock, snapshot), &sealing)
        }
    }
}

fn destination(arguments: &EncryptArguments, ends: &Ends) -> Result<Destination, Failure> {
    let (named, beside) = (arguments.output.as_deref(), ends.input.regular_path().map(with_suffix));
    let destination = ends.destination(named, beside.as_ref(), arguments.force)?;
    if named.is_none() && destination.is_terminal() {
        return Err(Failure::usage("standard output is a terminal, which ciphertext would garble")
            .with_hint("name a file with -o FILE, pipe it on, or insist with -o -"));
    }
    Ok(destination)
}

fn with_suffix(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(SUFFIX);
    name.into()
}

/// A fresh file key and IV, in a header with one slot.
fn new_stream(
    arguments: &EncryptArguments,
    timed: bool,
    secret: &Secret,
    cost: ScryptCost,
) -> Result<(Header, StageKeys), Failure> {
    let no_randomness = |error: RandomnessUnavailable| Failure::new(Exit::InputOutput, error.to_string());
    let file_key = Key::random().map_err(no_randomness)?;
    let salt = random_bytes().map_err(no_randomness)?;
    let slot = match secret {
        Secret::KeyFile(key_file) => Slot::KeyFile(new_key_file_slot(&file_key, key_file, salt)),
        Secret::Passphrase(passphrase) => {
            let slot = new_passphrase_slot(&file_key, &mut KeyEncryptionKeys::new(passphrase), salt, cost);
            Slot::Passphrase(slot.map_err(|error: KdfError| stream_failure::kdf("passphrase", &error))?)
        }
    };
    let features = if timed { Features::TIMED } else { Features::NONE };
    let iv = random_bytes().map_err(no_randomness)?;
    let prefix = Prefix { frame_size: arguments.frame_size, features, iv };
    let header = Header { prefix, length: HeaderLength::default(), generation: 1, records: vec![(&slot).into()] };
    let keys = StageKeys::derive(&file_key, &prefix);
    Ok((header, keys))
}
