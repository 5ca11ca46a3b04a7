//! `reelseal passwd`: changes what opens a file, in place.

mod list;

use std::{
    collections::{BTreeSet, HashSet},
    fs::File,
    io,
    num::NonZero,
    path::{Path, PathBuf},
};

use crate::cli::{
    job::{batch::Batch, opened_input::warn_of_damaged_copy},
    messages::{
        failure::{Exit, Failure},
        key_slot,
        lock_failure::lock_failure,
        message::Message,
        report, stream_failure,
    },
    plan::{LockRequest, PasswdMode, PasswdPlan, SlotChange},
    secrets::{lock_source::LockSource, question::Question, secret_source::SecretSource},
};
use crate::{
    container::Record,
    files::{file_identity::FileIdentity, input::is_standard, label::Label},
    keys::{Credential, KeySlot, KeySlots, Lock, SlotKind, Unlocked, unlock, unlock_with_another},
    signals::{self, Answer, Startup},
    stage::Chain,
    stream::HeaderRewrite,
};

/// The most files that are open and locked at the same time: most systems allow somewhat more per process.
const MOST_OPEN: usize = 256;

pub(in crate::cli) fn passwd(plan: PasswdPlan, startup: Startup) -> Result<(), Exit> {
    match &plan.mode {
        PasswdMode::List { json } => {
            let watching = startup.watch(Answer::Die);
            Batch::each(&watching, &plan.files, |path| list::list(path, plan.files.len() > 1, *json))
        }
        PasswdMode::Rewrite(change) => rewrite_all(&plan, change, startup),
    }
}

/// First does everything that can be refused without a secret, then prompts, once, then does the work. Each file is
/// opened, locked and checked once; if there are very many files, the last of them only after the prompts.
fn rewrite_all(plan: &PasswdPlan, change: &SlotChange<LockRequest>, startup: Startup) -> Result<(), Exit> {
    if plan.verbose {
        report::show_details();
    }
    let sources = Sources::choose(plan, change, &startup).map_err(|failure| report::failure(&failure))?;
    let watching = startup.watch(Answer::Die);
    let files = distinct(&plan.files);
    let batch = Batch::of(files.len());
    let stop = batch.stop_on_interrupt(&watching);
    let (first, later) = files.split_at(files.len().min(MOST_OPEN));
    let prepare = |path: &&PathBuf| prepare(path, plan, &sources);
    let mut ready = Vec::new();
    for prepared in first.iter().map(prepare) {
        match prepared {
            Ok(prepared) => ready.push(prepared),
            Err(failure) => batch.ended(Err(failure)),
        }
    }
    if !ready.is_empty() || !later.is_empty() {
        match Rewriting::begin(plan, &sources, &ready) {
            Ok(mut rewriting) => {
                ready.into_iter().for_each(|prepared| batch.ended(rewriting.rewrite(prepared)));
                for prepared in later.iter().map(prepare) {
                    batch.ended(prepared.and_then(|prepared| rewriting.rewrite(prepared)));
                }
                if !plan.quiet {
                    rewriting.note_what_stays_open();
                }
            }
            Err(failure) => batch.ended(Err(failure)),
        }
    }
    drop(stop);
    batch.finish()
}

/// The `files`, each only once, even if it was given under several names.
fn distinct(files: &[PathBuf]) -> Vec<&PathBuf> {
    let mut known = HashSet::new();
    let is_new = |path: &&PathBuf| !path.metadata().is_ok_and(|metadata| !known.insert(FileIdentity::of(&metadata)));
    files.iter().filter(is_new).collect()
}

struct Sources {
    current: SecretSource,
    change: SlotChange<LockSource>,
}

