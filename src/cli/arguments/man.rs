//! The arguments of `reelseal man`.

use clap::Args;

#[derive(Debug, Args)]
pub(in crate::cli) struct ManArguments {
    /// Print the page of this command, instead of the main page
    pub command: Option<String>,
}
