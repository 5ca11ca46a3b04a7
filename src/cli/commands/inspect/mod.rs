//! `reelseal inspect`: what a stream says about itself and, with a secret, which of that is authentic.

mod frames;
mod saved_header;
mod text;

use std::path::Path;

use crate::cli::{
    job::{
        batch::Batch,
        opened_input::{InputFrames, InputHeader, warn_of_damaged_copy},
    },
    messages::{
        damage,
        display_name::display_name,
        failure::{Exit, Failure},
        report,
        salvage_hint::or_salvage,
        standard_output, stream_failure,
    },
    plan::{InspectPlan, InspectSecret},
    secrets::{keyring::Keyring, question::Question, secret_source::SecretSource},
};
use crate::{
    container::{Features, Header},
    files::{input::InputFile, label::Label},
    inspection::{
        findings::{Authenticated, Findings},
        time::time,
    },
    keys::KeySlots,
    signals::{Answer, Startup},
    stream::{OpenedStream, StreamError},
};

pub(in crate::cli) fn inspect(plan: &InspectPlan, startup: Startup) -> Result<(), Exit> {
    let named = &plan.inputs.named;
    let inputs: Vec<_> = named.iter().map(|path| Some(path.as_path())).collect();
    let inputs = if inputs.is_empty() { vec![None] } else { inputs };
    let keyring = keyring(plan, &inputs, &startup).map_err(|failure| report::failure(&failure))?;
    let watching = startup.watch(Answer::Die);
    let mut inspection = Inspection { plan, keyring, separator: "" };
    Batch::each(&watching, &inputs, |&input| inspection.run(input))
}

/// The secret, if one is given: inspecting a file does not prompt for one.
fn keyring(plan: &InspectPlan, inputs: &[Option<&Path>], startup: &Startup) -> Result<Option<Keyring>, Failure> {
    let source = match &plan.secret {
        InspectSecret::Asked => Some(SecretSource::terminal()?),
        InspectSecret::IfGiven(request) => SecretSource::given(request, plan.inputs.from_standard_input, startup)?,
    };
    if source.is_none() && plan.frames {
        return Err(Failure::usage("--frames needs a secret: the frames' tags are encrypted")
            .with_hint("give one with --passphrase-file FILE, --key-file FILE or -i FILE, or use --ask"));
    }
    let question = Question::to_open(inputs.iter().copied());
    Ok(source.map(|source| Keyring::new(source, plan.limits, question)))
}

struct Inspection<'a> {
    plan: &'a InspectPlan,
    keyring: Option<Keyring>,
    /// What comes before the next block.
    separator: &'static str,
}

/// A stream whose header was read, and opened if a secret was given.
enum Seen<'a> {
    Header(Header, InputFrames<'a>),
    Opened(OpenedStream, InputFrames<'a>),
}

impl Inspection<'_> {
    fn run(&mut self, path: Option<&Path>) -> Result<(), Failure> {
        let input = InputFile::open(path)?;
        if let Some(keyring) = &self.keyring {
            input.check_apart_from(&keyring.metadata())?;
        }
        let mut findings = Findings::new(&display_name(&input.label), input.access()?.length(&input.metadata));

        let seen = self.see(&input, &mut findings);
        let ends = seen.as_ref().map_or(Ok(()), |seen| see_ends(&input, seen, &mut findings));
        let failures = [seen.as_ref().err(), ends.as_ref().err()];
        let facts = failures.into_iter().flatten().map(|failure| failure.message().among_those_about(&input.label));
        findings.problems.extend(facts);
        self.print(&findings)?;

        match seen? {
            Seen::Opened(stream, frames) if self.plan.frames => {
                frames::list(&input.label, &stream, frames, self.plan.json).and(ends)
            }
            Seen::Opened(..) | Seen::Header(..) => ends,
        }
    }

    fn print(&mut self, findings: &Findings) -> Result<(), Failure> {
        if self.plan.json {
            return standard_output::json(findings);
        }
        let separator = std::mem::replace(&mut self.separator, "\n");
        standard_output::line(&format_args!("{separator}{}", text::block(findings)))
    }

    /// Reads the header, and opens it with the secret, if one is given.
    fn see<'a>(&self, input: &'a InputFile, findings: &mut Findings) -> Result<Seen<'a>, Failure> {
        let label = &input.label;
        let input_header = InputHeader::read(input, |refused| findings.refused(refused))?;
        let header = input_header.header();
        findings.header(header);
        warn_of_damaged_copy(label, header.damaged_copy());
        if let Some(copy) = header.damaged_copy() {
            findings.problems.push(stream_failure::damaged_copy(label, copy).fact);
        }
        let copy = self.plan.saved_header.as_ref().map(|_| header.parsed().bytes().to_vec());
        KeySlots::of(header.header()).map_err(|error| stream_failure::unlock(label, &error))?;
        let seen = match self.fitting_keyring(findings) {
            Some(keyring) => {
                let (stream, frames) = input_header.open(keyring)?;
                findings.authenticated = Some(Authenticated::by(stream.slot()));
                Seen::Opened(stream, frames)
            }
            None => {
                let (header, frames) = input_header.without_secret();
                Seen::Header(header, frames)
            }
        };
        if let Some(((path, replaces), copy)) = self.plan.saved_header.as_ref().zip(copy) {
            let secrets = self.keyring.as_ref().map(Keyring::metadata).unwrap_or_default();
            saved_header::save(&copy, path, *replaces, &[vec![input.metadata.clone()], secrets].concat())?;
        }
        Ok(seen)
    }

    /// A passphrase that merely happens to be in the environment is ignored for a stream that opens only with key
    /// files.
    fn fitting_keyring(&self, findings: &Findings) -> Option<&Keyring> {
        let fits = |keyring: &&Keyring| self.plan.frames || !keyring.is_ambient() || findings.has_passphrase_slot();
        self.keyring.as_ref().filter(fits)
    }
}

/// Checks the end of a stream and, with a secret, its first frame, where that is possible before reading the rest.
fn see_ends(input: &InputFile, seen: &Seen<'_>, findings: &mut Findings) -> Result<(), Failure> {
    let (header, frames) = match seen {
        Seen::Header(header, frames) => (header, frames),
        Seen::Opened(stream, frames) => (stream.header(), frames),
    };
    let failed = |error: StreamError| failure_about(&input.label, header, &error);
    let Some(file) = frames.file() else { return Ok(()) };
    file.check_length().map_err(failed)?;
    if let (Seen::Opened(stream, _), Some(authenticated)) = (seen, &mut findings.authenticated) {
        let last = file.verify_final_frame(stream.chain()).map_err(failed)?;
        authenticated.end(last.tag());
        if header.prefix.features.contains(Features::TIMED) {
            let first = file.verify_first_frame(stream.chain()).map_err(failed)?;
            authenticated.first_time = time(first.tag().time);
        }
    }
    Ok(())
}

fn failure_about(label: &Label, header: &Header, error: &StreamError) -> Failure {
    let failure = stream_failure::reading(label, header.layout(), error);
    if stream_failure::is_damage(error) { failure.with_hint(or_salvage(damage::OTHER_COPY, label)) } else { failure }
}
