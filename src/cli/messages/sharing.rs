//! How problems with shared streams are reported.

use std::{
    error::Error,
    fmt::{self, Display},
    path::Path,
    sync::Arc,
};

use super::{
    failure::{Exit, Failure},
    message::Message,
    recording::unfinished_at_the_end,
    report, stream_failure,
};
#[cfg(feature = "serve")]
use crate::share::tree::{Loss, Losses};
use crate::{
    files::label::Label,
    share::tree::{Event, OpenFailure, TreeError},
};

/// A failure passed through a module that cannot report it.
#[derive(Debug)]
pub(in crate::cli) struct Refused(pub Failure);

impl Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.message().fact)
    }
}

impl Error for Refused {}

impl From<TreeError> for Failure {
    fn from(error: TreeError) -> Self {
        let fact = error.to_string();
        let refused = |path: &Path| Self::usage(fact.clone()).about(path);
        match &error {
            TreeError::Open { path, error } => Self::system(path.as_path(), "cannot open", error),
            TreeError::Empty(folder) => refused(folder).with_hint("encrypt files first: reelseal encrypt FILE"),
            TreeError::Special(path) => refused(path),
            TreeError::NotAStream(path) => Self::new(Exit::BadStream, fact)
                .about(path.as_path())
                .with_hint("encrypt it first: reelseal encrypt FILE"),
        }
    }
}

/// Why the file at `path` was not opened.
pub(in crate::cli) fn not_opened(path: &Path, failure: &OpenFailure) -> Failure {
    let label = Label::from(path);
    match failure {
        OpenFailure::System(error) => Failure::system(path, "cannot open", error),
        OpenFailure::Replaced => Failure::new(Exit::InputOutput, failure.to_string()).about(path),
        OpenFailure::Header(error) => stream_failure::header_read(&label, error),
        OpenFailure::Locked(error) => {
            refused(error).unwrap_or_else(|| Failure::new(Exit::WrongSecret, error.to_string()).about(path))
        }
        OpenFailure::Stream { layout, error } => stream_failure::reading(&label, *layout, error),
    }
}

/// The worst reason why part of what was played could not be read, if there was one.
#[cfg(feature = "serve")]
pub(in crate::cli) fn not_all_played(losses: &Losses) -> Option<Failure> {
    let [is_damaged, has_no_end, was_replaced, is_unreadable] =
        [Loss::Damage, Loss::MissingEnd, Loss::Replaced, Loss::Unreadable].map(|loss| losses.has(loss));
    let bad = |fact: &str| Some(Failure::new(Exit::BadStream, fact));
    let failed = |fact: &str| Some(Failure::new(Exit::InputOutput, fact));
    if is_damaged {
        let failure = bad("damaged frames were left out of what was played");
        failure.map(|failure| failure.with_hint("reelseal verify lists them; reelseal salvage recovers the rest"))
    } else if has_no_end {
        bad("the end of what was played is missing")
            .map(|failure| failure.with_hint("it was cut off, or is still being written; reelseal verify says more"))
    } else if was_replaced {
        failed("a file was replaced or removed while it was being played")
            .map(|failure| failure.with_hint("play it again"))
    } else if is_unreadable {
        failed("not all of what was played could be read")
    } else {
        None
    }
}

fn refused(error: &Arc<dyn Error + Send + Sync>) -> Option<Failure> {
    let error: &(dyn Error + 'static) = &**error;
    error.downcast_ref::<Refused>().map(|refused| refused.0.clone())
}

/// Reports `event`.
pub(in crate::cli) fn report_event(event: Event<'_>) {
    match event {
        Event::NotOpened { path, failure } => {
            report::failure(&not_opened(path, failure));
        }
        Event::Unfinished { path, length } => report::warning(unfinished_at_the_end(path, length).message()),
        Event::BrokenChain { path, why } => {
            report::warning(&Message::about(path, format!("{why}; it is left out, and so is everything after it")));
        }
        Event::Damaged { path, layout, error } => {
            let label = Label::from(path);
            let failure = stream_failure::reading(&label, layout, error);
            report::warning(failure.message());
        }
    }
}
