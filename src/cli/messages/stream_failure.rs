//! How the library's errors are told: which file, where in it, what to do.

use crate::cli::messages::{
    damage::OTHER_COPY,
    failure::{Exit, Failure},
};
use crate::{
    container::{CopyNumber, HeaderError, Layout, Mangling},
    keys::{KdfError, SlotChangeError, SlotKind, UnlockError},
    stage::FrameFault,
    stream::{HeaderReadError, HeaderRewriteError, StreamError},
};

/// A header that could not be read from `input`.
pub(in crate::cli) fn header_read(input: &str, error: &HeaderReadError) -> Failure {
    match error {
        HeaderReadError::Read(error) => Failure::system(input, "cannot read", error),
        HeaderReadError::Refused(refused) => header(input, &refused.error),
        HeaderReadError::Stopped => Failure::new(Exit::InputOutput, format!("{input}: {error}")),
    }
}

/// A header in `input` that is refused.
pub(in crate::cli) fn header(input: &str, error: &HeaderError) -> Failure {
    let failure = Failure::new(Exit::BadStream, format!("{input}: {error}"));
    match error {
        HeaderError::NotReelseal(Some(Mangling::Utf16)) => failure.with_hint(
            "it looks like one that was re-encoded as UTF-16, as PowerShell's > does; write with -o FILE in place of > FILE",
        ),
        HeaderError::NotReelseal(Some(Mangling::Text)) => failure.with_hint(
            "it looks like one that was changed as if it were text; transfer it as binary (ftp: type binary)",
        ),
        HeaderError::NotReelseal(None) => failure.with_hint("a reelseal stream begins with the bytes 89 52 53 4c; is this the right file?"),
        HeaderError::Version(_) | HeaderError::UnknownFeatures(_) => {
            failure.with_hint("a newer reelseal may read it, or one with the stages it was written with")
        }
        HeaderError::Cut => failure.with_hint("the transfer may have been cut off; get the stream again"),
        _ => failure.with_hint(OTHER_COPY),
    }
}

/// Key slots of `input` that do not open.
pub(in crate::cli) fn unlock(input: &str, error: &UnlockError) -> Failure {
    let told = |exit| Failure::new(exit, format!("{input}: {error}"));
    match error {
        UnlockError::Header(error) => header(input, error),
        UnlockError::Kdf(error) => kdf(input, error),
        UnlockError::NoSuchSlot { other: false, .. } => {
            told(Exit::BadStream).with_hint("a newer reelseal may know what opens it")
        }
        UnlockError::NoSuchSlot { wanted: SlotKind::Passphrase, .. } => {
            told(Exit::Usage).with_hint("it opens with a key file: --key-file FILE")
        }
        UnlockError::NoSuchSlot { wanted: SlotKind::KeyFile, .. } => {
            told(Exit::Usage).with_hint("it opens with a passphrase; leave --key-file out")
        }
        UnlockError::WrongPassphrase | UnlockError::WrongKeyFile => told(Exit::WrongSecret),
        UnlockError::TooManySlots(_) | UnlockError::Altered => {
            told(Exit::BadStream).with_hint("somebody may have tampered with it; use another copy of the stream")
        }
    }
}

/// scrypt was not run for `name`.
pub(in crate::cli) fn kdf(name: &str, error: &KdfError) -> Failure {
    let mebibytes = |bytes: &u64| bytes.div_ceil(1 << 20);
    let raise = |bytes: &u64| format!("allow it with --max-kdf-memory {}M", mebibytes(bytes));
    match error {
        KdfError::OutOfBounds { .. } => Failure::new(Exit::BadStream, format!("{name}: {error}")).with_hint(OTHER_COPY),
        KdfError::Memory { needed, limit } => {
            let (needs, allowed) = (mebibytes(needed), limit >> 20);
            Failure::usage(format!("{name}: scrypt needs {needs} MiB of memory, and {allowed} MiB are allowed"))
                .with_hint(raise(needed))
        }
        KdfError::Work { memory_limit_needed, .. } => {
            Failure::usage(format!("{name}: {error}")).with_hint(raise(memory_limit_needed))
        }
        KdfError::OutOfMemory { needed } => {
            let needs = mebibytes(needed);
            Failure::new(
                Exit::InputOutput,
                format!("{name}: scrypt needs {needs} MiB of memory, which the system does not give"),
            )
            .with_hint("free some memory, or lift the limit that the shell set (ulimit -v)")
        }
    }
}

