//! `reelseal passwd`: what opens a file is changed in place.

use std::{
    collections::{BTreeSet, HashSet},
    fs::File,
    io,
    num::NonZero,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use crate::cli::{
    arguments::{Mode, PasswdArguments, SlotChange},
    batch::Batch,
    files::opened_input,
    messages::{
        display_name::display_name,
        failure::{Exit, Failure},
        key_slot::{self, ScryptParameters},
        message::Message,
        report, standard_output, stream_failure,
    },
    secrets::{
        new_lock::{lock_failure, new_lock},
        question::Question,
        secret_source::SecretSource,
    },
    signals::{self, Answer, Startup},
};
use crate::{
    container::Record,
    files::{
        input::{InputFile, is_standard},
        label::Label,
    },
    keys::{
        Credential, KeySlot, KeySlots, Lock, ScryptCost, SlotDemand, SlotKind, Unlocked, unlock, unlock_with_another,
    },
    stage::Chain,
    stream::HeaderRewrite,
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
    let header = opened_input::read_header(&input, |_| {})?;
    let slots = KeySlots::of(header.header()).map_err(|error| stream_failure::unlock(&input.label, &error))?;
    let front = if named { format!("{}: ", display_name(&input.label)) } else { String::new() };
    let lines = slots.iter().map(|slot| format!("{front}{}: {}\n", slot.number(), described(slot)));
    let unknown = slots.unknown_kinds().map(|kind| format!("{front}-: a key slot of unknown kind {kind}\n"));
    let text: String = lines.chain(unknown).collect();
    standard_output::text(text.as_bytes())
}

fn described(slot: &KeySlot) -> String {
    key_slot::described(slot.kind(), ScryptParameters::of(slot.slot()).as_ref())
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
        match check(path, arguments, &sources) {
            Ok(()) => ready.push(path),
            Err(failure) => batch.ended(Err(failure)),
        }
    }
    if let Some((_, others)) = ready.split_first() {
        match Rewriting::begin(arguments, sources, &ready) {
            Ok(mut rewriting) => {
                for path in ready {
                    batch.ended(rewriting.rewrite(path));
                }
                if !arguments.quiet {
                    rewriting.note_what_stays_open();
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

/// What becomes of a header's slots. `New` is what the new secret is known by so far: where it comes from, then the lock
/// that is made of it.
enum Change<New> {
    Add(New),
    /// In the place of the slot that opens.
    Replace(New),
    /// The slot of this number, or the one that opens.
    Remove(Option<NonZero<usize>>),
}

impl<New> Change<New> {
    fn new_secret(&self) -> Option<&New> {
        match self {
            Self::Add(new) | Self::Replace(new) => Some(new),
            Self::Remove(_) => None,
        }
    }

    fn try_map<T, E>(self, map: impl FnOnce(New) -> Result<T, E>) -> Result<Change<T>, E> {
        Ok(match self {
            Self::Add(new) => Change::Add(map(new)?),
            Self::Replace(new) => Change::Replace(map(new)?),
            Self::Remove(number) => Change::Remove(number),
        })
    }
}

struct Sources {
    current: SecretSource,
    change: Change<SecretSource>,
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
        let change = match change {
            SlotChange::Add => Change::Add(SecretSource::choose_new(&arguments.new_secret, startup)?),
            SlotChange::Replace => Change::Replace(SecretSource::choose_new(&arguments.new_secret, startup)?),
            SlotChange::Remove(number) => Change::Remove(number),
        };
        if change.new_secret().is_some_and(|new| new.kind() == SlotKind::Passphrase) {
            let limits = arguments.secret.kdf_limits();
            let checked = limits.check_memory(arguments.scrypt_cost());
            checked.map_err(|error| stream_failure::kdf("--scrypt-log-n", &error))?;
        }
        Ok(Self { current, change })
    }
}

/// Refuses what the file and its header alone show.
fn check(path: &Path, arguments: &PasswdArguments, sources: &Sources) -> Result<(), Failure> {
    let (label, rewrite) = begin(path)?;
    let limits = arguments.secret.kdf_limits();
    let refused = |error| stream_failure::unlock(&label, &error);
    let slots = KeySlots::of(rewrite.header()).map_err(refused)?;
    slots.check_opening(sources.current.kind(), limits).map_err(refused)?;
    let checked = match &sources.change {
        Change::Add(new) => slots.check_added(&[demand(new, arguments.scrypt_cost())], limits),
        Change::Remove(Some(number)) => slots.without(numbered(&label, &slots, *number)?).map(drop),
        // Which one it will be does not matter if it is the only one.
        Change::Remove(None) => slots.iter().next().map_or(Ok(()), |first| slots.without(first).map(drop)),
        Change::Replace(_) => Ok(()),
    };
    checked.map_err(|error| stream_failure::slot_change(&label, &error))
}

/// The demand of the slot that a new secret will be given, a passphrase one at `cost`.
fn demand(new: &SecretSource, cost: ScryptCost) -> SlotDemand {
    match new.kind() {
        SlotKind::Passphrase => SlotDemand::passphrase(cost),
        SlotKind::KeyFile => SlotDemand::key_file(),
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
    let unlocked = unlock(rewrite.parsed(), current);
    unlocked.map(drop).map_err(|error| stream_failure::unlock(&label, &error))
}

fn numbered<'a>(label: &Label, slots: &'a KeySlots, number: NonZero<usize>) -> Result<&'a KeySlot, Failure> {
    slots.numbered(number).ok_or_else(|| {
        Failure::usage(format!("there is no key slot {number}"))
            .about(label)
            .with_hint("--list shows them with their numbers")
    })
}

/// The rewriting of many files: what scrypt gave for one serves the others.
struct Rewriting {
    current: Credential,
    change: Change<Lock>,
    /// Whether the new secret is the old one.
    is_same: bool,
    /// The kinds of the slots that were removed or replaced.
    removed: BTreeSet<SlotKind>,
}

impl Rewriting {
    /// Reads the current secret, and then the new one. Before a new one is asked for, or made up, the current one must have
    /// opened one of the files that are `ready`.
    fn begin(arguments: &PasswdArguments, sources: Sources, ready: &[&PathBuf]) -> Result<Self, Failure> {
        let limits = arguments.secret.kdf_limits();
        let paths = || ready.iter().map(|path| Some(path.as_path()));
        let mut current = Credential::new(sources.current.read(&Question::to_open(paths()))?, limits);
        if sources.change.new_secret().is_some_and(SecretSource::is_terminal) {
            let mut opened = ready.iter().map(|path| opens(path, &mut current));
            if let Some(first) = opened.next().filter(Result::is_err)
                && !opened.any(|opened| opened.is_ok())
            {
                first?;
            }
        }
        let mut is_same = false;
        let change = sources.change.try_map(|source| {
            let new = source.read(&Question::to_replace(paths()))?;
            is_same = new.is_same(current.secret());
            new_lock(&new, arguments.scrypt_cost())
        })?;
        Ok(Self { current, change, is_same, removed: BTreeSet::new() })
    }

    fn rewrite(&mut self, path: &Path) -> Result<(), Failure> {
        let (label, rewrite) = begin(path)?;
        if let Some(copy) = rewrite.damaged_copy() {
            report::warning(&stream_failure::damaged_copy(&label, copy));
        }
        let refused = |error| stream_failure::unlock(&label, &error);
        let unlocked = unlock(rewrite.parsed(), &mut self.current).map_err(refused)?;
        let slots = KeySlots::of(rewrite.header()).map_err(refused)?;
        let old = match &self.change {
            Change::Add(_) => None,
            Change::Replace(_) | Change::Remove(None) => Some(&unlocked.slot),
            Change::Remove(Some(number)) => Some(numbered(&label, &slots, *number)?),
        };
        let records = self.changed(&label, &slots, old, &unlocked)?;
        let opens_another = old == Some(&unlocked.slot)
            && !self.is_same
            && unlock_with_another(rewrite.parsed(), &unlocked.slot, &mut self.current).is_ok();
        let rewritten = signals::hold_off(|| rewrite.finish(records, &unlocked.keys));
        rewritten.map_err(|error| stream_failure::header_rewrite(&label, &error))?;
        let Some(kind) = old.map(KeySlot::kind) else { return Ok(()) };
        if opens_another {
            report::warning(&Message::about(
                &label,
                format!("the old {kind} opens another key slot; remove that, too, with --remove and the same {kind}"),
            ));
        }
        self.removed.insert(kind);
        Ok(())
    }

    /// The header's records after the change, in which the slot `old` goes.
    fn changed(
        &self,
        label: &Label,
        slots: &KeySlots,
        old: Option<&KeySlot>,
        unlocked: &Unlocked,
    ) -> Result<Vec<Record>, Failure> {
        let new = match self.change.new_secret() {
            Some(lock) => lock.new_slots(&unlocked.file_key).map_err(|error| lock_failure(&error))?,
            None => Vec::new(),
        };
        let limits = self.current.limits();
        let changed = match old {
            Some(old) => slots.with_replaced(old, &new, limits),
            None => slots.with_added(&new, limits),
        };
        changed.map_err(|error| stream_failure::slot_change(label, &error))
    }

    /// Says that what was removed is not revoked.
    fn note_what_stays_open(&self) {
        if self.is_same || self.removed.is_empty() {
            return;
        }
        let (opens, it) = if self.removed.len() == 1 { ("opens", "it") } else { ("open", "them") };
        let old = self.removed.iter().map(SlotKind::to_string).collect::<Vec<_>>().join(" and the old ");
        report::note(&format!(
            "the old {old} still {opens} copies that were made before; to shut {it} out for good, decrypt and encrypt anew"
        ));
    }
}
