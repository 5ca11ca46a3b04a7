//! Producers that follow a script, in a world whose time passes when somebody waits.

use std::collections::VecDeque;

use super::*;
use crate::process::CommandUsage;

/// What a producer does some time after its start.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    Write(usize),
    /// It writes a byte every second for this long.
    WriteFor(Duration),
    CloseOutput,
    Exit(i32),
    Grow(u64),
}

use Act::*;

/// What a producer does, and how it reacts when it is asked to end.
#[derive(Clone, Debug, Default)]
pub(super) struct Script {
    pub(super) acts: Vec<(u64, Act)>,
    /// How many bytes it still writes then.
    pub(super) last_words: usize,
    /// How long it takes to end then.
    pub(super) ends_after: Duration,
    /// How much longer something is left of its process group.
    pub(super) left_for: Duration,
}

pub(super) fn script(acts: &[(u64, Act)]) -> Option<Script> {
    Some(Script { acts: acts.to_vec(), ..Script::default() })
}

/// What is asked of the recorder.
pub(super) type Request = fn(&Control);

pub(super) struct World {
    pub(super) began: Instant,
    pub(super) passed: Cell<Duration>,
    pub(super) requests: RefCell<VecDeque<(u64, Request)>>,
    pub(super) control: Arc<Control>,
}

impl Time for Rc<World> {
    fn now(&self) -> Instant {
        self.began + self.passed.get()
    }

    fn wall(&self) -> i64 {
        0
    }
}

impl World {
    fn now(&self) -> Instant {
        self.began + self.passed.get()
    }

    /// Lets time pass until `moment`, or until something is asked.
    fn pass_until(&self, moment: Option<Instant>) {
        let mut requests = self.requests.borrow_mut();
        let asked = requests.front().map(|(at, _)| self.began + seconds(*at));
        let next = moment.into_iter().chain(asked).min().expect("something happens some time");
        self.passed.set(next.max(self.now()) - self.began);
        while let Some((_, request)) = requests.pop_front_if(|(at, _)| self.began + seconds(*at) <= self.now()) {
            request(&self.control);
        }
    }
}

pub(super) struct Scripted {
    pub(super) world: Rc<World>,
    /// In order; `None` fails to start.
    pub(super) scripts: VecDeque<Option<Script>>,
}

impl Producers for Scripted {
    type Producer = Acting;

    fn start(&mut self) -> Result<Acting, CommandFailure> {
        // The last one is repeated.
        let next = if self.scripts.len() > 1 { self.scripts.pop_front() } else { self.scripts.front().cloned() };
        let script = next.flatten().ok_or(CommandFailure::NotFound)?;
        let started = self.world.now();
        let mut acts = VecDeque::new();
        for (after, act) in script.acts.iter().copied() {
            let at = started + seconds(after);
            match act {
                WriteFor(time) => {
                    acts.extend((0..=time.as_secs()).map(|second| (at + seconds(second), Write(1))));
                }
                act => acts.push_back((at, act)),
            }
        }
        acts.make_contiguous().sort_by_key(|(at, _)| *at);
        Ok(Acting {
            world: Rc::clone(&self.world),
            script,
            acts,
            asked: Cell::new(None),
            killed: Cell::new(None),
            pending: 0,
            is_closed: false,
            exit: None,
            memory: 0,
        })
    }

    fn rest(&mut self, until: Instant) -> io::Result<()> {
        self.world.pass_until(Some(until));
        Ok(())
    }
}

pub(super) struct Acting {
    world: Rc<World>,
    script: Script,
    acts: VecDeque<(Instant, Act)>,
    asked: Cell<Option<Instant>>,
    killed: Cell<Option<Instant>>,
    pending: usize,
    is_closed: bool,
    exit: Option<i32>,
    memory: u64,
}

impl Acting {
    /// When it ends because it was asked to, and when nothing is left of its group.
    fn ends(&self) -> Option<(Instant, Instant)> {
        if let Some(killed) = self.killed.get() {
            return Some((killed, killed));
        }
        let asked = self.asked.get()?;
        Some((asked + self.script.ends_after, asked + self.script.ends_after + self.script.left_for))
    }

    fn act(&mut self, until: Option<Instant>) {
        let acts = self.acts.front().map(|(at, _)| *at).filter(|_| self.exit.is_none());
        let ends = self.ends().map(|(ends, gone)| if self.exit.is_none() { ends } else { gone });
        let ends = ends.filter(|moment| self.exit.is_none() || *moment > self.world.now());
        self.world.pass_until(acts.into_iter().chain(ends).chain(until).min());
        let now = self.world.now();
        if self.exit.is_none() && self.ends().is_some_and(|(ends, _)| ends <= now) {
            self.pending += if self.killed.get().is_none() { self.script.last_words } else { 0 };
            (self.exit, self.is_closed) = (Some(255), true);
        }
        while self.exit.is_none()
            && let Some((_, act)) = self.acts.pop_front_if(|(at, _)| *at <= now)
        {
            match act {
                Write(bytes) => self.pending += bytes,
                WriteFor(_) => unreachable!(),
                CloseOutput => self.is_closed = true,
                Exit(code) => (self.exit, self.is_closed) = (Some(code), true),
                Grow(memory) => self.memory = memory,
            }
        }
    }

    fn heard(&self) -> Heard {
        match self.pending {
            0 if self.is_closed => Heard::End,
            0 => Heard::Nothing,
            _ => Heard::Output,
        }
    }
}

impl Producer for Acting {
    fn wait(&mut self, until: Option<Instant>) -> io::Result<Heard> {
        if self.heard() == Heard::Nothing {
            self.act(until);
        }
        Ok(self.heard())
    }

    fn wait_for_end(&mut self, until: Option<Instant>) -> io::Result<()> {
        self.act(until);
        Ok(())
    }

    fn read(&mut self, area: &mut [u8]) -> io::Result<usize> {
        let read = self.pending.min(area.len());
        self.pending -= read;
        Ok(read)
    }

    fn pending(&self) -> usize {
        let due = self.acts.iter().take_while(|(at, _)| *at <= self.world.now());
        let written = due.map(|(_, act)| if let Write(bytes) = act { *bytes } else { 0 });
        self.pending + written.sum::<usize>()
    }

    fn ask_to_end(&self) {
        self.asked.set(self.asked.get().or_else(|| Some(self.world.now())));
    }

    fn kill(&self) {
        self.killed.set(self.killed.get().or_else(|| Some(self.world.now())));
    }

    fn end(&self) -> Option<Result<(), CommandFailure>> {
        self.exit.map(|code| if code == 0 { Ok(()) } else { Err(CommandFailure::Exited(code)) })
    }

    fn is_gone(&self) -> bool {
        self.exit.is_some() && self.ends().is_some_and(|(_, gone)| gone <= self.world.now())
    }

    fn process(&self) -> i32 {
        1
    }

    fn usage(&self) -> CommandUsage {
        CommandUsage { memory: self.memory, cpu_seconds: 0.0 }
    }
}
