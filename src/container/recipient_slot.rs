//! The key slot of a recipient, whose body is an age file: its outline, as far as it can be read without a key.

use thiserror::Error;

/// More recipient slots than this are refused: each is tried with every identity.
pub const MAX_RECIPIENT_SLOTS: usize = 32;
/// The most bytes of one recipient slot's body.
pub const MAX_RECIPIENT_BODY: usize = 16_384;
/// The most stanzas in one recipient slot.
pub const MAX_STANZAS: usize = 16;

/// The fewest bytes of a body: one stanza with a type of one letter and an empty body.
pub(crate) const SHORTEST_BODY: usize = 22 + "-> a\n\n".len() + 4 + ENCODED_MAC_LENGTH + 1 + PAYLOAD_LENGTH;

const INTRODUCTION: &[u8] = b"age-encryption.org/v1\n";
const ARMOUR: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";
const STANZA: &[u8] = b"-> ";
const MAC: &[u8] = b"--- ";
/// 32 bytes in base64 without padding.
const ENCODED_MAC_LENGTH: usize = 43;
const COLUMNS: usize = 64;
/// The bytes that follow an age header: a nonce of 16, the file key of 32, and an authentication tag of 16.
const PAYLOAD_LENGTH: usize = 64;
const SCRYPT: &str = "scrypt";
/// The end of the type of a stanza that exists only to make readers ignore what they do not know.
const GREASE: &str = "-grease";

/// A key slot that opens with an identity: the private key that belongs to a public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipientSlot {
    /// One binary age file, version 1, that encrypts exactly the 32-byte file key.
    pub body: Vec<u8>,
}

/// What wraps the key of an age file for one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stanza {
    /// Type and arguments, printable ASCII, separated by single spaces.
    line: String,
}

/// Why the body of a recipient slot is refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecipientSlotError {
    /// It does not begin as an age file of version 1.
    #[error("a recipient's key slot is not an age file of version 1")]
    NotAge,
    /// It is an armoured age file, in ASCII.
    #[error("a recipient's key slot is an armoured age file, not a binary one")]
    Armoured,
    /// The age header is malformed.
    #[error("the age file in a recipient's key slot is malformed")]
    Malformed,
    /// More than 16 stanzas.
    #[error("a recipient's key slot has more than {MAX_STANZAS} stanzas")]
    TooManyStanzas,
    /// A stanza for a passphrase, which would bypass the limits on scrypt's cost.
    #[error("a recipient's key slot holds an scrypt stanza, which would bypass the limits on scrypt")]
    Scrypt,
    /// The age file does not encrypt 32 bytes.
    #[error("the age file in a recipient's key slot does not hold exactly 32 bytes")]
    PayloadLength,
}

impl RecipientSlot {
    /// The stanzas of the age file, in order. No key is used, and nothing in the slot is authenticated.
    ///
    /// # Errors
    ///
    /// [`RecipientSlotError`], the first problem found.
    pub fn stanzas(&self) -> Result<Vec<Stanza>, RecipientSlotError> {
        if self.body.starts_with(ARMOUR) {
            return Err(RecipientSlotError::Armoured);
        }
        let mut rest = self.body.strip_prefix(INTRODUCTION).ok_or(RecipientSlotError::NotAge)?;
        let mut stanzas = Vec::new();
        while let Some(more) = rest.strip_prefix(STANZA) {
            let (line, more) = line_of(more)?;
            let stanza = Stanza::parse(line)?;
            if stanza.kind() == SCRYPT {
                return Err(RecipientSlotError::Scrypt);
            }
            if stanzas.len() == MAX_STANZAS {
                return Err(RecipientSlotError::TooManyStanzas);
            }
            stanzas.push(stanza);
            rest = after_base64(more)?;
        }
        let (mac, payload) = line_of(rest.strip_prefix(MAC).ok_or(RecipientSlotError::Malformed)?)?;
        if stanzas.is_empty() || mac.len() != ENCODED_MAC_LENGTH || !is_base64(mac) {
            return Err(RecipientSlotError::Malformed);
        }
        if payload.len() == PAYLOAD_LENGTH { Ok(stanzas) } else { Err(RecipientSlotError::PayloadLength) }
    }
}

impl Stanza {
    fn parse(line: &[u8]) -> Result<Self, RecipientSlotError> {
        let is_word = |word: &[u8]| !word.is_empty() && word.iter().all(u8::is_ascii_graphic);
        if !line.split(|&byte| byte == b' ').all(is_word) {
            return Err(RecipientSlotError::Malformed);
        }
        let line = std::str::from_utf8(line).map_err(|_| RecipientSlotError::Malformed)?;
        Ok(Self { line: line.to_owned() })
    }

    /// The stanza's type, such as `X25519`.
    pub fn kind(&self) -> &str {
        self.words().next().unwrap_or_default()
    }

    /// The stanza's arguments.
    pub fn arguments(&self) -> impl Iterator<Item = &str> {
        self.words().skip(1)
    }

    /// Whether the stanza is for nobody, and exists only to make readers ignore what they do not know.
    pub fn is_grease(&self) -> bool {
        self.kind().ends_with(GREASE)
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        self.line.split(' ')
    }
}

