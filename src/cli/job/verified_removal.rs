//! Removing an input once its output has been read back: the stream must open, and its plaintext must equal the file.

use std::{
    fs::{self, File, Metadata},
    io,
    num::NonZero,
    os::unix::fs::{FileExt, MetadataExt},
    path::Path,
};

use crate::{
    cli::{
        job::assignments::Job,
        messages::{
            display_name::display_name,
            failure::{Exit, Failure, describe},
            progress::Progress,
        },
    },
    container::Layout,
    files::file_identity::FileIdentity,
    pipeline::{FileSnapshot, Workers, decrypts_to},
    stage::Chain,
    stream::StreamError,
    system,
};

/// The stream and the plaintext of a finished job, and which of them is the input and which the output.
pub(in crate::cli) enum Direction<'a> {
    Encrypted {
        /// Both copies of the header, as they were written.
        header: &'a [u8],
    },
    Decrypted,
}

/// Reads the output of `job` back, and deletes the input if the two match.
pub(in crate::cli) fn remove_input(
    job: &Job,
    direction: &Direction<'_>,
    chain: &Chain,
    layout: Layout,
    threads: NonZero<usize>,
    progress: &Progress,
) -> Result<(), Failure> {
    let Some(input) = job.input.path() else { return Ok(()) };
    // A command that read everything and exited with 0 has it now; nothing can be read back.
    let Some(output) = job.destination.path() else { return delete_unchanged(job, input) };
    let written = File::open(output).map_err(|error| Failure::system(&job.destination.label, "cannot open", &error))?;
    // What counts is on the disk, not in the page cache; a system that ignores the advice reads from memory.
    system::drop_from_memory(&written);
    let (stream, plaintext) = match direction {
        Direction::Encrypted { .. } => (&written, &job.input.file),
        Direction::Decrypted => (&job.input.file, &written),
    };
    let progress = progress.reading_back(&job.destination.label, plaintext.metadata().ok());
    let workers = Workers::new(threads, layout.frame_size).with_progress(progress.delivered());
    match begins_as_written(stream, direction)
        .and_then(|begins| Ok(begins && decrypts_to(stream, layout, chain, plaintext, &workers)?))
    {
        Ok(true) => {}
        Ok(false) => return Err(kept(job, "does not read back as it was written")),
        // The sink reads as well, in order to compare.
        Err(StreamError::Read(error) | StreamError::Write(error)) => {
            return Err(kept(job, &format!("cannot be read back: {}", describe(&error))));
        }
        Err(error) => return Err(kept(job, &format!("cannot be read back: {error}"))),
    }
    delete_unchanged(job, input)
}

fn delete_unchanged(job: &Job, input: &Path) -> Result<(), Failure> {
    check_name(job, input)?;
    // Whatever was written to it in the meantime exists nowhere else.
    let unchanged = FileSnapshot::of(&job.input.file, &job.input.metadata).and_then(|snapshot| snapshot.confirm());
    let is_unchanged =
        unchanged.is_ok() && job.input.file.metadata().is_ok_and(|now| is_untouched(&job.input.metadata, &now));
    if !is_unchanged {
        return Err(kept(job, "is written, but the input has changed since"));
    }
    fs::remove_file(input).map_err(|error| cannot_remove(job, &error))
}

/// Whether nothing was done to a file between two states of it. A program may set the time of its modification back,
/// but not that of its change.
fn is_untouched(before: &Metadata, now: &Metadata) -> bool {
    let changed = |state: &Metadata| (state.ctime(), state.ctime_nsec());
    changed(before) == changed(now)
}

/// Whether a stream that was written begins with the header that was meant for it.
fn begins_as_written(stream: &File, direction: &Direction<'_>) -> Result<bool, StreamError> {
    let Direction::Encrypted { header } = direction else { return Ok(true) };
    let mut front = vec![0; header.len()];
    stream.read_exact_at(&mut front, 0).map_err(StreamError::Read)?;
    Ok(front == *header)
}

fn check_name(job: &Job, path: &Path) -> Result<(), Failure> {
    let metadata = fs::symlink_metadata(path).map_err(|error| cannot_remove(job, &error))?;
    if FileIdentity::of(&metadata) != FileIdentity::of(&job.input.metadata) {
        return Err(Failure::new(Exit::InputOutput, "is written, but another file has taken the input's name")
            .about(&job.destination.label)
            .with_hint(format!("{} is kept", display_name(&job.input.label))));
    }
    Ok(())
}

fn cannot_remove(job: &Job, error: &io::Error) -> Failure {
    Failure::system(&job.input.label, "cannot remove", error)
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
        container::{Features, FrameSize, Layout},
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

    #[test]
    fn a_file_that_was_written_to_is_touched_even_if_its_time_was_set_back() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"first steps").unwrap();
        let before = file.metadata().unwrap();
        assert!(is_untouched(&before, &file.metadata().unwrap()));
        // The clock of a file system ticks some hundred times a second.
        while file.metadata().unwrap().ctime_nsec() == before.ctime_nsec() {
            file.write_all_at(b"F", 0).unwrap();
            file.set_modified(before.modified().unwrap()).unwrap();
        }
        assert_eq!(file.metadata().unwrap().modified().unwrap(), before.modified().unwrap());
        assert!(!is_untouched(&before, &file.metadata().unwrap()));
    }

    fn is_same(stream: &[u8], plaintext: &[u8], new: &NewStream) -> Result<bool, StreamError> {
        let stream = file_with(stream);
        let copies = new.keys.seal_header(&new.header).unwrap();
        let layout = new.header.layout();
        let workers = Workers::new(NonZero::new(2).unwrap(), layout.frame_size);
        Ok(begins_as_written(&stream, &Direction::Encrypted { header: &copies })?
            && decrypts_to(&stream, layout, &chain(new), &file_with(plaintext), &workers)?)
    }

    fn layout() -> Layout {
        Layout { frame_size: FrameSize::MIN, ..Layout::default() }
    }

    fn chain(new: &NewStream) -> Chain {
        Chain::new(&new.keys, &new.header.prefix)
    }

    #[test]
    fn an_input_is_removed_only_if_it_is_unchanged_and_its_output_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let [film, sealed] = ["film", "film.reel"].map(|name| folder.path().join(name));
        let new = Lock::with_key_file(&KeyFile::random().unwrap()).new_stream(layout(), Features::NONE).unwrap();
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
            let copies = new.keys.seal_header(&new.header).unwrap();
            let direction = Direction::Encrypted { header: &copies };
            remove_input(&job, &direction, &chain(&new), new.header.layout(), threads, &Progress::none()).is_ok()
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
        let new = lock.new_stream(layout(), Features::NONE).unwrap();
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
        let another = lock.new_stream(layout(), Features::NONE).unwrap();
        assert!(!is_same(&stream, &plaintext, &another).unwrap());
    }
}
