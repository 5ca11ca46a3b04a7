//! One sound stream, mutated, and salvaged in order and by position: what is reported as sound is the plaintext at that
//! place, and the output is as long as the report says.
#![no_main]

use std::{num::NonZero, sync::Mutex};

use libfuzzer_sys::fuzz_target;
use reelseal::{
    keys::Credential,
    pipeline::{FilledOutput, Filling, SalvageInput, Stretch, StretchListener, Workers, salvage},
    stream::{ReaderInput, StreamHeader},
};
use reelseal_fuzz::{
    MUTATION,
    streams::{LIVE_STREAM, PLAIN_STREAM, PLAINTEXT, SIZE},
};

#[derive(Default)]
struct Reported(Mutex<Vec<Stretch>>);

impl StretchListener for Reported {
    fn on_stretch(&self, stretch: &Stretch) {
        self.0.lock().unwrap().push(stretch.clone());
    }
}

// The kind of stream, and mutations.
fuzz_target!(|input: &[u8]| {
    let [kind, mutations @ ..] = input else { return };
    let original = if kind & 1 == 0 { &*PLAIN_STREAM } else { &*LIVE_STREAM };
    let mut stream = original.clone();
    reelseal_fuzz::mutate(&mut stream, &mutations[..mutations.len().min(8 * MUTATION)]);
    let Ok(header) = StreamHeader::read(ReaderInput(stream.as_slice()), Vec::new()) else { return };
    let Ok((opened, rest)) = header.open(&mut Credential::from(reelseal_fuzz::key_file())) else { return };
    let (reported, mut output) = (Reported::default(), Vec::new());
    let filled = FilledOutput::new(&mut output, Filling::Zeros);
    let workers = Workers::new(NonZero::new(2).unwrap(), SIZE);
    let salvaged = salvage(SalvageInput::InOrder(rest), opened.chain(), filled, &reported, &workers).unwrap();
    assert!(!salvaged.is_whole() || stream[1024..].starts_with(&original[1024..]));
    let mut offset = 0;
    for stretch in reported.0.into_inner().unwrap() {
        let plaintext = match stretch {
            Stretch::Sound { plaintext, .. } => {
                let range = plaintext.start as usize..plaintext.end as usize;
                assert!(output[range.clone()] == PLAINTEXT[range]);
                plaintext
            }
            Stretch::Missing { plaintext, .. } => plaintext,
            Stretch::LostEnd { plaintext, .. } => plaintext..plaintext,
        };
        assert_eq!(plaintext.start, offset);
        offset = plaintext.end;
    }
    assert_eq!(output.len() as u64, offset);
});
