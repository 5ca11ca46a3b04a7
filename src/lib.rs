//! Streaming, authenticated file encryption: a chunked reader, stages that each transform one frame, a writer. The
//! `reelseal` command is made of it, and whatever one writes the other reads.
//!
//! [`stream::Writer`] encrypts what is written to it, [`stream::Reader`] gives back what was authenticated:
//!
//! ```
//! use std::io::{Read, Write};
//!
//! use reelseal::{
//!     keys::{KeyFile, Lock},
//!     stream::{Reader, StreamOptions, Writer},
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let key_file = KeyFile::random()?;
//!
//! let lock = Lock::with_key_file(&key_file);
//! let mut writer = Writer::create(Vec::new(), &lock, StreamOptions::default())?;
//! writer.write_all(b"all the frames of a film")?;
//! let stream = writer.finish()?;
//!
//! let mut reader = Reader::new(stream.as_slice(), &mut key_file.clone().into(), Vec::new())?;
//! let mut film = Vec::new();
//! reader.read_to_end(&mut film)?;
//! assert_eq!(film, b"all the frames of a film");
//! # Ok(())
//! # }
//! ```
//!
//! # What is promised
//!
//! * **[`finish`](stream::Writer::finish), or no stream.** The final frame is written by nothing else. A writer that is
//!   dropped, as on an error, leaves what every reader refuses as cut short.
//! * **Nothing is released before it was authenticated.** What a reader gives is a true prefix of what was written, also
//!   when it fails later.
//! * **Only `Ok(0)` says that the stream was whole**, as it does at the end of
//!   [`read_to_end`](std::io::Read::read_to_end) and [`copy`](std::io::copy). A stream that was cut, extended or altered
//!   ends in an error in its place, of kind [`InvalidData`](std::io::ErrorKind::InvalidData) around a
//!   [`StreamError`](stream::StreamError) that names the frame, and every later read is an error too. Whoever acts
//!   on a prefix acts on something that may be incomplete.
//! * **Any place of a stream in a file** can be read with [`stream::SealedFile`], by any number of threads: what comes out
//!   is authenticated at its place, and its length is a promise.
//! * **No two streams share a file key or IV** that [`keys::Lock`] makes.
//! * **Memory does not grow with the stream:** one frame for a reader or writer, for a run of workers at most 256 MiB.
//!   scrypt takes its own, 256 MiB by default, and gives it back.
//! * **Secrets are wiped** when they are dropped, and do not show in `Debug`.
//! * **Input is not trusted.** Whatever the bytes, there is a value or an error, no panic, and no cost that
//!   [`keys::KdfLimits`] does not allow.
//! * The library does not print, ask, exit or look at a terminal, and has no `unsafe` code of its own.
//!
//! What a stream hides and what it shows is in the [specification](container#security).
//!
//! # Where things are
//!
//! Rooms, each importing only from those below it:
//!
//! * [`pipeline`], many frames on all cores: sources, the worker loop and its turns, sinks.
//! * [`stream`], one stream, without workers: opened, read, written, and read at any place.
//! * [`stage`], what happens to a frame: the chain, and how a stage of one's own joins it.
//! * [`keys`], from a passphrase, a key file or an identity to the stages' keys.
//! * [`container`], what the bytes mean; its page is the format's specification.
//!
//! Lengths and positions are in bytes, times in microseconds since 1970 (UTC), indexes count from 0.
//!
//! # Features
//!
//! `cli`, on by default, is the command with its dependencies. A user of the library does without it:
//! `default-features = false`. `age`, on by default too, is key slots for public keys, with the age crate:
//! `keys::Recipient` and `keys::Identities`. Without it such slots are still counted, checked and kept. `serve`, on by
//! default as well, is the commands that offer streams over HTTP; `mount`, likewise, the one that mounts them, on Linux.

#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
pub mod container;
#[cfg(feature = "cli")]
mod files;
#[cfg(feature = "cli")]
mod inspection;
pub mod keys;
#[cfg(feature = "cli")]
mod measure;
pub mod pipeline;
#[cfg(feature = "cli")]
mod process;
#[cfg(feature = "cli")]
mod record;
#[cfg(any(feature = "serve", all(feature = "mount", target_os = "linux")))]
mod share;
#[cfg(feature = "cli")]
mod signals;
pub mod stage;
pub mod stream;
mod system;

/// For a fuzz target: recordings are not public.
#[cfg(all(feature = "cli", fuzzing))]
#[doc(hidden)]
pub use record::check_spoilt_recording;
