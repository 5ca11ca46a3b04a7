//! A tree as a read-only file system for every program, through FUSE.
//!
//! A [`MountPoint`] is a folder that was found suitable; [`Mounted`] is the tree mounted there, until it is unmounted.

mod attributes;
mod budget;
mod buffers;
mod content;
mod device;
mod file_system;
mod handles;
mod inodes;
mod large_reads;
mod mount_error;
mod mount_point;
mod mounted;
mod open_file;
mod read_ahead;
mod reserve;
mod shown;

pub(crate) use mount_error::MountError;
pub(crate) use mount_point::MountPoint;
pub(crate) use mounted::{Left, Mounted, Unmounter};

#[cfg(test)]
mod tests;
