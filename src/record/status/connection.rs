//! One client: its request is read and answered, and the connection ends.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::{Duration, Instant},
};

use rustix::{
    event::PollFlags,
    io::{Errno, read, write},
    net::{Shutdown, shutdown},
};

use super::{
    request::{LONGEST_HEAD, Request},
    routes::{Routes, answer_to_bad},
};

/// A client that takes longer than this is disconnected.
const LIMIT: Duration = Duration::from_secs(5);

/// How many steps are taken at a time, so that a client that never stops sending does not hold up the others.
const MOST_STEPS: usize = 32;

/// A client, which never makes anybody wait.
pub(super) struct Connection {
    stream: OwnedFd,
    pub until: Instant,
    state: State,
}

enum State {
    Reading(Vec<u8>),
    Writing(Vec<u8>, usize),
    /// The answer has been sent. What the client still sends is read, since it might otherwise lose the answer.
    Draining,
}

impl Connection {
    /// A client that connected at `now`. Its `stream` does not block.
    pub fn new(stream: OwnedFd, now: Instant) -> Self {
        Self { stream, until: now + LIMIT, state: State::Reading(Vec::new()) }
    }

    /// What it waits for.
    pub fn waits_for(&self) -> PollFlags {
        match self.state {
            State::Reading(_) | State::Draining => PollFlags::IN,
            State::Writing(..) => PollFlags::OUT,
        }
    }

    /// Goes on as far as possible without waiting; returns whether there is more to do.
    pub fn go_on(&mut self, routes: &mut Routes<'_>, now: Instant) -> bool {
        for _ in 0..MOST_STEPS {
            match self.step(routes, now) {
                Ok(true) => {}
                Ok(false) => return false,
                Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
            }
        }
        true
    }

    fn step(&mut self, routes: &mut Routes<'_>, now: Instant) -> io::Result<bool> {
        let mut area = [0; 1024];
        match &mut self.state {
            State::Reading(bytes) => {
                let read = retried(|| read(&self.stream, &mut area))?;
                bytes.extend(area.get(..read).unwrap_or_default());
                let answer = match Request::parse(bytes) {
                    Ok(Some(request)) if bytes.len() >= request.length => {
                        routes.answer(&request, now).into_bytes(request.method == "HEAD")
                    }
                    // More of the request is yet to come.
                    Ok(_) if read > 0 && bytes.len() <= 2 * LONGEST_HEAD => return Ok(true),
                    Ok(_) => return Ok(false),
                    Err(bad) => answer_to_bad(bad).into_bytes(false),
                };
                self.state = State::Writing(answer, 0);
            }
            State::Writing(bytes, at) => {
                *at += retried(|| write(&self.stream, bytes.get(*at..).unwrap_or_default()))?;
                if *at == bytes.len() {
                    shutdown(&self.stream, Shutdown::Write)?;
                    self.state = State::Draining;
                }
            }
            State::Draining => {
                let read = retried(|| read(&self.stream, &mut area))?;
                return Ok(read > 0);
            }
        }
        Ok(true)
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

fn retried(mut call: impl FnMut() -> rustix::io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            done => return Ok(done?),
        }
    }
}
