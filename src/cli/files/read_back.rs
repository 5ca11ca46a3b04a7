//! Reading a result back before its input is deleted: the stream must open, and its plaintext be the file's.

use std::{
    fs::{self, File},
    num::NonZero,
    os::unix::fs::MetadataExt,
    path::Path,
};

use rustix::fs::{Advice, fadvise};

use crate::{
    cli::{
        files::{ends::Job, input::open_failure},
        messages::failure::{Exit, Failure},
    },
    container::Header,
    keys::StageKeys,
    pipeline::{
        CiphertextFile, ComparisonSink, FileSnapshot, Opening, PipelineError, ReaderInput, StreamFile, Workers,
        read_header,
    },
    stage::Chain,
};

/// The stream and the plaintext of a job that is done, which of them is the input and which the output.
pub(in crate::cli) enum Direction {
    Encrypted,
    Decrypted,
}

/// Reads the output of `job` back, and deletes the input if one is just what the other should be.
pub(in crate::cli) fn remove_input(
    job: &Job,
    direction: &Direction,
    header: &Header,
    keys: &StageKeys,
    threads: NonZero<usize>,
) -> Result<(), Failure> {
    let (Some(input), Some(output)) = (job.input.path.as_deref(), job.destination.path()) else { return Ok(()) };
    let written = File::open(output).map_err(|error| open_failure(&job.destination.name, error))?;
    // What the disk holds counts, not what memory still does; a system that does not take advice reads from memory.
    let _ = fadvise(&written, 0, None, Advice::DontNeed);
    let (stream, plaintext) = match direction {
        Direction::Encrypted => (&written, &job.input.file),
        Direction::Decrypted => (&job.input.file, &written),
    };
    match is_sealed_form(stream, plaintext, header, keys, threads) {
        Ok(true) => {}
        Ok(false) => return Err(kept(job, "does not read back as it was written")),
        Err(error) => return Err(kept(job, &format!("cannot be read back: {error}"))),
    }
    delete(job, input)
}

/// Whether `stream`, opened with `keys`, gives the content of `plaintext`.
fn is_sealed_form(
    stream: &File,
    plaintext: &File,
    header: &Header,
    keys: &StageKeys,
    threads: NonZero<usize>,
) -> Result<bool, PipelineError> {
    let mut front = stream.try_clone().map_err(PipelineError::Read)?;
    std::io::Seek::rewind(&mut front).map_err(PipelineError::Read)?;
    let Ok((found, _)) = read_header(&mut ReaderInput(front)) else { return Ok(false) };
    if keys.header_mac(found.copy.authenticated()) != found.copy.mac() {
        return Ok(false);
    }
    let features = header.prefix.features;
    let chain = Chain::new(keys, &header.prefix, Vec::new());
    let snapshot = FileSnapshot::take(stream)?;
    let file = StreamFile::new(stream, snapshot.size(), 0, header.layout())?;
    let last = *file.verify_final_frame(&chain)?.tag();
    let length = plaintext.metadata().map_err(PipelineError::Read)?.len();
    if last.end() != Some(length) {
        return Ok(false);
    }
    let sink = ComparisonSink::new(plaintext);
    let workers = Workers::new(threads, header.prefix.frame_size);
    workers.run(&CiphertextFile::new(file, snapshot), &Opening::new(&chain, features), &sink)?;
    Ok(sink.is_same())
}

fn delete(job: &Job, path: &Path) -> Result<(), Failure> {
    let name = &job.input.name;
    let metadata = fs::symlink_metadata(path).map_err(|error| Failure::system(name, "cannot remove", &error))?;
    if (metadata.dev(), metadata.ino()) != (job.input.metadata.dev(), job.input.metadata.ino()) {
        return Err(kept(job, "is written, but another file has taken the input's name"));
    }
    fs::remove_file(path).map_err(|error| Failure::system(name, "cannot remove", &error))
}

fn kept(job: &Job, fact: &str) -> Failure {
    Failure::new(Exit::InputOutput, format!("{}: {fact}", job.destination.name))
        .with_hint(format!("{} is kept", job.input.name))
}

#[cfg(test)]
mod tests {
    use std::{io::Write, os::unix::fs::FileExt};

    use super::*;
    use crate::{
        container::{Features, FrameSize},
        keys::{KeyFile, Lock, NewStream},
        pipeline::{Clock, Writer},
    };

    fn file_with(bytes: &[u8]) -> File {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(bytes, 0).unwrap();
        file
    }

    fn is_same(stream: &[u8], plaintext: &[u8], NewStream { header, keys }: &NewStream) -> Result<bool, PipelineError> {
        is_sealed_form(&file_with(stream), &file_with(plaintext), header, keys, NonZero::new(2).unwrap())
    }

    #[test]
    fn a_stream_is_the_sealed_form_of_its_plaintext_and_of_nothing_else() {
        let lock = Lock::with_key_file(&KeyFile::random().unwrap());
        let new = lock.new_stream(FrameSize::MIN, Features::NONE).unwrap();
        let plaintext: Vec<u8> = (0..100_000u32).map(|at| (at % 251) as u8).collect();
        let mut writer = Writer::new(Vec::new(), &new.header, &new.keys, Vec::new(), Clock::None).unwrap();
        writer.write_all(&plaintext).unwrap();
        let stream = writer.finish().unwrap();
        assert!(is_same(&stream, &plaintext, &new).unwrap());

        let mut other = plaintext.clone();
        other[60_000] ^= 1;
        assert!(!is_same(&stream, &other, &new).unwrap());
        assert!(!is_same(&stream, &plaintext[..99_999], &new).unwrap());
        assert!(!is_same(&stream, &[plaintext.as_slice(), b"x"].concat(), &new).unwrap());
        let mut damaged = stream.clone();
        damaged[50_000] ^= 1;
        assert!(is_same(&damaged, &plaintext, &new).is_err());
        assert!(is_same(&stream[..stream.len() - 1], &plaintext, &new).is_err());
        assert!(!is_same(&stream[1..], &plaintext, &new).unwrap());
        let another = lock.new_stream(FrameSize::MIN, Features::NONE).unwrap();
        assert!(!is_same(&stream, &plaintext, &another).unwrap());
    }
}
