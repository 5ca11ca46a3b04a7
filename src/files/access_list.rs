//! POSIX access lists: permissions beyond the three classes of a file's mode.

use std::{fs::File, io};

use rustix::{
    fs::{XattrFlags, fgetxattr, fgetxattr_query, fremovexattr, fsetxattr},
    io::Errno,
};

const ATTRIBUTE: &str = "system.posix_acl_access";
/// From the kernel's posix_acl_xattr.h.
const VERSION: [u8; 4] = [2, 0, 0, 0];
const ENTRY_LENGTH: usize = 8;
const USER: u16 = 0x02;
const OWNING_GROUP: u16 = 0x04;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;
const OTHERS: u16 = 0x20;
const ALL_RIGHTS: u16 = 0o7;
/// A size that most lists fit in, and the most that the system allows.
const USUAL_LENGTH: usize = 512;
const MOST_LENGTH: usize = 64 << 10;

/// A file's access list, as the system returns it.
#[derive(Clone)]
pub(super) struct AccessList(Vec<u8>);

struct Entry {
    tag: u16,
    rights: u16,
}

impl AccessList {
    /// The list of `file`; `None` if its mode says everything, or if the file system has no such lists.
    ///
    /// # Errors
    ///
    /// The system's error.
    pub fn of(file: &File) -> io::Result<Option<Self>> {
        let read = |length| {
            let mut list = vec![0; length];
            let length = fgetxattr(file, ATTRIBUTE, list.as_mut_slice())?;
            list.truncate(length);
            Ok(list)
        };
        match read(USUAL_LENGTH).or_else(|error| if error == Errno::RANGE { read(MOST_LENGTH) } else { Err(error) }) {
            Ok(list) => Ok(Some(Self(list))),
            Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives `file` this list, and the mode that goes with it.
    ///
    /// # Errors
    ///
    /// The system's error, for example if the file system has no such lists.
    pub fn set(&self, file: &File) -> io::Result<()> {
        Ok(fsetxattr(file, ATTRIBUTE, &self.0, XattrFlags::empty())?)
    }

    /// Removes the list that `file` may have inherited from its folder.
    ///
    /// # Errors
    ///
    /// The system's error.
    pub fn remove(file: &File) -> io::Result<()> {
        // Some file systems write the file's inode even if there is nothing to remove.
        match fgetxattr_query(file, ATTRIBUTE).and_then(|_| fremovexattr(file, ATTRIBUTE)) {
            Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(()),
            removed => Ok(removed?),
        }
    }

    /// The list for a file of another group, which gets no more rights than everybody else.
    #[must_use]
    pub fn for_another_group(mut self) -> Self {
        let others = self.entries().find(|entry| entry.tag == OTHERS).map_or(0, |entry| entry.rights);
        for entry in self.0.get_mut(VERSION.len()..).unwrap_or_default().as_chunks_mut::<ENTRY_LENGTH>().0 {
            let [tag_low, tag_high, rights_low, rights_high, ..] = entry;
            if u16::from_le_bytes([*tag_low, *tag_high]) == OWNING_GROUP {
                let rights = u16::from_le_bytes([*rights_low, *rights_high]) & others;
                [*rights_low, *rights_high] = rights.to_le_bytes();
            }
        }
        self
    }

    /// The mode to use instead of `mode`, whose group bits are the list's mask, if the list cannot be kept: the owning
    /// group's own rights, without anything that the list denies to anybody by name.
    pub fn mode_without(&self, mode: u32) -> u32 {
        if !self.0.starts_with(&VERSION) {
            return mode & 0o700;
        }
        let all_of = |tag: u16| {
            let entries = self.entries().filter(move |entry| entry.tag == tag);
            entries.fold(ALL_RIGHTS, |rights, entry| rights & entry.rights)
        };
        let mask = all_of(MASK);
        let users = all_of(USER) & mask;
        let group = all_of(OWNING_GROUP) & users;
        let others = all_of(OTHERS) & users & all_of(GROUP);
        mode & (0o700 | u32::from(group) << 3 | u32::from(others))
    }

    fn entries(&self) -> impl Iterator<Item = Entry> {
        let entries = self.0.get(VERSION.len()..).unwrap_or_default().as_chunks::<ENTRY_LENGTH>().0;
        entries.iter().map(|&[tag_low, tag_high, rights_low, rights_high, ..]| Entry {
            tag: u16::from_le_bytes([tag_low, tag_high]),
            rights: u16::from_le_bytes([rights_low, rights_high]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[(u16, u16)]) -> AccessList {
        let entries =
            entries.iter().flat_map(|(tag, rights)| [tag.to_le_bytes(), rights.to_le_bytes(), [7, 0], [0, 0]].concat());
        AccessList(VERSION.into_iter().chain(entries).collect())
    }

    #[test]
    fn a_mode_without_the_list_opens_the_file_to_nobody_else() {
        for (entries, mode, left) in [
            // The mask is not a right of the owning group.
            ([(OWNING_GROUP, 0), (USER, 6), (MASK, 6), (OTHERS, 0)].as_slice(), 0o660, 0o600),
            (&[(OWNING_GROUP, 4), (USER, 6), (MASK, 6), (OTHERS, 4)], 0o664, 0o644),
            (&[(OWNING_GROUP, 6), (USER, 6), (MASK, 4), (OTHERS, 0)], 0o640, 0o640),
            // A user who is denied access may be in the owning group, or among the others.
            (&[(OWNING_GROUP, 6), (USER, 0), (MASK, 6), (OTHERS, 4)], 0o664, 0o600),
            (&[(OWNING_GROUP, 6), (USER, 6), (USER, 4), (MASK, 6), (OTHERS, 6)], 0o666, 0o644),
            // The members of a group that is denied access are among the others.
            (&[(OWNING_GROUP, 4), (GROUP, 0), (MASK, 4), (OTHERS, 4)], 0o644, 0o640),
        ] {
            assert_eq!(list(entries).mode_without(mode), left, "{entries:?}");
        }
        assert_eq!(AccessList(b"of another version".to_vec()).mode_without(0o666), 0o600);
    }

    #[test]
    fn another_group_gets_what_everybody_does_and_the_named_keep_what_they_have() {
        let before = [(OWNING_GROUP, 6), (USER, 6), (GROUP, 4), (MASK, 6), (OTHERS, 4)];
        let after = [(OWNING_GROUP, 4), (USER, 6), (GROUP, 4), (MASK, 6), (OTHERS, 4)];
        assert_eq!(list(&before).for_another_group().0, list(&after).0);
    }
}
