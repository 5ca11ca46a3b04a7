//! The arguments of `reelseal mount`.

use std::path::PathBuf;

use clap::Args;

use super::{CommonArguments, SecretArguments};

pub(super) const MOUNT_HELP: &str = "\
Files appear without .reel, with the mode, owner and times of the encrypted ones, and are decrypted \
while they are read; nothing is written to disk. A recording is one file. Only the user who mounts \
them can read them (not even root can), and nobody can write to them. Users other than root need the \
package fuse3. What programs have read may stay in the system's page cache, as with any file, until \
the folder is unmounted.

The command waits until it is interrupted, or until somebody unmounts the folder with \
fusermount3 -u DIR, and then exits with 0. Signals unmount even with files open. Only SIGKILL, \
or running out of memory, leaves a dead mount, and fusermount3 -u DIR removes that, too.

Reading a damaged frame is an input/output error, and the rest can still be read. So is reading the \
end of an unfinished stream, which is shown as at least one byte longer than it is: cp fails instead \
of mistaking half a film for a whole one. If an encrypted file is replaced, a program that opens it \
afterwards gets the new content; one that had it open gets the old content or an error.

Example:
  mkdir plain
  reelseal mount films plain    every program can now read plain/*.mp4, until Ctrl-C
  fusermount3 -u plain          ends it, too, from another terminal";

#[derive(Debug, Args)]
pub(in crate::cli) struct MountArguments {
    /// An encrypted file, a folder of them, or the folder of a recording
    #[arg(value_name = "SOURCE")]
    pub source: PathBuf,
    /// The folder where they appear; it must exist and be empty
    #[arg(value_name = "DIR")]
    pub place: PathBuf,
    #[command(flatten)]
    pub secret: SecretArguments,
    #[command(flatten)]
    pub common: CommonArguments,
}
