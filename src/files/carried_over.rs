//! What an output takes over from its input: who may read it, and when it was last changed.

use std::{
    fs::{File, FileTimes, Metadata, Permissions},
    io::{self, ErrorKind},
    os::unix::fs::{MetadataExt, PermissionsExt, fchown},
    time::SystemTime,
};

use super::access_list::AccessList;

/// Without setuid, setgid and sticky: those are for programs and folders.
const PERMISSION_BITS: u32 = 0o777;

/// What a file takes over from another.
pub(super) struct CarriedOver {
    mode: u32,
    /// `None` if the mode says everything.
    access_list: Option<AccessList>,
    group: u32,
    modified: SystemTime,
}

/// Whether a file got everything that it was to take over.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carried {
    Done,
    /// Its file system does not support it.
    NotSupported,
}

impl CarriedOver {
    /// What can be taken over from `file`, which has this `metadata`.
    ///
    /// # Errors
    ///
    /// The system's error.
    pub fn of(file: &File, metadata: &Metadata) -> io::Result<Self> {
        Ok(Self {
            mode: metadata.mode() & PERMISSION_BITS,
            access_list: AccessList::of(file)?,
            group: metadata.gid(),
            modified: metadata.modified()?,
        })
    }

    /// Applies it to `file`, and the group if we may; nobody gets more rights to `file` than to the file that these
    /// were taken from.
    ///
    /// # Errors
    ///
    /// The system's error, unless the file system merely does not support it.
    pub fn apply(&self, file: &File) -> io::Result<Carried> {
        let group_kept = fchown(file, None, Some(self.group)).is_ok();
        let mut carried = Carried::Done;
        let applied = self.access(file, group_kept, &mut carried).and_then(|mode| {
            file.set_permissions(Permissions::from_mode(mode))?;
            file.set_times(FileTimes::new().set_modified(self.modified))
        });
        match applied.as_ref().map_err(io::Error::kind) {
            Ok(()) => Ok(carried),
            Err(ErrorKind::PermissionDenied | ErrorKind::Unsupported) => Ok(Carried::NotSupported),
            Err(_) => applied.map(|()| carried),
        }
    }

    /// Gives `file` the access list, or none, and returns the mode that goes with it.
    fn access(&self, file: &File, group_kept: bool, carried: &mut Carried) -> io::Result<u32> {
        // Another group gets no more rights than everybody else.
        let for_group = |mode: u32| if group_kept { mode } else { mode & (!0o070 | (mode & 0o007) << 3) };
        let Some(list) = &self.access_list else {
            // The file may have inherited a list from its folder, and setting the mode would activate the list's
            // entries.
            AccessList::remove(file)?;
            return Ok(for_group(self.mode));
        };
        let kept = if group_kept { list.set(file) } else { list.clone().for_another_group().set(file) };
        if kept.is_ok() {
            return Ok(self.mode);
        }
        *carried = Carried::NotSupported;
        AccessList::remove(file)?;
        Ok(for_group(list.mode_without(self.mode)))
    }
}
