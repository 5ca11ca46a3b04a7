//! Reading a result back before its input is deleted: the stream must open, and its plaintext be the file's.

use std::{
    fs::{self, File},
    num::NonZero,
    os::unix::fs::{FileExt, MetadataExt},
    path::Path,
    sync::atomic::AtomicU64,
};

use rustix::fs::{Advice, fadvise};

use crate::{
    cli::{
        files::ends::Job,
        messages::{
            display_name::display_name,
            failure::{Exit, Failure, describe},
            progress::Progress,
        },
    },
    container::Header,
    keys::StageKeys,
    pipeline::{CiphertextFile, ComparisonSink, FileSnapshot, Opening, StreamFile, Workers},
    stage::Chain,
    stream::StreamError,
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
    progress: &Progress,
) -> Result<(), Failure> {
    let (Some(input), Some(output)) = (job.input.path(), job.destination.path()) else { return Ok(()) };
    let written = File::open(output).map_err(|error| Failure::system(&job.destination.label, "cannot open", &error))?;
    // What the disk holds counts, not what memory still does; a system that does not take advice reads from memory.
    let _ = fadvise(&written, 0, None, Advice::DontNeed);
    let (stream, plaintext) = match direction {
        Direction::Encrypted => (&written, &job.input.file),
        Direction::Decrypted => (&job.input.file, &written),
    };
    let progress =
        progress.check(&format!("{}: reading back", display_name(&job.destination.label)), plaintext.metadata().ok());
    let as_sealed = matches!(direction, Direction::Encrypted);
    match is_sealed_form(stream, plaintext, header, keys, as_sealed, threads, progress.delivered()) {
        Ok(true) => {}
        Ok(false) => return Err(kept(job, "does not read back as it was written")),
        // The sink reads as well: it compares.
        Err(StreamError::Read(error) | StreamError::Write(error)) => {
            return Err(kept(job, &format!("cannot be read back: {}", describe(&error))));
        }
        Err(error) => return Err(kept(job, &format!("cannot be read back: {error}"))),
    }
    // Whatever was written to it in the meantime stands nowhere else.
    let unchanged = FileSnapshot::of(&job.input.file, &job.input.metadata).and_then(|snapshot| snapshot.confirm());
    unchanged.map_err(|_| kept(job, "is written, but the input has changed since"))?;
    delete(job, input)
}

/// Whether `stream`, opened with `keys`, gives the content of `plaintext`; if `as_sealed`, also whether both copies of its
/// header are as they were sealed.
fn is_sealed_form(
    stream: &File,
    plaintext: &File,
    header: &Header,
    keys: &StageKeys,
    as_sealed: bool,
    threads: NonZero<usize>,
    compared: &AtomicU64,
) -> Result<bool, StreamError> {
    if as_sealed {
        let Ok(copies) = keys.seal_header(header) else { return Ok(false) };
        let mut front = vec![0; copies.len()];
        stream.read_exact_at(&mut front, 0).map_err(StreamError::Read)?;
        if front != copies {
            return Ok(false);
        }
    }
    let features = header.prefix.features;
    let chain = Chain::new(keys, &header.prefix, Vec::new());
    let snapshot = FileSnapshot::take(stream)?;
    let file = StreamFile::new(stream, snapshot.size(), 0, header.layout())?;
    let last = *file.verify_final_frame(&chain)?.tag();
    let length = plaintext.metadata().map_err(StreamError::Read)?.len();
    if last.end() != Some(length) {
        return Ok(false);
    }
    let sink = ComparisonSink::new(plaintext);
    let workers = Workers::new(threads, header.prefix.frame_size).with_progress(compared);
    workers.run(&CiphertextFile::new(file, snapshot), &Opening::new(&chain, features), &sink)?;
    Ok(sink.is_same())
}

fn delete(job: &Job, path: &Path) -> Result<(), Failure> {
    let label = &job.input.label;
    let metadata = fs::symlink_metadata(path).map_err(|error| Failure::system(label, "cannot remove", &error))?;
    if (metadata.dev(), metadata.ino()) != (job.input.metadata.dev(), job.input.metadata.ino()) {
        return Err(Failure::new(Exit::InputOutput, "is written, but another file has taken the input's name")
            .about(&job.destination.label)
            .with_hint(format!("{} is kept", display_name(label))));
    }
    fs::remove_file(path).map_err(|error| Failure::system(label, "cannot remove", &error))
}

fn kept(job: &Job, fact: &str) -> Failure {
    let output = display_name(&job.destination.label);
    Failure::new(Exit::InputOutput, fact)
        .about(&job.destination.label)
        .with_hint(format!("{} is kept; remove {output}, and try again", display_name(&job.input.label)))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::{
        container::{Features, FrameSize},
        files::{
            input::InputFile,
            output::{Destination, OutputRequest},
            protected::Protected,
        },
        keys::{KeyFile, Lock, NewStream},
        stream::{Clock, Writer},
    };

    fn file_with(bytes: &[u8]) -> File {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(bytes, 0).unwrap();
        file
    }

    fn is_same(stream: &[u8], plaintext: &[u8], NewStream { header, keys }: &NewStream) -> Result<bool, StreamError> {
        is_sealed_form(
            &file_with(stream),
            &file_with(plaintext),
            header,
            keys,
            true,
            NonZero::new(2).unwrap(),
            &AtomicU64::new(0),
        )
    }

    #[test]
    fn an_input_goes_only_if_it_is_what_it_was_and_its_output_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let [film, sealed] = ["film", "film.reel"].map(|name| folder.path().join(name));
        let new = Lock::with_key_file(&KeyFile::random().unwrap()).new_stream(FrameSize::MIN, Features::NONE).unwrap();
        let mut writer = Writer::new(Vec::new(), &new.header, &new.keys, Vec::new(), Clock::None).unwrap();
        writer.write_all(b"frames").unwrap();
        let stream = writer.finish().unwrap();
        let removed_after = |meanwhile: &dyn Fn()| {
            fs::write(&film, b"frames").unwrap();
            let _ = fs::remove_file(&sealed);
            let input = InputFile::open(Some(&film)).unwrap();
            let access = input.access().unwrap();
            let destination =
                Destination::resolve(&OutputRequest::File(&sealed), &Protected::default(), false).unwrap();
            fs::write(&sealed, &stream).unwrap();
            meanwhile();
            let job = Job { input, access, destination };
            let threads = NonZero::new(1).unwrap();
            remove_input(&job, &Direction::Encrypted, &new.header, &new.keys, threads, &Progress::none()).is_ok()
        };
        assert!(removed_after(&|| {}) && !film.exists());
        let touch = || File::options().write(true).open(&film).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
        assert!(!removed_after(&touch) && film.exists());
        assert!(!removed_after(&|| fs::write(&film, b"framed").unwrap()) && film.exists());
        assert!(!removed_after(&|| fs::write(&sealed, &stream[1..]).unwrap()) && film.exists());
        let replace = || {
            fs::remove_file(&film).unwrap();
            fs::write(&film, b"other").unwrap();
        };
        assert!(!removed_after(&replace) && film.exists());
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
        for place in [100, 4096 + 100] {
            let mut damaged = stream.clone();
            damaged[place] ^= 1;
            assert!(!is_same(&damaged, &plaintext, &new).unwrap(), "{place}");
        }
        let another = lock.new_stream(FrameSize::MIN, Features::NONE).unwrap();
        assert!(!is_same(&stream, &plaintext, &another).unwrap());
    }
}
