//! What a salvage reads: secrets, the stream, and a saved header.

use std::fs::{File, Metadata};

use crate::{
    cli::{
        job::opened_input::FrameInput,
        messages::{failure::Failure, stream_failure},
        plan::{NewSecret, SalvagePlan},
        secrets::{
            keyring::Keyring, lock_source::LockSource, new_lock::NewLock, question::Question,
            secret_source::SecretSource,
        },
    },
    container::{Features, Header, Layout},
    files::{
        input::{Access, InputFile},
        label::Label,
        protected::Protected,
    },
    keys::NewStream,
    pipeline::SalvageInput,
    signals::Startup,
    stream::{
        DescriptorInput, HeaderReadError, OpenedStream, PatchedReader, ReaderInput, Resumed, StreamFile, StreamHeader,
        skip,
    },
};

/// Where the secrets and the header come from.
pub(super) struct Sources {
    keyring: Keyring,
    new: Option<NewLock>,
    new_metadata: Vec<Metadata>,
}

impl Sources {
    pub fn choose(plan: &SalvagePlan, startup: &Startup) -> Result<Self, Failure> {
        let from_standard_input = plan.input.is_none();
        let current = SecretSource::choose(&plan.secret, from_standard_input, startup)?;
        let paths = || [plan.input.as_deref()];
        let (mut new, mut new_metadata) = (None, Vec::new());
        if let Some(NewSecret { request, cost }) = &plan.reseal {
            if let Some(number) = request.descriptor().filter(|&number| current.is_copied_to(number)) {
                return Err(SecretSource::not_open(number));
            }
            if from_standard_input && request.descriptor() == Some(0) {
                return Err(SecretSource::is_input());
            }
            let source = LockSource::choose_new(request, startup)?;
            source.check_cost(plan.limits, *cost)?;
            new_metadata = source.metadata();
            new = Some(NewLock::new(source, *cost, Question::to_replace(paths())));
        }
        let keyring = Keyring::new(current, plan.limits, Question::to_open(paths()));
        Ok(Self { keyring, new, new_metadata })
    }

    /// Opens the input, and returns what no output may overwrite.
    pub fn open_input(&self, plan: &SalvagePlan) -> Result<(InputFile, Protected), Failure> {
        let input = InputFile::open(plan.input.as_deref())?;
        let secrets = [self.keyring.metadata(), self.new_metadata.clone()].concat();
        input.check_apart_from(&secrets)?;
        let mut protected = Protected::default();
        let header = plan.header.as_ref().and_then(|header| header.metadata().ok());
        let read = [Some(input.metadata.clone()), header].into_iter().flatten().chain(secrets);
        read.for_each(|metadata| protected.add(&metadata));
        Ok((input, protected))
    }

    /// Opens the stream by its own header, or by the saved one.
    pub fn open_stream<'a>(
        &self,
        plan: &SalvagePlan,
        input: &'a InputFile,
    ) -> Result<(OpenedStream, SalvageInput<'a, FrameInput<'a>>), Failure> {
        let label = &input.label;
        let start = match input.access()? {
            Access::AtPlaces => Some(0),
            Access::InOrderFrom(start) => Some(start),
            Access::InOrder => None,
        };
        let cannot_read = |error| Failure::system(label, "cannot read", &error);
        let kept_stream = plan.header.as_deref().map(|header| {
            let header = InputFile::open(Some(header))?;
            let input = DescriptorInput::new(&header.file);
            let input = input.map_err(|error| Failure::system(&header.label, "cannot read", &error))?;
            self.open(&header.label, StreamHeader::read(input, Vec::new())).map(|(stream, _)| stream)
        });
        let kept_stream = kept_stream.transpose()?;
        let file = |start, stream: &OpenedStream| {
            SalvageInput::AtPlaces(StreamFile::new(&input.file, input.metadata.len(), start, stream.header().layout()))
        };
        let own = |error: &HeaderReadError| match error {
            HeaderReadError::Refused(_) => stream_failure::header_read(label, error)
                .with_hint("if inspect --save-header kept this stream's header, use that: --header FILE"),
            _ => stream_failure::header_read(label, error),
        };
        match (start, kept_stream) {
            (Some(start), Some(stream)) => {
                let frames = file(start, &stream);
                Ok((stream, frames))
            }
            (Some(start), None) => {
                let reader: PatchedReader<&File> = PatchedReader::new(&input.file, start);
                let header = StreamHeader::read(ReaderInput(reader), Vec::new()).map_err(|error| own(&error))?;
                let (stream, _) = self.keyring.open(label, header)?;
                let frames = file(start, &stream);
                Ok((stream, frames))
            }
            (None, Some(stream)) => {
                let mut rest = DescriptorInput::new(&input.file).map_err(cannot_read)?;
                skip(&mut rest, stream.header().layout().frames_start()).map_err(cannot_read)?;
                Ok((stream, SalvageInput::InOrder(Resumed::new(Vec::new(), rest))))
            }
            (None, None) => {
                let rest = DescriptorInput::new(&input.file).map_err(cannot_read)?;
                let header = StreamHeader::read(rest, Vec::new()).map_err(|error| own(&error))?;
                let (stream, rest) = self.keyring.open(label, header)?;
                Ok((stream, SalvageInput::InOrder(rest)))
            }
        }
    }

    fn open<I: crate::stream::Input>(
        &self,
        label: &Label,
        header: Result<StreamHeader<I>, HeaderReadError>,
    ) -> Result<(OpenedStream, Resumed<I>), Failure> {
        self.keyring.open(label, header.map_err(|error| stream_failure::header_read(label, &error))?)
    }

    /// A new stream for what is sound in the stream with the header `old`, if one is to be written.
    pub fn new_stream(&self, old: &Header) -> Result<Option<NewStream>, Failure> {
        let new = self.new.as_ref();
        new.map(|lock| lock.new_stream(new_layout(old.layout()), kept(old.prefix.features))).transpose()
    }
}

/// The features that a resealed stream takes over from the old one.
fn kept(features: Features) -> Features {
    [Features::LIVE, Features::TIMED]
        .into_iter()
        .filter(|feature| features.contains(*feature))
        .fold(Features::NONE, Features::union)
}

/// The layout of a new stream in frames as large as those of the old one.
fn new_layout(old: Layout) -> Layout {
    Layout { frame_size: old.frame_size, ..Layout::default() }
}
