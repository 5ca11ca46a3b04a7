//! The source of a recording with a supervised producer.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    back_off::BackOff,
    control::Control,
    plan::Supervision,
    producer::{Heard, Producer, ProducerEnd, Producers, SupervisorEvent, Why},
    producer_run::ProducerRun,
};
use crate::{
    keys::random_bytes,
    process::CommandFailure,
    record::{
        source::{Cut, Source, SourceEnd},
        time::Time,
    },
    stream::{Readiness, Wake},
};

/// The output of one producer after another.
pub(crate) struct SupervisedSource<'a, P: Producers, T> {
    producers: P,
    time: &'a T,
    plan: Supervision,
    control: Arc<Control>,
    report: Box<dyn FnMut(SupervisorEvent) + 'a>,
    state: State<P::Producer>,
    back_off: BackOff,
    /// How often it was restarted since it was last stable, and in all.
    in_a_row: u32,
    restarts: u64,
    /// Whether the next byte is the first from a producer that was started again.
    is_fresh: bool,
}

enum State<P> {
    Running(ProducerRun<P>),
    /// The producer is started again at this time.
    Resting(Instant),
    Over(Option<P>, ProducerEnd),
}

impl<'a, P: Producers, T: Time> SupervisedSource<'a, P, T> {
    /// Starts the producer, supervises it as `plan` and `control` say, and reports what happens to it.
    ///
    /// # Errors
    ///
    /// [`CommandFailure`]: the first start failed, which is not retried: it concerns whoever typed the command.
    pub fn start(
        mut producers: P,
        time: &'a T,
        plan: Supervision,
        control: Arc<Control>,
        mut report: Box<dyn FnMut(SupervisorEvent) + 'a>,
    ) -> Result<Self, CommandFailure> {
        let producer = producers.start()?;
        report(SupervisorEvent::Started(producer.process()));
        let state = State::Running(ProducerRun::new(producer, &plan, time.now()));
        let back_off = BackOff::new();
        let (in_a_row, restarts, is_fresh) = (0, 0, false);
        Ok(Self { producers, time, plan, control, report, state, back_off, in_a_row, restarts, is_fresh })
    }

    /// How the last producer ended, once the source has ended.
    pub fn last_end(&self) -> Option<&ProducerEnd> {
        match &self.state {
            State::Over(_, end) => Some(end),
            State::Running(_) | State::Resting(_) => None,
        }
    }

    /// Starts the producer again.
    fn restart(&mut self) {
        self.restarts += 1;
        (self.report)(SupervisorEvent::Restarting(self.restarts));
        match self.producers.start() {
            Ok(producer) => {
                (self.report)(SupervisorEvent::Started(producer.process()));
                self.state = State::Running(ProducerRun::new(producer, &self.plan, self.time.now()));
                self.is_fresh = true;
            }
            Err(failure) => {
                let restarts_after = self.delay();
                (self.report)(SupervisorEvent::NotStarted { failure: failure.clone(), restarts_after });
                self.rest(restarts_after, None, ProducerEnd { why: Why::Itself, how: Err(failure) });
            }
        }
    }

    /// How long to wait before the next start, if there is to be one.
    fn delay(&mut self) -> Option<Duration> {
        if !self.plan.restarts.allow(self.in_a_row) {
            return None;
        }
        self.in_a_row += 1;
        // Where the system has no random numbers, the delay is not varied.
        Some(self.back_off.delay(u16::from_le_bytes(random_bytes().unwrap_or_default())))
    }

    fn rest(&mut self, restarts_after: Option<Duration>, producer: Option<P::Producer>, end: ProducerEnd) {
        let until = restarts_after.and_then(|delay| self.time.now().checked_add(delay));
        self.state = match until {
            Some(until) => State::Resting(until),
            None => State::Over(producer, end),
        };
    }

    /// Nothing is left of the producer that ran, or what is left may go on.
    fn ended(&mut self, end: ProducerEnd) {
        let over = State::Over(None, end.clone());
        let State::Running(run) = std::mem::replace(&mut self.state, over) else { return };
        if run.watchdog.was_stable() {
            self.back_off.reset();
            self.in_a_row = 0;
        }
        let restarts_after = match end.why {
            _ if self.control.is_ended() => None,
            // A requested restart is meant to happen now, not later.
            Why::Restart => Some(Duration::ZERO),
            _ => self.delay(),
        };
        (self.report)(SupervisorEvent::Ended { end: end.clone(), restarts_after });
        self.rest(restarts_after, Some(run.producer), end);
    }

    /// Waits until no producer is running. Whatever one still writes is lost.
    fn wait_until_ended(&mut self) {
        while let State::Running(run) = &mut self.state {
            run.hasten(&self.control);
            if let Some(how) = run.producer.end() {
                let why = run.why.unwrap_or(Why::Itself);
                self.ended(ProducerEnd { why, how });
            } else if run.output_ended.is_some() {
                // If this fails, the loop checks again whether the producer has ended.
                drop(run.producer.wait_for_end(None));
            } else {
                match run.producer.wait(None) {
                    Ok(Heard::Output) => drop(run.producer.read(&mut [0; 4096])),
                    Ok(Heard::Nothing) => {}
                    Ok(Heard::End) | Err(_) => run.output_ended = Some(self.time.now()),
                }
            }
        }
    }

