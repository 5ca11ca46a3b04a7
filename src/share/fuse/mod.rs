//! A tree as a read-only file system for every program, through FUSE.
//!
//! A [`MountPoint`] is a folder that was found suitable; [`Mounted`] is the tree mounted there, until it is unmounted.

mod attributes;
mod buffers;
mod content;
mod device;
mod file_system;
mod handles;
mod inodes;
mod mount_error;
mod mount_point;
mod mount_table;
mod mounted;
mod open_file;
mod read_ahead;

pub(crate) use mount_error::MountError;
pub(crate) use mount_point::MountPoint;
pub(crate) use mounted::{Left, Mounted, Unmounter};

/// The type that the system's table of mounts shows.
const TYPE: &str = "fuse.reelseal";

#[cfg(test)]
mod tests;
