//! `reelseal passwd`: what opens a file is changed in place.

use std::{
    collections::HashSet,
    fs::File,
    io,
    num::NonZero,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use crate::cli::{
    arguments::{Mode, PasswdArguments, SlotChange},
    batch::Batch,
    files::stream_header::StreamHeader,
    messages::{
        display_name::display_name,
        failure::{Exit, Failure},
        key_slot,
        message::Message,
        report, standard_output, stream_failure,
    },
    secrets::{
        new_lock::{new_lock, no_randomness},
        secret_source::{Purpose, Secret, SecretSource},
    },
    signals::{self, Answer, Startup},
};
use crate::{
    container::{Header, Slot},
    files::{
        input::{InputFile, is_standard},
        label::Label,
    },
    keys::{
        Credential, KdfLimits, KeySlots, Lock, ScryptCost, SlotKind, SlotPlace, Unlocked, check_new_passphrase_slot,
        unlock, with_slot, without_slot,
    },
    stage::Chain,
    stream::{HeaderRewrite, ReaderInput},
};

pub(in crate::cli) fn passwd(arguments: &PasswdArguments, startup: Startup) -> Result<(), Exit> {
    match arguments.mode() {
        Mode::List => {
            let watching = startup.watch(Answer::Die);
            Batch::each(&watching, &arguments.files, |path| list(path, arguments.files.len() > 1))
        }
        Mode::Rewrite(change) => rewrite_all(arguments, change, startup),
    }
}

/// A line a slot; in front of it the file's name, if there is more than the one file.
fn list(path: &Path, named: bool) -> Result<(), Failure> {
    let input = InputFile::open(Some(path))?;
    let StreamHeader { header, .. } = StreamHeader::read(&input.label, &mut ReaderInput(&input.file))?;
    let slots = KeySlots::of(&header).map_err(|error| stream_failure::unlock(&input.label, &error))?;
    let front = if named { format!("{}: ", display_name(&input.label)) } else { String::new() };
    let lines = slots.iter().zip(1..).map(|((_, slot), number)| format!("{front}{number}: {}\n", described(slot)));
    let unknown = header.records.iter().filter(|record| record.is_unknown_slot());
    let unknown = unknown.map(|record| format!("{front}-: a key slot of unknown kind {}\n", record.kind()));
    let text: String = lines.chain(unknown).collect();
    standard_output::text(text.as_bytes())
}

fn described(slot: &Slot) -> String {
    match slot {
        Slot::KeyFile(_) => key_slot::KEY_FILE.to_owned(),
        Slot::Passphrase(slot) => {
            let memory = ScryptCost::of(slot).ok().map(ScryptCost::memory);
            key_slot::passphrase(slot.log_n, slot.r, slot.p, memory)
        }
    }
}

/// First whatever can be refused without a secret, then the questions, once, then the work.
fn rewrite_all(arguments: &PasswdArguments, change: SlotChange, startup: Startup) -> Result<(), Exit> {
    let told = |failure| report::failure(&failure);
    refuse_stray_number(arguments, change).map_err(told)?;
    let sources = Sources::choose(arguments, change, &startup).map_err(told)?;
    startup.watch(Answer::Die);
    let mut batch = Batch::default();
    let (mut ready, mut known) = (Vec::new(), HashSet::new());
    for path in &arguments.files {
        // By whatever names, a file is rewritten once.
        if path.metadata().is_ok_and(|metadata| !known.insert((metadata.dev(), metadata.ino()))) {
            continue;
        }
        match check(path, arguments, change, &sources) {
            Ok(()) => ready.push(path),
            Err(failure) => batch.ended(Err(failure)),
        }
    }
    if let Some((_, others)) = ready.split_first() {
        match Run::begin(arguments, change, &sources, &ready) {
            Ok(mut run) => {
                for path in ready {
                    batch.ended(run.rewrite(path));
                }
                if !arguments.quiet {
                    run.note_what_stays_open();
                }
            }
            Err(failure) => {
                batch.ended(Err(failure));
                batch.not_begun(others.len());
            }
        }
    }
    batch.finish()
}

/// `--remove 2 FILE` would remove from FILE another slot than was meant.
fn refuse_stray_number(arguments: &PasswdArguments, change: SlotChange) -> Result<(), Failure> {
    let is_number = |path: &&PathBuf| path.to_str().is_some_and(|name| name.parse::<usize>().is_ok());
    match arguments.files.iter().find(is_number) {
        Some(number) if change == SlotChange::Remove(None) && !number.exists() => {
            let number = number.display().to_string();
            Err(Failure::usage("cannot open: no such file or directory")
                .about(number.as_str())
                .with_hint(format!("to remove key slot {number}, write --remove={number}")))
        }
        _ => Ok(()),
    }
}

struct Sources {
    current: SecretSource,
    /// `None` if no new secret is wanted.
    new: Option<SecretSource>,
}

impl Sources {
    fn choose(arguments: &PasswdArguments, change: SlotChange, startup: &Startup) -> Result<Self, Failure> {
        let (current, new) = (arguments.secret.passphrase_fd, arguments.new_secret.new_passphrase_fd);
        if new.is_some() && current == new {
            return Err(Failure::usage("one descriptor cannot hold both the old passphrase and the new one")
                .with_hint("use two of them: --passphrase-fd 3 3<OLD --new-passphrase-fd 4 4<NEW"));
        }
        let current = SecretSource::choose(&arguments.secret, false, startup)?;
        if let Some(number) = new.filter(|&number| current.is_copied_to(number)) {
            return Err(SecretSource::not_open(number));
        }
        let new = match change {
            SlotChange::Replace | SlotChange::Add => Some(SecretSource::choose_new(&arguments.new_secret, startup)?),
            SlotChange::Remove(_) => None,
        };
        if new.as_ref().is_some_and(|new| !new.is_key_file()) {
            let limits = arguments.secret.kdf_limits();
            let checked = limits.check_memory(arguments.scrypt_cost());
            checked.map_err(|error| stream_failure::kdf("--scrypt-log-n", &error))?;
        }
        Ok(Self { current, new })
    }
}

/// Refuses what the file and its header alone show.
fn check(path: &Path, arguments: &PasswdArguments, change: SlotChange, sources: &Sources) -> Result<(), Failure> {
    let (label, rewrite) = begin(path)?;
    let (header, limits) = (rewrite.header(), arguments.secret.kdf_limits());
    let refused = |error| stream_failure::unlock(&label, &error);
    let slots = KeySlots::of(header).map_err(refused)?;
    slots.check(sources.current.slot_kind(), limits).map_err(refused)?;
    let not_changed = |error| stream_failure::slot_change(&label, &error);
    match (change, &sources.new) {
        (SlotChange::Add, Some(new)) if !new.is_key_file() => {
            check_new_passphrase_slot(header, SlotPlace::Behind, arguments.scrypt_cost(), limits).map_err(not_changed)
        }
        (SlotChange::Remove(Some(number)), _) => {
            let record = numbered(&slots, number).ok_or_else(|| no_such_slot(&label, number))?;
            without_slot(header, record).map(drop).map_err(not_changed)
        }
        // Which one it will be does not matter if it is the only one.
        (SlotChange::Remove(None), _) => match slots.iter().next() {
            Some((record, _)) => without_slot(header, record).map(drop).map_err(not_changed),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Opens `path` for rewriting, and locks it.
fn begin(path: &Path) -> Result<(Label, HeaderRewrite), Failure> {
    let label = Label::from(path);
    if is_standard(Some(path)) {
        return Err(Failure::usage("cannot be rewritten")
            .about(&Label::StandardInput)
            .with_hint("a file with the name - is ./-"));
    }
    let cannot_open = |error: io::Error| Failure::system(&label, "cannot open", &error);
    // Before it is opened, which a device may take for a command.
    if !path.metadata().map_err(cannot_open)?.is_file() {
        return Err(stream_failure::not_regular(&label));
    }
    let file = File::options().read(true).write(true).open(path).map_err(cannot_open)?;
    let rewrite = HeaderRewrite::begin(file, Chain::known_features(&[]));
    let rewrite = rewrite.map_err(|error| stream_failure::header_rewrite(&label, &error))?;
    Ok((label, rewrite))
}

/// Whether the current secret opens the file.
fn opens(path: &Path, current: &mut Credential) -> Result<(), Failure> {
    let (label, rewrite) = begin(path)?;
    let unlocked = unlock(rewrite.copy(), rewrite.header(), current);
    unlocked.map(drop).map_err(|error| stream_failure::unlock(&label, &error))
}

fn numbered(slots: &KeySlots, number: NonZero<usize>) -> Option<usize> {
    slots.iter().nth(number.get() - 1).map(|(record, _)| record)
}

fn no_such_slot(label: &Label, number: NonZero<usize>) -> Failure {
    Failure::usage(format!("there is no key slot {number}"))
        .about(label)
        .with_hint("--list shows them with their numbers")
}

/// One run over many files: what scrypt gave for one serves the others.
struct Run {
    change: SlotChange,
    current: Credential,
    new: Option<NewSecret>,
    /// Whether the new passphrase is the old one.
    is_same: bool,
    removed: Vec<SlotKind>,
}

struct NewSecret {
    lock: Lock,
    /// What a passphrase costs, and what it may.
    cost: Option<(ScryptCost, KdfLimits)>,
}

impl Run {
    /// Reads the current secret, and then the new one. Before a new one is asked for, or made up, the current one must have
    /// opened one of the files that are `ready`.
    fn begin(
        arguments: &PasswdArguments,
        change: SlotChange,
        sources: &Sources,
        ready: &[&PathBuf],
    ) -> Result<Self, Failure> {
        let limits = arguments.secret.kdf_limits();
        let mut current = sources.current.read(Purpose::Decrypt)?.into_credential(limits);
        if sources.new.as_ref().is_some_and(SecretSource::is_terminal) {
            let mut opened = ready.iter().map(|path| opens(path, &mut current));
            if let Some(first) = opened.next().filter(Result::is_err)
                && !opened.any(|opened| opened.is_ok())
            {
                first?;
            }
        }
        let new = sources.new.as_ref().map(|source| source.read(Purpose::Replace)).transpose()?;
        let is_same = match (&current, &new) {
            (Credential::Passphrase(keys, _), Some(Secret::Passphrase(new))) => keys.are_of(new),
            _ => false,
        };
        let new = new.map(|secret| NewSecret::new(secret, arguments.scrypt_cost(), limits)).transpose()?;
        Ok(Self { change, current, new, is_same, removed: Vec::new() })
    }

    fn rewrite(&mut self, path: &Path) -> Result<(), Failure> {
        let (label, rewrite) = begin(path)?;
        if let Some(copy) = rewrite.damaged_copy() {
            report::warning(&stream_failure::damaged_copy(&label, copy));
        }
        let header = rewrite.header();
        let unlocked = unlock(rewrite.copy(), header, &mut self.current);
        let unlocked = unlocked.map_err(|error| stream_failure::unlock(&label, &error))?;
        let gone = self.gone(&label, header, &unlocked)?;
        let records = match (&self.new, gone) {
            (Some(new), gone) => {
                let place = gone.map_or(SlotPlace::Behind, SlotPlace::Of);
                with_slot(header, place, &new.slot(&label, header, place, &unlocked)?)
            }
            (None, Some(record)) => {
                without_slot(header, record).map_err(|error| stream_failure::slot_change(&label, &error))?
            }
            (None, None) => header.records.clone(),
        };
        let removed = gone.and_then(|record| slot_kind(header, record));
        let opens_another =
            gone == Some(unlocked.record) && !self.is_same && self.opens_another(&rewrite, unlocked.record);
        let rewritten = signals::hold_off(|| rewrite.finish(records, &unlocked.keys));
        rewritten.map_err(|error| stream_failure::header_rewrite(&label, &error))?;
        if let Some(kind) = removed.filter(|_| opens_another) {
            report::warning(&Message::about(
                &label,
                format!("the old {kind} opens another key slot; remove that, too, with --remove and the same {kind}"),
            ));
        }
        self.removed.extend(removed);
        Ok(())
    }

    /// The record that will not be there any more.
    fn gone(&self, label: &Label, header: &Header, unlocked: &Unlocked) -> Result<Option<usize>, Failure> {
        match self.change {
            SlotChange::Add => Ok(None),
            SlotChange::Replace | SlotChange::Remove(None) => Ok(Some(unlocked.record)),
            SlotChange::Remove(Some(number)) => {
                let slots = KeySlots::of(header).map_err(|error| stream_failure::unlock(label, &error))?;
                numbered(&slots, number).map(Some).ok_or_else(|| no_such_slot(label, number))
            }
        }
    }

    /// Whether the secret opens a slot besides its own, which goes.
    fn opens_another(&mut self, rewrite: &HeaderRewrite, own: usize) -> bool {
        let header = rewrite.header();
        without_slot(header, own).is_ok_and(|records| {
            unlock(rewrite.copy(), &Header { records, ..header.clone() }, &mut self.current).is_ok()
        })
    }

    /// Says that what was removed is not revoked.
    fn note_what_stays_open(&self) {
        let [passphrase, key_file] = [SlotKind::Passphrase, SlotKind::KeyFile].map(|kind| self.removed.contains(&kind));
        let (old, opens, it) = match (passphrase, key_file) {
            _ if self.is_same => return,
            (false, false) => return,
            (true, false) => ("passphrase", "opens", "it"),
            (false, true) => ("key file", "opens", "it"),
            (true, true) => ("passphrase and the old key file", "open", "them"),
        };
        report::note(&format!(
            "the old {old} still {opens} copies that were made before; to shut {it} out for good, decrypt and encrypt anew"
        ));
    }
}

impl NewSecret {
    fn new(secret: Secret, cost: ScryptCost, limits: KdfLimits) -> Result<Self, Failure> {
        let is_passphrase = matches!(secret, Secret::Passphrase(_));
        Ok(Self { lock: new_lock(&secret, cost)?, cost: is_passphrase.then_some((cost, limits)) })
    }

    /// A slot with the file key.
    fn slot(&self, label: &Label, header: &Header, place: SlotPlace, unlocked: &Unlocked) -> Result<Slot, Failure> {
        if let Some((cost, limits)) = self.cost {
            check_new_passphrase_slot(header, place, cost, limits)
                .map_err(|error| stream_failure::slot_change(label, &error))?;
        }
        self.lock.new_slot(&unlocked.file_key).map_err(|error| no_randomness(&error))
    }
}

fn slot_kind(header: &Header, record: usize) -> Option<SlotKind> {
    header.records.get(record)?.slot().ok()?.map(|slot| SlotKind::of(&slot))
}
