//! `reelseal inspect`: what a stream says of itself, and with a secret what of that is authentic.

mod findings;
mod frames;
mod text;

use std::path::Path;

use crate::cli::{
    arguments::InspectArguments,
    batch::Batch,
    files::{
        inputs::reads_standard_input,
        opened_input::{self, InputFrames},
    },
    messages::{
        damage,
        display_name::display_name,
        failure::{Exit, Failure},
        report, standard_output, stream_failure,
    },
    secrets::{keyring::Keyring, question::Question, secret_source::SecretSource},
    signals::{Answer, Startup},
};
use crate::{
    container::{Features, Header},
    files::{
        input::{Access, InputFile},
        label::Label,
    },
    keys::KeySlots,
    stream::{OpenedStream, StreamError},
};
use findings::{Authenticated, Findings, time};

pub(in crate::cli) fn inspect(arguments: &InspectArguments, startup: Startup) -> Result<(), Exit> {
    let inputs: Vec<_> = arguments.inputs.iter().map(|path| Some(path.as_path())).collect();
    let inputs = if inputs.is_empty() { vec![None] } else { inputs };
    let keyring = keyring(arguments, &inputs, &startup).map_err(|failure| report::failure(&failure))?;
    let watching = startup.watch(Answer::Die);
    let mut inspection = Inspection { arguments, keyring, separator: "" };
    Batch::each(&watching, &inputs, |&input| inspection.run(input))
}

/// The secret, if one is given: a look at a file is no reason to ask for one.
fn keyring(
    arguments: &InspectArguments,
    inputs: &[Option<&Path>],
    startup: &Startup,
) -> Result<Option<Keyring>, Failure> {
    let reads_stdin = reads_standard_input(&arguments.inputs)?;
    let source = if arguments.ask {
        Some(SecretSource::terminal()?)
    } else {
        SecretSource::given(&arguments.secret, reads_stdin, startup)?
    };
    if source.is_none() && arguments.frames {
        return Err(Failure::usage("--frames needs a secret: what frames say is encrypted")
            .with_hint("give one with --passphrase-file FILE or --key-file FILE, or have it asked for with --ask"));
    }
    let question = Question::to_open(inputs.iter().copied());
    Ok(source.map(|source| Keyring::new(source, arguments.secret.kdf_limits(), question)))
}

struct Inspection<'a> {
    arguments: &'a InspectArguments,
    keyring: Option<Keyring>,
    /// What stands in front of the next block.
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
            input.check_apart_from(keyring.metadata().as_ref())?;
        }
        let access = input.access()?;
        let mut findings = Findings::new(&display_name(&input.label), access.length(&input.metadata));

        let seen = self.see(&input, access, &mut findings);
        let ends = seen.as_ref().map_or(Ok(()), |seen| see_ends(&input, seen, &mut findings));
        let failures = [seen.as_ref().err(), ends.as_ref().err()];
        let facts = failures.into_iter().flatten().map(|failure| failure.message().among_those_about(&input.label));
        findings.problems.extend(facts);
        self.tell(&findings)?;

        match seen? {
            Seen::Opened(stream, frames) if self.arguments.frames => {
                frames::list(&input.label, &stream, frames, self.arguments.json).and(ends)
            }
            Seen::Opened(..) | Seen::Header(..) => ends,
        }
    }

    fn tell(&mut self, findings: &Findings) -> Result<(), Failure> {
        if self.arguments.json {
            return standard_output::json(findings);
        }
        let separator = std::mem::replace(&mut self.separator, "\n");
        standard_output::line(&format_args!("{separator}{}", text::block(findings)))
    }

    /// Reads the header, and opens it with the secret, if one is given.
    fn see<'a>(&self, input: &'a InputFile, access: Access, findings: &mut Findings) -> Result<Seen<'a>, Failure> {
        let label = &input.label;
        let header = opened_input::read_header(input, |refused| findings.refused(refused))?;
        findings.header(&header);
        if let Some(copy) = header.damaged_copy() {
            findings.problems.push(stream_failure::damaged_copy(label, copy).fact);
        }
        KeySlots::of(header.header()).map_err(|error| stream_failure::unlock(label, &error))?;
        match self.fitting_keyring(findings) {
            Some(keyring) => {
                let (stream, rest) = keyring.open(label, header)?;
                findings.authenticated = Some(Authenticated { header: true, ..Authenticated::default() });
                let frames = InputFrames::of(input, access, stream.header(), rest);
                Ok(Seen::Opened(stream, frames))
            }
            None => {
                let (header, rest) = header.into_header();
                let frames = InputFrames::of(input, access, &header, rest);
                Ok(Seen::Header(header, frames))
            }
        }
    }

    /// A passphrase that just stands in the environment is not meant for a stream that opens with key files alone.
    fn fitting_keyring(&self, findings: &Findings) -> Option<&Keyring> {
        let fits =
            |keyring: &&Keyring| self.arguments.frames || !keyring.is_ambient() || findings.has_passphrase_slot();
        self.keyring.as_ref().filter(fits)
    }
}

/// Checks the end of a stream, and with a secret its first frame, where that can be done before the rest.
fn see_ends(input: &InputFile, seen: &Seen<'_>, findings: &mut Findings) -> Result<(), Failure> {
    let (header, frames) = match seen {
        Seen::Header(header, frames) => (header, frames),
        Seen::Opened(stream, frames) => (stream.header(), frames),
    };
    let failed = |error: StreamError| told_of(&input.label, header, &error);
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

fn told_of(label: &Label, header: &Header, error: &StreamError) -> Failure {
    let failure = stream_failure::pipeline(label, &Label::StandardOutput, false, header.layout(), error);
    if stream_failure::is_damage(error) { failure.with_hint(damage::OTHER_COPY) } else { failure }
}
