//! What is known of a recorder, in the form that Prometheus reads.

use std::fmt::Write;

use super::board::Snapshot;

/// Everything that is known, in the text format.
pub(super) fn metrics(known: &Snapshot) -> String {
    let mut text = String::new();
    let mut metric = |name: &str, kind: &str, help: &str, value: f64| {
        // Writing to a string does not fail.
        let _ = write!(text, "# HELP reelseal_record_{name} {help}\n# TYPE reelseal_record_{name} {kind}\n");
        let _ = writeln!(text, "reelseal_record_{name} {value}");
    };
    let running = if known.process.is_some() { 1.0 } else { 0.0 };
    metric("uptime_seconds", "gauge", "Time since the recording began.", known.uptime.as_secs_f64());
    metric("received_bytes_total", "counter", "Bytes that have arrived.", known.bytes as f64);
    metric("segments_total", "counter", "Segments that were begun.", known.segments as f64);
    if let Some(at) = known.last_byte_at {
        metric("last_byte_timestamp_seconds", "gauge", "Time when the last byte arrived.", at as f64 / 1e6);
    }
    metric("memory_bytes", "gauge", "Resident memory of the recorder.", known.own_usage.memory as f64);
    metric("cpu_seconds_total", "counter", "Processor time of the recorder.", known.own_usage.cpu_seconds);
    if known.has_producer {
        metric("command_running", "gauge", "Whether the recorded command runs.", running);
        metric("restarts_total", "counter", "Times that the command was started again.", known.restarts as f64);
        metric("command_memory_bytes", "gauge", "Resident memory of the command.", known.usage.memory as f64);
        metric("command_cpu_seconds_total", "counter", "Processor time of the command.", known.usage.cpu_seconds);
    }
    text
}
