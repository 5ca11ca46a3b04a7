//! `reelseal encrypt`.

mod producer;

use std::{sync::Arc, time::Duration};

use crate::{
    cli::{
        job::{
            admission::Admission,
            assignments::{Assignments, Job},
            delivery::Delivery,
            each_file::each_file,
            inputs::{self, Started},
            verified_removal::{Direction, remove_input},
        },
        messages::{
            failure::{Exit, Failure},
            message::Message,
            progress::{FileProgress, Progress},
            report,
        },
        plan::EncryptPlan,
        secrets::{new_lock::NewLock, question::Question},
    },
    container::Header,
    files::{input::Access, walk::NamedInput},
    keys::NewStream,
    pipeline::{EitherSource, FileSnapshot, PlaintextFile, PlaintextSource, Sealing, Workers},
    signals::Startup,
    stage::Chain,
    stream::{Clock, DescriptorInput, Input, StreamError, widen_pipe},
};

/// What all files share, except the lock, which is dropped once the last file has been started.
struct Encryption<'a> {
    plan: &'a EncryptPlan,
    assignments: Assignments<'a>,
    admission: Admission,
    progress: &'a Progress,
}

pub(in crate::cli) fn encrypt(plan: &EncryptPlan, startup: Startup) -> Result<(), Exit> {
    let many = &plan.many;
    let refused = |failure| report::failure(&failure);
    if let Some(line) = &plan.producer {
        return producer::encrypt_output_of(line, plan, startup).map_err(refused);
    }
    let started = inputs::start(many, startup).map_err(refused)?;
    let Started { watching, secret, inputs, empty_folders, passed_over, progress } = started;
    let assignments = Assignments::new(&plan.placement, &inputs, secret.metadata(), &passed_over).map_err(refused)?;
    secret.check_cost(plan.many.limits, plan.cost).map_err(refused)?;
    let admission = Admission::new(many.threads);
    let encryption = Encryption { plan, assignments, admission, progress: &progress };
    let question = Question::to_encrypt(inputs.iter().flatten().map(|input| input.path.as_deref()));
    let lock = NewLock::new(secret, plan.cost, question);
    let most = || encryption.admission.most_files();
    let ended = each_file(&watching, inputs, &progress, &passed_over, most, lock, |input, lock, _| {
        encryption.encrypt(input, lock)
    });
    encryption.assignments.mirror(&empty_folders, ended)
}

impl Encryption<'_> {
    fn encrypt(&self, named: &NamedInput, lock: Arc<NewLock>) -> Result<(), Failure> {
        let Some(job) = self.assignments.assign(named)? else { return Ok(()) };
        let Job { input, access, destination } = &job;
        if input.is_stream() {
            report::warning(&Message::about(&input.label, "is encrypted already; encrypting it again"));
        }
        let features = self.plan.features(input.metadata.is_file());
        let stream = lock.new_stream(self.plan.layout, features)?;
        drop(lock);

        let (layout, size) = (stream.header.layout(), access.length(&input.metadata));
        let admitted = self.admission.admit(size, layout.frame_size);
        // The number of frames of a live stream is not known.
        let length = size.filter(|_| self.plan.max_delay.is_none()).and_then(|size| layout.stream_length(size));
        let delivery = Delivery::open(&input.label, destination, layout, length, input.carried())?;
        self.admission.note_output(&delivery);
        let copies = header_copies(&stream)?;
        delivery.write_header(&copies)?;

        let threads = self.plan.many.threads;
        let between_pipes = widen_pipe(&input.file) && delivery.to_pipe;
        let threads = admitted.workers(if between_pipes { threads.between_pipes() } else { threads.most() });
        let progress = self.progress.file(&input.label, size, destination.is_terminal());
        let workers = Workers::new(threads, layout.frame_size);
        let chain = Chain::new(&stream.keys, &stream.header.prefix);
        let max_delay = self.plan.max_delay;
        admitted.at_work(|| seal_frames(&job, &stream.header, max_delay, &chain, &delivery, workers, &progress))?;
        delivery.finish()?;
        if self.plan.placement.removes {
            let direction = Direction::Encrypted { header: &copies };
            admitted.at_work(|| remove_input(&job, &direction, &chain, layout, threads, self.progress))?;
        }
        progress.finish(Some(&destination.label));
        Ok(())
    }
}

/// Both copies of the header, as they are written.
fn header_copies(stream: &NewStream) -> Result<Vec<u8>, Failure> {
    let copies = stream.keys.seal_header(&stream.header);
    copies.map_err(|error| Failure::usage(error.to_string()).with_hint("give fewer recipients"))
}

/// The frames of a stream with this `header`, from an input that is read in order.
fn plaintext_source<'a, I: Input>(
    input: I,
    header: &Header,
    max_delay: Option<Duration>,
    snapshot: Option<FileSnapshot<'a>>,
) -> PlaintextSource<'a, I> {
    let prefix = &header.prefix;
    let source = PlaintextSource::new(input, prefix.frame_size, Clock::of(prefix.features), snapshot);
    match max_delay {
        Some(max_delay) => source.live(max_delay),
        None => source,
    }
}

fn seal_frames(
    job: &Job,
    header: &Header,
    max_delay: Option<Duration>,
    chain: &Chain,
    delivery: &Delivery<'_>,
    workers: Workers<'_>,
    progress: &FileProgress<'_>,
) -> Result<(), Failure> {
    let Job { input, access, .. } = job;
    let prefix = &header.prefix;
    let workers = workers.with_progress(progress.delivered());
    let failed = |error| delivery.failure(&error);
    let source = match access {
        Access::AtPlaces if max_delay.is_none() => {
            let snapshot = FileSnapshot::of(&input.file, &input.metadata).map_err(failed)?;
            let source = PlaintextFile::new(&input.file, prefix.frame_size, Clock::of(prefix.features), snapshot);
            EitherSource::AtPlaces(source.map_err(failed)?)
        }
        Access::AtPlaces | Access::InOrderFrom(_) | Access::InOrder => {
            let snapshot = input.snapshot().map_err(failed)?;
            let input = DescriptorInput::new(&input.file).map_err(StreamError::Read).map_err(failed)?;
            EitherSource::InOrder(plaintext_source(input, header, max_delay, snapshot))
        }
    };
    delivery.deliver(&workers, &source, &Sealing::new(chain)).map_err(failed)
}
