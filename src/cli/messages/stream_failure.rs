//! How the library's errors are reported: which file, where in it, what to do.

#[cfg(feature = "age")]
use crate::cli::messages::secret_failure;
use crate::cli::messages::{
    damage::OTHER_COPY,
    damaged_part::{DamagedPart, Span},
    failure::{Exit, Failure},
    message::{Message, Subject},
    salvage_hint::{or_salvage, or_salvage_with_header},
};
use crate::{
    container::{CopyNumber, HeaderError, Layout, Mangling, RecordError},
    files::{label::Label, naming::without_suffix},
    keys::{KdfError, SlotChangeError, SlotKind, UnlockError},
    stage::FrameFault,
    stream::{HeaderReadError, HeaderRewriteError, StreamError},
};

/// The failure that a header could not be read from `input`.
pub(in crate::cli) fn header_read(input: &Label, error: &HeaderReadError) -> Failure {
    match error {
        HeaderReadError::Read(error) => Failure::system(input, "cannot read", error),
        HeaderReadError::Refused(refused) => header(input, &refused.error),
        HeaderReadError::Stopped => Failure::new(Exit::InputOutput, error.to_string()).about(input),
    }
}

/// The failure that a header in `input` is refused.
pub(in crate::cli) fn header(input: &Label, error: &HeaderError) -> Failure {
    let failure = Failure::new(Exit::BadStream, error.to_string()).about(input);
    match error {
        HeaderError::NotReelseal(Some(Mangling::Utf16)) => failure.with_hint(
            "it looks like a stream that was re-encoded as UTF-16, as PowerShell's > does; use -o FILE instead of > FILE",
        ),
        HeaderError::NotReelseal(Some(Mangling::Text)) => failure.with_hint(
            "it looks like a stream that was altered as if it were text; transfer it in binary mode (ftp: type binary)",
        ),
        HeaderError::NotReelseal(None) => {
            let hint = "a reelseal stream begins with the bytes 89 52 53 4c; is this the right file?";
            match input.path().and_then(without_suffix) {
                Some(_) => failure.with_hint(or_salvage_with_header(&format!("{hint} if so, use another copy"), input)),
                None => failure.with_hint(hint),
            }
        }
        HeaderError::Version(_) | HeaderError::UnknownFeatures(_) => {
            failure.with_hint("a newer reelseal may read it, or one with the stages it was written with")
        }
        HeaderError::Records(RecordError::UnknownCritical { .. }) => failure.with_hint("a newer reelseal may read it"),
        HeaderError::Cut => failure.with_hint("the transfer may have been cut off; get the stream again"),
        HeaderError::Damaged => failure.with_hint(or_salvage_with_header(OTHER_COPY, input)),
        _ => failure.with_hint(OTHER_COPY),
    }
}

/// The failure that no key slot of `input` opens.
pub(in crate::cli) fn unlock(input: &Label, error: &UnlockError) -> Failure {
    let refused = |exit| Failure::new(exit, error.to_string()).about(input);
    match error {
        UnlockError::Header(error) => header(input, error),
        UnlockError::Kdf(error) => kdf(input, error),
        UnlockError::NoSuchSlot { present, .. } if present.is_empty() => {
            refused(Exit::BadStream).with_hint("a newer reelseal may know what opens it")
        }
        UnlockError::NoSuchSlot { wanted, present } => {
            refused(Exit::Usage).with_hint(what_opens_instead(*wanted, present))
        }
        UnlockError::WrongSecret(SlotKind::Recipient) => {
            refused(Exit::WrongSecret).with_hint("try other identities with -i FILE")
        }
        UnlockError::WrongSecret(_) => refused(Exit::WrongSecret),
        #[cfg(feature = "age")]
        UnlockError::Identity(error) => {
            let (exit, hint) = secret_failure::failed_identity(&error.failure);
            hint.into_iter().fold(refused(exit), |failure, hint| failure.with_hint(hint))
        }
        UnlockError::TooManySlots(_)
        | UnlockError::TooManyRecipientSlots(_)
        | UnlockError::RecipientSlot(_)
        | UnlockError::Altered
        | UnlockError::ForeignSlot(_) => {
            refused(Exit::BadStream).with_hint("somebody may have tampered with it; use another copy of the stream")
        }
    }
}

