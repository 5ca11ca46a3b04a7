//! Where a file is, and how it is opened so that no path leads out of the named folder.

use std::{
    fs::{File, Metadata, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::{
    fs::{Mode, OFlags},
    io::Errno,
};

use super::OpenFailure;

/// A file that was named, or one below a folder that was.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    /// The path as it was named; a link there is followed.
    root: Arc<Path>,
    path: PathBuf,
}

impl Place {
    /// The file or folder that was named.
    pub fn named(path: &Path) -> Self {
        Self { root: path.into(), path: path.to_owned() }
    }

    /// The place at `path`, which is below the folder that was named.
    pub fn below(&self, path: PathBuf) -> Self {
        Self { root: Arc::clone(&self.root), path }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file's current metadata, without following a link that has taken its place.
    pub fn metadata(&self) -> Result<Metadata, OpenFailure> {
        let metadata = if *self.root == *self.path { self.path.metadata() } else { self.path.symlink_metadata() };
        match metadata {
            Ok(metadata) if metadata.is_file() => Ok(metadata),
            Ok(_) => Err(OpenFailure::Replaced),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(OpenFailure::Replaced),
            Err(error) => Err(OpenFailure::System(error)),
        }
    }

    /// Opens the file for reading. No link below the named folder is followed, and opening never waits for a pipe.
    pub fn open(&self) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        if *self.root == *self.path {
            return OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(&self.path);
        }
        let outside = || io::Error::from(Errno::XDEV);
        let below = self.path.strip_prefix(&self.root).map_err(|_| outside())?;
        self.open_below(below, flags)
    }

    #[cfg(target_os = "linux")]
    fn open_below(&self, below: &Path, flags: OFlags) -> io::Result<File> {
        use rustix::fs::{CWD, ResolveFlags, openat, openat2};

        let folder = openat(CWD, &*self.root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        match openat2(&folder, below, flags, Mode::empty(), resolve) {
            // An older kernel, or a system call filter that does not know this one.
            Err(Errno::NOSYS | Errno::PERM) => self.open_checked(flags),
            opened => Ok(File::from(opened?)),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn open_below(&self, _: &Path, flags: OFlags) -> io::Result<File> {
        self.open_checked(flags)
    }

    /// Opens the file if its folder is still below the named one.
    fn open_checked(&self, flags: OFlags) -> io::Result<File> {
        let folder = self.path.parent().unwrap_or(&self.root);
        let names_of = |path: &Path| path.strip_prefix(&self.root).map(Path::to_owned).ok();
        let expected =
            names_of(folder).map(|below| self.root.canonicalize().map(|root| root.join(below))).transpose()?;
        if Some(folder.canonicalize()?) != expected {
            return Err(Errno::LOOP.into());
        }
        Ok(File::from(rustix::fs::open(&self.path, flags | OFlags::NOFOLLOW, Mode::empty())?))
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn a_link_below_a_named_folder_is_not_followed_wherever_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (inside, outside) = (folder.path().join("in"), folder.path().join("out"));
        for place in [inside.join("sub"), outside.clone()] {
            fs::create_dir_all(&place).unwrap();
            fs::write(place.join("film"), b"frames").unwrap();
        }
        symlink(&outside, inside.join("linked")).unwrap();
        symlink(outside.join("film"), inside.join("film")).unwrap();
        let named = Place::named(&inside);
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        for (name, is_open) in [("sub/film", true), ("linked/film", false), ("film", false), ("../out/film", false)] {
            let place = named.below(inside.join(name));
            assert_eq!(place.open().is_ok(), is_open, "{name}");
            assert_eq!(place.open_checked(flags).is_ok(), is_open, "{name}, on an older kernel");
        }
        symlink(&inside, folder.path().join("alias")).unwrap();
        let alias = Place::named(&folder.path().join("alias"));
        assert!(alias.below(folder.path().join("alias/sub/film")).open().is_ok());
        assert!(Place::named(&inside.join("film")).open().is_ok(), "what is named may be a link");
    }
}