impl Sources {
    fn choose(plan: &PasswdPlan, change: &SlotChange<LockRequest>, startup: &Startup) -> Result<Self, Failure> {
        let new = change.new_secret().and_then(LockRequest::descriptor);
        change.new_secret().map_or(Ok(()), |new| plan.current.check_apart_from(new))?;
        let current = SecretSource::choose(&plan.current, false, startup)?;
        if let Some(number) = new.filter(|&number| current.is_copied_to(number)) {
            return Err(SecretSource::not_open(number));
        }
        let change = change.clone().try_map(|request| LockSource::choose_new(&request, startup))?;
        change.new_secret().map_or(Ok(()), |new| new.check_cost(plan.limits, plan.cost))?;
        Ok(Self { current, change })
    }
}

/// A file that is open and locked, and whose header alone gives no reason to refuse it.
struct Prepared {
    label: Label,
    rewrite: HeaderRewrite,
    slots: KeySlots,
}

fn prepare(path: &Path, plan: &PasswdPlan, sources: &Sources) -> Result<Prepared, Failure> {
    let (label, rewrite) = open(path)?;
    let refused = |error| stream_failure::unlock(&label, &error);
    let slots = KeySlots::of(rewrite.header()).map_err(refused)?;
    slots.check_opening(sources.current.kind(), plan.limits).map_err(refused)?;
    let checked = match &sources.change {
        SlotChange::Add(new) => slots.check_added(&new.demands(plan.cost), plan.limits),
        SlotChange::Remove(Some(number)) => slots.without(numbered(&label, &slots, *number)?).map(drop),
        // If there is only one slot, it must be that one.
        SlotChange::Remove(None) => slots.iter().next().map_or(Ok(()), |first| slots.without(first).map(drop)),
        SlotChange::Replace(_) => Ok(()),
    };
    checked.map_err(|error| stream_failure::slot_change(&label, &error))?;
    Ok(Prepared { label, rewrite, slots })
}

/// Opens `path` for rewriting, and locks it.
fn open(path: &Path) -> Result<(Label, HeaderRewrite), Failure> {
    let label = Label::from(path);
    if is_standard(Some(path)) {
        return Err(Failure::usage("cannot be rewritten")
            .about(&Label::StandardInput)
            .with_hint("for a file named -, write ./-"));
    }
    let cannot_open = |error: io::Error| Failure::system(&label, "cannot open", &error);
    // Checked before opening, which can have side effects on a device.
    if !path.metadata().map_err(cannot_open)?.is_file() {
        return Err(stream_failure::not_regular(&label));
    }
    let file = File::options().read(true).write(true).open(path).map_err(cannot_open)?;
    let rewrite = HeaderRewrite::begin(file, Chain::known_features(&[]));
    let rewrite = rewrite.map_err(|error| stream_failure::header_rewrite(&label, &error))?;
    Ok((label, rewrite))
}

fn numbered<'a>(label: &Label, slots: &'a KeySlots, number: NonZero<usize>) -> Result<&'a KeySlot, Failure> {
    slots.numbered(number).ok_or_else(|| {
        Failure::usage(format!("there is no key slot {number}"))
            .about(label)
            .with_hint("--list shows them with their numbers")
    })
}

/// The rewriting of many files: scrypt's result for one is reused for the others.
struct Rewriting<'a> {
    sources: &'a Sources,
    current: Credential,
    change: SlotChange<Lock>,
    /// Whether the new secret is the old one.
    is_same: bool,
    /// The kinds of the slots that were removed or replaced.
    removed: BTreeSet<SlotKind>,
}

