//! Streams that are offered to other programs, decrypted while they are read.
//!
//! `tree` has the names and opens what they stand for; `http` offers a tree to players and browsers, and `player` knows
//! how to give them its address; `fuse` mounts a tree as a file system. `mount_table` reads the system's table of
//! mounts.

#[cfg(all(feature = "mount", target_os = "linux"))]
pub(crate) mod fuse;
#[cfg(feature = "serve")]
pub(crate) mod http;
#[cfg(target_os = "linux")]
mod mount_table;
#[cfg(feature = "serve")]
pub(crate) mod player;
#[cfg_attr(
    not(all(feature = "serve", feature = "mount", target_os = "linux")),
    allow(dead_code, reason = "each way to offer a tree uses a part of it")
)]
pub(crate) mod tree;
