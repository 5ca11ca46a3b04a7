//! Folding repeated failures and hints.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use super::failure::Failure;

/// The most failures of one kind that are listed in a summary.
const MOST_OF_A_KIND: usize = 10;

static HINTS: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);

/// Whether `hint` is given for the first time in this run.
pub(super) fn is_new(hint: &str) -> bool {
    HINTS.lock().unwrap_or_else(PoisonError::into_inner).insert(hint.to_owned())
}

/// The lines of a summary of `failures`: the first ten with the same fact, and then how many more there are.
pub(super) fn summary_lines(failures: &[Arc<Failure>]) -> Vec<String> {
    let (mut lines, mut counts, mut folded) = (Vec::new(), HashMap::<&str, usize>::new(), Vec::new());
    for failure in failures {
        let fact = failure.message().fact.as_str();
        let count = counts.entry(fact).or_default();
        *count += 1;
        if *count <= MOST_OF_A_KIND {
            lines.push(failure.to_string());
        } else if *count == MOST_OF_A_KIND + 1 {
            folded.push(fact);
        }
    }
    let more = |fact| counts.get(fact).map_or(0, |count| count - MOST_OF_A_KIND);
    lines.extend(folded.into_iter().map(|fact| format!("and {} more: {fact}", more(fact))));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_of_one_kind_are_folded_beyond_ten_and_others_are_not() {
        let failed = |name: String, fact: &str| Arc::new(Failure::usage(fact).about(name));
        let mut failures: Vec<_> = (0..12).map(|at| failed(format!("clip{at}"), "exists already")).collect();
        failures.insert(3, failed("flim".to_owned(), "no such file"));
        let lines = summary_lines(&failures);
        assert_eq!(lines.len(), 12);
        assert_eq!(lines.get(3).unwrap(), "flim: no such file");
        assert_eq!(lines.get(10).unwrap(), "clip9: exists already");
        assert_eq!(lines.last().unwrap(), "and 2 more: exists already");
        assert_eq!(summary_lines(failures.get(..11).unwrap()).len(), 11);
    }

    #[test]
    fn a_hint_is_new_once() {
        assert!(is_new("try again") && !is_new("try again") && is_new("try something else"));
    }
}
