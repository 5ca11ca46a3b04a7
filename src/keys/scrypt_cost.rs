//! What one scrypt run costs, and what a header may ask for (RFC 7914).

use memmap2::MmapMut;
use thiserror::Error;

use super::{Key, Passphrase};
use crate::container::PassphraseSlot;

/// The memory that one scrypt run may take unless a caller lifts the limit: 1 GiB.
pub const DEFAULT_KDF_MEMORY: u64 = 1 << 30;

const BASE_WORK: u64 = 1 << 25;
const MEMORY_PER_WORK: u64 = 32;
const SALT_LABEL: &[u8] = b"reelseal v1 passphrase slot";

/// scrypt's parameters, within the bounds of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScryptCost {
    log_n: u8,
    r: u32,
    p: u32,
}

/// Why scrypt is not run.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum KdfError {
    /// A parameter is out of the format's bounds.
    #[error("scrypt parameters log2 N = {log_n}, r = {r}, p = {p} are out of bounds")]
    OutOfBounds {
        /// log2 N.
        log_n: u8,
        /// r.
        r: u32,
        /// p.
        p: u32,
    },
    /// One run takes more memory than allowed.
    #[error("scrypt needs {needed} bytes of memory, but only {limit} are allowed")]
    Memory {
        /// Bytes that the run takes.
        needed: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// All runs together take more work than allowed.
    #[error("the passphrase slots need {work} units of scrypt work, but only {limit} are allowed")]
    Work {
        /// The sum of N·r·p.
        work: u64,
        /// The sum allowed.
        limit: u64,
        /// The memory limit, in bytes, that would allow it.
        memory_limit_needed: u64,
    },
    /// The machine does not have enough memory.
    #[error("scrypt needs {needed} bytes of memory, which the system cannot provide")]
    OutOfMemory {
        /// Bytes that the run takes.
        needed: u64,
    },
}

/// What scrypt may cost in opening one stream.
#[derive(Clone, Copy, Debug)]
pub struct KdfLimits {
    /// Bytes of memory for one run. The limit on all work, 2^25 units of N·r·p, grows with it, by one unit for every 32
    /// bytes.
    pub memory: u64,
}

impl Default for KdfLimits {
    fn default() -> Self {
        Self { memory: DEFAULT_KDF_MEMORY }
    }
}

impl KdfLimits {
    fn work(self) -> u64 {
        BASE_WORK.max(self.memory / MEMORY_PER_WORK)
    }

    /// Whether the runs that the distinct `slots` ask for are allowed.
    ///
    /// # Errors
    ///
    /// [`KdfError`].
    pub fn check(self, slots: &[PassphraseSlot]) -> Result<(), KdfError> {
        self.check_with_new(slots, &[])
    }

    /// Like [`KdfLimits::check`], with one more run at each of the costs `new`.
    pub(super) fn check_with_new(self, slots: &[PassphraseSlot], new: &[ScryptCost]) -> Result<(), KdfError> {
        let mut work = 0u64;
        for (at, slot) in slots.iter().enumerate() {
            let cost = ScryptCost::of(slot)?;
            self.check_memory(cost)?;
            let same = |other: &PassphraseSlot| {
                (other.salt, other.log_n, other.r, other.p) == (slot.salt, slot.log_n, slot.r, slot.p)
            };
            if !slots.iter().take(at).any(same) {
                work = work.saturating_add(cost.work());
            }
        }
        for &cost in new {
            self.check_memory(cost)?;
            work = work.saturating_add(cost.work());
        }
        if work > self.work() {
            let memory_limit_needed = work.saturating_mul(MEMORY_PER_WORK);
            return Err(KdfError::Work { work, limit: self.work(), memory_limit_needed });
        }
        Ok(())
    }

    /// Whether one run at `cost` stays within the memory allowed.
    ///
    /// # Errors
    ///
    /// [`KdfError::Memory`].
    pub fn check_memory(self, cost: ScryptCost) -> Result<(), KdfError> {
        if cost.memory() > self.memory {
            return Err(KdfError::Memory { needed: cost.memory(), limit: self.memory });
        }
        Ok(())
    }
}

impl Default for ScryptCost {
    /// N = 2^18, r = 8, p = 1: 256 MiB.
    fn default() -> Self {
        Self { log_n: 18, r: 8, p: 1 }
    }
}

impl ScryptCost {
    /// The cost N = 2^`log_n`, `r`, `p`.
    ///
    /// # Errors
    ///
    /// [`KdfError::OutOfBounds`] unless log2 N is 1..=30 and less than 16·r, r 1..=32 and p 1..=16.
    pub fn new(log_n: u8, r: u32, p: u32) -> Result<Self, KdfError> {
        let in_range = (1..=30).contains(&log_n) && (1..=32).contains(&r) && (1..=16).contains(&p);
        // RFC 7914, section 2: N is less than 2^(128·r/8). An erratum questions that bound, so the crate does not check
        // it; but OpenSSL does, and a stream must open everywhere.
        if in_range && u32::from(log_n) < 16 * r {
            Ok(Self { log_n, r, p })
        } else {
            Err(KdfError::OutOfBounds { log_n, r, p })
        }
    }

    /// The cost that `slot` names.
    ///
    /// # Errors
    ///
    /// [`KdfError::OutOfBounds`].
    pub fn of(slot: &PassphraseSlot) -> Result<Self, KdfError> {
        Self::new(slot.log_n, slot.r, slot.p)
    }

    /// log2 N, r and p.
    pub fn parameters(self) -> (u8, u32, u32) {
        (self.log_n, self.r, self.p)
    }

    /// Bytes that one run takes: 128·r·(N + p + 1).
    pub fn memory(self) -> u64 {
        128 * u64::from(self.r) * ((1 << self.log_n) + u64::from(self.p) + 1)
    }

