//! One run of a producer: why it is to be ended, and when there may next be a reason to.

use std::time::{Duration, Instant};

use super::{
    control::Control,
    plan::Supervision,
    producer::{Producer, Why},
    watchdog::Watchdog,
};

/// How long a producer that has closed its output may take to end.
const LINGER: Duration = Duration::from_secs(2);
/// How often a producer's memory is checked, where it is limited.
const LOOK: Duration = Duration::from_secs(2);

/// One run of a producer.
pub(super) struct ProducerRun<P> {
    pub producer: P,
    pub watchdog: Watchdog,
    /// Why it was asked to end, if it was.
    pub why: Option<Why>,
    is_killed: bool,
    /// When its output ended, if it has.
    pub output_ended: Option<Instant>,
    looks_at: Instant,
}

impl<P: Producer> ProducerRun<P> {
    pub fn new(producer: P, plan: &Supervision, now: Instant) -> Self {
        let watchdog = Watchdog::new(plan, now);
        Self { producer, watchdog, why: None, is_killed: false, output_ended: None, looks_at: now + LOOK }
    }

    /// Kills the producer once that is asked for.
    pub fn hasten(&mut self, control: &Control) {
        if control.is_hastened() && !std::mem::replace(&mut self.is_killed, true) {
            self.producer.kill();
        }
    }

    pub fn reason_to_end(&mut self, plan: &Supervision, control: &Control, now: Instant) -> Option<Why> {
        if control.is_ended() {
            return Some(Why::Asked);
        }
        if control.takes_restart() {
            return Some(Why::Restart);
        }
        if let Some(ended) = self.output_ended {
            let lingers = now.saturating_duration_since(ended) >= LINGER && self.producer.end().is_none();
            return lingers.then_some(Why::ClosedOutput);
        }
        let is_quiet = self.watchdog.stalls_at().is_some_and(|moment| moment <= now);
        // If there is something to read, it is we who were held up.
        if is_quiet && self.producer.pending() == 0 {
            return plan.stall.map(Why::Stalled);
        }
        let most = plan.max_memory?;
        if now < self.looks_at {
            return None;
        }
        self.looks_at = now + LOOK;
        let memory = self.producer.usage().memory;
        (memory > most).then_some(Why::Memory(memory))
    }

    /// When there may next be a reason to end it.
    pub fn wakes_at(&self, plan: &Supervision) -> Option<Instant> {
        if self.why.is_some() {
            return None;
        }
        match self.output_ended {
            Some(ended) if self.producer.end().is_none() => ended.checked_add(LINGER),
            Some(_) => None,
            None => {
                let looks_at = plan.max_memory.map(|_| self.looks_at);
                self.watchdog.stalls_at().into_iter().chain(looks_at).min()
            }
        }
    }
}
