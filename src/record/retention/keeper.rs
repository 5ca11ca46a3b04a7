//! Runs the program for finished segments and removes old ones, in a thread of its own.

use std::{
    collections::{HashMap, HashSet},
    ffi::{OsStr, OsString},
    io,
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, sync_channel},
    thread,
    time::{Duration, Instant},
};

use rustix::fs::fstatvfs;

use super::{
    folder_survey::{Found, find, remove, size_of, survey},
    holdings::{Held, Holdings, Retention, ages},
    keeper_event::{KeeperEvent, KeeperMessage},
    ledger::{Ledger, LedgerError},
    segment_hook::SegmentHook,
};
use crate::{
    container::RECORDING_ID_LENGTH,
    process::CommandFailure,
    record::{store::RecordingFolder, time::Time},
    signals::Watching,
};

/// How often the free space is checked.
const LOOK_FOR_ROOM: Duration = Duration::from_secs(5);
const LOOK_FOR_AGE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_secs(3600);
/// If the program takes longer than this at the end of the recording, that is reported.
const PATIENCE: Duration = Duration::from_secs(5);
/// When the program has failed for a segment, it is run again after this delay, which doubles up to the longest.
const FIRST_RETRY: Duration = Duration::from_secs(5);
const LAST_RETRY: Duration = Duration::from_secs(300);

/// Looks after the segments of one recorder.
pub(crate) struct Keeper<'a, T> {
    folder: &'a RecordingFolder,
    time: &'a T,
    retention: Retention,
    hook: Option<&'a SegmentHook>,
    report: &'a (dyn Fn(KeeperEvent<'_>) + Sync),
    ledger: Ledger,
    holdings: Holdings,
    growing: Option<OsString>,
    /// How often the program has failed for a segment, and when it is to be run again.
    failed: HashMap<OsString, (u32, Instant)>,
    /// The segments for which the program is not run in this run.
    skipped: HashSet<OsString>,
    is_running_hook: bool,
    /// Whether it has been reported that there is too little room.
    is_room_missing: bool,
}

