//! `reelseal speed`: how fast this machine does each part of the work.

mod report;

use report::Report;

use crate::{
    cli::messages::{
        failure::{Exit, Failure},
        standard_output, stream_failure,
    },
    measure::{rates::Rates, scrypt_times::ScryptTimes},
};

pub(in crate::cli) fn speed(as_json: bool) -> Result<(), Failure> {
    let rates = Rates::measure().map_err(|error| Failure::new(Exit::InputOutput, error.to_string()))?;
    let scrypt = ScryptTimes::measure().map_err(|error| stream_failure::kdf("scrypt", &error))?;
    let report = Report { rates, scrypt };
    if as_json { standard_output::json(&report.to_json()) } else { standard_output::text(report.to_table().as_bytes()) }
}