    /// The work of one run: N·r·p.
    pub fn work(self) -> u64 {
        (1 << self.log_n) * u64::from(self.r) * u64::from(self.p)
    }

    /// The key-encryption key of `passphrase` under `salt`; takes [`ScryptCost::memory`] bytes and frees them.
    ///
    /// # Errors
    ///
    /// [`KdfError::OutOfMemory`].
    pub fn derive(self, passphrase: &Passphrase, salt: &[u8]) -> Result<Key, KdfError> {
        self.reserve()?;
        let salt = [SALT_LABEL, salt].concat();
        let mut key = Key::zeroed();
        scrypt(passphrase.bytes(), &salt, self, key.bytes_mut())?;
        Ok(key)
    }

    /// scrypt aborts the process when memory is short: ask for the memory first, here, where a refusal can be reported.
    fn reserve(self) -> Result<(), KdfError> {
        let needed = self.memory();
        let refused = KdfError::OutOfMemory { needed };
        let bytes = usize::try_from(needed).map_err(|_| refused)?;
        // Mapped, not allocated: an allocator that wipes freed memory would touch every page of it.
        MmapMut::map_anon(bytes).map(drop).map_err(|_| refused)
    }
}

fn scrypt(passphrase: &[u8], salt: &[u8], cost: ScryptCost, output: &mut [u8]) -> Result<(), KdfError> {
    let out_of_bounds = KdfError::OutOfBounds { log_n: cost.log_n, r: cost.r, p: cost.p };
    let params = scrypt::Params::new(cost.log_n, cost.r, cost.p).map_err(|_| out_of_bounds)?;
    scrypt::scrypt(passphrase, salt, &params, output).map_err(|_| out_of_bounds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(log_n: u8, r: u32, p: u32, salt: u8) -> PassphraseSlot {
        PassphraseSlot { log_n, r, p, salt: [salt; 32], wrapped: [0; 40] }
    }

    /// RFC 7914 section 12, the second and third vectors, to 32 of their 64 bytes.
    #[test]
    fn scrypt_gives_the_bytes_of_rfc_7914() {
        let vectors = [
            ("password", "NaCl", (10, 8, 16), "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"),
            (
                "pleaseletmein",
                "SodiumChloride",
                (14, 8, 1),
                "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2",
            ),
        ];
        for (passphrase, salt, (log_n, r, p), expected) in vectors {
            let mut output = [0; 32];
            scrypt(passphrase.as_bytes(), salt.as_bytes(), ScryptCost { log_n, r, p }, &mut output).unwrap();
            assert_eq!(base16ct::lower::encode_string(&output), expected);
        }
    }

    #[test]
    fn the_default_is_within_the_limits_and_n_of_2_to_the_20_is_not() {
        assert_eq!(KdfLimits::default().check(&[slot(18, 8, 1, 0)]), Ok(()));
        let (needed, limit) = ((1 << 30) + 2048, 1 << 30);
        assert_eq!(KdfLimits::default().check(&[slot(20, 8, 1, 0)]), Err(KdfError::Memory { needed, limit }));
        assert_eq!(KdfLimits { memory: needed }.check(&[slot(20, 8, 1, 0)]), Ok(()));
    }

    #[test]
    fn work_counts_each_distinct_run_once() {
        let distinct: Vec<_> = (0..5).map(|salt| slot(19, 8, 2, salt)).collect();
        assert!(matches!(KdfLimits::default().check(&distinct), Err(KdfError::Work { .. })));
        assert_eq!(KdfLimits::default().check(&vec![slot(19, 8, 2, 0); 5]), Ok(()));
        let Err(KdfError::Work { memory_limit_needed, .. }) = KdfLimits::default().check(&distinct) else { panic!() };
        assert_eq!(KdfLimits { memory: memory_limit_needed }.check(&distinct), Ok(()));
    }

    #[test]
    fn the_work_of_two_slots_may_reach_the_limit_and_not_pass_it() {
        let reached = [slot(19, 8, 4, 0), slot(19, 8, 4, 1)];
        assert_eq!(KdfLimits::default().check(&reached), Ok(()));
        let passed = [reached.as_slice(), &[slot(1, 1, 1, 2)]].concat();
        assert!(matches!(KdfLimits::default().check(&passed), Err(KdfError::Work { .. })));
    }

    #[test]
    fn parameters_out_of_bounds_are_refused_whatever_the_limit() {
        let ranges = [(0, 8, 1), (31, 8, 1), (18, 0, 1), (18, 33, 1), (18, 8, 0), (18, 8, 17), (255, 0, 0)];
        let n_too_large_for_r = [(16, 1, 1), (30, 1, 16)];
        for (log_n, r, p) in ranges.into_iter().chain(n_too_large_for_r) {
            let refused = KdfLimits { memory: u64::MAX }.check(&[slot(log_n, r, p, 0)]);
            assert_eq!(refused, Err(KdfError::OutOfBounds { log_n, r, p }));
        }
    }

    #[test]
    fn parameters_at_the_bounds_are_allowed() {
        for (log_n, r, p) in [(1, 1, 1), (15, 1, 16), (30, 2, 1), (30, 32, 16)] {
            assert_eq!(ScryptCost::new(log_n, r, p).unwrap().parameters(), (log_n, r, p));
        }
    }

    #[test]
    fn memory_that_no_machine_has_is_reported_and_not_aborted_on() {
        let cost = ScryptCost::new(30, 32, 16).unwrap();
        let refused = cost.derive(&Passphrase::new("a").unwrap(), &[0; 32]).unwrap_err();
        assert_eq!(refused, KdfError::OutOfMemory { needed: cost.memory() });
    }
}
