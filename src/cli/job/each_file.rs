//! The work on every file of a command, several of them at once, with progress and a secret that is wiped as soon as
//! the last file is open.

use std::{num::NonZero, sync::Arc};

use super::batch::{Batch, Place};
use crate::{
    cli::messages::{
        failure::{Exit, Failure},
        passed_over::PassedOver,
        progress::Progress,
    },
    files::walk::NamedInput,
    signals::Watching,
};

/// Does `work` on each of the files, up to `most` at once. `work` drops its share of `secret` when it no longer needs
/// it. At the end, what was passed over is reported.
///
/// # Errors
///
/// The worst of the failures' exit codes. The failures have been reported.
pub(in crate::cli) fn each_file<S: Send + Sync>(
    watching: &Watching,
    inputs: Vec<Result<NamedInput, Failure>>,
    progress: &Progress,
    passed_over: &PassedOver,
    most: impl Fn() -> NonZero<usize>,
    secret: S,
    work: impl Fn(&NamedInput, Arc<S>, Place<'_>) -> Result<(), Failure> + Sync,
) -> Result<(), Exit> {
    let secret = Arc::new(secret);
    let items = inputs.into_iter().map(|input| (input, Arc::clone(&secret))).collect();
    drop(secret);
    let batch = Batch::side_by_side(watching, items, most, |(input, secret), place| {
        let size = input.as_ref().ok().and_then(NamedInput::size);
        let result = input.and_then(|input| work(&input, secret, place));
        progress.file_ended(size, result.is_ok());
        result
    });
    progress.finish();
    let ended = batch.finish();
    passed_over.report();
    ended
}
