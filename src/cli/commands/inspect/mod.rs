//! `reelseal inspect`: what a stream says of itself, and with a secret what of that is authentic.

mod findings;
mod frames;
mod remembering;
mod text;

use std::path::Path;

use crate::cli::{
    arguments::InspectArguments,
    batch::Batch,
    files::{inputs::reads_standard_input, transfer::new_stop},
    messages::{
        damage,
        display_name::display_name,
        failure::{Exit, Failure},
        report, standard_output, stream_failure,
    },
    secrets::{keyring::Keyring, secret_source::SecretSource},
    signals::{Answer, Startup},
};
use crate::{
    container::{Features, Header, HeaderError},
    files::{
        input::{Access, InputFile},
        label::Label,
    },
    keys::KeySlots,
    pipeline::{CiphertextFile, CiphertextSource},
    stage::Chain,
    stream::{DescriptorInput, HeaderReadError, Input, Resumed, StreamError, read_header},
};
use findings::{Authenticated, CopyState, Findings, time};
use remembering::Remembering;

pub(in crate::cli) fn inspect(arguments: &InspectArguments, startup: Startup) -> Result<(), Exit> {
    let inputs: Vec<_> = arguments.inputs.iter().map(|path| Some(path.as_path())).collect();
    let inputs = if inputs.is_empty() { vec![None] } else { inputs };
    let keyring = keyring(arguments, &startup).map_err(|failure| report::failure(&failure))?;
    let watching = startup.watch(Answer::Die);
    let mut inspection = Inspection { arguments, keyring, separator: "" };
    Batch::each(&watching, &inputs, |&input| inspection.run(input))
}

/// The secret, if one is given: a look at a file is no reason to ask for one.
fn keyring(arguments: &InspectArguments, startup: &Startup) -> Result<Option<Keyring>, Failure> {
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
    Ok(source.map(|source| Keyring::new(source, arguments.secret.kdf_limits())))
}

struct Inspection<'a> {
    arguments: &'a InspectArguments,
    keyring: Option<Keyring>,
    /// What stands in front of the next block.
    separator: &'static str,
}

/// A stream whose header was read, and opened if a secret was given.
struct Opened {
    header: Header,
    chain: Option<Chain>,
    /// What was read behind the header.
    ahead: Vec<u8>,
}

impl Inspection<'_> {
    fn run(&mut self, path: Option<&Path>) -> Result<(), Failure> {
        let input = InputFile::open(path)?;
        if let Some(keyring) = &self.keyring {
            input.check_apart_from(keyring.metadata().as_ref())?;
        }
        let access = input.access()?;
        let stop = new_stop()?;
        let mut descriptor = Remembering::new(DescriptorInput::new(&input.file, &stop));
        let mut findings = Findings::new(&display_name(&input.label), access.length(&input.metadata));

        let opened = self.open(&input.label, &mut descriptor, &mut findings);
        let ends = opened.as_ref().map_or(Ok(()), |opened| look_at_ends(&input, access, opened, &mut findings));
        let failures = [opened.as_ref().err(), ends.as_ref().err()];
        let facts = failures.into_iter().flatten().map(|failure| failure.message().among_those_about(&input.label));
        findings.problems.extend(facts);
        self.tell(&findings)?;

        match opened? {
            Opened { header, chain: Some(chain), ahead } if self.arguments.frames => {
                let source = Resumed::new(ahead, descriptor);
                list_frames(&input, access, &header, &chain, source, self.arguments.json).and(ends)
            }
            _ => ends,
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
    fn open<R: Input>(
        &self,
        label: &Label,
        input: &mut Remembering<R>,
        findings: &mut Findings,
    ) -> Result<Opened, Failure> {
        let (found, ahead) = read_header(input).map_err(|error| {
            if let (Some(claims), HeaderReadError::Header(error)) = (input.claims(), &error) {
                findings.claim(&claims, state_of_copies(error));
            }
            stream_failure::header_input(label, &error)
        })?;
        findings.found(&found);
        if let Some(copy) = found.damaged() {
            let damaged = stream_failure::damaged_copy(label, copy);
            report::warning(&damaged);
            findings.problems.push(damaged.fact);
        }
        let header = found.copy.parse(Chain::known_features(&[]));
        let header = header.map_err(|error| stream_failure::header(label, &error))?;
        findings.header(&header);
        KeySlots::of(&header).map_err(|error| stream_failure::unlock(label, &error))?;
        let chain = match self.fitting_keyring(findings) {
            Some(keyring) => {
                let keys = keyring.open(label, &found, &header)?;
                findings.authenticated = Some(Authenticated { header: true, ..Authenticated::default() });
                Some(Chain::new(&keys, &header.prefix, Vec::new()))
            }
            None => None,
        };
        Ok(Opened { header, chain, ahead })
    }

    /// A passphrase that just stands in the environment is not meant for a stream that opens with key files alone.
    fn fitting_keyring(&self, findings: &Findings) -> Option<&Keyring> {
        let fits =
            |keyring: &&Keyring| self.arguments.frames || !keyring.is_ambient() || findings.has_passphrase_slot();
        self.keyring.as_ref().filter(fits)
    }
}

/// Looks at the end of a stream, and with a secret at its first frame, where that can be done before the rest.
fn look_at_ends(input: &InputFile, access: Access, opened: &Opened, findings: &mut Findings) -> Result<(), Failure> {
    let header = &opened.header;
    let failed = |error: StreamError| told_of(&input.label, header, &error);
    let snapshot = input.snapshot().map_err(failed)?;
    let stream = input.stream_file(access, snapshot.as_ref(), header.layout()).map_err(failed)?;
    if let (Some(stream), Some(chain), Some(authenticated)) = (stream, &opened.chain, &mut findings.authenticated) {
        let last = stream.verify_final_frame(chain).map_err(failed)?;
        authenticated.end(last.tag());
        if header.prefix.features.contains(Features::TIMED) {
            let first = stream.verify_first_frame(chain).map_err(failed)?;
            authenticated.first_time = time(first.tag().time);
        }
    }
    Ok(())
}

fn list_frames(
    input: &InputFile,
    access: Access,
    header: &Header,
    chain: &Chain,
    in_order: impl Input,
    json: bool,
) -> Result<(), Failure> {
    let failed = |error: StreamError| told_of(&input.label, header, &error);
    let snapshot = input.snapshot().map_err(failed)?;
    let stream = input.stream_file(access, snapshot.as_ref(), header.layout()).ok().flatten();
    match (access, stream, snapshot) {
        (Access::Positional, Some(stream), Some(snapshot)) => {
            let source = CiphertextFile::new(stream, snapshot).past_unreadable_frames();
            frames::list(&input.label, header, chain, &source, json)
        }
        (_, _, snapshot) => {
            let source = CiphertextSource::new(in_order, header.prefix.frame_size, snapshot);
            frames::list(&input.label, header, chain, &source, json)
        }
    }
}

fn told_of(label: &Label, header: &Header, error: &StreamError) -> Failure {
    let failure = stream_failure::pipeline(label, &Label::StandardOutput, false, header.layout(), error);
    if stream_failure::is_damage(error) { failure.with_hint(damage::OTHER_COPY) } else { failure }
}

/// What a refused header says of both of its copies.
fn state_of_copies(error: &HeaderError) -> CopyState {
    match error {
        HeaderError::Damaged | HeaderError::FrameSize(_) | HeaderError::HeaderLength(_) => CopyState::Damaged,
        _ => CopyState::Unknown,
    }
}
