//! What was measured, as a table for people and as JSON for programs.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::{
    cli::messages::byte_count::display_bytes,
    measure::{rates::Rates, scrypt_times::ScryptTimes},
};

pub(super) struct Report {
    pub rates: Rates,
    pub scrypt: ScryptTimes,
}

impl Report {
    pub fn to_table(&self) -> String {
        let Rates { frame_size, encryption, authentication, chain } = &self.rates;
        let mut table = format!("in memory, frames of {}:\n", display_bytes(frame_size.payload() as u64));
        let mut rate = |what: &str, workers: usize, bytes: u64| {
            let plural = if workers == 1 { "" } else { "s" };
            // Writing to a string does not fail.
            let _ = writeln!(table, "  {what:<14}{workers:>4} worker{plural:<3}{:>12}/s", display_bytes(bytes));
        };
        rate("AES-256-CTR", 1, *encryption);
        rate("keyed BLAKE3", 1, *authentication);
        for chain in chain {
            rate("sealing", chain.workers.get(), chain.sealing);
            rate("opening", chain.workers.get(), chain.opening);
        }
        let _ = writeln!(table, "scrypt, r = 8, p = 1:");
        for time in self.scrypt.iter() {
            let (memory, note) = (display_bytes(time.memory()), if time.measured { "" } else { ", estimated" });
            let _ = writeln!(table, "  N = 2^{:<7}{memory:>12}{:>12.2} s{note}", time.log_n, time.seconds);
        }
        let _ = writeln!(table, "about one second: --scrypt-log-n {}", self.scrypt.log_n_for_a_second());
        table
    }

    pub fn to_json(&self) -> Value {
        let Rates { frame_size, encryption, authentication, chain } = &self.rates;
        let chain =
            chain.iter().map(|chain| json!({ "workers": chain.workers, "seal": chain.sealing, "open": chain.opening }));
        let scrypt = self.scrypt.iter().map(|time| {
            json!({
                "log_n": time.log_n, "r": 8, "p": 1,
                "memory": time.memory(), "seconds": time.seconds, "measured": time.measured,
            })
        });
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "frame_size": frame_size.payload(),
            "bytes_per_second": {
                "aes_256_ctr": encryption,
                "blake3": authentication,
                "chain": chain.collect::<Vec<_>>(),
            },
            "scrypt": scrypt.collect::<Vec<_>>(),
            "scrypt_log_n_for_one_second": self.scrypt.log_n_for_a_second(),
        })
    }
}
