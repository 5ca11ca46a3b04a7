//! Linux.

use std::{
    fs::File,
    io,
    os::fd::{AsFd, OwnedFd},
};

use rustix::pipe::PipeFlags;

/// A pipe that no command inherits: the read end, then the write end.
pub(crate) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?)
}

/// Makes a pipe hold `bytes`, if the system allows that.
pub(crate) fn set_pipe_capacity(pipe: impl AsFd, bytes: usize) {
    let _ = rustix::pipe::fcntl_setpipe_size(pipe, bytes);
}

/// Advises that what was written to `file` be read from the disk again, not from memory.
pub(crate) fn drop_from_memory(file: &File) {
    let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed);
}

/// Fills the start of `bytes` with random bytes, and returns how many bytes it filled.
pub(crate) fn random(bytes: &mut [u8]) -> io::Result<usize> {
    Ok(rustix::rand::getrandom(bytes, rustix::rand::GetRandomFlags::empty())?)
}

#[cfg(feature = "cli")]
mod for_the_command {
    use std::{
        ffi::OsStr,
        fs::File,
        io,
        os::{
            fd::{AsFd, AsRawFd, OwnedFd},
            linux::net::SocketAddrExt,
            unix::{
                ffi::OsStrExt,
                net::{SocketAddr, UnixDatagram},
            },
        },
        path::Path,
    };

