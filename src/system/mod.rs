//! Everything that only Linux has, or that it does in its own way, in one place.
//!
//! `linux` and `other` offer the same names. Where another system has no equivalent, hints do nothing and everything
//! else is [`Unsupported`](std::io::ErrorKind::Unsupported): callers do without it where they can, and report it where
//! they cannot. Commands are run on Linux only.

use std::{io, os::fd::OwnedFd};

use rustix::io::ioctl_fionbio;

#[cfg(feature = "cli")]
mod peer_user;
#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod this;
#[cfg(not(target_os = "linux"))]
#[path = "other.rs"]
mod this;

#[cfg(feature = "cli")]
pub(crate) use peer_user::user_of_peer;
pub(crate) use this::*;

/// A pipe with which a thread ends another's wait: neither end ever blocks.
pub(crate) fn wake_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (woken, wake) = pipe()?;
    ioctl_fionbio(&woken, true)?;
    ioctl_fionbio(&wake, true)?;
    Ok((woken, wake))
}
