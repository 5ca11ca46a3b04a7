//! Whether anyone but a file's owner may read it.

use std::{fs::Metadata, os::unix::fs::MetadataExt};

use rustix::process::getuid;

const GROUP_AND_OTHERS_READ: u32 = 0o044;

/// Whether the file with this `metadata` is ours and other users may read it. If another user owns the file, it is that
/// user's decision, as with ssh; the mode of a pipe or device does not say who reads it.
pub(crate) fn is_exposed(metadata: &Metadata) -> bool {
    metadata.is_file() && metadata.uid() == getuid().as_raw() && metadata.mode() & GROUP_AND_OTHERS_READ != 0
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{File, Permissions},
        os::unix::fs::PermissionsExt,
    };

    use super::*;

    #[test]
    fn a_file_is_exposed_if_group_or_others_may_read_it() {
        let file = tempfile::tempfile().unwrap();
        for (mode, exposed) in [
            (0o600, false),
            (0o400, false),
            (0o711, false),
            (0o622, false),
            (0o640, true),
            (0o604, true),
            (0o444, true),
        ] {
            file.set_permissions(Permissions::from_mode(mode)).unwrap();
            assert_eq!(is_exposed(&file.metadata().unwrap()), exposed, "{mode:o}");
        }
    }

    #[test]
    fn anything_but_a_regular_file_is_not_exposed() {
        assert!(!is_exposed(&File::open("/dev/null").unwrap().metadata().unwrap()));
    }
}