    use nix::{
        fcntl::{FcntlArg, fcntl},
        libc,
    };
    use rustix::{
        fs::{
            FallocateFlags, OFlags,
            inotify::{CreateFlags, WatchFlags},
        },
        io::Errno,
        net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType},
        process::{DumpableBehavior, PidfdFlags, PidfdGetfdFlags, Signal, getpid, pidfd_getfd, pidfd_open},
    };

    // From the kernel's magic.h. The type of the field that they are compared with differs between machines.
    const TMPFS_MAGIC: i128 = 0x0102_1994;
    /// The file systems of one machine: ext4, XFS, Btrfs, tmpfs, F2FS, overlay, ZFS, bcachefs, FAT and NTFS.
    const OF_ONE_MACHINE: [i128; 10] = [
        0xef53,
        0x5846_5342,
        0x9123_683e,
        TMPFS_MAGIC,
        0xf2f5_2010,
        0x794c_7630,
        0x2fc1_2fc1,
        0xca45_1a4e,
        0x4d44,
        0x7366_746e,
    ];

    /// Opens a folder in which names can be looked up, which needs less permission than to list it.
    pub(crate) const LOOK_UP_ONLY: OFlags = OFlags::PATH;
    /// Opens a new file without a name in the folder at the path, if the system supports that.
    pub(crate) const WITHOUT_NAME: Option<OFlags> = Some(OFlags::TMPFILE);
    /// Sending to a socket that nobody reads is an error, not a signal.
    pub(crate) const SEND_WITHOUT_SIGNAL: SendFlags = SendFlags::NOSIGNAL;
    /// No command inherits the descriptors that are received.
    pub(crate) const RECEIVE_CLOSED_ON_EXEC: RecvFlags = RecvFlags::CMSG_CLOEXEC;

    /// No command inherits the socket that is made.
    pub(crate) const SOCKET_CLOSED_ON_EXEC: SocketFlags = SocketFlags::CLOEXEC;

    /// Whether `file` is in a file system that is in memory.
    pub(crate) fn is_in_memory(file: &File) -> bool {
        rustix::fs::fstatfs(file).is_ok_and(|system| i128::from(system.f_type) == TMPFS_MAGIC)
    }

    /// Whether `file` is in a file system that no other machine can share.
    pub(crate) fn is_of_one_machine(file: &File) -> bool {
        rustix::fs::fstatfs(file).is_ok_and(|system| OF_ONE_MACHINE.contains(&i128::from(system.f_type)))
    }

    /// Locks all of `file` until this opening of it is closed. Opening and closing the file elsewhere, even in this
    /// process, does not end the lock.
    pub(crate) fn lock_this_open_file(file: &File) -> io::Result<()> {
        fcntl(file, FcntlArg::F_OFD_SETLK(&whole_file()))?;
        Ok(())
    }

    /// Whether somebody who has opened `file` independently has locked it.
    pub(crate) fn is_open_file_locked(file: &File) -> io::Result<bool> {
        let mut found = whole_file();
        fcntl(file, FcntlArg::F_OFD_GETLK(&mut found))?;
        Ok(i32::from(found.l_type) != libc::F_UNLCK)
    }

    /// An exclusive lock on all of a file.
    fn whole_file() -> libc::flock {
        libc::flock { l_type: libc::F_WRLCK as i16, l_whence: libc::SEEK_SET as i16, l_start: 0, l_len: 0, l_pid: 0 }
    }

    /// Reserves `length` bytes of `file` from `from` on, and leaves its length alone.
    pub(crate) fn reserve(file: &File, from: u64, length: u64) -> rustix::io::Result<()> {
        rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, from, length)
    }

    /// Syncs the file system that `file` is in.
    pub(crate) fn sync_file_system(file: impl AsFd) -> rustix::io::Result<()> {
        rustix::fs::syncfs(file)
    }

    /// Watches the folder at `path` for files that are created, moved there, or written. The result is readable then;
    /// what it holds does not matter.
    pub(crate) fn watch_folder(path: &Path) -> rustix::io::Result<OwnedFd> {
        let events = WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::MODIFY | WatchFlags::CLOSE_WRITE;
        let watch = rustix::fs::inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        rustix::fs::inotify::add_watch(&watch, path, events)?;
        Ok(watch)
    }

    /// A copy of the inherited descriptor `number`: made by the kernel from the number, which is safe for any number;
    /// if that is not allowed, by opening its name.
    pub(crate) fn copy_descriptor(number: i32) -> io::Result<OwnedFd> {
        let process = pidfd_open(getpid(), PidfdFlags::empty());
        if process.as_ref().is_ok_and(|process| process.as_raw_fd() == number) {
            // The number was free until just now.
            return Err(Errno::BADF.into());
        }
        match process.and_then(|process| pidfd_getfd(process, number, PidfdGetfdFlags::empty())) {
            Err(error) if error != Errno::BADF => Ok(File::open(format!("/dev/fd/{number}"))?.into()),
            copied => Ok(copied?),
        }
    }

    /// No core dump, and nobody but root may attach to this process.
    pub(crate) fn protect_memory() {
        let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }

    /// The capacity of a pipe in bytes.
    pub(crate) fn pipe_capacity(pipe: impl AsFd) -> io::Result<usize> {
        Ok(rustix::pipe::fcntl_getpipe_size(pipe)?)
    }

    /// Two ends of a connection that preserves message boundaries; no command inherits them.
    pub(crate) fn message_sockets() -> io::Result<(OwnedFd, OwnedFd)> {
        Ok(rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?)
    }

    /// Connects to the socket at `path`, which is an abstract name, not a file, if it begins with `@`.
    pub(crate) fn connect_to(socket: &UnixDatagram, path: &OsStr) -> io::Result<()> {
        match path.as_bytes().strip_prefix(b"@") {
            Some(name) => socket.connect_addr(&SocketAddr::from_abstract_name(name)?),
            None => socket.connect(path),
        }
    }

    /// Makes orphaned descendants of this process its own children.
    pub(crate) fn adopt_orphans() -> io::Result<()> {
        Ok(rustix::process::set_child_subreaper(Some(getpid()))?)
    }

    /// Makes the kernel send this process SIGKILL when the thread that started it ends.
    pub(crate) fn die_with_parent() -> io::Result<()> {
        Ok(rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?)
    }
}

#[cfg(feature = "cli")]
pub(crate) use for_the_command::*;

/// How often this thread has waited so far, for example for a disk or for another thread, if that is known.
#[cfg(feature = "serve")]
pub(crate) fn waits_so_far() -> Option<std::ffi::c_long> {
    use nix::sys::resource::{UsageWho, getrusage};
    getrusage(UsageWho::RUSAGE_THREAD).ok().map(|usage| usage.voluntary_context_switches())
}
