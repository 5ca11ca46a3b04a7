//! Recipients lock, identities open, and no key is used before stanzas and slots have been counted.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use age::{Callbacks, DecryptError, NoCallbacks, scrypt, secrecy::SecretString, x25519};

use super::*;
use crate::{
    container::{Features, Header, HeaderLength, Layout, ParsedHeader, RecipientSlot, Search, Slot, search_header},
    keys::{Credential, KdfLimits, Key, KeyFile, KeySlots, Lock, LockError, NewStream, SlotKind, UnlockError, unlock},
};

/// Gives the same answer to every question, and keeps the questions.
#[derive(Clone, Default)]
struct Answers {
    passphrase: Option<&'static str>,
    questions: Arc<Mutex<Vec<String>>>,
}

impl Answers {
    fn of(passphrase: &'static str) -> Self {
        Self { passphrase: Some(passphrase), ..Self::default() }
    }

    fn questions(&self) -> Vec<String> {
        self.questions.lock().unwrap().clone()
    }
}

impl Callbacks for Answers {
    fn display_message(&self, _: &str) {}

    fn confirm(&self, _: &str, _: &str, _: Option<&str>) -> Option<bool> {
        None
    }

    fn request_public_string(&self, _: &str) -> Option<String> {
        None
    }

    fn request_passphrase(&self, question: &str) -> Option<SecretString> {
        self.questions.lock().unwrap().push(question.to_owned());
        self.passphrase.map(|passphrase| SecretString::from(passphrase.to_owned()))
    }
}

/// Counts how many stanzas it is shown, in how many age files, and opens none.
#[derive(Clone, Default)]
struct Counting(Arc<AtomicUsize>);

impl age::Identity for Counting {
    fn unwrap_stanza(&self, _: &age_core::format::Stanza) -> Option<Result<age_core::format::FileKey, DecryptError>> {
        None
    }

    fn unwrap_stanzas(
        &self,
        _: &[age_core::format::Stanza],
    ) -> Option<Result<age_core::format::FileKey, DecryptError>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        None
    }
}

fn lock_for(recipient: &str) -> Lock {
    Lock::with_recipient(&Recipient::parse(recipient, NoCallbacks).unwrap())
}

fn stream(lock: &Lock) -> NewStream {
    lock.new_stream(Layout::default(), Features::NONE).unwrap()
}

fn parsed(stream: &NewStream) -> ParsedHeader {
    let copies = stream.keys.seal_header(&stream.header).unwrap();
    let Ok(Search::Found(found)) = search_header(&copies, true) else { panic!() };
    found.copy.parse(Features::NONE).unwrap()
}

fn identities(files: &[&str], callbacks: &impl Callbacks) -> Credential {
    let mut identities = Identities::default();
    for (at, file) in files.iter().enumerate() {
        identities.add_file(&format!("file {at}"), file.as_bytes(), callbacks).unwrap();
    }
    identities.into()
}

fn opened_slot(stream: &NewStream, credential: &mut Credential) -> Result<usize, UnlockError> {
    unlock(&parsed(stream), credential).map(|unlocked| unlocked.slot.number().get())
}

#[test]
fn each_of_several_recipients_opens_its_own_slot_and_nobody_else_opens_any() {
    let [one, two, other] = [(); 3].map(|()| NewIdentity::generate("now").unwrap());
    let key_file = KeyFile::random().unwrap();
    let lock = Lock::with_key_file(&key_file).or(lock_for(&one.recipient)).unwrap().or(lock_for(&two.recipient));
    let stream = stream(&lock.unwrap());
    assert_eq!(opened_slot(&stream, &mut identities(&[&one.text], &NoCallbacks)).unwrap(), 2);
    assert_eq!(opened_slot(&stream, &mut identities(&[&other.text, &two.text], &NoCallbacks)).unwrap(), 3);
    assert_eq!(opened_slot(&stream, &mut key_file.into()).unwrap(), 1);
    let refused = opened_slot(&stream, &mut identities(&[&other.text], &NoCallbacks));
    assert!(matches!(refused, Err(UnlockError::WrongSecret(SlotKind::Recipient))));
}

