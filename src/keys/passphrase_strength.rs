//! How easily a passphrase is guessed.

use zxcvbn::{Score, zxcvbn};

/// Why `passphrase` is easy to guess, if it is: a lower-case fact. Only its first 100 characters are examined: zxcvbn
/// is slow on more, and what is easy to guess is shorter.
///
/// Below a score of three, 10^8 guesses would do: at scrypt's default cost, some two years on one core, or days on
/// rented machines. Three, up to 10^10 guesses, is what zxcvbn's authors consider safe with a slow hash.
pub(crate) fn weakness(passphrase: &str) -> Option<String> {
    let estimate = zxcvbn(passphrase, &[]);
    if estimate.score() >= Score::Three {
        return None;
    }
    let feedback = estimate.feedback();
    let warning = feedback.and_then(|feedback| feedback.warning()).map(|warning| warning.to_string());
    let suggestion = || Some(feedback?.suggestions().first()?.to_string());
    Some(warning.or_else(suggestion).map_or_else(|| "it is short or common".to_owned(), |text| as_fact(&text)))
}

/// The first sentence of `text`, without the capital and the full stop.
fn as_fact(text: &str) -> String {
    let sentence = text.split(". ").next().unwrap_or(text).trim_end_matches('.');
    let (first, rest) = sentence.split_at_checked(1).unwrap_or_default();
    first.to_ascii_lowercase() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::generated_passphrase::generate;

    #[test]
    fn common_and_short_passphrases_are_weak_and_the_reason_is_given() {
        assert_eq!(weakness("password").unwrap(), "this is a top-10 common password");
        assert_eq!(weakness("letmein").unwrap(), "this is a top-100 common password");
        assert_eq!(weakness("giraffes").unwrap(), "add another word or two");
        for common in ["P@ssw0rd1", "qwertyuiop", "19.11.1987", "aaaaaaaaaaaaaaaaaaaa", "\u{e9}t\u{e9}"] {
            assert!(weakness(common).is_some(), "{common}");
        }
    }

    #[test]
    fn a_few_words_at_random_are_not_weak() {
        assert_eq!(weakness("thirteen zebras drink lukewarm lemonade"), None);
        assert_eq!(weakness(&generate().unwrap()), None);
    }

    #[test]
    fn only_the_first_100_characters_of_a_long_passphrase_are_checked() {
        let repeated = "abc".repeat(34);
        assert!(weakness(&(repeated + "thirteen zebras drink lukewarm lemonade")).is_some());
    }
}
