//! The header at the front of an input: read, a damaged copy told of, and parsed.

use crate::{
    cli::messages::{failure::Failure, report, stream_failure},
    container::{FoundHeader, Header},
    files::label::Label,
    stage::Chain,
    stream::{Input, read_header},
};

/// A stream's header, and what was read of the frames behind it.
pub(in crate::cli) struct StreamHeader {
    pub found: FoundHeader,
    pub header: Header,
    pub ahead: Vec<u8>,
}

impl StreamHeader {
    /// Reads the header of the stream `label`, and warns of a damaged copy.
    pub fn read(label: &Label, input: &mut impl Input) -> Result<Self, Failure> {
        let (found, ahead) = read_header(input).map_err(|error| stream_failure::header_input(label, &error))?;
        if let Some(copy) = found.damaged() {
            report::warning(&stream_failure::damaged_copy(label, copy));
        }
        let header = found.copy.parse(Chain::known_features(&[]));
        let header = header.map_err(|error| stream_failure::header(label, &error))?;
        Ok(Self { found, header, ahead })
    }
}
