//! A mounted tree: served by our threads until somebody unmounts it, and unmounted before this process exits.

use std::{
    fs::File,
    io,
    os::fd::{AsRawFd, OwnedFd},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
};

use fuser::{Config, Session, SessionACL};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    mount::{UnmountFlags, unmount},
};

use super::{
    MountError, MountPoint, device,
    file_system::{FileSystem, Notifying},
    reserve::Reserve,
};
use crate::share::{
    mount_table::{MountId, TREE, mount_at, mounts},
    tree::Tree,
};

/// Requests that are handled at the same time: while some wait for a disk, others are decrypted.
const THREADS: usize = 8;

/// A tree that is mounted and served.
pub(crate) struct Mounted {
    serving: JoinHandle<()>,
}

/// Unmounts what was mounted with it, from any thread, and never anything else that is mounted at the same place.
#[derive(Clone)]
pub(crate) struct Unmounter(Arc<Mutex<State>>);

enum State {
    NotYet,
    /// The mount, our end of it, and what unmounting needs.
    Mounted(MountId, OwnedFd, Reserve),
    /// It has been unmounted by us, or will never be mounted.
    Ended,
}

/// What is left after unmounting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    Nothing,
    /// Files that programs still have open. They can be read for as long as this process lives.
    OpenFiles,
}

impl Mounted {
    /// Mounts `tree` at `place`, under the name `name` in the system's table of mounts, and serves it until it is
    /// unmounted; `unmounter` can do that from here on. The reason for the end goes to `ended`.
    ///
    /// # Errors
    ///
    /// [`MountError`]. Nothing is left mounted then.
    pub fn new(
        tree: Arc<Tree>,
        place: &MountPoint,
        name: &str,
        unmounter: &Unmounter,
        ended: impl FnOnce(io::Result<()>) + Send + 'static,
    ) -> Result<Self, MountError> {
        // As far as possible, everything that may fail is done before mounting.
        let (file_system, notifying) = FileSystem::new(tree).map_err(MountError::System)?;
        let device = unmounter.mount(place, name)?;
        let started = Self::serve(file_system, &notifying, device, ended);
        if started.is_err() {
            let _ = unmounter.unmount();
        }
        started
    }

    fn serve(
        file_system: FileSystem,
        notifying: &Notifying,
        device: OwnedFd,
        ended: impl FnOnce(io::Result<()>) + Send + 'static,
    ) -> Result<Self, MountError> {
        let mut config = Config::default();
        config.n_threads = Some(THREADS);
        let session = Session::from_fd(file_system, device, SessionACL::Owner, config).map_err(MountError::System)?;
        notifying.begin(session.notifier());
        let serving = thread::Builder::new().name("mount".to_owned()).spawn(move || ended(session.run()));
        Ok(Self { serving: serving.map_err(MountError::System)? })
    }

    /// Waits until all the threads that served it are gone, which happens once nothing is [left](Left) of the mount.
    pub fn join(self) {
        let _ = self.serving.join();
    }
}

impl Unmounter {
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(State::NotYet)))
    }

    /// Mounts at `place`. Others who want to unmount wait in the meantime.
    fn mount(&self, place: &MountPoint, name: &str) -> Result<OwnedFd, MountError> {
        let mut state = self.lock();
        place.check_free()?;
        let reserve = Reserve::take().map_err(MountError::System)?;
        let mounted = match device::mount_at(&place.path, name) {
            Ok(device) => own_mount(&place.path, &device).map(|(id, ours)| (id, ours, device)),
            Err(error @ MountError::NothingSent) => Err(error),
            Err(error) => return Err(error),
        };
        match mounted {
            Ok((id, ours, device)) => {
                *state = State::Mounted(id, ours, reserve);
                Ok(device)
            }
            Err(error) => {
                drop(reserve);
                take_away(&place.path);
                Err(error)
            }
        }
    }

    /// Unmounts it, even if files in it are open.
    ///
    /// # Errors
    ///
    /// [`MountError`]: it is still there.
    pub fn unmount(&self) -> Result<Left, MountError> {
        let mut state = self.lock();
        let left = match &mut *state {
            State::NotYet | State::Ended => Left::Nothing,
            State::Mounted(id, device, reserve) => {
                reserve.with(|| detach(*id))?;
                if is_connected(device) { Left::OpenFiles } else { Left::Nothing }
            }
        };
        *state = State::Ended;
        Ok(left)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The mount that was just made at `place` with `device`, which is copied.
fn own_mount(place: &Path, device: &OwnedFd) -> Result<(MountId, OwnedFd), MountError> {
    let ours = device.try_clone().map_err(MountError::System)?;
    // The folder is not kept open: that would keep others from unmounting.
    let (id, _) = mount_at(place).map_err(MountError::System)?;
    let table = mounts().map_err(MountError::System)?;
    let is_ours = table.iter().any(|entry| entry.id == id && entry.kind == TREE && entry.is_at(place));
    // Otherwise somebody was quick to unmount ours, and this is what was below it.
    if is_ours { Ok((id, ours)) } else { Err(MountError::System(Errno::NOTCONN.into())) }
}

/// Detaches what was just mounted at `place`, before anybody knows of it.
fn take_away(place: &Path) {
    let is_there = mounts().is_ok_and(|table| table.iter().any(|entry| entry.kind == TREE && entry.is_at(place)));
    if is_there && unmount(place, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW) == Err(Errno::PERM) {
        let _ = device::unmount_by_helper(place);
    }
}

/// Detaches the mount `id`, wherever it is now, if it still exists.
fn detach(id: MountId) -> Result<(), MountError> {
    let table = mounts().map_err(MountError::System)?;
    let Some(entry) = table.into_iter().find(|entry| entry.id == id) else { return Ok(()) };
    let (top, folder) = mount_at(&entry.place).map_err(MountError::System)?;
    if top != id {
        // Unmounting ours would also remove the one above it.
        return Err(MountError::Busy { kind: TREE.to_owned(), source_name: entry.source });
    }
    match detach_open(&folder) {
        Err(Errno::PERM) => {
            drop(folder);
            device::unmount_by_helper(&entry.place)
        }
        detached => detached.map_err(|error| MountError::System(error.into())),
    }
}

/// Detaches the mount that `folder` was opened on, wherever its path leads by now.
fn detach_open(folder: &File) -> Result<(), Errno> {
    unmount(format!("/proc/self/fd/{}", folder.as_raw_fd()), UnmountFlags::DETACH)
}

/// Whether the kernel still sends requests through `device`, which it does until the last open file is closed. The
/// kernel lets go of a closed file a moment later, so this waits for that moment.
fn is_connected(device: &OwnedFd) -> bool {
    let mut polled = [PollFd::new(device, PollFlags::empty())];
    let moment = Timespec { tv_sec: 0, tv_nsec: 500_000_000 };
    let _ = poll(&mut polled, Some(&moment));
    polled.iter().all(|polled| !polled.revents().contains(PollFlags::ERR))
}
