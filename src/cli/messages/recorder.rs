//! How a recorder is doing, and where that can be asked.

use std::{net::SocketAddr, path::Path};

use serde_json::json;

use super::{byte_count::display_bytes, display_name::display_path, event, report};
use crate::record::Snapshot;

/// Reports the `address` at which the recorder's status can be queried: the system may have chosen its port.
pub(in crate::cli) fn report_status_address(address: SocketAddr, quiet: bool) {
    if report::is_json() {
        let mut fields = event::of("status");
        fields.insert("address".to_owned(), json!(address));
        report::event(|| fields.into());
    } else if !quiet {
        report::note(&format!("status at http://{address}/status"));
    }
}

/// One line on how a recorder of `what` is doing.
pub(in crate::cli) fn status_line(what: &str, known: &Snapshot) -> String {
    let mut line = format!("{what}: {} received", display_bytes(known.bytes));
    if let Some(segment) = &known.segment {
        line += &format!(", recording {}", display_path(Path::new(segment)));
    }
    if known.has_producer {
        line += &match known.process {
            Some(process) => format!(", process {process}"),
            None => ", not running".to_owned(),
        };
    }
    match known.restarts {
        0 => {}
        1 => line += ", 1 restart",
        restarts => line += &format!(", {restarts} restarts"),
    }
    line
}