    /// Waits while a producer is running. Returns `Some` if the wait is over.
    fn wait_running(&mut self, until: Option<Instant>) -> io::Result<Option<Readiness>> {
        let now = self.time.now();
        let State::Running(run) = &mut self.state else { return Ok(None) };
        if run.why.is_none()
            && let Some(why) = run.reason_to_end(&self.plan, &self.control, now)
        {
            run.why = Some(why);
            run.producer.ask_to_end();
        }
        run.hasten(&self.control);
        if run.output_ended.is_none() {
            let heard = run.producer.wait(run.wakes_at(&self.plan).into_iter().chain(until).min())?;
            if heard == Heard::End {
                run.output_ended = Some(self.time.now());
            }
            return Ok((heard == Heard::Output).then_some(Readiness::Ready));
        }
        if self.control.is_ended() {
            // The recording need not wait for the rest.
            return Ok(Some(Readiness::Ready));
        }
        if let Some(how) = run.producer.end() {
            let is_stable = run.watchdog.was_stable();
            let restarts = self.plan.restarts.allow(if is_stable { 0 } else { self.in_a_row });
            let why = match run.why {
                None if restarts => {
                    // What it left in its process group would get in the way of the next producer.
                    run.producer.ask_to_end();
                    *run.why.insert(Why::Itself)
                }
                None => {
                    self.ended(ProducerEnd { why: Why::Itself, how });
                    return Ok(None);
                }
                Some(why) => why,
            };
            if run.producer.is_gone() {
                self.ended(ProducerEnd { why, how });
                return Ok(None);
            }
        }
        run.producer.wait_for_end(run.wakes_at(&self.plan).into_iter().chain(until).min())?;
        Ok(None)
    }
}

impl<P: Producers, T: Time> Source for SupervisedSource<'_, P, T> {
    fn wait(&mut self, until: Option<Instant>) -> io::Result<Readiness> {
        loop {
            match &self.state {
                State::Running(_) => {
                    if let Some(found) = self.wait_running(until)? {
                        return Ok(found);
                    }
                }
                State::Resting(_) if self.control.is_ended() => return Ok(Readiness::Stopped),
                State::Resting(at) if *at <= self.time.now() || self.control.takes_restart() => self.restart(),
                State::Resting(at) => self.producers.rest(until.map_or(*at, |until| until.min(*at)))?,
                // The end is there to be read.
                State::Over(..) => return Ok(Readiness::Ready),
            }
            // Whoever woke it may want the recorder to do something.
            if self.control.takes_woken() || until.is_some_and(|until| until <= self.time.now()) {
                return Ok(Readiness::NotReady);
            }
        }
    }

    fn wake(&self) -> Option<Arc<Wake>> {
        Some(self.control.waker())
    }

    fn read(&mut self, area: &mut [u8]) -> io::Result<usize> {
        match &mut self.state {
            State::Running(ProducerRun { producer, watchdog, output_ended: None, .. }) => {
                let read = producer.read(area)?;
                if read > 0 {
                    watchdog.bytes_came(self.time.now());
                    return Ok(read);
                }
                // The next wait finds out why.
                Err(io::ErrorKind::Interrupted.into())
            }
            State::Running(_) | State::Resting(_) | State::Over(..) => Ok(0),
        }
    }

    fn pending(&self) -> Option<usize> {
        match &self.state {
            State::Running(ProducerRun { producer, output_ended: None, .. }) => Some(producer.pending()),
            State::Running(_) | State::Resting(_) | State::Over(..) => Some(0),
        }
    }

    fn takes_cut(&mut self) -> Option<Cut> {
        std::mem::take(&mut self.is_fresh).then_some(Cut::Here)
    }

    fn end(&mut self) -> SourceEnd {
        self.wait_until_ended();
        match &self.state {
            _ if self.control.is_ended() => SourceEnd::Asked,
            State::Over(_, ProducerEnd { why: Why::Itself, how: Ok(()) }) => SourceEnd::Finished,
            _ => SourceEnd::Failed,
        }
    }

    fn close(&mut self) {
        // Nothing is started again.
        self.control.end();
        if let State::Running(run) = &mut self.state
            && run.why.is_none()
        {
            run.why = Some(Why::Asked);
            run.producer.ask_to_end();
        }
        self.wait_until_ended();
        let State::Over(Some(producer), _) = &mut self.state else { return };
        producer.ask_to_end();
        let mut is_killed = false;
        while !producer.is_gone() {
            if self.control.is_hastened() && !std::mem::replace(&mut is_killed, true) {
                producer.kill();
            }
            // If this fails, the loop checks again whether anything is left.
            drop(producer.wait_for_end(None));
        }
    }
}

#[cfg(test)]
mod tests;