/// What opens a stream that has slots of the kinds `present`, but not of the kind that was `wanted`.
fn what_opens_instead(wanted: SlotKind, present: &[SlotKind]) -> String {
    let ways = present.iter().map(|kind| match kind {
        SlotKind::Passphrase => "a passphrase",
        SlotKind::KeyFile => "a key file: --key-file FILE",
        SlotKind::Recipient if cfg!(feature = "age") => "an identity: -i FILE",
        SlotKind::Recipient => "an identity, which this build does not support",
    });
    let ways = format!("it opens with {}", ways.collect::<Vec<_>>().join("; or with "));
    match wanted {
        SlotKind::KeyFile if present == [SlotKind::Passphrase] => ways + "; leave --key-file out",
        SlotKind::Recipient if present == [SlotKind::Passphrase] => ways + "; leave --identity out",
        _ => ways,
    }
}

/// The failure that scrypt was not run for `subject`.
pub(in crate::cli) fn kdf(subject: impl Into<Subject>, error: &KdfError) -> Failure {
    let mebibytes = |bytes: &u64| bytes.div_ceil(1 << 20);
    let raise = |bytes: &u64| format!("allow it with --max-kdf-memory {}M", mebibytes(bytes));
    let failure = match error {
        KdfError::OutOfBounds { .. } => Failure::new(Exit::BadStream, error.to_string()).with_hint(OTHER_COPY),
        KdfError::Memory { needed, limit } => {
            let (needs, allowed) = (mebibytes(needed), limit >> 20);
            Failure::usage(format!("scrypt needs {needs} MiB of memory, but only {allowed} MiB are allowed"))
                .with_hint(raise(needed))
        }
        KdfError::Work { memory_limit_needed, .. } => {
            Failure::usage(error.to_string()).with_hint(raise(memory_limit_needed))
        }
        KdfError::OutOfMemory { needed } => {
            let needs = mebibytes(needed);
            Failure::new(
                Exit::InputOutput,
                format!("scrypt needs {needs} MiB of memory, which the system cannot provide"),
            )
            .with_hint("free some memory, or lift the limit that the shell set (ulimit -v)")
        }
    };
    failure.about(subject)
}

/// The failure of reading `input` when nothing of it is written anywhere; `layout` says where a frame is in the stream.
pub(in crate::cli) fn reading(input: &Label, layout: Layout, error: &StreamError) -> Failure {
    pipeline(input, &Label::StandardOutput, false, layout, error)
}

/// The failure of a transfer from `input` to `output` that ended early; `layout` says where a frame is in the stream,
/// `released` whether the frames before it were written.
pub(in crate::cli) fn pipeline(
    input: &Label,
    output: &Label,
    released: bool,
    layout: Layout,
    error: &StreamError,
) -> Failure {
    let place = |index: u64| format!("frame {index}, at byte {}", layout.frame_position(index));
    let damaged = |index: &u64, fact: String| {
        let part = damaged_from(layout, *index);
        let hint = if matches!(output, Label::Command(_)) {
            "the command was stopped before it saw the end of its input; use another copy of the stream"
        } else if released {
            "what was written before that frame is authentic but incomplete; use another copy of the stream"
        } else {
            "nothing was written; use another copy of the stream"
        };
        Failure::new(Exit::BadStream, fact).about(input).in_part(part).with_hint(or_salvage(hint, input))
    };
    match error {
        StreamError::Read(error) => Failure::system(input, "cannot read", error),
        StreamError::ReadFrame { index, error } => {
            let failure = Failure::system(input, &format!("cannot read {}", place(*index)), error)
                .in_part(damaged_from(layout, *index));
            match input.path() {
                Some(_) => failure.with_hint(or_salvage(OTHER_DISK, input)),
                None => failure,
            }
        }
        StreamError::Write(error) => Failure::write(output, error),
        StreamError::Frame { index, fault: FrameFault::Mac } => {
            damaged(index, format!("cut short, extended or damaged in {}", place(*index)))
        }
        StreamError::Frame { index, fault } => damaged(index, format!("{}: {fault}", place(*index))),
        StreamError::EndBeforeFinalFrame { index } => {
            damaged(index, format!("unfinished, or cut short: it ends before {}", place(*index)))
        }
        StreamError::CutFrame { index } => {
            damaged(index, format!("unfinished, cut short or extended: it ends inside {}", place(*index)))
        }
        StreamError::Unwritten { index } => damaged(index, format!("unfinished: {}, is all zeros", place(*index))),
        StreamError::InputChanged => Failure::new(Exit::InputOutput, "changed while it was being read")
            .about(input)
            .with_hint("wait until nothing writes to it any more, and try again"),
        StreamError::NotConfirmed(reason) => Failure::new(Exit::CommandFailed, reason.to_string()).about(input),
        StreamError::TooLong | StreamError::NoSuchFrame { .. } | StreamError::Stopped | StreamError::FailedBefore => {
            Failure::new(Exit::InputOutput, error.to_string()).about(input)
        }
    }
}

