//! Encrypting what a command writes.

use super::{header_copies, plaintext_source};
use crate::{
    cli::{
        job::{assignments::spare_terminal, delivery::Delivery},
        messages::{command_failure::command_failure, failure::Failure, progress::Progress},
        plan::{EncryptPlan, OutputChoice},
        secrets::{lock_source::LockSource, new_lock::NewLock, question::Question},
    },
    files::{
        label::Label,
        output::{Destination, OutputRequest},
        protected::Protected,
    },
    pipeline::{ConfirmedSource, PlaintextSource, Sealing, Workers},
    process::{CommandFailure, CommandLine, CommandOutput, RunningCommand},
    signals::{Answer, Startup},
    stage::Chain,
    stream::StreamError,
};

/// Encrypts what the command `line` writes. Whatever can be refused is refused before the command runs.
pub(super) fn encrypt_output_of(line: &CommandLine, plan: &EncryptPlan, startup: Startup) -> Result<(), Failure> {
    let secret = LockSource::choose(&plan.many.secret, false, &startup)?;
    let watching = startup.watch(Answer::Die);
    let mut protected = Protected::default();
    secret.metadata().iter().for_each(|metadata| protected.add(metadata));
    let request = match &plan.placement.output {
        OutputChoice::File(path) => OutputRequest::File(path),
        _ => OutputRequest::StandardOutput,
    };
    let destination = Destination::resolve(&request, &protected, plan.placement.replaces)?;
    spare_terminal(&plan.placement, &destination)?;
    secret.check_cost(plan.many.limits, plan.cost)?;
    let label = Label::Command(line.program.clone());
    let question = Question::to_encrypt_output_of(&label);
    let stream = NewLock::new(secret, plan.cost, question).new_stream(plan.layout, plan.features(false))?;
    let copies = header_copies(&stream)?;
    let chain = Chain::new(&stream.keys, &stream.header.prefix);

    let layout = stream.header.layout();
    let delivery = Delivery::open(&label, &destination, layout, None, None)?;
    let progress = Progress::start(&watching, plan.many.reporting, [None].into_iter());
    let (running, output) = line.produce(&watching).map_err(|failure| command_failure(&line.program, &failure))?;
    let file = progress.file(&label, None, destination.is_terminal());
    delivery.write_header(&copies)?;
    let threads = plan.many.threads;
    let threads = if delivery.to_pipe { threads.between_pipes() } else { threads.most() };
    let workers = Workers::new(threads, layout.frame_size).with_progress(file.delivered());
    let source = plaintext_source(output, &stream.header, plan.max_delay, None);
    seal_output(&running, source, &delivery, &workers, &chain).map_err(|error| match error {
        Failed::Ours(error) => delivery.failure(&error),
        Failed::Command(failure) => {
            let released = delivery.is_direct();
            let failure = command_failure(&line.program, &failure);
            if failure.hint().is_some() { failure } else { failure.with_hint(what_is_left(released)) }
        }
    })?;
    delivery.finish()?;
    // Processes that it started may go on.
    let _ = running.finish();
    drop(running);
    file.finish(Some(&destination.label));
    Ok(())
}

enum Failed {
    Ours(StreamError),
    Command(CommandFailure),
}

fn seal_output(
    running: &RunningCommand,
    output: PlaintextSource<'_, CommandOutput>,
    delivery: &Delivery<'_>,
    workers: &Workers<'_>,
    chain: &Chain,
) -> Result<(), Failed> {
    let source = ConfirmedSource::new(output, || Ok(running.wait()?));
    let Err(error) = delivery.deliver(workers, &source, &Sealing::new(chain)) else { return Ok(()) };
    if let StreamError::NotConfirmed(reason) = &error
        && let Some(failure) = reason.downcast_ref::<CommandFailure>()
    {
        return Err(Failed::Command(failure.clone()));
    }
    // Our own failure comes first, unless the failure is that the command has not closed its output.
    let left_open = matches!(&error, StreamError::Read(error)
        if error.get_ref().is_some_and(|reason| reason.is::<CommandFailure>()));
    running.end();
    match running.wait() {
        Err(failure) if left_open => Err(Failed::Command(failure)),
        _ => Err(Failed::Ours(error)),
    }
}

fn what_is_left(released: bool) -> &'static str {
    if released {
        "what was written has no final frame, so no reader takes it for a whole stream"
    } else {
        "nothing was written"
    }
}
