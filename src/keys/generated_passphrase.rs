//! A random passphrase of words that are easy to write down and type.

use bip39::Language;
use zeroize::Zeroizing;

use super::{RandomnessUnavailable, random_bytes};

/// 88 bits: with scrypt for each guess, far more than all the machines in the world can get through.
const WORDS: usize = 8;
const SEPARATOR: &str = "-";
const MAX_WORD_LENGTH: usize = 8;

/// A fresh passphrase; it stays in one place in memory, which is wiped when it is dropped.
///
/// # Errors
///
/// [`RandomnessUnavailable`].
pub(crate) fn generate() -> Result<Zeroizing<String>, RandomnessUnavailable> {
    let random = Zeroizing::new(random_bytes::<{ 2 * WORDS }>()?);
    let mut passphrase = Zeroizing::new(String::with_capacity(WORDS * (MAX_WORD_LENGTH + SEPARATOR.len())));
    for number in random.as_chunks().0 {
        if !passphrase.is_empty() {
            passphrase.push_str(SEPARATOR);
        }
        passphrase.push_str(word(u16::from_le_bytes(*number)));
    }
    Ok(passphrase)
}

/// The 2^16 numbers are divided equally among the 2^11 words, so no word is likelier than another.
fn word(number: u16) -> &'static str {
    let words = Language::English.word_list();
    words[usize::from(number) % words.len()]
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    #[test]
    fn every_word_is_equally_likely_and_eight_of_them_give_88_bits() {
        let mut numbers_of: HashMap<_, usize> = HashMap::new();
        for number in 0..=u16::MAX {
            *numbers_of.entry(word(number)).or_default() += 1;
        }
        assert!(numbers_of.values().all(|&numbers| numbers == 1 << 5));
        assert_eq!(WORDS * numbers_of.len().ilog2() as usize, 88);
    }

    #[test]
    fn words_are_short_ascii_letters_so_that_they_can_be_typed_anywhere() {
        for word in Language::English.word_list() {
            assert!(word.len() <= MAX_WORD_LENGTH && word.bytes().all(|byte| byte.is_ascii_lowercase()), "{word}");
        }
    }

    #[test]
    fn a_passphrase_has_all_its_words_and_is_never_the_same() {
        let known: HashSet<_> = Language::English.word_list().iter().copied().collect();
        let passphrases: HashSet<_> = (0..100).map(|_| generate().unwrap().to_string()).collect();
        assert_eq!(passphrases.len(), 100);
        for passphrase in passphrases {
            let words: Vec<_> = passphrase.split(SEPARATOR).collect();
            assert!(words.len() == WORDS && words.iter().all(|word| known.contains(word)), "{passphrase}");
        }
    }
}
