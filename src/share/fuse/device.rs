//! The kernel's end of a file system: /dev/fuse, mounted by us, or by fusermount3 where mounting takes root.

use std::{
    ffi::{CString, OsString},
    fs::{File, OpenOptions},
    io::{self, ErrorKind, IoSliceMut, Read},
    mem::MaybeUninit,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::{
            fs::{FileTypeExt, MetadataExt},
            net::UnixStream,
        },
    },
    path::Path,
    process::{Command, ExitStatus, Stdio},
};

use rustix::{
    fs::makedev,
    io::{Errno, ioctl_fionbio},
    mount::{MountFlags, mount},
    net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg},
    process::{getgid, getuid},
};

use super::MountError;
use crate::share::mount_table::TREE;

const DEVICE: &str = "/dev/fuse";
/// The device number, which is the same on every system.
const MAJOR_AND_MINOR: (u32, u32) = (10, 229);
const HELPER: &str = "fusermount3";
/// How much of the helper's messages is read.
const MOST_SAID: u64 = 64 << 10;

/// Mounts an empty file system at `place`, called `name` in the table of mounts, and returns our end of it. After
/// [`MountError::NothingSent`], something may be mounted.
pub(super) fn mount_at(place: &Path, name: &str) -> Result<OwnedFd, MountError> {
    let device = open_device()?;
    match mount_directly(&device, place, name) {
        Ok(()) => Ok(device.into()),
        Err(Errno::PERM) => mount_by_helper(place, name),
        Err(error) => Err(MountError::System(error.into())),
    }
}

fn open_device() -> Result<File, MountError> {
    let device = OpenOptions::new().read(true).write(true).open(DEVICE).map_err(of_device)?;
    let metadata = device.metadata().map_err(MountError::Device)?;
    let (major, minor) = MAJOR_AND_MINOR;
    match metadata.file_type().is_char_device() && metadata.rdev() == makedev(major, minor) {
        true => Ok(device),
        false => Err(MountError::NotTheDevice),
    }
}

fn of_device(error: io::Error) -> MountError {
    match error.kind() {
        ErrorKind::NotFound => MountError::DeviceMissing,
        ErrorKind::PermissionDenied => MountError::DeviceClosed(error),
        ErrorKind::IsADirectory => MountError::NotTheDevice,
        _ if matches!(Errno::from_io_error(&error), Some(Errno::NODEV | Errno::NXIO)) => MountError::DeviceMissing,
        _ => MountError::Device(error),
    }
}

fn mount_directly(device: &File, place: &Path, name: &str) -> Result<(), Errno> {
    let (user, group) = (getuid().as_raw(), getgid().as_raw());
    let options = format!("fd={},rootmode=40000,user_id={user},group_id={group}", device.as_raw_fd());
    let options = CString::new(options).map_err(|_| Errno::INVAL)?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::RDONLY;
    mount(name, place, TREE, flags, &*options)
}

/// Lets the helper mount: it has the permission to do so for users, and sends the descriptor that it has opened over a
/// socket.
fn mount_by_helper(place: &Path, name: &str) -> Result<OwnedFd, MountError> {
    let (ours, theirs) = UnixStream::pair().map_err(MountError::System)?;
    let (_, subtype) = TREE.split_once('.').unwrap_or_default();
    // Options are separated by commas.
    let name = name.replace('\\', r"\\").replace(',', r"\,");
    let mut helper = Command::new(HELPER);
    helper.arg("-o").arg(format!("ro,nosuid,nodev,subtype={subtype},fsname={name}")).arg("--").arg(place);
    // As descriptor 0, the socket is inherited without any others.
    helper.env("_FUSE_COMMFD", "0").stdin(OwnedFd::from(theirs));
    let (status, said) = run(helper)?;
    ours.set_nonblocking(true).map_err(MountError::System)?;
    match receive(&ours) {
        Some(device) => Ok(device),
        None if status.success() => Err(MountError::NothingSent),
        None => Err(MountError::Helper(said)),
    }
}

/// Runs the helper to its end, and returns its exit status and its messages. Processes that it has started may go on
/// and keep what they inherited: nothing here waits for them.
fn run(mut helper: Command) -> Result<(ExitStatus, String), MountError> {
    let mut running = helper.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().map_err(of_helper)?;
    let status = running.wait().map_err(MountError::HelperStart)?;
    let mut said = Vec::new();
    if let Some(errors) = running.stderr.take()
        && ioctl_fionbio(&errors, true).is_ok()
    {
        let _ = errors.take(MOST_SAID).read_to_end(&mut said);
    }
    Ok((status, last_words(&String::from_utf8_lossy(&said), &status.to_string())))
}

fn of_helper(error: io::Error) -> MountError {
    if error.kind() == ErrorKind::NotFound { MountError::HelperMissing } else { MountError::HelperStart(error) }
}

/// The descriptor that comes through the socket, if one does.
fn receive(socket: &UnixStream) -> Option<OwnedFd> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    loop {
        match recvmsg(socket, &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::CMSG_CLOEXEC) {
            Err(Errno::INTR) => {}
            Err(_) => return None,
            Ok(_) => break,
        }
    }
    control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    })
}

/// The last line that the helper wrote, without its own name.
fn last_words(said: &str, end: &str) -> String {
    let line = said.lines().map(str::trim).rfind(|line| !line.is_empty());
    match line {
        Some(line) => line.strip_prefix(HELPER).and_then(|line| line.strip_prefix(": ")).unwrap_or(line).to_owned(),
        None => end.to_owned(),
    }
}

/// Makes the helper unmount what is at `place`, even if files in it are open.
pub(super) fn unmount_by_helper(place: &Path) -> Result<(), MountError> {
    let arguments = ["-u", "-z", "--"].map(OsString::from);
    let mut helper = Command::new(HELPER);
    helper.args(arguments).arg(place).stdin(Stdio::null());
    match run(helper)? {
        (status, _) if status.success() => Ok(()),
        (_, said) => Err(MountError::Helper(said)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_line_of_the_helpers_messages_counts() {
        let said = "fusermount3: warning\nfusermount3: mount failed: Operation not permitted\n\n";
        assert_eq!(last_words(said, "exit status: 1"), "mount failed: Operation not permitted");
        assert_eq!(last_words("\n", "exit status: 1"), "exit status: 1");
        assert_eq!(last_words("sh: no", "exit status: 1"), "sh: no");
    }
}