impl<'a> Rewriting<'a> {
    /// Reads the current secret, and then the new one. Before a new one is asked for or generated, the current one must
    /// have opened one of the files that are `ready`.
    fn begin(plan: &PasswdPlan, sources: &'a Sources, ready: &[Prepared]) -> Result<Self, Failure> {
        let paths = || plan.files.iter().map(|path| Some(path.as_path()));
        let mut current = Credential::new(sources.current.read(&Question::to_open(paths()))?, plan.limits);
        if sources.change.new_secret().is_some_and(LockSource::is_terminal) {
            let mut opened = ready.iter().map(|Prepared { label, rewrite, .. }| {
                let unlocked = unlock(rewrite.parsed(), &mut current);
                let refused = |error| stream_failure::unlock(label, &error);
                unlocked
                    .map(drop)
                    .map_err(|error| sources.current.prompt_failure(&error).unwrap_or_else(|| refused(error)))
            });
            if let Some(first) = opened.next().filter(Result::is_err)
                && !opened.any(|opened| opened.is_ok())
            {
                first?;
            }
        }
        let mut is_same = false;
        let change = sources.change.as_ref().try_map(|source| {
            let new = source.read(&Question::to_replace(paths()))?;
            is_same = new.iter().any(|new| new.is_same(current.secret()));
            source.lock(&new, plan.cost)
        })?;
        Ok(Self { sources, current, change, is_same, removed: BTreeSet::new() })
    }

    fn rewrite(&mut self, Prepared { label, rewrite, slots }: Prepared) -> Result<(), Failure> {
        warn_of_damaged_copy(&label, rewrite.damaged_copy());
        let refused = |error| stream_failure::unlock(&label, &error);
        let unlocked = unlock(rewrite.parsed(), &mut self.current);
        let unlocked =
            unlocked.map_err(|error| self.sources.current.prompt_failure(&error).unwrap_or_else(|| refused(error)))?;
        report::detail(&key_slot::opened_with(&label, &unlocked.slot));
        let old = match &self.change {
            SlotChange::Add(_) => None,
            SlotChange::Replace(_) | SlotChange::Remove(None) => Some(&unlocked.slot),
            SlotChange::Remove(Some(number)) => Some(numbered(&label, &slots, *number)?),
        };
        let records = self.changed(&label, &slots, old, &unlocked)?;
        let opens_another = old == Some(&unlocked.slot)
            && !self.is_same
            && unlock_with_another(rewrite.parsed(), &unlocked.slot, &mut self.current).is_ok();
        let rewritten = signals::hold_off(|| rewrite.finish(records, &unlocked.keys));
        rewritten.map_err(|error| stream_failure::header_rewrite(&label, &error))?;
        let Some(kind) = old.map(KeySlot::kind) else { return Ok(()) };
        if opens_another {
            let secret = kind.secret();
            report::warning(&Message::about(
                &label,
                format!(
                    "the old {secret} opens another key slot; remove that, too, with --remove and the same {secret}"
                ),
            ));
        }
        self.removed.insert(kind);
        Ok(())
    }

    /// The header's records after the change, in which the slot `old` is removed or replaced.
    fn changed(
        &self,
        label: &Label,
        slots: &KeySlots,
        old: Option<&KeySlot>,
        unlocked: &Unlocked,
    ) -> Result<Vec<Record>, Failure> {
        let new = match self.change.new_secret() {
            Some(lock) => lock.new_slots(&unlocked.file_key).map_err(|error| {
                let asking = self.sources.change.new_secret().and_then(LockSource::prompt_failure);
                asking.unwrap_or_else(|| lock_failure(&error))
            })?,
            None => Vec::new(),
        };
        let limits = self.current.limits();
        let changed = match old {
            Some(old) => slots.with_replaced(old, &new, limits),
            None => slots.with_added(&new, limits),
        };
        changed.map_err(|error| stream_failure::slot_change(label, &error))
    }

    /// Warns that what was removed is not revoked.
    fn note_what_stays_open(&self) {
        if self.is_same || self.removed.is_empty() {
            return;
        }
        let (opens, it) = if self.removed.len() == 1 { ("opens", "it") } else { ("open", "them") };
        let old = self.removed.iter().map(|kind| kind.secret()).collect::<Vec<_>>().join(" and the old ");
        report::note(&format!(
            "the old {old} still {opens} copies that were made before; to revoke {it}, decrypt and encrypt again"
        ));
    }
}
