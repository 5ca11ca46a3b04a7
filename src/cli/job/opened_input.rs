//! An encrypted input: its header read, opened with the secret of the command, and its frames found.

use std::fs::File;

use crate::{
    cli::{
        messages::{failure::Failure, report, stream_failure},
        secrets::keyring::Keyring,
    },
    container::{FrameSize, Header},
    files::input::{Access, InputFile},
    pipeline::{CiphertextFile, CiphertextSource, DamageListener, StreamSource},
    stream::{DescriptorInput, HeaderReadError, OpenedStream, RefusedHeader, Resumed, StreamFile, StreamHeader},
};

/// What the frames of an input are read from.
pub(in crate::cli) type FrameInput<'a> = Resumed<DescriptorInput<&'a File>>;

/// The frames of an encrypted input, nothing of them read yet.
pub(in crate::cli) enum InputFrames<'a> {
    /// Each is read at its own place.
    AtPlaces(StreamFile<&'a File>),
    /// They are read one after the other; of a file, the end can be read before that.
    InOrder(FrameInput<'a>, Option<StreamFile<&'a File>>),
}

/// Reads the header of `input`, and warns of a damaged copy. `refused` is called with what can still be seen of a header
/// that is refused.
pub(in crate::cli) fn read_header(
    input: &InputFile,
    refused: impl FnOnce(&RefusedHeader),
) -> Result<StreamHeader<DescriptorInput<&File>>, Failure> {
    let label = &input.label;
    let descriptor =
        DescriptorInput::new(&input.file).map_err(|error| Failure::system(label, "cannot read", &error))?;
    let header = StreamHeader::read(descriptor, Vec::new());
    let header = header.map_err(|error| {
        if let HeaderReadError::Refused(header) = &error {
            refused(header);
        }
        stream_failure::header_read(label, &error)
    })?;
    if let Some(copy) = header.damaged_copy() {
        report::warning(&stream_failure::damaged_copy(label, copy));
    }
    Ok(header)
}

/// Reads the header of `input`, and opens it with the secret of `keyring`.
pub(in crate::cli) fn open<'a>(
    input: &'a InputFile,
    access: Access,
    keyring: &Keyring,
) -> Result<(OpenedStream, InputFrames<'a>), Failure> {
    let (stream, rest) = keyring.open(&input.label, read_header(input, |_| {})?)?;
    let frames = InputFrames::of(input, access, stream.header(), rest);
    Ok((stream, frames))
}

impl<'a> InputFrames<'a> {
    /// The frames of `input`, which has this `header` and is read through `rest` from there on.
    pub fn of(input: &'a InputFile, access: Access, header: &Header, rest: FrameInput<'a>) -> Self {
        let file = |start| StreamFile::new(&input.file, input.metadata.len(), start, header.layout());
        match access {
            Access::Positional => Self::AtPlaces(file(0)),
            Access::From(start) => Self::InOrder(rest, Some(file(start))),
            Access::Stream => Self::InOrder(rest, None),
        }
    }

    /// The stream in its file, if its end can be read before its beginning.
    pub fn file(&self) -> Option<&StreamFile<&'a File>> {
        match self {
            Self::AtPlaces(file) => Some(file),
            Self::InOrder(_, file) => file.as_ref(),
        }
    }

    /// All frames, up to the first that cannot be read.
    pub fn source(self, frame_size: FrameSize) -> StreamSource<'a, FrameInput<'a>> {
        match self {
            Self::AtPlaces(file) => StreamSource::AtPlaces(CiphertextFile::new(file)),
            Self::InOrder(rest, _) => StreamSource::InOrder(CiphertextSource::new(rest, frame_size)),
        }
    }

    /// All frames that can be read; of the others, `listener` hears. What is read in order ends with the first of them.
    pub fn source_past_unreadable(
        self,
        frame_size: FrameSize,
        listener: &'a dyn DamageListener,
    ) -> StreamSource<'a, FrameInput<'a>> {
        match self {
            Self::AtPlaces(file) => StreamSource::AtPlaces(CiphertextFile::past_unreadable(file, listener)),
            in_order @ Self::InOrder(..) => in_order.source(frame_size),
        }
    }
}
