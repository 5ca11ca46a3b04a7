//! The arguments of `reelseal man`.

use clap::Args;

#[derive(Debug, Args)]
pub(in crate::cli) struct ManArguments {
    /// The command whose page is wanted; the main page without it
    pub command: Option<String>,
}