/// The line at the start of `bytes`, and what follows it.
fn line_of(bytes: &[u8]) -> Result<(&[u8], &[u8]), RecipientSlotError> {
    let end = bytes.iter().position(|&byte| byte == b'\n').ok_or(RecipientSlotError::Malformed)?;
    let (line, rest) = bytes.split_at(end);
    Ok((line, rest.get(1..).unwrap_or_default()))
}

/// What follows the stanza's body at the start of `bytes`: full lines, and a last one that is shorter, or empty.
fn after_base64(mut bytes: &[u8]) -> Result<&[u8], RecipientSlotError> {
    loop {
        let (line, rest) = line_of(bytes)?;
        if line.len() > COLUMNS || !is_base64(line) {
            return Err(RecipientSlotError::Malformed);
        }
        if line.len() < COLUMNS {
            return Ok(rest);
        }
        bytes = rest;
    }
}

/// Whether `text` is canonical base64 without padding: the unused bits of its last digit are zero. age refuses the
/// whole file otherwise.
fn is_base64(text: &[u8]) -> bool {
    let unused_bits = match text.len() % 4 {
        0 => 0,
        2 => 0b1111,
        3 => 0b11,
        _ => return false,
    };
    text.iter().all(|&byte| digit(byte).is_some())
        && text.last().and_then(|&byte| digit(byte)).is_none_or(|last| last & unused_bits == 0)
}

/// The value of a base64 digit.
fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(stanzas: &[&str], payload: usize) -> Vec<u8> {
        let stanzas: String = stanzas.iter().map(|stanza| format!("-> {stanza}\n")).collect();
        let mut body = format!("age-encryption.org/v1\n{stanzas}--- {}\n", "A".repeat(43)).into_bytes();
        body.extend(std::iter::repeat_n(10, payload));
        body
    }

    fn with_mac(mac: &str) -> Vec<u8> {
        format!("age-encryption.org/v1\n-> a\n\n--- {mac}\n{}", "x".repeat(64)).into_bytes()
    }

    fn kinds(body: Vec<u8>) -> Result<Vec<String>, RecipientSlotError> {
        let stanzas = RecipientSlot { body }.stanzas()?;
        Ok(stanzas.iter().map(|stanza| stanza.kind().to_owned()).collect())
    }

    #[test]
    fn stanzas_are_named_with_their_arguments_whatever_they_are() {
        let lines = format!("{}\n{}\nAAA", "A".repeat(64), "b".repeat(64));
        let full = format!("{}\n", "A".repeat(64));
        let body = body(&[&format!("X25519 one\n{lines}"), "!?-grease\n", &format!("x a b c\n{full}")], 64);
        assert_eq!(kinds(body.clone()).unwrap(), ["X25519", "!?-grease", "x"]);
        let stanzas = RecipientSlot { body }.stanzas().unwrap();
        let arguments: Vec<Vec<_>> = stanzas.iter().map(|stanza| stanza.arguments().collect()).collect();
        assert_eq!(arguments, [vec!["one"], vec![], vec!["a", "b", "c"]]);
        assert_eq!(stanzas.iter().map(Stanza::is_grease).collect::<Vec<_>>(), [false, true, false]);
    }

    #[test]
    fn each_fault_has_an_error_of_its_own() {
        use RecipientSlotError::*;
        let many = |count| vec!["a\n"; count];
        assert_eq!(kinds(body(&many(16), 64)).unwrap().len(), 16);
        for (bytes, error) in [
            (b"".to_vec(), NotAge),
            (b"age-encryption.org/v2\n".to_vec(), NotAge),
            (b"-----BEGIN AGE ENCRYPTED FILE-----\n".to_vec(), Armoured),
            (body(&[], 64), Malformed),
            (body(&many(17), 64), TooManyStanzas),
            (body(&["X25519 a\n", "scrypt salt 30\n"], 64), Scrypt),
            (body(&["a\n"], 63), PayloadLength),
            (body(&["a\n"], 65), PayloadLength),
            (body(&["\n"], 64), Malformed),
            (body(&["a  b\n"], 64), Malformed),
            (body(&["a \n"], 64), Malformed),
            (body(&["a\u{e9}\n"], 64), Malformed),
            (body(&["a\n="], 64), Malformed),
            (body(&["a\nA"], 64), Malformed),
            (body(&["a\nAAAAA"], 64), Malformed),
            (body(&["a\nAB"], 64), Malformed),
            (body(&["a\nAAB"], 64), Malformed),
            (with_mac(&("A".repeat(42) + "B")), Malformed),
            (with_mac(&"A".repeat(42)), Malformed),
            (body(&[&format!("a\n{}", "A".repeat(65))], 64), Malformed),
            (body(&[&format!("a\n{}", "A".repeat(64))], 64), Malformed),
        ] {
            assert_eq!(kinds(bytes.clone()), Err(error), "{}", String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn the_shortest_body_is_accepted() {
        assert_eq!(body(&["a\n"], 64).len(), SHORTEST_BODY);
        assert!(kinds(body(&["a\n"], 64)).is_ok());
    }

    #[test]
    fn no_cut_body_is_accepted() {
        let whole = body(&["X25519 one\nAAAA", "b\n"], 64);
        for length in 0..whole.len() {
            assert!(kinds(whole[..length].to_vec()).is_err(), "{length}");
        }
    }
}