impl<'a, T: Time + Sync> Keeper<'a, T> {
    /// Looks after the segments in `folder` that belong to the recorder of `ledger`, and those of its new recording.
    /// Makes room before it returns.
    ///
    /// # Errors
    ///
    /// [`LedgerError`].
    pub fn new(
        folder: &'a RecordingFolder,
        ledger: Ledger,
        recording: [u8; RECORDING_ID_LENGTH],
        (retention, hook): (Retention, Option<&'a SegmentHook>),
        time: &'a T,
        report: &'a (dyn Fn(KeeperEvent<'_>) + Sync),
    ) -> Result<Self, LedgerError> {
        let mut found = survey(folder.folder())?;
        found.retain(|found| ledger.place(&found.record.recording).is_some());
        found.sort_by_cached_key(|found| (ledger.place(&found.record.recording), found.record.number));
        let now = time.now();
        let mut holdings = Holdings::new(now);
        let ages: Vec<_> = ages(found.iter().map(|found| found.modified), time.wall()).collect();
        for (found, age_then) in found.into_iter().zip(ages) {
            let (id, number) = (found.record.recording, found.record.number);
            let is_handled = hook.is_none() || ledger.is_handled(id, number);
            holdings.push(Held { age_then, ..held(found, is_handled, now) });
        }
        let left: HashSet<_> = holdings.iter().map(|held| (held.recording, held.number)).collect();
        let recordings: HashSet<_> = left.iter().map(|(recording, _)| *recording).collect();
        let (growing, failed, skipped) = (None, HashMap::new(), HashSet::new());
        let (is_running_hook, is_room_missing) = (false, false);
        let mut keeper = Self {
            folder,
            time,
            retention,
            hook,
            report,
            ledger,
            holdings,
            growing,
            failed,
            skipped,
            is_running_hook,
            is_room_missing,
        };
        keeper.tidy();
        let damaged = keeper.ledger.begin(folder.folder(), recording, |recording, number| match number {
            Some(number) => left.contains(&(*recording, number)),
            None => recordings.contains(recording),
        })?;
        damaged.iter().for_each(|kept_as| report(KeeperEvent::LedgerDamaged(kept_as)));
        Ok(keeper)
    }

    /// Handles `messages` until they end; `results` sends to the same channel.
    pub fn run(mut self, messages: &Receiver<KeeperMessage>, results: Sender<KeeperMessage>, watching: &Watching) {
        let (folder, hook) = (self.folder, self.hook);
        thread::scope(|scope| {
            let (jobs, next_job) = sync_channel::<OsString>(1);
            let runner = hook.and_then(|hook| {
                let run = move || {
                    for segment in next_job {
                        let path = folder.path().join(&segment);
                        let path = std::path::absolute(&path).unwrap_or(path);
                        let ended = hook.run(&path, watching);
                        if results.send(KeeperMessage::HookEnded(segment, ended)).is_err() {
                            break;
                        }
                    }
                };
                thread::Builder::new().spawn_scoped(scope, run).ok()
            });
            let jobs = runner.map(|_| jobs);
            while self.go_on(messages, jobs.as_ref()) {}
            self.work_off(messages, jobs.as_ref());
        });
    }

    /// Handles one message, or a timeout; returns whether more segments may come.
    fn go_on(&mut self, messages: &Receiver<KeeperMessage>, jobs: Option<&SyncSender<OsString>>) -> bool {
        self.tidy();
        let now = self.time.now();
        let due = |keeper: &Self, name: &OsStr| keeper.failed.get(name).is_none_or(|(_, moment)| *moment <= now);
        self.run_hook(jobs, due);
        let look = match self.retention {
            Retention { free: Some(_), .. } => LOOK_FOR_ROOM,
            Retention { age: Some(_), .. } => LOOK_FOR_AGE,
            _ => LOOK,
        };
        let retry = self.failed.values().map(|(_, moment)| moment.saturating_duration_since(now)).min();
        let retry = retry.filter(|_| !self.is_running_hook);
        match messages.recv_timeout(retry.into_iter().chain([look]).min().unwrap_or(look)) {
            Ok(KeeperMessage::Began(name)) => {
                self.growing = Some(name);
                self.ledger.keep();
            }
            Ok(KeeperMessage::Ended { segment, is_sound }) => self.ended(segment, is_sound),
            Ok(KeeperMessage::ClockStepped) => self.holdings.clock_stepped(),
            Ok(KeeperMessage::HookEnded(name, ended)) => drop(self.hook_ended(name, ended, true)),
            Ok(KeeperMessage::End) | Err(RecvTimeoutError::Disconnected) => return false,
            Err(RecvTimeoutError::Timeout) => {}
        }
        true
    }

    /// Runs the program once for each segment that it has not been run for, until it fails.
    fn work_off(&mut self, messages: &Receiver<KeeperMessage>, jobs: Option<&SyncSender<OsString>>) {
        let mut is_said = false;
        let is_stopped = |keeper: &Self| keeper.hook.is_some_and(|hook| hook.stop.is_requested());
        loop {
            if !self.is_running_hook && !is_stopped(self) {
                self.run_hook(jobs, |_, _| true);
            }
            if !self.is_running_hook {
                break;
            }
            match messages.recv_timeout(if is_said { LOOK } else { PATIENCE }) {
                Ok(KeeperMessage::HookEnded(name, ended)) => {
                    if !self.hook_ended(name, ended, false) {
                        break;
                    }
                }
                Err(RecvTimeoutError::Timeout) if !is_said => {
                    let left = self.holdings.iter().filter(|held| !held.is_handled).count();
                    (self.report)(KeeperEvent::WorkingOff(left));
                    is_said = true;
                }
                Ok(_) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.tidy();
        let left = self.holdings.iter().filter(|held| !held.is_handled).count();
        if left > 0 {
            (self.report)(KeeperEvent::LeftUnhandled(left));
        }
    }

    fn ended(&mut self, segment: OsString, is_sound: bool) {
        self.growing = None;
        // Somebody may have moved it by now.
        let Some(found) = find(self.folder.folder(), &segment) else { return };
        self.holdings.push(held(found, self.hook.is_none(), self.time.now()));
        if !is_sound {
            self.skipped.insert(segment);
        }
    }

    /// Starts the program for the first segment that needs it and is due, according to `is_due`, unless it is already
    /// running.
    fn run_hook(&mut self, jobs: Option<&SyncSender<OsString>>, is_due: impl Fn(&Self, &OsStr) -> bool) {
        let Some(jobs) = jobs.filter(|_| !self.is_running_hook) else { return };
        let next = self.holdings.iter().filter(|held| !held.is_handled).map(|held| &held.name);
        let next = next.filter(|name| !self.skipped.contains(*name)).find(|name| is_due(self, name)).cloned();
        if let Some(next) = next {
            self.is_running_hook = jobs.send(next).is_ok();
        }
    }

    /// Notes how the program ended for a segment; returns whether that segment is done with.
    fn hook_ended(&mut self, name: OsString, ended: Result<(), CommandFailure>, retries: bool) -> bool {
        self.is_running_hook = false;
        match ended {
            Ok(()) => {
                self.failed.remove(&name);
                (self.report)(KeeperEvent::Handled(&name));
                if let Some(held) = self.holdings.find(&name) {
                    held.is_handled = true;
                    if let Err(error) = self.ledger.note_handled(held.recording, held.number) {
                        (self.report)(KeeperEvent::NotNoted(&error));
                    }
                }
                true
            }
            // Somebody has removed the segment in the meantime.
            Err(_) if size_of(self.folder.folder(), &name).is_none() => {
                self.failed.remove(&name);
                self.holdings.remove(&name);
                true
            }
            Err(failure) => {
                let failures = self.failed.get(&name).map_or(0, |(failures, _)| *failures);
                let delay = FIRST_RETRY.saturating_mul(1 << failures.min(10)).min(LAST_RETRY);
                let again_after = retries.then_some(delay);
                (self.report)(KeeperEvent::HookFailed { segment: &name, failure: &failure, again_after });
                self.failed.insert(name, (failures.saturating_add(1), self.time.now() + delay));
                false
            }
        }
    }

    /// Removes what is due for removal.
    fn tidy(&mut self) {
        if !self.retention.removes_any() {
            return;
        }
        let folder = self.folder.folder();
        let (mut is_fresh, mut freed) = (false, 0);
        let free_before = self.free();
        loop {
            let growing = self.growing.as_ref().map(|name| size_of(folder, name).unwrap_or(0));
            // The space of what is removed may become free only after a while.
            let free = free_before.map(|free: u64| free.saturating_add(freed));
            let Some((held, reason)) = self.holdings.next(&self.retention, growing, free, self.time.now()) else {
                let was_missing = self.is_room_missing;
                self.is_room_missing = self.retention.is_scarce(free);
                if let Some(least) = self.retention.free.filter(|_| self.is_room_missing && !was_missing) {
                    (self.report)(KeeperEvent::NoRoom(least));
                }
                break;
            };
            if !is_fresh {
                // Others may have removed some.
                self.holdings.refresh(|name| size_of(folder, name));
                is_fresh = true;
                continue;
            }
            let (name, identity, is_handled) = (held.name.clone(), (held.recording, held.number), held.is_handled);
            match find(folder, &name) {
                Some(found) if (found.record.recording, found.record.number) == identity => {
                    match remove(folder, &name) {
                        Ok(()) => {
                            freed += found.size;
                            let (segment, bytes) = (&*name, found.size);
                            (self.report)(KeeperEvent::Removed { segment, bytes, reason, is_handled });
                            if let Err(error) = self.ledger.note_removed(identity.0, identity.1) {
                                (self.report)(KeeperEvent::NotNoted(&error));
                            }
                            self.forget(&name);
                        }
                        Err(error) if error.kind() == io::ErrorKind::NotFound => self.forget(&name),
                        Err(error) => {
                            (self.report)(KeeperEvent::NotRemoved(&name, &error));
                            self.holdings.find(&name).into_iter().for_each(|held| held.is_stuck = true);
                        }
                    }
                }
                // The file is gone, or the name now belongs to another.
                Some(_) | None => self.forget(&name),
            }
        }
    }

    fn forget(&mut self, name: &OsStr) {
        self.holdings.remove(name);
        self.failed.remove(name);
        self.skipped.remove(name);
    }

    /// How much space is free for our files; only determined where it matters.
    fn free(&self) -> Option<u64> {
        self.retention.free?;
        match fstatvfs(self.folder.folder()) {
            Ok(found) => Some(found.f_bavail.saturating_mul(found.f_frsize)),
            Err(error) => {
                (self.report)(KeeperEvent::RoomUnknown(&error.into()));
                None
            }
        }
    }
}

fn held(found: Found, is_handled: bool, since: Instant) -> Held {
    let Found { name, record, size, .. } = found;
    let (recording, number) = (record.recording, record.number);
    Held { name, recording, number, size, is_handled, is_stuck: false, since, age_then: Duration::ZERO }
}
