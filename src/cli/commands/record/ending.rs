//! How a recording ended, in words.

use std::{
    ffi::OsStr,
    io::{self, ErrorKind},
    path::Path,
};

use super::surroundings::MAKE_ROOM;
use crate::{
    cli::messages::{
        byte_count::count_of_bytes,
        command_failure::command_failure,
        failure::{Exit, Failure, describe},
        producer::producer_failure,
    },
    files::label::Label,
    process::CommandFailure,
    record::{Ended, JournalError, ProducerEnd, SourceEnd},
};

/// The failure to report for the recording of `label` in `folder`, unless it ended well. `command` is the program that
/// was recorded, with how it last ended, if that is known.
pub(super) fn failure_of(
    ended: Ended,
    folder: &Path,
    label: &Label,
    command: Option<(&OsStr, Option<ProducerEnd>)>,
    removes_segments: bool,
) -> Result<(), Failure> {
    let segment = |name: &OsStr| folder.join(name);
    let kept = kept(&ended, removes_segments);
    match ended.how {
        Ok(SourceEnd::Failed) => {
            let Some((program, end)) = command else { return Ok(()) };
            let failure = end.and_then(|end| producer_failure(program, &end));
            let failure = failure.unwrap_or_else(|| command_failure(program, &CommandFailure::Unwatched));
            Err(failure.with_hint(kept))
        }
        Ok(SourceEnd::Finished | SourceEnd::Asked) if ended.is_doubtful => {
            Err(Failure::new(Exit::InputOutput, "part of the recording may be missing")
                .about(folder)
                .with_hint("earlier messages say what may be lost; reelseal verify DIR shows what is there"))
        }
        Ok(SourceEnd::Finished | SourceEnd::Asked) => Ok(()),
        Err(JournalError::Read(error)) => Err(Failure::system(label, "cannot read", &error).with_hint(kept)),
        Err(JournalError::Full { segment: name, error }) => {
            let failure = Failure::system(segment(&name).as_path(), "there is no room for more", &error);
            let is_too_long = error.kind() == ErrorKind::FileTooLarge;
            Err(failure.with_hint(match is_too_long {
                true => {
                    format!(
                        "{kept}; larger files are not allowed here: begin new segments earlier, with --segment-size"
                    )
                }
                false => format!("{kept}; {MAKE_ROOM}"),
            }))
        }
        Err(JournalError::Create { segment: name, error }) => {
            let failure = Failure::system(segment(&name).as_path(), "cannot make the segment", &error);
            Err(failure.with_hint(format!("{kept}; {}", hint_for_folder(&error))))
        }
        Err(JournalError::Failing { segment: name, error }) => {
            let failure = Failure::system(segment(&name).as_path(), "one segment after another fails", &error);
            Err(failure.with_hint(format!("{kept}; the disk may be failing: record to another")))
        }
        Err(error @ JournalError::Name(_)) => Err(Failure::usage(error.to_string()).about("--name")),
        Err(JournalError::Keys(error)) => Err(Failure::new(Exit::InputOutput, describe(&error)).with_hint(kept)),
    }
}

/// The failure that nothing can be recorded to `folder`.
pub(super) fn folder_failure(folder: &Path, error: &io::Error) -> Failure {
    Failure::system(folder, "cannot record to this folder", error).with_hint(hint_for_folder(error))
}

/// What to do if no file can be created in a folder.
fn hint_for_folder(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => MAKE_ROOM,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => "record to a folder that you may write to",
        ErrorKind::NotFound => "the folder may have been removed or unmounted: record again once it is there",
        _ => "record to another folder",
    }
}

/// What has been recorded, for a hint. If segments are removed, or part of the recording may be lost, it does not say
/// that everything is kept.
fn kept(ended: &Ended, removes_segments: bool) -> String {
    let is_kept = !removes_segments && !ended.is_doubtful;
    let (were, kept) = if ended.bytes == 1 { ("was", ", and is kept") } else { ("were", ", and are kept") };
    let kept = if is_kept { kept } else { "" };
    let bytes = count_of_bytes(ended.bytes);
    match (ended.bytes, ended.segments) {
        (0, _) => "nothing was recorded".to_owned(),
        (_, 1) => format!("{bytes} {were} recorded{kept}"),
        (_, segments) => format!("{bytes} in {segments} segments {were} recorded{kept}"),
    }
}
