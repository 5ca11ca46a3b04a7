//! `reelseal decrypt`.

mod part;

use std::sync::Arc;

use crate::{
    cli::{
        job::{
            admission::Admission,
            assignments::{Assignments, Job},
            delivery::Delivery,
            each_file::each_file,
            inputs::{self, Started},
            opened_input::{InputFrames, InputHeader, warn_of_damaged_copy},
            verified_removal::{Direction, remove_input},
        },
        messages::{
            failure::{Exit, Failure},
            progress::Progress,
            report, stream_failure,
        },
        plan::DecryptPlan,
        secrets::{keyring::Keyring, question::Question},
    },
    files::walk::NamedInput,
    pipeline::{Opening, Workers},
    signals::Startup,
    stream::{OpenedStream, widen_pipe},
};

/// What all files share, except the secret, which is dropped once the last file has been opened.
struct Decryption<'a> {
    plan: &'a DecryptPlan,
    assignments: Assignments<'a>,
    admission: Admission,
    progress: &'a Progress,
}

pub(in crate::cli) fn decrypt(plan: &DecryptPlan, startup: Startup) -> Result<(), Exit> {
    let many = &plan.many;
    let refused = |failure| report::failure(&failure);
    let started = inputs::start(many, startup).map_err(refused)?;
    let Started { watching, secret, inputs, empty_folders, passed_over, progress } = started;
    let assignments = Assignments::new(&plan.placement, &inputs, secret.metadata(), &passed_over).map_err(refused)?;
    let admission = Admission::new(many.threads.most());
    let decryption = Decryption { plan, assignments, admission, progress: &progress };
    let question = Question::to_open(inputs.iter().flatten().map(|input| input.path.as_deref()));
    let keyring = Keyring::new(secret, many.limits, question);
    let ended = each_file(&watching, inputs, &progress, &passed_over, many.threads, keyring, |input, keyring, _| {
        decryption.decrypt(input, keyring)
    });
    decryption.assignments.mirror(&empty_folders, ended)
}

impl Decryption<'_> {
    fn decrypt(&self, named: &NamedInput, keyring: Arc<Keyring>) -> Result<(), Failure> {
        let Some(job) = self.assignments.assign(named)? else { return Ok(()) };
        let input = &job.input;
        let header = InputHeader::read(input, |_| {})?;
        warn_of_damaged_copy(&input.label, header.header().damaged_copy());
        let (stream, frames) = header.open(&keyring)?;
        drop(keyring);

        match self.plan.part {
            None => self.whole(&job, &stream, frames),
            Some(part) => self.part(&job, stream, frames, part),
        }
    }

    /// Decrypts all of an input.
    fn whole(&self, job: &Job, stream: &OpenedStream, frames: InputFrames<'_>) -> Result<(), Failure> {
        let Job { input, destination, .. } = job;
        let layout = stream.header().layout();
        let failed = |error| stream_failure::pipeline(&input.label, &destination.label, false, layout, &error);
        let size = match frames.file() {
            Some(file) => file.verify_final_frame(stream.chain()).map_err(failed)?.tag().end(),
            None => None,
        };

        let admitted = self.admission.admit(size, layout.frame_size);
        let delivery = Delivery::open(&input.label, destination, layout, size, input.carried())?;
        let threads = self.plan.many.threads;
        let between_pipes = widen_pipe(&input.file) && delivery.to_pipe;
        let threads = admitted.workers(if between_pipes { threads.between_pipes() } else { threads.most() });
        let progress = self.progress.file(&input.label, size, destination.is_terminal());
        let workers = Workers::new(threads, layout.frame_size).with_progress(progress.delivered());
        delivery.deliver(&workers, &frames.source(layout.frame_size), &Opening::new(stream.chain()))?;
        delivery.finish()?;
        if self.plan.placement.removes {
            remove_input(job, &Direction::Decrypted, stream.chain(), layout, threads, self.progress)?;
        }
        progress.finish(Some(&destination.label));
        Ok(())
    }
}
