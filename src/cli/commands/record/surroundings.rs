//! The threads beside a recording: one answers status requests, one reports to systemd, one looks after the segments.

use std::{
    io::{self, ErrorKind},
    sync::mpsc::{Receiver, Sender, channel},
    thread::{self, Scope, ScopedJoinHandle},
};

use crate::{
    cli::messages::{
        failure::{Exit, Failure},
        recorder::{report_status_address, status_line},
    },
    record::{
        Board, Control, Event, Keeper, KeeperMessage, Ledger, LedgerError, ListenError, Listener, RecordingFolder,
        ServiceManager, StatusAddress, StatusServer, StopServer, SystemTime,
    },
    signals::Watching,
};

/// What to do if the system says that a file system is full.
pub(super) const MAKE_ROOM: &str =
    "make room, and record again: df shows how much is free, and df -i how many more files there can be";

/// Listens for clients that ask for the recorder's status.
pub(super) fn listen(address: &StatusAddress, quiet: bool) -> Result<Listener, Failure> {
    let shown = match address {
        StatusAddress::Socket(path) => format!("--status {}", path.display()),
        StatusAddress::Loopback(address) => format!("--status {address}"),
    };
    let listener = Listener::bind(address).map_err(|error| match error {
        ListenError::System(error) => {
            Failure::system(shown, "cannot listen there", &error).with_hint(listen_hint(address, &error))
        }
        refused @ (ListenError::InUse | ListenError::NotASocket) => {
            Failure::new(Exit::InputOutput, refused.to_string()).about(shown).with_hint("give another path or port")
        }
    })?;
    if let Some(address) = listener.address() {
        report_status_address(address, quiet);
    }
    Ok(listener)
}

fn listen_hint(address: &StatusAddress, error: &io::Error) -> &'static str {
    match error.kind() {
        _ if matches!(address, StatusAddress::Loopback(_)) => {
            "give another address or port; with port 0 the system chooses one"
        }
        ErrorKind::InvalidFilename => {
            "a socket's path can have at most 107 bytes: give a shorter one, such as one below /run"
        }
        ErrorKind::NotFound | ErrorKind::NotADirectory => "make the folder for the socket first, or give another path",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => "give a path in a folder that you may write to",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => MAKE_ROOM,
        _ => "give another path, or an address such as 127.0.0.1:8080",
    }
}

/// Opens the ledger of the recorder's segments in `folder`.
pub(super) fn open_ledger(folder: &RecordingFolder) -> Result<Ledger, Failure> {
    Ledger::open(folder).map_err(|error| ledger_failure(folder, error))
}

pub(super) fn ledger_failure(folder: &RecordingFolder, error: LedgerError) -> Failure {
    match error {
        LedgerError::InUse => Failure::new(Exit::InputOutput, error.to_string()).about(folder.path()).with_hint(
            "with --keep-age, --keep-size, --keep-free or --on-segment, give each recorder a folder of its own",
        ),
        LedgerError::System(error) => {
            let hint = match error.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => MAKE_ROOM,
                _ => "they are listed in .reelseal-recorder there, which must be a file that you may read and write",
            };
            Failure::system(folder.path(), "cannot read or write the list of its segments", &error).with_hint(hint)
        }
    }
}

/// The threads; each ends when its handle here is dropped.
pub(super) struct Surroundings<'scope> {
    _server: Option<StopServer>,
    _service: Option<Sender<()>>,
    keeper: Option<(Sender<KeeperMessage>, ScopedJoinHandle<'scope, ()>)>,
}

/// What the threads work with; there is a thread for each part that is given.
pub(super) struct Parts<'a> {
    pub listener: Option<Listener>,
    pub service: Option<ServiceManager>,
    pub keeper: Option<Keeper<'a, SystemTime>>,
}

impl<'scope> Surroundings<'scope> {
    /// Starts a thread for each of `parts`; `what` is what is recorded, as it is shown.
    pub fn start<'env: 'scope>(
        scope: &'scope Scope<'scope, 'env>,
        parts: Parts<'env>,
        (board, control): (&'env Board, &'env Control),
        what: &'env str,
        watching: &'env Watching,
    ) -> Result<Self, Failure> {
        let no_thread = |error| Failure::system("a thread", "cannot be started", &error);
        let mut started = Self { _server: None, _service: None, keeper: None };
        if let Some(keeper) = parts.keeper {
            let (tell, messages): (_, Receiver<_>) = channel();
            let results = tell.clone();
            let run = move || keeper.run(&messages, results, watching);
            let thread = thread::Builder::new().spawn_scoped(scope, run).map_err(no_thread)?;
            started.keeper = Some((tell, thread));
        }
        if let Some(listener) = parts.listener {
            let (server, stop) = StatusServer::new(listener).map_err(no_thread)?;
            thread::Builder::new().spawn_scoped(scope, move || server.run(board, control)).map_err(no_thread)?;
            started._server = Some(stop);
        }
        if let Some(service) = parts.service {
            let (end, ended) = channel();
            let run = move || service.run(board, |known| status_line(what, known), &ended);
            thread::Builder::new().spawn_scoped(scope, run).map_err(no_thread)?;
            started._service = Some(end);
        }
        Ok(started)
    }

    /// Tells the keeper what has happened to a segment.
    pub fn tell(&self, event: &Event<'_>) {
        let Some((keeper, _)) = &self.keeper else { return };
        let message = match *event {
            Event::Began(name) => KeeperMessage::Began(name.to_owned()),
            Event::Finished { segment, is_synced, .. } => {
                KeeperMessage::Ended { segment: segment.to_owned(), is_sound: is_synced }
            }
            Event::Unfinished(name, _) => KeeperMessage::Ended { segment: name.to_owned(), is_sound: false },
            Event::ClockStepped => KeeperMessage::ClockStepped,
            _ => return,
        };
        // If the keeper is gone, segments are kept.
        let _ = keeper.send(message);
    }
}

impl Surroundings<'_> {
    /// There will be no more segments: waits until the keeper has done what is left to do for the existing ones.
    pub fn work_off(&mut self) {
        if let Some((keeper, thread)) = self.keeper.take() {
            let _ = keeper.send(KeeperMessage::End);
            drop(keeper);
            let _ = thread.join();
        }
    }
}

impl Drop for Surroundings<'_> {
    fn drop(&mut self) {
        self.work_off();
    }
}
