//! A header saved in a separate file, in case both copies in the stream are damaged one day.

use std::{fs::Metadata, os::unix::fs::FileExt, path::Path};

use crate::{
    cli::messages::failure::Failure,
    files::{
        output::{Destination, Output, OutputRequest},
        protected::Protected,
    },
};

/// Writes the header copy `copy` twice, as at the start of a stream, to a file that only its owner can read. `read`
/// describes the files that no output may overwrite.
pub(super) fn save(copy: &[u8], path: &Path, replaces: bool, read: &[Metadata]) -> Result<(), Failure> {
    let mut protected = Protected::default();
    read.iter().for_each(|metadata| protected.add(metadata));
    let destination = Destination::resolve(&OutputRequest::File(path), &protected, replaces)?;
    match destination.open(true)? {
        Output::Direct(_) => {
            Err(Failure::usage("is not a file").about(path).with_hint("name a file that does not exist yet"))
        }
        Output::Atomic(file) => {
            let written = file.file().write_all_at(&copy.repeat(2), 0);
            written.map_err(|error| Failure::write(path, &error))?;
            destination.commit(file).map(|_nothing_to_carry| ()).map_err(Failure::from)
        }
    }
}
