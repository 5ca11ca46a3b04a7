//! An encrypted input: its header read, opened with the secret of the command, and its frames found.

use std::{fs::File, sync::Arc};

use crate::{
    cli::{
        messages::{failure::Failure, report, stream_failure},
        secrets::keyring::Keyring,
    },
    container::{CopyNumber, FrameSize, Header},
    files::{
        input::{Access, InputFile},
        label::Label,
    },
    pipeline::{CiphertextFile, CiphertextSource, DamageListener, StreamSource},
    stream::{
        DescriptorInput, HeaderReadError, Input, OpenedStream, RefusedHeader, Resumed, Stop, StreamFile, StreamHeader,
    },
};

/// What the frames of an input are read from.
pub(in crate::cli) type FrameInput<'a> = Resumed<DescriptorInput<&'a File>>;

/// The frames of an encrypted input, none of them read yet.
pub(in crate::cli) enum InputFrames<'a> {
    /// Each is read at its own place.
    AtPlaces(StreamFile<&'a File>),
    /// They are read one after another; if the input is a file, its end can be read first.
    InOrder(FrameInput<'a>, Option<StreamFile<&'a File>>),
}

/// The header of an encrypted input, and how the frames after it are read. That was decided before the header was read,
/// because reading moves the input's position.
pub(in crate::cli) struct InputHeader<'a> {
    input: &'a InputFile,
    access: Access,
    header: StreamHeader<DescriptorInput<&'a File>>,
}

impl<'a> InputHeader<'a> {
    /// Reads the header of `input`. `refused` is called with what can still be seen of a header that is refused.
    pub fn read(input: &'a InputFile, refused: impl FnOnce(&RefusedHeader)) -> Result<Self, Failure> {
        let label = &input.label;
        let access = input.access()?;
        let descriptor = DescriptorInput::new(&input.file);
        let descriptor = descriptor.map_err(|error| Failure::system(label, "cannot read", &error))?;
        let header = StreamHeader::read(descriptor, Vec::new()).map_err(|error| {
            if let HeaderReadError::Refused(header) = &error {
                refused(header);
            }
            stream_failure::header_read(label, &error)
        })?;
        Ok(Self { input, access, header })
    }

    /// What was read.
    pub fn header(&self) -> &StreamHeader<DescriptorInput<&'a File>> {
        &self.header
    }

    /// Opens the stream with the secret of `keyring`.
    pub fn open(self, keyring: &Keyring) -> Result<(OpenedStream, InputFrames<'a>), Failure> {
        let Self { input, access, header } = self;
        let (stream, rest) = keyring.open(&input.label, header)?;
        let frames = InputFrames::of(input, access, stream.header(), rest);
        Ok((stream, frames))
    }

    /// What the header says, and the frames, of a stream that is not opened.
    pub fn without_secret(self) -> (Header, InputFrames<'a>) {
        let Self { input, access, header } = self;
        let (header, rest) = header.into_header();
        let frames = InputFrames::of(input, access, &header, rest);
        (header, frames)
    }
}

/// Warns of the header copy of an input that is damaged, if one is.
pub(in crate::cli) fn warn_of_damaged_copy(label: &Label, damaged: Option<CopyNumber>) {
    damaged.iter().for_each(|copy| report::warning(&stream_failure::damaged_copy(label, *copy)));
}

impl<'a> InputFrames<'a> {
    /// The frames of `input`, which has this `header`; `rest` reads the input from the end of the header on.
    fn of(input: &'a InputFile, access: Access, header: &Header, rest: FrameInput<'a>) -> Self {
        let file = |start| StreamFile::new(&input.file, input.metadata.len(), start, header.layout());
        match access {
            Access::AtPlaces => Self::AtPlaces(file(0)),
            Access::InOrderFrom(start) => Self::InOrder(rest, Some(file(start))),
            Access::InOrder => Self::InOrder(rest, None),
        }
    }

    /// The stream in its file, if the end can be read first.
    pub fn file(&self) -> Option<&StreamFile<&'a File>> {
        match self {
            Self::AtPlaces(file) => Some(file),
            Self::InOrder(_, file) => file.as_ref(),
        }
    }

    /// What ends a wait for the frames, if they can be waited for.
    pub fn stop(&self) -> Option<Arc<Stop>> {
        match self {
            Self::AtPlaces(_) => None,
            Self::InOrder(rest, _) => rest.stop(),
        }
    }

    /// All frames, up to the first that cannot be read.
    pub fn source(self, frame_size: FrameSize) -> StreamSource<'a, FrameInput<'a>> {
        match self {
            Self::AtPlaces(file) => StreamSource::AtPlaces(CiphertextFile::new(file)),
            Self::InOrder(rest, _) => StreamSource::InOrder(CiphertextSource::new(rest, frame_size)),
        }
    }

    /// All frames that can be read; the others are reported to `listener`. An input that is read in order ends at the
    /// first unreadable frame.
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
