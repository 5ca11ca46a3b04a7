//! The secret word that must be in the path of a request.

use std::fmt;

use crate::keys::{RandomnessUnavailable, random_bytes};

/// 128 random bits. Anyone who knows them may read.
pub(crate) struct Token(String);

impl Token {
    /// # Errors
    ///
    /// [`RandomnessUnavailable`].
    pub fn random() -> Result<Self, RandomnessUnavailable> {
        random_word().map(Self)
    }

    /// Whether `word` is this token; the time that this takes reveals nothing about either.
    pub fn is(&self, word: &str) -> bool {
        // Comparing hashes takes constant time, and their lengths are equal.
        blake3::hash(self.0.as_bytes()) == blake3::hash(word.as_bytes())
    }

    /// The token, for an address that is shown to its owner.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// A word that nobody can guess: 128 random bits in hexadecimal digits.
///
/// # Errors
///
/// [`RandomnessUnavailable`].
pub(super) fn random_word() -> Result<String, RandomnessUnavailable> {
    random_bytes::<16>().map(|bytes| base16ct::lower::encode_string(&bytes))
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_itself_and_no_other_and_does_not_show() {
        let (one, other) = (Token::random().unwrap(), Token::random().unwrap());
        assert!(one.is(one.reveal()) && !one.is(other.reveal()) && !one.is("") && !one.is(&one.reveal()[1..]));
        assert_eq!((one.reveal().len(), format!("{one:?}").as_str()), (32, "Token(..)"));
    }
}
