//! `reelseal salvage`: recovers what is sound in a damaged stream, and lists what is missing.

mod account;
mod map;
mod sources;

use std::os::unix::fs::FileExt;

use account::Account;
use map::MapFile;
use sources::Sources;

use crate::{
    cli::{
        job::opened_input::warn_of_damaged_copy,
        messages::{
            damage,
            failure::{Exit, Failure},
            file_failure::warn_unless_carried,
            message::Message,
            progress::{FileProgress, Progress},
            report, stream_failure,
        },
        plan::SalvagePlan,
    },
    container::{Record, Resealing},
    files::{
        atomic_file::AtomicFile,
        label::Label,
        output::{Destination, Output, OutputRequest},
    },
    keys::NewStream,
    pipeline::{
        FilledOutput, Filling, ResealedOutput, SalvageInput, SalvageOutput, Salvaged, SparseOutput, Workers,
        salvage as run_salvage,
    },
    signals::{Answer, Startup},
    stage::Chain,
    stream::{DescriptorOutput, Input, OpenedStream, StreamError, widen_pipe},
};

pub(in crate::cli) fn salvage(plan: &SalvagePlan, startup: Startup) -> Result<(), Failure> {
    let sources = Sources::choose(plan, &startup)?;
    let watching = startup.watch(if plan.ignores_interrupts { Answer::Ignore } else { Answer::Die });
    let (input, protected) = sources.open_input(plan)?;
    let label = &input.label;
    let destination = Destination::resolve(&OutputRequest::named(&plan.output), &protected, plan.replaces)?;
    let map_request = plan.map.as_deref().map(OutputRequest::named);
    let map_destination =
        map_request.map(|request| Destination::resolve(&request, &protected, plan.replaces)).transpose()?;
    if plan.reseal.is_some() && destination.path().is_none() {
        return Err(Failure::usage("a stream that is resealed needs a file, since its header is written last")
            .about(&destination.label)
            .with_hint("name a file with -o FILE"));
    }
    let length = input.access()?.length(&input.metadata);
    let progress = Progress::start(&watching, plan.reporting, [length].into_iter());

    let (stream, frames) = sources.open_stream(plan, &input)?;
    warn_of_damaged_copy(label, stream.damaged_copy());
    let new_stream = sources.new_stream(stream.header())?;
    let mut output = destination.open(input.carried().is_some())?;
    if let (Output::Atomic(file), Some(from)) = (&mut output, input.carried()) {
        file.carry(from).map_err(|error| Failure::system(&destination.label, "cannot write", &error))?;
    }
    let map = map_destination.as_ref().map(MapFile::create).transpose()?;

    let size = match &frames {
        SalvageInput::AtPlaces(file) => file.verify_final_frame(stream.chain()).ok().and_then(|last| last.tag().end()),
        SalvageInput::InOrder(_) => None,
    };
    let to_terminal = destination.is_terminal();
    let file_progress = progress.file(label, size, to_terminal).opened_by(stream.slot());
    let to_pipe = matches!(&output, Output::Direct(file) if widen_pipe(file));
    let threads = if widen_pipe(&input.file) && to_pipe { plan.threads.between_pipes() } else { plan.threads.most() };
    let workers = Workers::new(threads, stream.chain().frame_size()).with_progress(file_progress.delivered());
    let account = Account::new(label, stream.header(), map);
    let run = Run { stream: &stream, account: &account, workers: &workers, filling: plan.filling };
    let salvaged = run.write_to(frames, &output, new_stream.as_ref());
    let salvaged = salvaged.map_err(|error| {
        let direct = matches!(output, Output::Direct(_));
        stream_failure::pipeline(label, &destination.label, direct, stream.header().layout(), &error)
    })?;
    account.report_unlisted();
    if salvaged.totals.sound_frames == 0 {
        return Err(nothing_sound(label, plan, &salvaged));
    }
    finish(plan, &stream, &account, &salvaged, new_stream.as_ref(), (output, &destination))?;
    let mapped = account.finish_map(map_destination.as_ref());
    let concluded = conclude(plan, label, &destination.label, &account, &salvaged, file_progress);
    match (mapped, concluded) {
        (Err(of_map), Err(worse)) => {
            report::failure(&of_map);
            Err(worse)
        }
        (mapped, concluded) => mapped.and(concluded),
    }
}

/// The run over the frames.
struct Run<'a> {
    stream: &'a OpenedStream,
    account: &'a Account<'a>,
    workers: &'a Workers<'a>,
    filling: Filling,
}

