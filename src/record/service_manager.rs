//! What is said to systemd, where it started us and listens.

use std::{
    env,
    ffi::OsStr,
    io,
    os::unix::net::UnixDatagram,
    sync::{
        Arc, Once,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

use sd_notify::{NotifyState, watchdog_enabled};

use super::status::{Board, Snapshot};
use crate::system;

const SOCKET: &str = "NOTIFY_SOCKET";

/// How often the status line is brought up to date.
const STATUS: Duration = Duration::from_secs(10);
/// What of a watchdog's time passes at most until the recorder is heard of.
const PART: u32 = 4;

/// What the service manager hands us in the environment; none of it is for the command.
pub(crate) const SERVICE_VARIABLES: [&str; 3] = [SOCKET, "WATCHDOG_USEC", "WATCHDOG_PID"];

/// The service manager that started this process and wants to hear of it.
#[derive(Clone)]
pub(crate) struct ServiceManager {
    watchdog: Option<Duration>,
    /// Said once, whoever says it.
    stopping: Arc<Once>,
}

impl ServiceManager {
    /// `None` if there is none.
    pub fn find() -> Option<Self> {
        env::var_os(SOCKET)?;
        let watchdog = watchdog_enabled().filter(|limit| !limit.is_zero());
        Some(Self { watchdog, stopping: Arc::new(Once::new()) })
    }

    /// The longest that the recording thread may wait, so that it is seen to be alive.
    pub fn beat(&self) -> Option<Duration> {
        self.watchdog.map(|limit| limit / PART)
    }

    /// The recording has begun.
    pub fn ready(&self) {
        say(&[NotifyState::Ready]);
    }

    /// The recording is to end, or has ended.
    pub fn stopping(&self) {
        self.stopping.call_once(|| say(&[NotifyState::Stopping]));
    }

    /// Says how things are, as `line` has it, until the other end of `ended` is dropped. The watchdog is for the recording
    /// thread: it is heard of as long as that comes by, as it does with or without data, but not while a disk holds it up. A
    /// camera that is silent is the supervisor's business.
    pub fn run(&self, board: &Board, line: impl Fn(&Snapshot) -> String, ended: &Receiver<()>) {
        let interval = self.watchdog.map_or(STATUS, |limit| (limit / PART).min(STATUS));
        let mut turns = board.turns();
        let mut last = String::new();
        loop {
            let line = line(&board.snapshot());
            if line != last {
                say(&[NotifyState::Status(&line)]);
                last = line;
            }
            match ended.recv_timeout(interval) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
            }
            let now = board.turns();
            if std::mem::replace(&mut turns, now) != now && self.watchdog.is_some() {
                say(&[NotifyState::Watchdog]);
            }
        }
    }
}

/// A service manager that does not listen misses it: it is never waited for.
fn say(states: &[NotifyState<'_>]) {
    if let Some(path) = env::var_os(SOCKET) {
        let _ = send(&path, states);
    }
}

fn send(path: &OsStr, states: &[NotifyState<'_>]) -> io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    system::connect_to(&socket, path)?;
    let lines: String = states.iter().map(|state| format!("{state}\n")).collect();
    socket.send(lines.as_bytes())?;
    Ok(())
}
