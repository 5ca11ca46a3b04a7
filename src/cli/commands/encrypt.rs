//! `reelseal encrypt`.

use std::sync::Arc;

use crate::{
    cli::{
        arguments::{EncryptArguments, Timestamps},
        batch::Batch,
        files::{
            ends::{Begun, Ends, Job},
            read_back::{Direction, remove_input},
            transfer::{Transfer, widen_pipe},
        },
        messages::{
            failure::{Exit, Failure},
            progress::{FileProgress, Progress},
            report, stream_failure,
        },
        secrets::{new_lock::NewLock, question::Question},
        signals::{Startup, Watching},
    },
    container::{Features, Header},
    files::{
        input::Access,
        naming::with_suffix,
        walk::{FileKind, NamedInput},
    },
    keys::SlotKind,
    pipeline::{PlaintextFile, PlaintextSource, Sealing, Workers},
    stage::Chain,
    stream::{Clock, DescriptorInput, StreamError},
};

/// What all files of a run have in common, the lock excepted: that goes with the files still to be begun.
struct Encryption<'a> {
    arguments: &'a EncryptArguments,
    ends: Ends<'a>,
    progress: Progress,
}

/// An input with its share in the lock, which is wiped when the last share is given up.
type ToLock = (Result<NamedInput, Failure>, Arc<NewLock>);

pub(in crate::cli) fn encrypt(arguments: &EncryptArguments, startup: Startup) -> Result<(), Exit> {
    let (watching, encryption, inputs) = begin(arguments, startup).map_err(|failure| report::failure(&failure))?;
    Batch::side_by_side(&watching, inputs, encryption.ends.most_at_once(), |(input, lock)| encryption.one(input, lock))
}

fn begin(arguments: &EncryptArguments, startup: Startup) -> Result<(Watching, Encryption<'_>, Vec<ToLock>), Failure> {
    let EncryptArguments { files, secret, common, .. } = arguments;
    report::configure(common);
    let Begun { watching, secret_source, inputs, ends } =
        Ends::begin(files, secret, common, FileKind::Plaintext, startup)?;
    let cost = arguments.scrypt_cost();
    if secret_source.kind() == SlotKind::Passphrase {
        let limits = arguments.secret.kdf_limits();
        limits.check_memory(cost).map_err(|error| stream_failure::kdf("--scrypt-log-n", &error))?;
    }
    let progress =
        Progress::start(&watching, common, inputs.iter().map(|input| input.as_ref().ok().and_then(NamedInput::size)));
    let question = Question::to_encrypt(inputs.iter().flatten().map(|input| input.path.as_deref()));
    let lock = Arc::new(NewLock::new(secret_source, cost, question));
    let inputs = inputs.into_iter().map(|input| (input, Arc::clone(&lock))).collect();
    Ok((watching, Encryption { arguments, ends, progress }, inputs))
}

impl Encryption<'_> {
    fn one(&self, input: Result<NamedInput, Failure>, lock: Arc<NewLock>) -> Result<(), Failure> {
        let size = input.as_ref().ok().and_then(NamedInput::size);
        let result = input.and_then(|input| self.encrypt(&input, lock));
        self.progress.file_ended(size);
        result
    }

    fn encrypt(&self, named: &NamedInput, lock: Arc<NewLock>) -> Result<(), Failure> {
        let job = self.ends.open(named, |path| Ok(with_suffix(path)))?;
        let Job { input, access, destination } = &job;
        if self.arguments.files.output.is_none() && destination.is_terminal() {
            return Err(Failure::usage("is a terminal, which ciphertext would garble")
                .about(&destination.label)
                .with_hint("name a file with -o FILE, pipe it on, or insist with -o -"));
        }
        let timed = match self.arguments.timestamps {
            Timestamps::Auto => !input.metadata.is_file(),
            Timestamps::Always => true,
            Timestamps::Never => false,
        };
        let features = if timed { Features::TIMED } else { Features::NONE };
        let stream = lock.new_stream(self.arguments.frame_size, features)?;
        drop(lock);

        let size = access.length(&input.metadata);
        let going = self.ends.side_by_side().wait(size, self.arguments.frame_size);
        let length = size.and_then(|size| stream.header.layout().stream_length(size));
        let transfer = Transfer::open(&input.label, destination, stream.header.layout(), length, input.carried())?;
        let copies = stream.keys.seal_header(&stream.header);
        let copies = copies.map_err(|error| Failure::new(Exit::InputOutput, error.to_string()))?;
        transfer.write_header(&copies)?;

        let threads = self.arguments.common.threads(widen_pipe(&input.file) && transfer.to_pipe);
        let threads = going.workers(threads);
        let progress = self.progress.file(&input.label, size, destination.is_terminal());
        let workers = Workers::new(threads, stream.header.prefix.frame_size);
        let chain = Chain::new(&stream.keys, &stream.header.prefix, Vec::new());
        seal_frames(&job, &stream.header, &chain, &transfer, workers, &progress)?;
        transfer.finish()?;
        if self.ends.removes() {
            let direction = Direction::Encrypted { header: &copies };
            remove_input(&job, &direction, &chain, stream.header.layout(), threads, &self.progress)?;
        }
        progress.finish(Some(&destination.label));
        Ok(())
    }
}

fn seal_frames(
    job: &Job,
    header: &Header,
    chain: &Chain,
    transfer: &Transfer<'_>,
    workers: Workers<'_>,
    progress: &FileProgress<'_>,
) -> Result<(), Failure> {
    let Job { input, access, .. } = job;
    let prefix = &header.prefix;
    let clock = if prefix.features.contains(Features::TIMED) { Clock::system() } else { Clock::None };
    let sealing = Sealing(chain);
    let workers = workers.with_progress(progress.delivered());
    let snapshot = input.snapshot().map_err(|error| transfer.failure(&error))?;
    match (access, snapshot) {
        (Access::Positional, Some(snapshot)) => {
            let source = PlaintextFile::new(&input.file, snapshot, prefix.frame_size, clock);
            transfer.run(&workers, &source.map_err(|error| transfer.failure(&error))?, &sealing)
        }
        (_, snapshot) => {
            let input =
                DescriptorInput::new(&input.file).map_err(|error| transfer.failure(&StreamError::Read(error)))?;
            transfer.run(&workers, &PlaintextSource::new(input, prefix.frame_size, clock, snapshot), &sealing)
        }
    }
}
