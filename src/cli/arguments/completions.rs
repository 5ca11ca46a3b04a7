//! The arguments of `reelseal completions`.

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub(in crate::cli) struct CompletionsArguments {
    /// The shell to complete for
    pub shell: Shell,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Shell {
    Bash,
    Zsh,
    Fish,
}
