//! A 32-byte secret that wipes itself, and randomness from the operating system.

use std::{fmt, io};

use rand::{TryRng, rngs::SysRng};
use thiserror::Error;
use zeroize::{Zeroize, Zeroizing};

use crate::system;

/// A 32-byte key. It stays in one place in memory, which is wiped when it is dropped.
#[derive(Clone)]
pub struct Key(Box<Zeroizing<[u8; Self::LENGTH]>>);

/// The operating system gave no randomness.
#[derive(Debug, Error)]
#[error("the operating system gave no randomness")]
pub struct RandomnessUnavailable;

impl Key {
    /// Bytes of a key.
    pub const LENGTH: usize = 32;

    /// The key with these bytes.
    pub fn from_bytes(bytes: [u8; Self::LENGTH]) -> Self {
        Self(Box::new(Zeroizing::new(bytes)))
    }

    /// A fresh random key.
    ///
    /// # Errors
    ///
    /// [`RandomnessUnavailable`].
    pub fn random() -> Result<Self, RandomnessUnavailable> {
        let mut key = Self::zeroed();
        fill(key.bytes_mut())?;
        Ok(key)
    }

    /// The key's bytes.
    pub fn bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }

    /// The key that is `hash`, which is wiped.
    pub(super) fn from_hash(mut hash: blake3::Hash) -> Self {
        let key = Self::from_bytes(*hash.as_bytes());
        hash.zeroize();
        key
    }

    pub(super) fn zeroed() -> Self {
        Self::from_bytes([0; Self::LENGTH])
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8; Self::LENGTH] {
        &mut self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Key(..)")
    }
}

/// `N` fresh random bytes, for an IV or a salt.
///
/// # Errors
///
/// [`RandomnessUnavailable`].
pub fn random_bytes<const N: usize>() -> Result<[u8; N], RandomnessUnavailable> {
    let mut bytes = [0; N];
    fill(&mut bytes)?;
    Ok(bytes)
}

fn fill(bytes: &mut [u8]) -> Result<(), RandomnessUnavailable> {
    SysRng.try_fill_bytes(bytes).or_else(|_| fill_by_system_call(bytes))
}

/// A static binary has no `getrandom` for `SysRng` to look up at run time, and without /dev there is no other source.
fn fill_by_system_call(mut bytes: &mut [u8]) -> Result<(), RandomnessUnavailable> {
    while !bytes.is_empty() {
        match system::random(bytes) {
            Ok(filled) => bytes = bytes.get_mut(filled..).ok_or(RandomnessUnavailable)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Err(RandomnessUnavailable),
        }
    }
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_system_call_fills_more_than_it_gives_at_once() {
        // The system never returns more than 32 MiB minus one byte at once.
        let mut bytes = vec![0; (32 << 20) + 64];
        fill_by_system_call(&mut bytes).unwrap();
        for part in [&bytes[..64], &bytes[(32 << 20) - 32..32 << 20], &bytes[32 << 20..]] {
            assert!(part.iter().any(|&byte| byte != 0));
        }
    }
}