impl Run<'_> {
    /// Writes what is sound of `frames` to an open `output`, or into a new stream there.
    fn write_to<I: Input>(
        &self,
        frames: SalvageInput<'_, I>,
        output: &Output,
        new_stream: Option<&NewStream>,
    ) -> Result<Salvaged, StreamError> {
        match (output, new_stream) {
            (Output::Direct(file), _) => {
                self.write(frames, FilledOutput::new(DescriptorOutput::new(file), self.filling))
            }
            (Output::Atomic(file), Some(new)) => {
                let chain = Chain::new(&new.keys, &new.header.prefix);
                self.write(frames, ResealedOutput::new(file.file(), new.header.layout(), &chain, self.filling))
            }
            (Output::Atomic(file), None) => match self.filling {
                Filling::Zeros => self.write(frames, SparseOutput::new(file.file())),
                Filling::Nothing => self.write(frames, FilledOutput::new(file.file(), self.filling)),
            },
        }
    }

    fn write<I: Input>(
        &self,
        frames: SalvageInput<'_, I>,
        output: impl SalvageOutput,
    ) -> Result<Salvaged, StreamError> {
        run_salvage(frames, self.stream.chain(), output, self.account, self.workers)
    }
}

/// Writes the header of a new stream, and gives a file its name.
fn finish(
    plan: &SalvagePlan,
    stream: &OpenedStream,
    account: &Account<'_>,
    salvaged: &Salvaged,
    new_stream: Option<&NewStream>,
    (output, destination): (Output, &Destination),
) -> Result<(), Failure> {
    let Output::Atomic(file) = output else { return Ok(()) };
    if let Some(new) = new_stream {
        let resealing = (!salvaged.is_whole()).then(|| account.resealing(plan.filling == Filling::Nothing));
        write_header(new, &stream.header().records, resealing, &file)
            .map_err(|error| Failure::write(&destination.label, &error))?;
    }
    warn_unless_carried(&destination.label, destination.commit(file)?);
    Ok(())
}

/// Writes both header copies of a `new` stream, with the resealing records of the `old` ones, as far as there is room.
fn write_header(
    new: &NewStream,
    old: &[Record],
    resealing: Option<Resealing>,
    file: &AtomicFile,
) -> std::io::Result<()> {
    /// Bytes that are left free for key slots added later.
    const ROOM_FOR_SLOTS: usize = 512;
    let mut header = new.header.clone();
    let mut room = header.length.record_area().saturating_sub(ROOM_FOR_SLOTS);
    room = room.saturating_sub(header.records.iter().map(Record::encoded_length).sum());
    let own = resealing.map(|mut resealing| {
        while resealing.to_record().encoded_length() > room && resealing.gaps.pop().is_some() {
            resealing.unlisted += 1;
        }
        resealing.to_record()
    });
    room = room.saturating_sub(own.as_ref().map_or(0, Record::encoded_length));
    for record in old.iter().filter(|record| Resealing::is(record)) {
        if let Some(left) = room.checked_sub(record.encoded_length()) {
            room = left;
            header.records.push(record.clone());
        }
    }
    header.records.extend(own);
    let copies = new.keys.seal_header(&header).map_err(std::io::Error::other)?;
    file.file().write_all_at(&copies, 0)
}

fn nothing_sound(label: &Label, plan: &SalvagePlan, salvaged: &Salvaged) -> Failure {
    let failure = Failure::new(Exit::BadStream, "no frame is sound; nothing was written").about(label);
    match (&salvaged.unreadable, &plan.header) {
        (Some(error), _) => Failure::system(label, "no frame is sound, and reading failed", error),
        (None, Some(_)) => failure.with_hint("the header may be that of another stream"),
        (None, None) => failure.with_hint(damage::OTHER_COPY),
    }
}

/// Reports what was done, and fails if anything is missing.
fn conclude(
    plan: &SalvagePlan,
    label: &Label,
    output: &Label,
    account: &Account<'_>,
    salvaged: &Salvaged,
    progress: FileProgress<'_>,
) -> Result<(), Failure> {
    if salvaged.is_extended {
        report::warning(&Message::about(label, "has data after its end that is not part of the stream"));
    }
    progress.finish(Some(output));
    if salvaged.is_whole() {
        return Ok(());
    }
    if let Some(error) = &salvaged.unreadable {
        report::finding(&Message::about(label, format!("the rest {}", damage::unreadable(Some(error)))));
    }
    Err(damage::not_all(label, output, &salvaged.totals, account.end_lost(), plan.filling))
}
