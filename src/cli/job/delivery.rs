//! The delivery of one input's frames to an open output, which is named once it is whole.

use std::{fs::File, io::Write, os::unix::fs::FileExt, sync::atomic::AtomicU64};

use crate::{
    cli::messages::{failure::Failure, file_failure::warn_unless_carried, stream_failure},
    container::Layout,
    files::{
        input::InputFile,
        label::Label,
        output::{Destination, Output},
    },
    pipeline::{
        Opening, OrderedSink, Outgoing, PlaintextRange, PositionalSink, RangeSink, Selection, Sink, Source, Transform,
        Workers, copy_selection,
    },
    stage::{Frame, Received},
    stream::{DescriptorOutput, Input, StreamError, VerifiedFrames, widen_pipe},
};

/// An output that is open, and the input whose frames go to it.
pub(in crate::cli) struct Delivery<'a> {
    input: &'a Label,
    destination: &'a Destination,
    output: Output,
    /// Whether the output is a pipe.
    pub to_pipe: bool,
    layout: Layout,
}

impl<'a> Delivery<'a> {
    /// Opens the output of a stream of this layout, and reserves `length` bytes, if the length is known. A regular
    /// input gives a regular output its mode and modification time, `carried`.
    pub fn open(
        input: &'a Label,
        destination: &'a Destination,
        layout: Layout,
        length: Option<u64>,
        carried: Option<&InputFile>,
    ) -> Result<Self, Failure> {
        let mut output = destination.open(carried.is_some())?;
        let to_pipe = matches!(&output, Output::Direct(file) if widen_pipe(file));
        if let Output::Atomic(file) = &mut output {
            let prepared =
                carried.map_or(Ok(()), |from| file.carry(from)).and_then(|()| file.reserve(length.unwrap_or(0)));
            prepared.map_err(|error| Failure::system(&destination.label, "cannot write", &error))?;
        }
        Ok(Self { input, destination, output, to_pipe, layout })
    }

    /// A delivery to a command, through its input `into`.
    pub fn to_command(input: &'a Label, destination: &'a Destination, into: File, layout: Layout) -> Self {
        let to_pipe = widen_pipe(&into);
        Self { input, destination, output: Output::Direct(into), to_pipe, layout }
    }

    /// Whether what has been written cannot be taken back.
    pub fn is_direct(&self) -> bool {
        matches!(self.output, Output::Direct(_))
    }

    /// Whether [`Delivery::finish`] waits for a disk.
    pub fn waits_for_disk(&self) -> bool {
        matches!(&self.output, Output::Atomic(file) if file.is_on_disk())
    }

    /// Writes the header, before the frames.
    pub fn write_header(&self, header: &[u8]) -> Result<(), Failure> {
        let written = match &self.output {
            Output::Direct(file) => DescriptorOutput::new(file).write_all(header),
            Output::Atomic(file) => file.file().write_all_at(header, 0),
        };
        written.map_err(|error| self.failure(&StreamError::Write(error)))
    }

    /// Delivers all frames of `source`, after what was delivered in order before.
    pub fn deliver_next<S>(&self, workers: &Workers<'_>, source: &S, opening: &Opening<'_>) -> Result<(), StreamError>
    where
        S: Source<Received>,
    {
        workers.run(source, opening, &ordered(self.file()))
    }

    /// Delivers `bytes`, after what was delivered in order before.
    pub fn deliver_bytes(&self, bytes: &[u8]) -> Result<(), StreamError> {
        DescriptorOutput::new(self.file()).write_all(bytes).map_err(StreamError::Write)
    }

    /// The output.
    pub fn file(&self) -> &File {
        match &self.output {
            Output::Direct(file) => file,
            Output::Atomic(file) => file.file(),
        }
    }

    /// Delivers all frames of `source`.
    pub fn deliver<T, S>(&self, workers: &Workers<'_>, source: &S, transform: &T) -> Result<(), StreamError>
    where
        T: Transform,
        S: Source<T::From>,
        for<'f> PositionalSink<'f>: Sink<T::To>,
        Frame<T::To>: Outgoing,
    {
        match &self.output {
            Output::Direct(file) => workers.run(source, transform, &ordered(file)),
            Output::Atomic(file) => workers.run(source, transform, &PositionalSink::new(file.file(), self.layout)),
        }
    }

    /// Delivers the bytes of `range` in the frames of `source`.
    pub fn deliver_range<S>(
        &self,
        workers: &Workers<'_>,
        source: &S,
        opening: &Opening<'_>,
        range: PlaintextRange,
    ) -> Result<(), StreamError>
    where
        S: Source<Received>,
    {
        match &self.output {
            Output::Direct(file) => workers.run(source, opening, &RangeSink::new(ordered(file), range)),
            Output::Atomic(file) => {
                let sink = PositionalSink::new(file.file(), self.layout);
                workers.run(source, opening, &RangeSink::new(sink, range))
            }
        }
    }

    /// Delivers the selected part of `frames`, in order. Returns the plaintext's length if its end was reached.
    pub fn deliver_selection<I: Input>(
        &self,
        frames: &mut VerifiedFrames<I>,
        selection: &Selection,
        delivered: &AtomicU64,
    ) -> Result<Option<u64>, StreamError> {
        match &self.output {
            Output::Direct(file) => copy_selection(frames, selection, DescriptorOutput::new(file), delivered),
            Output::Atomic(file) => copy_selection(frames, selection, file.file(), delivered),
        }
    }

    /// Gives the output file its name.
    pub fn finish(self) -> Result<(), Failure> {
        match self.output {
            Output::Direct(_) => Ok(()),
            Output::Atomic(file) => {
                let carried = self.destination.commit(file)?;
                warn_unless_carried(&self.destination.label, carried);
                Ok(())
            }
        }
    }

    /// How a failure of the delivery is reported.
    pub fn failure(&self, error: &StreamError) -> Failure {
        stream_failure::pipeline(self.input, &self.destination.label, self.is_direct(), self.layout, error)
    }
}

fn ordered(file: &File) -> OrderedSink<DescriptorOutput<&File>> {
    OrderedSink::new(DescriptorOutput::new(file))
}
