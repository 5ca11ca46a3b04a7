//! What is reported to systemd, if it started us and listens.

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

/// How often the status line is updated.
const STATUS: Duration = Duration::from_secs(10);
/// The recorder is heard from at least this many times in the watchdog's period.
const PART: u32 = 4;

/// What the service manager passes us in the environment; none of it is for the command.
pub(crate) const SERVICE_VARIABLES: [&str; 3] = [SOCKET, "WATCHDOG_USEC", "WATCHDOG_PID"];

/// The service manager that started this process and wants to hear from it.
#[derive(Clone)]
pub(crate) struct ServiceManager {
    watchdog: Option<Duration>,
    /// Makes sure that this is reported once only, from whichever thread.
    stopping: Arc<Once>,
}

impl ServiceManager {
    /// `None` if there is none.
    pub fn find() -> Option<Self> {
        env::var_os(SOCKET)?;
        let watchdog = watchdog_enabled().filter(|limit| !limit.is_zero());
        Some(Self { watchdog, stopping: Arc::new(Once::new()) })
    }

    /// The longest that the recording thread may wait if it is to be seen to be alive.
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

    /// Reports the status, as `line` formats it, until the other end of `ended` is dropped. The watchdog watches the
    /// recording thread: it is notified as long as that thread keeps taking turns, which it does with or without data,
    /// but not while a disk blocks it. A silent camera is the supervisor's business.
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

/// Never waits for the service manager: if it does not listen, it misses the report.
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