#[test]
fn an_identity_is_tried_with_each_slot_once_and_with_none_of_a_header_that_is_refused() {
    let counting = Counting::default();
    let tried = |header: &Header, credential: &mut Credential| {
        let before = counting.0.load(Ordering::Relaxed);
        let keys = crate::keys::StageKeys::derive(&Key::from_bytes([1; 32]), &header.prefix);
        let result = opened_slot(&NewStream { header: header.clone(), keys }, credential);
        (counting.0.load(Ordering::Relaxed) - before, result.unwrap_err())
    };
    let mut credential = Credential::from(Identities::of(counting.clone()));
    let of = |slots: Vec<Slot>| {
        let header = stream(&lock_for(&NewIdentity::generate("now").unwrap().recipient)).header;
        Header { length: HeaderLength::MAX, records: slots.iter().map(Into::into).collect(), ..header }
    };
    let slot = |stanzas: &str| {
        let body = format!("age-encryption.org/v1\n{stanzas}--- {}\n{}", "A".repeat(43), "x".repeat(64));
        Slot::Recipient(RecipientSlot { body: body.into_bytes() })
    };
    let sixteen = slot(&"-> X25519 a\n\n".repeat(16));
    let (count, error) = tried(&of(vec![sixteen.clone(); 32]), &mut credential);
    assert!(matches!(error, UnlockError::WrongSecret(_)), "{error}");
    assert_eq!(count, 32);

    let (count, error) = tried(&of(vec![sixteen.clone(); 33]), &mut credential);
    assert!(matches!(error, UnlockError::TooManyRecipientSlots(33)), "{error}");
    assert_eq!(count, 0);
    for crafted in ["-> X25519 a\n\n".repeat(17), "-> scrypt salt 30\n\n".to_owned(), String::new()] {
        let (count, error) = tried(&of(vec![sixteen.clone(), slot(&crafted)]), &mut credential);
        assert!(matches!(error, UnlockError::RecipientSlot(_)), "{error}");
        assert_eq!(count, 0);
    }
}

#[test]
fn a_slot_that_is_not_sound_is_passed_over() {
    let identity = NewIdentity::generate("now").unwrap();
    let mut stream = stream(&lock_for(&identity.recipient));
    let record = stream.header.records.remove(0);
    let Some(Slot::Recipient(sound)) = record.slot().unwrap() else { panic!() };
    // One byte each of the share, which begins after `age-encryption.org/v1\n-> X25519 `, of the MAC, which comes
    // before the payload, and of the payload's nonce, file key and end.
    let length = sound.body.len();
    let altered = [40, length - 100, length - 64, length - 40, length - 1].map(|place| {
        let mut body = sound.body.clone();
        // Base64 stays base64.
        body[place] = if body[place] == b'A' { b'B' } else { b'A' };
        RecipientSlot { body }
    });
    let slots = altered.into_iter().chain([sound]);
    stream.header.records = slots.map(|slot| (&Slot::Recipient(slot)).into()).collect();
    assert_eq!(opened_slot(&stream, &mut identities(&[&identity.text], &NoCallbacks)).unwrap(), 6);
}

#[test]
fn no_two_slots_are_alike_and_each_is_within_the_bounds() {
    let lock = lock_for(&NewIdentity::generate("now").unwrap().recipient);
    let slots: Vec<_> = (0..50).map(|_| lock.new_slots(&Key::from_bytes([1; 32])).unwrap().remove(0)).collect();
    for (at, slot) in slots.iter().enumerate() {
        let Slot::Recipient(slot) = slot else { panic!() };
        assert!((232..470).contains(&slot.body.len()), "{}", slot.body.len());
        let stanzas = slot.stanzas().unwrap();
        assert_eq!(stanzas.iter().filter(|stanza| !stanza.is_grease()).count(), 1);
        assert!(!slots[..at].contains(&Slot::Recipient(slot.clone())));
    }
}

#[test]
fn a_lock_takes_32_recipients_and_no_33rd_and_the_header_grows_to_hold_them() {
    let recipient = NewIdentity::generate("now").unwrap().recipient;
    let many = |count| (1..count).try_fold(lock_for(&recipient), |lock, _| lock.or(lock_for(&recipient)));
    let room = |count: usize| {
        let stream = many(count).unwrap().new_roomy_stream(Layout::default(), Features::NONE).unwrap();
        let taken: usize = stream.header.records.iter().map(|record| record.encoded_length()).sum();
        assert!(stream.keys.seal_header(&stream.header).is_ok());
        (stream.header.length.bytes(), stream.header.length.record_area() - taken)
    };
    assert_eq!(room(1).0, 4096);
    for count in [4, 8, 32] {
        let (length, free) = room(count);
        assert!(length % 4096 == 0 && (2048..2048 + 4096).contains(&free), "{count}: {length}, {free}");
    }
    assert!(matches!(many(33), Err(LockError::TooManyRecipients)));
}

