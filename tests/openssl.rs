//! The ciphertext checked against another implementation: OpenSSL's AES-256-CTR.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

use std::{
    io::Write,
    num::NonZero,
    process::{Command, Stdio},
};

use reelseal::{
    container::{Features, FrameSize, FrameTag, IV_LENGTH, MAC_LENGTH, Prefix, TAG_LENGTH},
    keys::{Key, StageKeys},
    pipeline::{OrderedSink, PlaintextSource, Sealing, Workers},
    stage::Chain,
    stream::{Clock, ReaderInput},
};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn openssl_decrypt(key: &[u8], iv: &[u8], ciphertext: &[u8]) -> Vec<u8> {
    let mut openssl = Command::new("openssl")
        .args(["enc", "-d", "-aes-256-ctr", "-nopad", "-K", &hex(key), "-iv", &hex(iv)])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = openssl.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || input.write_all(ciphertext).unwrap());
        openssl.wait_with_output().unwrap().stdout
    })
}

#[test]
#[ignore = "needs openssl"]
fn with_the_macs_taken_out_openssl_decrypts_the_stream_to_tags_and_payloads() {
    // The low half of the counter wraps in the second frame.
    let mut iv = [0xff; IV_LENGTH];
    iv[14..].copy_from_slice(&(0xffff - 300u16).to_be_bytes());
    let frame_size = FrameSize::MIN;
    let prefix = Prefix { frame_size, features: Features::TIMED, iv };
    let keys = StageKeys::derive(&Key::from_bytes([5; 32]), &prefix);
    let plaintext: Vec<u8> = (0..2 * frame_size.payload() + 77).map(|at| (at % 251) as u8).collect();
    let sink = OrderedSink::new(Vec::new());
    let source = PlaintextSource::new(ReaderInput(plaintext.as_slice()), frame_size, Clock::Fixed(9), None);
    let workers = Workers::new(NonZero::new(2).unwrap(), frame_size);
    workers.run(&source, &Sealing::new(&Chain::new(&keys, &prefix)), &sink).unwrap();

    let without_macs: Vec<u8> = sink
        .into_inner()
        .chunks(frame_size.wire())
        .flat_map(|frame| frame[..frame.len() - MAC_LENGTH].to_vec())
        .collect();
    let opened = openssl_decrypt(keys.frame_encryption.bytes(), &iv, &without_macs);

    let frames: Vec<&[u8]> = opened.chunks(TAG_LENGTH + frame_size.payload()).collect();
    let payloads: Vec<u8> = frames.iter().flat_map(|frame| frame[TAG_LENGTH..].to_vec()).collect();
    assert!(payloads == plaintext);
    for (index, frame) in frames.iter().enumerate() {
        let tag = FrameTag::decode(frame.first_chunk().unwrap());
        assert_eq!((tag.index, tag.time, tag.length as usize), (index as u64, 9, frame.len() - TAG_LENGTH));
    }
}
