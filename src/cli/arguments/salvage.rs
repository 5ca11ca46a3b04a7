//! The arguments of `reelseal salvage`.

use std::path::PathBuf;

use clap::Args;

use super::{CommonArguments, NewSecretArguments, SecretArguments, scrypt_cost::scrypt_cost};
use crate::keys::ScryptCost;

pub(super) const SALVAGE_HELP: &str = "\
Exit codes: 0 nothing was missing; 4 something was missing, and the output has the rest.";

pub(super) const SALVAGE_LONG_HELP: &str = "\
Every byte in the output was authenticated at its place. Where frames are missing between sound \
ones, the output has zeros; where the end is missing, it ends with the last sound frame. If nothing \
is sound, nothing is written. The first 100 missing ranges are listed on standard error; --map and \
--progress json list all of them.

How many of 1,800 frames of video (19 MB) ffmpeg could decode after 256 KiB in the middle were lost:

                               zeros    --skip
  MP4, index at the end        1,770         0
  MP4, index at the start      1,770       892
  MP4, fragmented                892       892
  Matroska                     1,732     1,732
  MPEG-TS                      1,771     1,771

A frame whose tag contradicts those of other frames counts as damaged even if it authenticates, \
since anyone who can open the stream can forge frames.

Exit codes: 0 nothing was missing; 4 something was missing, and the output has the rest.";

#[derive(Debug, Args)]
pub(in crate::cli) struct SalvageArguments {
    /// The stream; without one, or with -, standard input
    #[arg(value_name = "INPUT")]
    pub input: Option<PathBuf>,
    /// Where to write the result, - for standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Replace existing output files
    #[arg(short, long)]
    pub force: bool,
    /// Leave missing frames out, instead of writing zeros; most players then cannot read an MP4
    ///
    /// Every byte after the first missing frame moves up. MPEG-TS and Matroska tolerate that; formats that store positions,
    /// such as MP4, disk images, databases and archives, are misread from there on.
    #[arg(long)]
    pub skip: bool,
    /// Write a map of the plaintext, in the format of ddrescue's mapfile: + is sound, - is missing
    ///
    /// Positions are those in the plaintext, even with --skip. If the end of the stream is missing, the map ends with the last
    /// sound frame.
    #[arg(long, value_name = "FILE")]
    pub map: Option<PathBuf>,
    /// Use a header that inspect --save-header saved, instead of the stream's own
    ///
    /// For a stream whose header copies are both damaged. It opens with whatever opened the stream when the header was
    /// saved: an old header opens with the old passphrase.
    #[arg(long, value_name = "FILE")]
    pub header: Option<PathBuf>,
    /// Write a new stream under new keys, instead of the plaintext
    ///
    /// Its header says what was missing. Frames keep their times and, without --skip, their places. The new secret
    /// comes from --new-passphrase-file, --new-passphrase-fd or --new-key-file, or else from REELSEAL_NEW_PASSPHRASE in
    /// the environment, or else you are asked for it. The output must be a file.
    #[arg(long)]
    pub reseal: bool,
    #[command(flatten)]
    pub secret: SecretArguments,
    #[command(flatten)]
    pub new_secret: NewSecretArguments,
    /// With --reseal, scrypt's cost for the new passphrase: log2 N, with r = 8 and p = 1
    #[arg(
        id = "scrypt_log_n",
        long = "scrypt-log-n",
        value_name = "N",
        default_value = "18",
        value_parser = scrypt_cost(),
        requires = "reseal",
        conflicts_with = "new_key_file"
    )]
    pub scrypt_cost: ScryptCost,
    #[command(flatten)]
    pub common: CommonArguments,
}
