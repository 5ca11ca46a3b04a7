//! Finding a program, at its path or in `PATH`.

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Access, access},
    io::Errno,
};

use super::CommandFailure;

/// Where programs are if the environment does not say, as for execvp(3).
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// The file that `program` names: a path, or a name that is found in `PATH`.
///
/// # Errors
///
/// [`CommandFailure::NotFound`]; [`CommandFailure::CannotRun`].
pub(super) fn find(program: &OsStr) -> Result<PathBuf, CommandFailure> {
    if program.as_encoded_bytes().contains(&b'/') {
        let path = PathBuf::from(program);
        return match check(&path) {
            Ok(()) => Ok(path),
            Err(Errno::NOENT | Errno::NOTDIR) => Err(CommandFailure::NotFound),
            Err(error) => Err(CommandFailure::CannotRun(error.raw_os_error())),
        };
    }
    let path = env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
    let mut places = env::split_paths(&path).map(|folder| folder.join(program));
    places.find(|place| check(place).is_ok()).ok_or(CommandFailure::NotFound)
}

fn check(path: &Path) -> rustix::io::Result<()> {
    access(path, Access::EXEC_OK)?;
    if path.is_dir() { Err(Errno::ISDIR) } else { Ok(()) }
}