/// The stream from the frame `index` on: what comes after it was not examined.
fn damaged_from(layout: Layout, index: u64) -> DamagedPart {
    DamagedPart { frames: Span::from(index), bytes: Span::from(layout.frame_position(index)), plaintext: None }
}

/// The failure that the key slots of `input` are left as they are.
pub(in crate::cli) fn slot_change(input: &Label, error: &SlotChangeError) -> Failure {
    let refused = || Failure::usage(error.to_string()).about(input);
    match error {
        SlotChangeError::Slots(error) => unlock(input, error),
        SlotChangeError::Cost(error) => kdf(input, error),
        SlotChangeError::NoRoom { .. } => refused().with_hint(
            "remove slots first, with --remove=N; or decrypt and encrypt again: the new header will have room",
        ),
        SlotChangeError::TooManyRecipients => {
            refused().with_hint("remove one first, with --remove=N; --list shows them")
        }
        SlotChangeError::ForeignSlot(_) => refused(),
        SlotChangeError::Full => refused().with_hint("remove one first, with --remove; --list shows them"),
        SlotChangeError::Work(_) => refused().with_hint(
            "choose a smaller --scrypt-log-n, or remove a slot first: the file would open only with --max-kdf-memory",
        ),
        SlotChangeError::LastSlot => {
            refused().with_hint("change it, without --remove, or add another one first, with --add")
        }
    }
}

/// The failure that a header of `input` could not be rewritten.
pub(in crate::cli) fn header_rewrite(input: &Label, error: &HeaderRewriteError) -> Failure {
    let refused = |exit| Failure::new(exit, error.to_string()).about(input);
    match error {
        HeaderRewriteError::NotRegular => not_regular(input),
        HeaderRewriteError::Locked => {
            refused(Exit::InputOutput).with_hint("wait until the other process has finished, and try again")
        }
        HeaderRewriteError::Lock(error) => Failure::system(input, "cannot lock", error),
        HeaderRewriteError::Header(error) => header_read(input, error),
        HeaderRewriteError::Records(_) => refused(Exit::Usage).with_hint(REMOVE_FIRST),
        HeaderRewriteError::ForeignKeys | HeaderRewriteError::TooOften => {
            refused(Exit::BadStream).with_hint("decrypt the file and encrypt it again")
        }
        HeaderRewriteError::Write(error) => {
            Failure::system(input, "cannot write the header", error).with_hint(HALF_WRITTEN)
        }
        HeaderRewriteError::ReadBack(error) => {
            Failure::system(input, "cannot read the header back", error).with_hint(HALF_WRITTEN)
        }
        HeaderRewriteError::NotAsWritten => refused(Exit::InputOutput)
            .with_hint("the disk may be failing; copy the file to another one while it still opens"),
    }
}

const OTHER_DISK: &str = "the disk may be failing; use another copy of the stream";
const REMOVE_FIRST: &str = "remove a slot first, with --remove";
const HALF_WRITTEN: &str = "the file opens with the old secret or with the new one; try both before you try again";

/// The failure that `input` is a pipe or a device, whose header cannot be rewritten.
pub(in crate::cli) fn not_regular(input: &Label) -> Failure {
    Failure::usage("not a regular file")
        .about(input)
        .with_hint("a header is rewritten in place: store the stream in a file first")
}

/// Whether `error` is about the stream, and not about reading it.
pub(in crate::cli) fn is_damage(error: &StreamError) -> bool {
    matches!(
        error,
        StreamError::Frame { .. }
            | StreamError::EndBeforeFinalFrame { .. }
            | StreamError::CutFrame { .. }
            | StreamError::Unwritten { .. }
    )
}

/// Whether `error` is about reading a frame.
pub(in crate::cli) fn is_unreadable(error: &StreamError) -> bool {
    matches!(error, StreamError::ReadFrame { .. })
}

/// The warning for a damaged header copy in `input`.
pub(in crate::cli) fn damaged_copy(input: &Label, copy: CopyNumber) -> Message {
    let which = match copy {
        CopyNumber::First => "first",
        CopyNumber::Second => "second",
    };
    Message::about(input, format!("the {which} of the two header copies is damaged; the other one is used"))
}
