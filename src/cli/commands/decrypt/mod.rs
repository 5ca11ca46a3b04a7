//! `reelseal decrypt`.

mod following;
mod halt;
mod part;
mod recording;

use std::sync::Arc;

use crate::{
    cli::{
        job::{
            admission::Admission,
            assignments::{Assignments, Job},
            consumer::{Consumer, Took},
            delivery::Delivery,
            each_file::each_file,
            inputs::{self, Started},
            opened_input::{InputFrames, InputHeader, warn_of_damaged_copy},
            verified_removal::{Direction, remove_input},
        },
        messages::{
            failure::{Exit, Failure},
            message::Message,
            progress::Progress,
            report, stream_failure,
        },
        plan::DecryptPlan,
        secrets::{keyring::Keyring, question::Question},
    },
    container::Layout,
    files::walk::NamedInput,
    pipeline::{Opening, Workers},
    signals::{Startup, Watching},
    stream::{OpenedStream, Stop, StreamError, widen_pipe},
};

/// What all files share, except the secret, which is dropped once the last file has been opened.
struct Decryption<'a> {
    plan: &'a DecryptPlan,
    assignments: Assignments<'a>,
    admission: Admission,
    progress: &'a Progress,
    watching: &'a Watching,
}

pub(in crate::cli) fn decrypt(plan: &DecryptPlan, startup: Startup) -> Result<(), Exit> {
    match (plan.recording, plan.follows) {
        (_, Some(how)) => return following::follow(plan, how, startup),
        (Some(how), None) => return recording::decrypt_recording(plan, how, startup),
        (None, None) => {}
    }
    let many = &plan.many;
    let refused = |failure| report::failure(&failure);
    recording::refuse_folder(plan).map_err(refused)?;
    let started = inputs::start(many, startup).map_err(refused)?;
    let Started { watching, secret, inputs, empty_folders, passed_over, progress } = started;
    let assignments = Assignments::new(&plan.placement, &inputs, secret.metadata(), &passed_over).map_err(refused)?;
    let admission = Admission::new(many.threads);
    let decryption = Decryption { plan, assignments, admission, progress: &progress, watching: &watching };
    let question = Question::to_open(inputs.iter().flatten().map(|input| input.path.as_deref()));
    let keyring = Keyring::new(secret, many.limits, question);
    let most = || decryption.admission.most_files();
    let ended = each_file(&watching, inputs, &progress, &passed_over, most, keyring, |input, keyring, _| {
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
        let (delivery, consumer) = self.open_delivery(job, layout, size, frames.stop())?;
        self.admission.note_output(&delivery);
        let threads = self.plan.many.threads;
        let between_pipes = widen_pipe(&input.file) && delivery.to_pipe;
        let threads = admitted.workers(if between_pipes { threads.between_pipes() } else { threads.most() });
        let progress = self.progress.file(&input.label, size, destination.is_terminal()).opened_by(stream.slot());
        let workers = Workers::new(threads, layout.frame_size).with_progress(progress.delivered());
        let (source, opening) = (frames.source(layout.frame_size), Opening::new(stream.chain()));
        let delivered = admitted.at_work(|| delivery.deliver(&workers, &source, &opening));
        match self.end_delivery(delivery, consumer, delivered)? {
            Took::Everything if self.plan.placement.removes => {
                let (direction, chain) = (Direction::Decrypted, stream.chain());
                admitted.at_work(|| remove_input(job, &direction, chain, layout, threads, self.progress))?;
            }
            Took::Part if self.plan.placement.removes => {
                report::warning(&Message::about(&input.label, "is kept, because the command did not read all of it"));
            }
            Took::Everything | Took::Part => {}
        }
        progress.finish(Some(&destination.label));
        Ok(())
    }

    /// Opens the output of a job: a file or a pipe, or the command, which is started. `stop` ends a wait for input once
    /// nobody needs any more.
    fn open_delivery<'j>(
        &'j self,
        job: &'j Job,
        layout: Layout,
        length: Option<u64>,
        stop: Option<Arc<Stop>>,
    ) -> Result<(Delivery<'j>, Option<Consumer<'j>>), Failure> {
        let Job { input, destination, .. } = job;
        let Some(line) = &self.plan.consumer else {
            return Ok((Delivery::open(&input.label, destination, layout, length, input.carried())?, None));
        };
        let (consumer, into) = Consumer::start(line, self.watching)?;
        if let Some(stop) = stop {
            consumer.on_no_reader(Box::new(move || stop.request()));
        }
        Ok((Delivery::to_command(&input.label, destination, into, layout), Some(consumer)))
    }

    /// Ends what [`Decryption::open_delivery`] opened: gives a file its name, or lets the command's input end. A
    /// command that exits early has got what it wanted; one that does not get everything is ended.
    fn end_delivery(
        &self,
        delivery: Delivery<'_>,
        consumer: Option<Consumer<'_>>,
        delivered: Result<(), StreamError>,
    ) -> Result<Took, Failure> {
        match (consumer, delivered) {
            (None, Ok(())) => delivery.finish().map(|()| Took::Everything),
            (None, Err(error)) => Err(delivery.failure(&error)),
            (Some(consumer), Ok(())) => {
                drop(delivery);
                // Whether everything was read only matters for --remove.
                consumer.finish(if self.plan.placement.removes { Took::Everything } else { Took::Part })
            }
            (Some(consumer), Err(error)) if consumer.has_left(&error) => {
                drop(delivery);
                consumer.finish(Took::Part)
            }
            (Some(consumer), Err(error)) => {
                consumer.end();
                Err(delivery.failure(&error))
            }
        }
    }
}
