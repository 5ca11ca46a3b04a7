//! A map of what is sound and what is missing, as ddrescue writes it and ddrescuelog reads it.
//! <https://www.gnu.org/software/ddrescue/manual/ddrescue_manual.html#Mapfile-structure>

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    ops::Range,
};

use crate::{
    cli::messages::{failure::Failure, file_failure::warn_unless_carried},
    files::output::{Destination, Output},
};

/// A map being written. Errors are reported at the end.
pub(super) struct MapFile {
    writer: BufWriter<File>,
    output: Output,
    failed: Option<io::Error>,
}

impl MapFile {
    pub fn create(destination: &Destination) -> Result<Self, Failure> {
        let output = destination.open(false)?;
        let file = match &output {
            Output::Direct(file) => file.try_clone(),
            Output::Atomic(file) => file.file().try_clone(),
        };
        let file = file.map_err(|error| Failure::write(&destination.label, &error))?;
        let mut map = Self { writer: BufWriter::new(file), output, failed: None };
        let version = env!("CARGO_PKG_VERSION");
        map.line(format_args!("# Mapfile. Created by reelseal version {version}"));
        map.line(format_args!("# Positions are those in the plaintext."));
        // Where a copy would resume, and in which phase: nowhere, since it is finished.
        map.line(format_args!("# current_pos  current_status  current_pass"));
        map.line(format_args!("0x00000000     +               1"));
        map.line(format_args!("#      pos        size  status"));
        Ok(map)
    }

    /// Adds a block, unless it is empty.
    pub fn block(&mut self, plaintext: &Range<u64>, is_sound: bool) {
        let size = plaintext.end.saturating_sub(plaintext.start);
        if size > 0 {
            let status = if is_sound { '+' } else { '-' };
            self.line(format_args!("{:#010X}  {size:#010X}  {status}", plaintext.start));
        }
    }

    /// Gives a file its name.
    pub fn finish(mut self, destination: &Destination) -> Result<(), Failure> {
        let flushed = self.writer.flush();
        self.failed.map_or(flushed, Err).map_err(|error| Failure::write(&destination.label, &error))?;
        match self.output {
            Output::Direct(_) => Ok(()),
            Output::Atomic(file) => {
                warn_unless_carried(&destination.label, destination.commit(file)?);
                Ok(())
            }
        }
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        if self.failed.is_none() {
            self.failed = writeln!(self.writer, "{line}").err();
        }
    }
}
