//! Streams that are offered to other programs, opened with the secret of the command.

use std::{error::Error, fs::File, path::Path, sync::Arc};

use crate::{
    cli::{
        job::opened_input::warn_of_damaged_copy,
        messages::{
            failure::{Exit, Failure},
            sharing::{Refused, not_opened, report_event},
        },
        plan::Sharing,
        secrets::{keyring::Keyring, question::Question, secret_source::SecretSource},
    },
    files::label::Label,
    share::tree::{Tree, Unlock},
    signals::{Answer, Startup, Watching},
    stream::{DescriptorInput, OpenedStream, StreamHeader},
};

/// Streams that are tried at the start: a passphrase that was mistyped should be known before anybody asks for a film.
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

/// The tree of the paths of `plan`. Asks for the secret, once, and tries it.
pub(in crate::cli) fn open(plan: &Sharing, startup: Startup) -> Result<(Arc<Tree>, Watching), Failure> {
    let secret = SecretSource::choose(&plan.secret, false, &startup)?;
    let watching = startup.watch(Answer::Die);
    let question = Question::to_open(plan.paths.iter().map(|path| Some(path.as_path())));
    let keyring = Keyring::new(secret, plan.limits, question);
    let tree = Arc::new(Tree::new(&plan.paths, Box::new(keyring), report_event)?);
    try_secret(&tree)?;
    Ok((tree, watching))
}

/// Opens the first stream that opens. If the secret is wrong for all that are tried, it is wrong; what else may be the
/// matter with them was reported, and does not concern the others.
fn try_secret(tree: &Tree) -> Result<(), Failure> {
    let listing = tree.listing();
    let files: Vec<_> = listing.files().into_iter().filter_map(|node| node.file()).collect();
    let mut last = None;
    for file in files.iter().take(TRIED) {
        match tree.open(file) {
            Ok(_) => return Ok(()),
            Err(failure) => {
                let failure = not_opened(file.path(), &failure);
                let is_only = files.len() == 1;
                if failure.exit() != Exit::WrongSecret && !failure.concerns_all() && !is_only {
                    return Ok(());
                }
                last = Some(failure);
            }
        }
    }
    last.map_or(Ok(()), Err)
}
