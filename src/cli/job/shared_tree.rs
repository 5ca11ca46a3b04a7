//! Streams that are offered to other programs, opened with the secret of the command.

use std::{
    error::Error,
    fs::File,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::{
    cli::{
        job::opened_input::warn_of_damaged_copy,
        messages::{
            failure::{Exit, Failure},
            report,
            sharing::{Refused, not_opened, report_event},
        },
        plan::Sharing,
        secrets::{keyring::Keyring, question::Question, secret_source::SecretSource},
    },
    files::label::Label,
    share::tree::{Event, Generated, Tree, Unlock},
    signals::{Answer, Startup, Watching},
    stream::{DescriptorInput, OpenedStream, StreamHeader},
};

/// How many streams are tried at the start: a mistyped passphrase should be noticed before anybody asks for a film.
const TRIED: usize = 3;

impl Unlock for Keyring {
    fn unlock(
        &self,
        path: &Path,
        header: StreamHeader<DescriptorInput<File>>,
    ) -> Result<OpenedStream, Arc<dyn Error + Send + Sync>> {
        let label = Label::from(path);
        warn_of_damaged_copy(&label, header.damaged_copy());
        let opened = self.open(&label, header);
        opened.map(|(stream, _)| stream).map_err(|failure| Arc::new(Refused(failure)) as _)
    }
}

/// The tree of the paths of `plan`, in which no stream gets a name that is `generated`. Asks for the secret, once, and
/// tries it.
pub(in crate::cli) fn open(
    plan: &Sharing,
    generated: Generated,
    startup: Startup,
) -> Result<(Arc<Tree>, Watching), Failure> {
    let secret = SecretSource::choose(&plan.secret, false, &startup)?;
    let watching = startup.watch(Answer::Die);
    let question = Question::to_open(plan.paths.iter().map(|path| Some(path.as_path())));
    let keyring = Keyring::new(secret, plan.limits, question);
    let trying = Arc::new(AtomicBool::new(true));
    let is_trying = Arc::clone(&trying);
    let listener = move |event: Event<'_>| {
        // A stream that does not open at the start is reported once it is clear whether the command goes on.
        if !(matches!(event, Event::NotOpened { .. }) && is_trying.load(Ordering::Relaxed)) {
            report_event(event);
        }
    };
    let tree = Arc::new(Tree::new(&plan.paths, generated, Box::new(keyring), listener)?);
    try_secret(&tree)?;
    trying.store(false, Ordering::Relaxed);
    Ok((tree, watching))
}

/// Tries streams until one opens. If the secret is wrong for all that are tried, it is wrong; any other problem with
/// one of them is reported, and does not affect the others.
fn try_secret(tree: &Tree) -> Result<(), Failure> {
    let listing = tree.listing();
    let files: Vec<_> = listing.files().into_iter().filter_map(|node| node.file()).collect();
    let mut failures = Vec::new();
    for file in files.iter().take(TRIED) {
        match tree.open(file) {
            Ok(_) => {
                report_all(&failures);
                return Ok(());
            }
            Err(failure) => {
                let failure = not_opened(file.path(), &failure);
                let is_only = files.len() == 1;
                let says_nothing = failure.exit() != Exit::WrongSecret && !failure.concerns_all() && !is_only;
                failures.push(failure);
                if says_nothing {
                    report_all(&failures);
                    return Ok(());
                }
            }
        }
    }
    // One report is enough for all of them.
    failures.into_iter().next().map_or(Ok(()), Err)
}

fn report_all(failures: &[Failure]) {
    for failure in failures {
        report::failure(failure);
    }
}