#[test]
fn a_header_has_room_to_add_any_recipient_that_needs_no_plugin() {
    let of = |recipient: &str| Recipient::parse(recipient.trim(), NoCallbacks).unwrap();
    let roomy = lock_for(&NewIdentity::generate("now").unwrap().recipient);
    let full = (1..8).try_fold(roomy, |lock, _| lock.or(lock_for(&NewIdentity::generate("now").unwrap().recipient)));
    let stream = full.unwrap().new_roomy_stream(Layout::default(), Features::NONE).unwrap();
    let slots = KeySlots::of(&stream.header).unwrap();
    for (recipient, kind) in [(TAG_PQ, "mlkem768p256tag"), (TAG, "p256tag"), (RSA_PUBLIC, "ssh-rsa")] {
        let lock = Lock::with_recipient(&of(recipient));
        // The length of a stanza for nobody differs.
        for _ in 0..20 {
            let new = lock.new_slots(&Key::from_bytes([1; 32])).unwrap();
            let Slot::Recipient(slot) = &new[0] else { panic!() };
            assert_eq!(slot.stanzas().unwrap()[0].kind(), kind);
            assert!(slots.with_added(&new, KdfLimits::default()).is_ok(), "{kind}: {}", slot.body.len());
        }
    }
    assert!(of(RSA_PUBLIC).is_rsa() && !of(TAG_PQ).is_rsa());
}

/// From a point and an ML-KEM key that were made for this test.
const TAG: &str = include_str!("../../../tests/data/age1tag.pub");
const TAG_PQ: &str = include_str!("../../../tests/data/age1tagpq.pub");
const RSA_PUBLIC: &str = include_str!("../../../tests/data/ssh-rsa-key.pub");

/// A plugin that counts its runs, and fails.
#[derive(Clone, Default)]
struct FailingPlugin(Arc<AtomicUsize>);

impl age::Identity for FailingPlugin {
    fn unwrap_stanza(&self, _: &age_core::format::Stanza) -> Option<Result<age_core::format::FileKey, DecryptError>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Some(Err(DecryptError::Plugin(Vec::new())))
    }
}

#[test]
fn a_plugin_that_fails_runs_once_for_a_header_and_again_for_the_next() {
    let plugin = FailingPlugin::default();
    let lock = (1..8).fold(lock_for(SSH_PUBLIC), |lock, _| lock.or(lock_for(SSH_PUBLIC)).unwrap());
    let mut credential = Credential::from(Identities::of(plugin.clone()));
    for runs in [1, 2] {
        let refused = opened_slot(&stream(&lock), &mut credential).unwrap_err();
        assert!(matches!(refused, UnlockError::Identity(error) if matches!(error.failure, IdentityFailure::Plugin(_))));
        assert_eq!(plugin.0.load(Ordering::Relaxed), runs);
    }
}

#[test]
fn the_passphrase_of_a_file_is_asked_for_once_and_only_when_a_slot_may_be_for_it() {
    let (one, other) = (NewIdentity::generate("now").unwrap(), NewIdentity::generate("now").unwrap());
    let file = |armoured: bool| {
        let mut recipient = scrypt::Recipient::new(SecretString::from("open sesame".to_owned()));
        recipient.set_work_factor(10);
        if armoured {
            return age::encrypt_and_armor(&recipient, one.text.as_bytes()).unwrap().into_bytes();
        }
        age::encrypt(&recipient, one.text.as_bytes()).unwrap()
    };
    let streams = [&other.recipient, &one.recipient, &one.recipient].map(|recipient| stream(&lock_for(recipient)));
    for armoured in [false, true] {
        let of = |answers: &Answers, limits| {
            let mut identities = Identities::default();
            identities.add_file("key.age", &file(armoured), answers).unwrap();
            Credential::new(identities, limits)
        };
        let answers = Answers::of("open sesame");
        let mut credential = of(&answers, KdfLimits::default());
        assert_eq!(answers.questions(), Vec::<String>::new());
        let outcomes = streams.each_ref().map(|stream| opened_slot(stream, &mut credential).is_ok());
        assert_eq!(outcomes, [false, true, true]);
        assert_eq!(answers.questions(), ["Passphrase of key.age"]);

        for (answers, limits, failure) in [
            (Answers::of("other"), KdfLimits::default(), IdentityFailure::WrongPassphrase),
            (Answers::default(), KdfLimits::default(), IdentityFailure::NoPassphrase),
            (Answers::of("open sesame"), KdfLimits { memory: 1 << 19 }, IdentityFailure::Work(10)),
        ] {
            let mut credential = of(&answers, limits);
            for stream in &streams {
                let Err(UnlockError::Identity(error)) = opened_slot(stream, &mut credential) else { panic!() };
                assert_eq!((error.name.as_str(), &error.failure), ("key.age", &failure));
            }
            assert_eq!(answers.questions().len(), 1);
        }
    }
}

