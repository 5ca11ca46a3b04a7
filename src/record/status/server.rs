//! Answers local clients, in one thread.

use std::{
    io,
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

use super::{board::Board, connection::Connection, listener::Listener, routes::Routes};
use crate::{record::supervisor::Control, system};

/// How many clients are served at once: when more connect, the one that was connected longest makes room.
const MOST_CLIENTS: usize = 16;
/// How long no client is accepted after accepting one failed, for example for want of descriptors.
const PAUSE: Duration = Duration::from_secs(1);

/// Answers requests to `listener`, from `board` and through `control`, until it is stopped.
pub(crate) struct StatusServer {
    listener: Listener,
    stopped: OwnedFd,
}

/// Stops a server when it is dropped.
pub(crate) struct StopServer {
    _stop: OwnedFd,
}

impl StatusServer {
    /// A server, and what stops it.
    ///
    /// # Errors
    ///
    /// The error that the system reports when a pipe cannot be created.
    pub fn new(listener: Listener) -> io::Result<(Self, StopServer)> {
        let (stopped, stop) = system::pipe()?;
        Ok((Self { listener, stopped }, StopServer { _stop: stop }))
    }

    /// Serves until it is stopped, or waiting for clients fails.
    pub fn run(self, board: &Board, control: &Control) {
        let mut routes = Routes::new(board, control);
        let mut clients: Vec<Connection> = Vec::new();
        let mut accepts_from = Instant::now();
        loop {
            let Ok((is_stopped, arrives, ready)) = self.wait(&clients, accepts_from) else { return };
            if is_stopped {
                return;
            }
            let now = Instant::now();
            let mut ready = ready.into_iter();
            clients.retain_mut(|client| {
                let is_ready = ready.next().unwrap_or(false);
                (!is_ready || client.go_on(&mut routes, now)) && now < client.until
            });
            if arrives
                && let Err(error) = self.accept(&mut clients, now)
                && !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::ConnectionAborted)
            {
                accepts_from = now + PAUSE;
            }
        }
    }

    fn accept(&self, clients: &mut Vec<Connection>, now: Instant) -> io::Result<()> {
        if let Some(stream) = self.listener.accept()? {
            if clients.len() >= MOST_CLIENTS {
                clients.remove(0);
            }
            clients.push(Connection::new(stream, now));
        }
        Ok(())
    }

    /// Waits for something to do: returns whether the server is stopped, whether a client is connecting, and which
    /// clients are ready.
    fn wait(&self, clients: &[Connection], accepts_from: Instant) -> io::Result<(bool, bool, Vec<bool>)> {
        let now = Instant::now();
        let accepts = accepts_from <= now;
        let listens_for = if accepts { PollFlags::IN } else { PollFlags::empty() };
        let mut events = vec![PollFd::new(&self.stopped, PollFlags::IN), PollFd::new(&self.listener, listens_for)];
        events.extend(clients.iter().map(|client| PollFd::new(client, client.waits_for())));
        let next = clients.iter().map(|client| client.until).chain((!accepts).then_some(accepts_from)).min();
        let limit = next.and_then(|next| Timespec::try_from(next.saturating_duration_since(now)).ok());
        match poll(&mut events, limit.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut happened = events.iter().map(|event| !event.revents().is_empty());
        let (is_stopped, arrives) = (happened.next().unwrap_or(false), happened.next().unwrap_or(false));
        Ok((is_stopped, arrives, happened.collect()))
    }
}
