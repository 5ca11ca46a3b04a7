//! `reelseal decrypt`.

use std::{path::Path, sync::Arc};

use crate::{
    cli::{
        arguments::DecryptArguments,
        batch::Batch,
        files::{
            ends::{Begun, Ends, Job},
            opened_input,
            read_back::{Direction, remove_input},
            transfer::{Transfer, widen_pipe},
        },
        messages::{
            failure::{Exit, Failure},
            progress::Progress,
            report, stream_failure,
        },
        secrets::{keyring::Keyring, question::Question},
        signals::{Startup, Watching},
    },
    files::{
        naming::{SUFFIX, without_suffix},
        walk::{FileKind, NamedInput},
    },
    pipeline::{Opening, Workers},
};

/// What all files of a run have in common, the secret excepted: that goes with the files still to be opened.
struct Decryption<'a> {
    arguments: &'a DecryptArguments,
    ends: Ends<'a>,
    progress: Progress,
}

/// An input with its share in the keyring, which is wiped when the last share is given up.
type Locked = (Result<NamedInput, Failure>, Arc<Keyring>);

pub(in crate::cli) fn decrypt(arguments: &DecryptArguments, startup: Startup) -> Result<(), Exit> {
    let (watching, decryption, inputs) = begin(arguments, startup).map_err(|failure| report::failure(&failure))?;
    Batch::side_by_side(&watching, inputs, decryption.ends.most_at_once(), |(input, keyring)| {
        decryption.one(input, keyring)
    })
}

fn begin(arguments: &DecryptArguments, startup: Startup) -> Result<(Watching, Decryption<'_>, Vec<Locked>), Failure> {
    let DecryptArguments { files, secret, common } = arguments;
    report::configure(common);
    let Begun { watching, secret_source, inputs, ends } =
        Ends::begin(files, secret, common, FileKind::Streams, startup)?;
    let progress =
        Progress::start(&watching, common, inputs.iter().map(|input| input.as_ref().ok().and_then(NamedInput::size)));
    let question = Question::to_open(inputs.iter().flatten().map(|input| input.path.as_deref()));
    let keyring = Arc::new(Keyring::new(secret_source, secret.kdf_limits(), question));
    let inputs = inputs.into_iter().map(|input| (input, Arc::clone(&keyring))).collect();
    Ok((watching, Decryption { arguments, ends, progress }, inputs))
}

impl Decryption<'_> {
    fn one(&self, input: Result<NamedInput, Failure>, keyring: Arc<Keyring>) -> Result<(), Failure> {
        let size = input.as_ref().ok().and_then(NamedInput::size);
        let result = input.and_then(|input| self.decrypt(&input, keyring));
        self.progress.file_ended(size);
        result
    }

    fn decrypt(&self, named: &NamedInput, keyring: Arc<Keyring>) -> Result<(), Failure> {
        let job = self.ends.open(named, |path| without_suffix(path).ok_or_else(|| no_suffix(path)))?;
        let Job { input, access, destination } = &job;
        let (stream, frames) = opened_input::open(input, *access, &keyring)?;
        drop(keyring);

        let layout = stream.header().layout();
        let failed = |error| stream_failure::pipeline(&input.label, &destination.label, false, layout, &error);
        let size = match frames.file() {
            Some(file) => file.verify_final_frame(stream.chain()).map_err(failed)?.tag().end(),
            None => None,
        };

        let going = self.ends.side_by_side().wait(size, layout.frame_size);
        let transfer = Transfer::open(&input.label, destination, layout, size, input.carried())?;
        let threads = self.arguments.common.threads(widen_pipe(&input.file) && transfer.to_pipe);
        let threads = going.workers(threads);
        let progress = self.progress.file(&input.label, size, destination.is_terminal());
        let workers = Workers::new(threads, layout.frame_size).with_progress(progress.delivered());
        transfer.run(&workers, &frames.source(layout.frame_size), &Opening::new(stream.chain()))?;
        transfer.finish()?;
        if self.ends.removes() {
            remove_input(&job, &Direction::Decrypted, stream.chain(), layout, threads, &self.progress)?;
        }
        progress.finish(Some(&destination.label));
        Ok(())
    }
}

fn no_suffix(path: &Path) -> Failure {
    Failure::usage(format!("does not end in {SUFFIX} behind a name, so that there is none for the output"))
        .about(path)
        .with_hint("name the output with -o FILE, or -o - for standard output")
}
