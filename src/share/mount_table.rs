//! The system's table of mounts, as this process sees it.

use std::{ffi::OsString, fs, io, os::unix::ffi::OsStringExt, path::PathBuf};

/// The type of a mounted tree.
pub(super) const TREE: &str = "fuse.reelseal";

/// Identifies a mount for as long as it exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MountId(u64);

/// A line of the table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MountEntry {
    #[cfg_attr(not(feature = "mount"), allow(dead_code, reason = "scanning needs the places alone"))]
    pub id: MountId,
    pub place: PathBuf,
    /// The type of the file system.
    pub kind: String,
    /// What is mounted.
    #[cfg_attr(not(feature = "mount"), allow(dead_code, reason = "scanning needs the places alone"))]
    pub source: String,
}

/// All mounts, in the order in which the system lists them.
pub(super) fn mounts() -> io::Result<Vec<MountEntry>> {
    let table = fs::read("/proc/self/mountinfo")?;
    Ok(table.split(|&byte| byte == b'\n').filter_map(MountEntry::parse).collect())
}

/// The mount that is now at `place`, the topmost if there are several, held open by the descriptor. Nothing is asked of
/// the mounted file system itself.
#[cfg(feature = "mount")]
pub(super) fn mount_at(place: &std::path::Path) -> io::Result<(MountId, fs::File)> {
    use rustix::{
        fs::{Mode, OFlags},
        io::Errno,
    };

    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = fs::File::from(rustix::fs::open(place, flags, Mode::empty())?);
    let information = fs::read_to_string(format!("/proc/self/fdinfo/{}", std::os::fd::AsRawFd::as_raw_fd(&folder)))?;
    let id = information.lines().find_map(|line| line.strip_prefix("mnt_id:")?.trim().parse().ok());
    Ok((MountId(id.ok_or(Errno::NOSYS)?), folder))
}

impl MountEntry {
    fn parse(line: &[u8]) -> Option<Self> {
        let mut fields = line.split(|&byte| byte == b' ');
        let id = std::str::from_utf8(fields.next()?).ok()?.parse().ok()?;
        let place = PathBuf::from(OsString::from_vec(unescape(fields.nth(3)?)));
        // The list of optional fields ends with a hyphen.
        let mut rest = fields.skip_while(|field| *field != b"-").skip(1);
        let mut text = || rest.next().map(|field| String::from_utf8_lossy(&unescape(field)).into_owned());
        Some(Self { id: MountId(id), place, kind: text()?, source: text()? })
    }

    /// Whether it is mounted at `place`.
    #[cfg(any(feature = "mount", test))]
    pub fn is_at(&self, place: &std::path::Path) -> bool {
        self.place.as_os_str() == place.as_os_str()
    }
}

/// Undoes the escapes: blanks and backslashes are written as a backslash and three octal digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, after)) = rest.split_first() {
        let escaped = after.get(..3).filter(|_| first == b'\\');
        let code = escaped.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        match code {
            Some(code) => {
                bytes.push(code);
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_line_is_read_whatever_optional_fields_and_escapes_it_has() {
        let line =
            br"42 27 0:39 / /tmp/my\040films\134x rw,nosuid shared:7 master:1 - fuse.reelseal a\040b ro,user_id=0";
        let entry = MountEntry::parse(line).unwrap();
        assert_eq!((entry.id, entry.kind.as_str(), entry.source.as_str()), (MountId(42), "fuse.reelseal", "a b"));
        assert!(entry.is_at(Path::new(r"/tmp/my films\x")) && !entry.is_at(Path::new("/tmp")));
        let line = b"22 1 254:0 / / rw,relatime - ext4 /dev/vda rw";
        assert_eq!(MountEntry::parse(line).unwrap().kind, "ext4");
        assert_eq!([b"".as_slice(), b"42 27", b"42 27 0:39 / /x rw - fuse"].map(MountEntry::parse), [None, None, None]);
    }

    #[cfg(feature = "mount")]
    #[test]
    fn the_mount_of_a_folder_is_one_of_those_in_the_table() {
        let (id, _) = mount_at(Path::new("/proc")).unwrap();
        let entry = mounts().unwrap().into_iter().find(|entry| entry.id == id).unwrap();
        assert_eq!((entry.kind.as_str(), entry.place.as_path()), ("proc", Path::new("/proc")));
    }
}
