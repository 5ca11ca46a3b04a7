//! The arguments of `reelseal inspect`.

use std::path::PathBuf;

use clap::Args;

use super::SecretArguments;

pub(super) const INSPECT_HELP: &str = "\
Without a secret, this shows what anybody can read, and none of it is authenticated. With a secret, \
from an option or from REELSEAL_PASSPHRASE in the environment, the header and the final frame are \
authenticated; you are asked for the secret only with --ask. Only verify and decrypt can tell whether \
a stream is whole.

Exit codes: 0 nothing wrong was seen, except perhaps one damaged header copy, which does no harm yet; \
4 damaged or cut short; whatever can be read is still shown.";

pub(super) const INSPECT_LONG_HELP: &str = "\
Without a secret, this shows what anybody can read, and none of it is authenticated. With a secret, \
from an option or from REELSEAL_PASSPHRASE in the environment, the header and the final frame are \
authenticated; you are asked for the secret only with --ask. Only verify and decrypt can tell whether \
a stream is whole.

A pipe is read no further than its header; with --frames, it is read to its end.

With --json, each file is one line, an object with these keys, null or absent where unknown:
  file, version, frame_size, features (a list of names), header_length
  copies    a list of two: state (sound, damaged, unknown), generation, counts
  slots     a list: kind (passphrase, key-file, recipient, unknown), kind_number (of an unknown
            kind); bytes; log2_n, r, p, memory (bytes), seconds (an estimate); stanzas (of a
            recipient, their types); quantum (holds, falls or unknown: whether a future quantum
            computer could open it)
  segment   recording (its id), number, offset (bytes); only of a segment of a recording
  length    stream (bytes), frames, plaintext (bytes, by the length alone), at_most, cut (or
            unfinished)
  resealed  a list of what salvage --reseal said: end_lost, left_out, missing (ranges of plaintext:
            first, end), unlisted (how many more); or malformed
  authenticated (with a secret)  header; slot (its number) and slot_kind that opened it;
            frames, plaintext, interrupted, first_time, last_time
  problems  a list of facts, empty where nothing wrong was seen
With --frames, a line for each frame follows: file, frame (its index), position, and either offset, \
length, time, final, interrupted, or refused (why). \
Times are RFC 3339 in UTC.

Exit codes: 0 nothing wrong was seen, except perhaps one damaged header copy, which does no harm yet; \
4 damaged or cut short; whatever can be read is still shown.";

#[derive(Debug, Args)]
pub(in crate::cli) struct InspectArguments {
    /// Files; without any, or with -, standard input
    #[arg(value_name = "FILE")]
    pub inputs: Vec<PathBuf>,
    /// List every frame; needs a secret
    #[arg(long)]
    pub frames: bool,
    /// Print JSON, one object per line
    #[arg(long)]
    pub json: bool,
    /// Save the header in a separate file, for salvage --header; if a secret is given, only if it opens the header
    ///
    /// Should both header copies ever be damaged, the saved one still opens the stream. It holds no secret, but with
    /// it, today's passphrase opens the stream even after passwd has changed it, so keep it as safe as the stream.
    /// Takes one FILE.
    #[arg(long, value_name = "SAVED", conflicts_with = "json")]
    pub save_header: Option<PathBuf>,
    /// With --save-header, replace an existing file
    #[arg(short, long, requires = "save_header")]
    pub force: bool,
    /// Ask for the passphrase on the terminal
    #[arg(long, group = "secret")]
    pub ask: bool,
    #[command(flatten)]
    pub secret: SecretArguments,
}
