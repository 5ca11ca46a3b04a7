//! The header at the front of an input: read, a damaged copy told of, and parsed.

use crate::{
    cli::messages::{failure::Failure, report, stream_failure},
    container::ParsedHeader,
    stage::Chain,
    stream::{Input, read_header},
};

/// A stream's header, and what was read of the frames behind it.
pub(in crate::cli) struct StreamHeader {
    pub parsed: ParsedHeader,
    pub ahead: Vec<u8>,
}

impl StreamHeader {
    /// Reads the header of the stream `name`, and warns of a damaged copy.
    pub fn read(name: &str, input: &mut impl Input) -> Result<Self, Failure> {
        let (found, ahead) = read_header(input).map_err(|error| stream_failure::header_input(name, &error))?;
        if let Some(copy) = found.damaged() {
            report::warning(&stream_failure::damaged_copy(name, copy));
        }
        let parsed = found.copy.parse(Chain::known_features(&[]));
        let parsed = parsed.map_err(|error| stream_failure::header(name, &error))?;
        Ok(Self { parsed, ahead })
    }
}
