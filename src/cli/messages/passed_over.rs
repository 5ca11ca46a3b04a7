//! What a run passes over: each named with --verbose, and all counted in one line at the end.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Mutex, PoisonError},
};

use serde_json::json;

use super::{display_name::display_name, event, report};
use crate::files::{label::Label, walk::Unfit};

/// Counts what is passed over.
pub(in crate::cli) struct PassedOver {
    counts: Mutex<BTreeMap<Reason, usize>>,
    quiet: bool,
}

/// Why something is passed over, in the order in which the reasons are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    Unfit(Unfit),
    /// An input whose output exists.
    OutputExists,
}

impl PassedOver {
    /// Nothing yet. The count is not reported if `quiet`.
    pub fn new(quiet: bool) -> Self {
        Self { counts: Mutex::default(), quiet }
    }

    /// Counts something at `path` that is not an input.
    pub fn add(&self, path: &Path, unfit: Unfit) {
        self.count(&Label::from(path), Reason::Unfit(unfit));
    }

    /// Counts an input whose output exists.
    pub fn add_done(&self, input: &Label) {
        self.count(input, Reason::OutputExists);
    }

    fn count(&self, label: &Label, reason: Reason) {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner).entry(reason).or_default() += 1;
        let (one, _) = reason.names();
        if report::is_json() {
            report::event(|| {
                let mut fields = event::of("passed_over");
                event::name(&mut fields, "file", label);
                fields.insert("reason".to_owned(), json!(one));
                fields.into()
            });
        } else {
            report::detail(&format!("{}: passed over: {one}", display_name(label)));
        }
    }

    /// Reports how much was passed over, if anything.
    pub fn report(&self) {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if !self.quiet && !counts.is_empty() {
            report::note(&summed_up(&counts));
        }
    }
}

impl Reason {
    /// The singular and the plural.
    fn names(self) -> (&'static str, &'static str) {
        let Self::Unfit(unfit) = self else { return ("existing output", "existing outputs") };
        match unfit {
            Unfit::Link => ("symbolic link", "symbolic links"),
            Unfit::Stream => ("stream", "streams"),
            Unfit::Plaintext => ("plaintext", "plaintexts"),
            Unfit::MisnamedPlaintext => ("plaintext named .reel", "plaintexts named .reel"),
            Unfit::Pipe => ("pipe", "pipes"),
            Unfit::Socket => ("socket", "sockets"),
            Unfit::Device => ("device", "devices"),
            Unfit::Temporary => ("temporary file", "temporary files"),
        }
    }
}

fn summed_up(counts: &BTreeMap<Reason, usize>) -> String {
    let parts: Vec<_> = counts
        .iter()
        .map(|(reason, &count)| {
            let (one, several) = reason.names();
            format!("{count} {}", if count == 1 { one } else { several })
        })
        .collect();
    format!("{} passed over: {}", counts.values().sum::<usize>(), parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_counted_separately_and_in_the_total() {
        let counts = [(Unfit::Pipe, 1), (Unfit::Link, 1), (Unfit::Stream, 10_000)];
        let counts = counts.into_iter().map(|(unfit, count)| (Reason::Unfit(unfit), count)).collect();
        assert_eq!(summed_up(&counts), "10002 passed over: 1 symbolic link, 10000 streams, 1 pipe");
    }
}