/// A run from `input` to `output` that ended early; `layout` says where a frame stands in the stream, `released` whether
/// what came before it has left.
pub(in crate::cli) fn pipeline(
    input: &str,
    output: &str,
    released: bool,
    layout: Layout,
    error: &StreamError,
) -> Failure {
    let place = |index: u64| format!("frame {index}, at byte {}", layout.frame_position(index));
    let damaged = |fact: String| {
        Failure::new(Exit::BadStream, fact).with_hint(if released {
            "what was written before that frame is authentic, and not the whole; use another copy of the stream"
        } else {
            "nothing was written; use another copy of the stream"
        })
    };
    match error {
        StreamError::Read(error) => Failure::system(input, "cannot read", error),
        StreamError::ReadFrame { index, error } => {
            Failure::system(input, &format!("cannot read {}", place(*index)), error)
        }
        StreamError::Write(error) => Failure::write(output, error),
        StreamError::Frame { index, fault: FrameFault::Mac } => {
            damaged(format!("{input}: cut short, extended or damaged in {}", place(*index)))
        }
        StreamError::Frame { index, fault } => damaged(format!("{input}: {}: {fault}", place(*index))),
        StreamError::EndBeforeFinalFrame { index } => {
            damaged(format!("{input}: cut short: it ends in place of {}", place(*index)))
        }
        StreamError::CutFrame { index } => {
            damaged(format!("{input}: cut short or extended: it ends inside {}", place(*index)))
        }
        StreamError::InputChanged => Failure::new(Exit::InputOutput, format!("{input}: changed while it was read"))
            .with_hint("wait until nothing writes to it any more, and try again"),
        StreamError::TooLong | StreamError::NoSuchFrame { .. } | StreamError::Stopped | StreamError::FailedBefore => {
            Failure::new(Exit::InputOutput, format!("{input}: {error}"))
        }
    }
}

/// Key slots of `input` that are left as they are.
pub(in crate::cli) fn slot_change(input: &str, error: &SlotChangeError) -> Failure {
    let told = Failure::usage(format!("{input}: {error}"));
    match error {
        SlotChangeError::Slots(error) => unlock(input, error),
        SlotChangeError::Cost(error) => kdf(input, error),
        SlotChangeError::Full => told.with_hint("remove one first, with --remove; --list shows them"),
        SlotChangeError::Work(_) => told.with_hint(
            "choose a smaller --scrypt-log-n, or remove a slot first: the file would open with --max-kdf-memory only",
        ),
        SlotChangeError::LastSlot => {
            told.with_hint("change it, without --remove, or add another one first, with --add")
        }
    }
}

/// A header of `input` that could not be rewritten.
pub(in crate::cli) fn header_rewrite(input: &str, error: &HeaderRewriteError) -> Failure {
    let told = |exit| Failure::new(exit, format!("{input}: {error}"));
    match error {
        HeaderRewriteError::NotRegular => not_regular(input),
        HeaderRewriteError::Locked => {
            told(Exit::InputOutput).with_hint("wait until the other process has finished, and try again")
        }
        HeaderRewriteError::Lock(error) => Failure::system(input, "cannot lock", error),
        HeaderRewriteError::Header(error) => header_read(input, error),
        HeaderRewriteError::Records(_) => told(Exit::Usage).with_hint("remove a slot first, with --remove"),
        HeaderRewriteError::ForeignKeys | HeaderRewriteError::TooOften => {
            told(Exit::BadStream).with_hint("decrypt the file, and encrypt it anew")
        }
        HeaderRewriteError::Write(error) => {
            Failure::system(input, "cannot write the header", error).with_hint(HALF_WRITTEN)
        }
        HeaderRewriteError::ReadBack(error) => {
            Failure::system(input, "cannot read the header back", error).with_hint(HALF_WRITTEN)
        }
        HeaderRewriteError::NotAsWritten => told(Exit::InputOutput)
            .with_hint("the disk may be failing; copy the file to another one while it still opens"),
    }
}

const HALF_WRITTEN: &str = "the file opens with the old secret or with the new one; try both before you try again";

/// `input` is a pipe or a device, whose header cannot be rewritten.
pub(in crate::cli) fn not_regular(input: &str) -> Failure {
    Failure::usage(format!("{input}: not a regular file"))
        .with_hint("a header is rewritten in its place: store the stream in a file first")
}

/// Whether `error` is about the stream, and not about reading it.
pub(in crate::cli) fn is_damage(error: &StreamError) -> bool {
    matches!(error, StreamError::Frame { .. } | StreamError::EndBeforeFinalFrame { .. } | StreamError::CutFrame { .. })
}

/// Whether `error` is about reading a frame.
pub(in crate::cli) fn is_unreadable(error: &StreamError) -> bool {
    matches!(error, StreamError::ReadFrame { .. })
}

/// The warning for a damaged header copy in `input`.
pub(in crate::cli) fn damaged_copy(input: &str, copy: CopyNumber) -> String {
    let which = match copy {
        CopyNumber::First => "first",
        CopyNumber::Second => "second",
    };
    format!("{input}: the {which} of the two header copies is damaged; the other one serves")
}
