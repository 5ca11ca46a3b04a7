//! Streaming, authenticated file encryption: a chunked reader, stages that each transform one frame, and a writer. The
//! `reelseal` command is built on this library, and each reads what the other writes.
//!
//! [`Writer`](stream::Writer) encrypts what is written to it, [`Reader`](stream::Reader) decrypts in order, and
//! [`SealedFile`](stream::SealedFile) decrypts at any offset:
//!
//! ```
//! use std::io::{Read, Seek, SeekFrom, Write};
//!
//! use reelseal::{
//!     keys::{KeyFile, Lock},
//!     stream::{Reader, SealedFile, StreamOptions, Writer},
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let key_file = KeyFile::random()?;
//!
//! let mut writer = Writer::create(Vec::new(), &Lock::with_key_file(&key_file), StreamOptions::default())?;
//! writer.write_all(b"all the frames of a film")?;
//! let stream = writer.finish()?;
//!
//! let mut film = String::new();
//! Reader::open(stream.as_slice(), &key_file)?.read_to_string(&mut film)?;
//! assert_eq!(film, "all the frames of a film");
//!
//! let mut scene = String::new();
//! let mut cursor = SealedFile::open(stream.as_slice(), &key_file)?.into_cursor();
//! cursor.seek(SeekFrom::End(-4))?;
//! cursor.read_to_string(&mut scene)?;
//! assert_eq!(scene, "film");
//! # Ok(())
//! # }
//! ```
//!
//! # What is promised
//!
//! * **Without [`finish`](stream::Writer::finish), there is no stream.** Only this and
//!   [`finish_interrupted`](stream::Writer::finish_interrupted) write the final frame. A writer that is dropped, as
//!   after an error, leaves a truncated stream, which every reader refuses.
//! * **Nothing is released before it is authenticated.** What a reader returns is a prefix of what was written, even if
//!   it fails later.
//! * **Only `Ok(0)` means that the stream was whole**, as at the end of [`read_to_end`](std::io::Read::read_to_end) and
//!   [`copy`](std::io::copy). A stream that was truncated, extended or altered ends in an error of kind
//!   [`InvalidData`](std::io::ErrorKind::InvalidData) wrapping a [`StreamError`](stream::StreamError) that names the
//!   frame, and every later read fails too. Until then, what was read may be incomplete.
//! * **A file can be read at any offset**, by any number of threads, with [`SealedFile`](stream::SealedFile). Every
//!   byte is authenticated at its offset, and the length is authentic.
//! * **No two streams share a file key or IV** if their keys come from a [`keys::Lock`].
//! * **Memory does not grow with the stream:** a reader or writer holds one frame, a run of workers at most 256 MiB.
//!   scrypt takes 256 MiB by default, and frees it before the first frame.
//! * **Secrets are wiped** when they are dropped, and do not show in `Debug`.
//! * **Input is not trusted.** Whatever the bytes, the result is a value or an error, never a panic, and scrypt never
//!   costs more than [`keys::KdfLimits`] allows.
//! * The library never prints, prompts, exits or uses a terminal, and has no `unsafe` code of its own.
//!
//! The [specification](container#security) says what a stream hides and what it reveals.
//!
//! # Where things are
//!
//! Each module imports only from those below it. For users of the library:
//!
//! * [`pipeline`]: many frames on all cores, with sources, the worker loop and sinks.
//! * [`stream`]: one stream on one thread, read, written, and read at any offset.
//! * [`stage`]: what happens to a frame; the chain, and how to add a stage of your own.
//! * [`keys`]: from a passphrase, a key file or an identity to the stages' keys.
//! * [`container`]: what the bytes mean; its page is the format's specification.
//!
//! The command adds these, which are private, above `pipeline`:
//!
//! * `cli`: what a person types and sees: arguments, plans, commands, messages, prompts.
//! * `share`: streams offered to other programs, as a tree that is served over HTTP or mounted.
//! * `record`: recordings, a journal of linked segments: writing, supervision, retention, following.
//! * `process`: commands at either end of a stream, and the process that guards them.
//! * `signals`: what a signal does to the process, and what is cleaned up first.
//! * `files`: names and folders, outputs that are whole or absent, files that must not be touched.
//! * `inspection`: what a stream says about itself, as data.
//! * `measure`: how fast this machine is.
//!
//! `system`, at the bottom, holds what only Linux has, and what other Unix systems do instead; `mutex` is one function.
//!
//! Lengths and positions are in bytes, times in microseconds since 1970 (UTC), and indexes start at 0.
//!
//! # Features
//!
//! All are on by default; a user of the library usually wants `default-features = false`.
//!
//! * `cli`: the command, with its dependencies.
//! * `age`: key slots for public keys, with the age crate: `keys::Recipient` and `keys::Identities`. Without it, such
//!   slots are still counted, checked and kept.
//! * `serve`: the commands that offer streams over HTTP.
//! * `mount`: the command that mounts them, on Linux.

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
mod mutex;
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

/// Public for a fuzz target only: recordings are not part of the library's interface.
#[cfg(all(feature = "cli", fuzzing))]
#[doc(hidden)]
pub use record::check_spoilt_recording;
