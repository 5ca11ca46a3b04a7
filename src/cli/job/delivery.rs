//! The delivery of one input's frames to an open output, which is named once it is whole.

use std::{
    fs::{File, Metadata},
    io::Write,
    os::unix::fs::FileExt,
};

use crate::{
    cli::messages::{failure::Failure, file_failure::warn_unless_carried, stream_failure},
    container::Layout,
    files::{
        label::Label,
        output::{Destination, Output},
    },
    pipeline::{OrderedSink, Outgoing, PositionalSink, Sink, Source, Transform, Workers},
    stage::Frame,
    stream::{DescriptorOutput, StreamError, widen_pipe},
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
    /// Opens the output of a stream of this layout, and reserves `length` bytes if that many are known to come. A
    /// regular input gives a regular output its mode and modification time, `carried`.
    pub fn open(
        input: &'a Label,
        destination: &'a Destination,
        layout: Layout,
        length: Option<u64>,
        carried: Option<&Metadata>,
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

    /// Writes what comes before the frames.
    pub fn write_header(&self, header: &[u8]) -> Result<(), Failure> {
        let written = match &self.output {
            Output::Direct(file) => DescriptorOutput::new(file).write_all(header),
            Output::Atomic(file) => file.file().write_all_at(header, 0),
        };
        written.map_err(|error| self.failure(&StreamError::Write(error)))
    }

    /// Delivers all frames of `source`.
    pub fn deliver<T, S>(&self, workers: &Workers<'_>, source: &S, transform: &T) -> Result<(), Failure>
    where
        T: Transform,
        S: Source<T::From>,
        for<'f> PositionalSink<'f>: Sink<T::To>,
        Frame<T::To>: Outgoing,
    {
        let result = match &self.output {
            Output::Direct(file) => workers.run(source, transform, &ordered(file)),
            Output::Atomic(file) => workers.run(source, transform, &PositionalSink::new(file.file(), self.layout)),
        };
        result.map_err(|error| self.failure(&error))
    }

    /// Gives a file its name.
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
        let released = matches!(self.output, Output::Direct(_));
        stream_failure::pipeline(self.input, &self.destination.label, released, self.layout, error)
    }
}

fn ordered(file: &File) -> OrderedSink<DescriptorOutput<&File>> {
    OrderedSink::new(DescriptorOutput::new(file))
}