#[test]
fn an_identity_that_cannot_be_used_keeps_no_other_from_opening() {
    let (one, other) = (NewIdentity::generate("now").unwrap(), NewIdentity::generate("now").unwrap());
    let mut recipient = scrypt::Recipient::new(SecretString::from("open sesame".to_owned()));
    recipient.set_work_factor(10);
    let mut all = Identities::default();
    all.add_file("locked", &age::encrypt(&recipient, other.text.as_bytes()).unwrap(), &Answers::default()).unwrap();
    all.add_file("key", one.text.as_bytes(), &NoCallbacks).unwrap();
    assert_eq!(opened_slot(&stream(&lock_for(&one.recipient)), &mut all.into()).unwrap(), 1);
}

/// Made by ssh-keygen for this test, without a passphrase and with "passphrase".
const SSH_PUBLIC: &str = include_str!("../../../tests/data/ssh-key.pub");
const SSH_PLAIN: &str = include_str!("../../../tests/data/ssh-key");
const SSH_LOCKED: &str = include_str!("../../../tests/data/ssh-key-locked");

#[test]
fn the_passphrase_of_an_ssh_key_is_asked_for_only_if_a_slot_is_for_the_key() {
    let (ours, foreign) =
        (stream(&lock_for(SSH_PUBLIC)), stream(&lock_for(&NewIdentity::generate("now").unwrap().recipient)));
    assert_eq!(opened_slot(&ours, &mut identities(&[SSH_PLAIN], &NoCallbacks)).unwrap(), 1);
    let answers = Answers::of("passphrase");
    let mut credential = identities(&[SSH_LOCKED], &answers);
    assert!(matches!(opened_slot(&foreign, &mut credential), Err(UnlockError::WrongSecret(_))));
    assert_eq!(answers.questions(), Vec::<String>::new());
    assert_eq!(opened_slot(&ours, &mut credential).unwrap(), 1);
    assert_eq!(opened_slot(&ours, &mut credential).unwrap(), 1);
    assert_eq!(answers.questions(), ["Passphrase of file 0"]);
    let refused = opened_slot(&ours, &mut identities(&[SSH_LOCKED], &Answers::of("other"))).unwrap_err();
    assert!(matches!(refused, UnlockError::Identity(error) if error.failure == IdentityFailure::WrongPassphrase));
}

#[test]
fn a_file_that_holds_no_identities_is_refused_with_the_reason() {
    use IdentityFileError::*;
    let identity = NewIdentity::generate("now").unwrap();
    let refused = |text: &[u8]| Identities::default().add_file("file", text, &NoCallbacks).unwrap_err();
    let age = age::encrypt(&identity.recipient.parse::<x25519::Recipient>().unwrap(), b"x").unwrap();
    for (text, error) in [
        (b"".to_vec(), Empty),
        (b"# comment\n".to_vec(), Empty),
        (b"\xff".to_vec(), Form),
        (b"hello".to_vec(), Form),
        (identity.recipient.clone().into_bytes(), PublicKey),
        (SSH_PUBLIC.as_bytes().to_vec(), PublicKey),
        (format!("{}AGE-SECRET-KEY-1X\n", &*identity.text).into_bytes(), Line(4)),
        (identity.text.repeat(1001).into_bytes(), TooMany),
        (b"AGE-SECRET-KEY-PQ-1QQQ\n".to_vec(), PostQuantum(1)),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n".to_vec(), SshForm),
    ] {
        assert_eq!(refused(&text), error, "{}", String::from_utf8_lossy(&text));
    }
    // Only its use shows that it is not encrypted with a passphrase.
    let mut all = Identities::default();
    all.add_file("file", &age, &Answers::of("x")).unwrap();
    let refused = opened_slot(&stream(&lock_for(&identity.recipient)), &mut all.into()).unwrap_err();
    let failure = IdentityFailure::File(NotPassphrase);
    assert!(matches!(refused, UnlockError::Identity(error) if error.failure == failure));
}

#[test]
fn the_text_of_a_new_identity_is_that_of_age_keygen() {
    let NewIdentity { text, recipient } = NewIdentity::generate("2026-11-24T10:00:00Z").unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[..2], ["# created: 2026-11-24T10:00:00Z", &format!("# public key: {recipient}")]);
    assert!(lines[2].starts_with("AGE-SECRET-KEY-1") && lines.len() == 3 && text.ends_with('\n'));
}
