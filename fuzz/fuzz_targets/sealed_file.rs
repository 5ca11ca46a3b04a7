//! One sound stream, mutated, and read at random offsets: whatever comes out is the plaintext at that offset, and a
//! whole stream ends where its plaintext ends.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reelseal::{container::Features, stream::SealedFile};
use reelseal_fuzz::{
    MUTATION,
    streams::{LIVE, LIVE_STREAM, PLAIN, PLAIN_STREAM, PLAINTEXT, time_of},
};

// The kind of stream, the number of mutations, the mutations, and then reads: an offset and a length, four bytes each.
fuzz_target!(|input: &[u8]| {
    let [kind, count, rest @ ..] = input else { return };
    let (mutations, reads) = rest.split_at((usize::from(*count) % 8 * MUTATION).min(rest.len()));
    let (original, lengths) =
        if kind & 1 == 0 { (&*PLAIN_STREAM, PLAIN.as_slice()) } else { (&*LIVE_STREAM, LIVE.as_slice()) };
    let mut stream = original.clone();
    reelseal_fuzz::mutate(&mut stream, mutations);
    let plaintext = &PLAINTEXT[..lengths.iter().sum()];

    let whole = SealedFile::open(stream.as_slice(), reelseal_fuzz::key_file());
    if let Ok(file) = &whole {
        assert!(file.is_whole() && file.len() == plaintext.len() as u64);
        assert_eq!(file.frames(), lengths.len() as u64);
        read_at_places(file, plaintext, reads);
    }
    let unfinished = SealedFile::open_unfinished(stream.as_slice(), reelseal_fuzz::key_file());
    if let Ok(file) = &unfinished {
        assert_eq!(file.is_whole(), whole.is_ok());
        assert!(file.frames() <= lengths.len() as u64);
        read_at_places(file, plaintext, reads);
    }
});

fn read_at_places(file: &SealedFile<&[u8]>, plaintext: &[u8], reads: &[u8]) {
    let mut area = vec![0; plaintext.len()];
    for read in reads.chunks_exact(4) {
        let [offset, length] = [0, 2].map(|at| usize::from(u16::from_le_bytes([read[at], read[at + 1]])));
        // Sometimes an offset near the end of 64 bits.
        let place = if read[3] == 0xff { u64::MAX - offset as u64 } else { offset as u64 };
        let room = &mut area[..length.min(plaintext.len())];
        match file.read_at(room, place) {
            Ok(0) => assert!(room.is_empty() || (file.is_whole() && place >= plaintext.len() as u64)),
            Ok(count) => assert!(room[..count] == plaintext[offset..offset + count]),
            Err(_) => {}
        }
        if let Ok(Some(index)) = file.frame_at_time(time_of(offset % LIVE.len()))
            && file.header().prefix.features.contains(Features::TIMED)
        {
            assert!(index <= (offset % LIVE.len()) as u64);
        }
    }
}
