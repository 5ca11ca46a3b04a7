//! Other people's programs reading what is mounted, and how they learn of damage.

#![cfg(all(target_os = "linux", feature = "mount"))]
#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

#[path = "support/mounting.rs"]
mod mounting;
#[path = "support/shell.rs"]
mod shell;
mod support;

use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    os::unix::fs::FileExt,
    path::PathBuf,
};

use mounting::Mount;
use shell::{shell, shell_done};
use support::{Folder, assert_done, plaintext, text};

/// Payload bytes of a frame of a file.
const FRAME: usize = 64 << 10;
/// The size of a frame in the stream, and of what comes before the first one.
const WIRE: u64 = FRAME as u64 + 64;
const FRAMES_START: u64 = 8192;
const EIO: i32 = 5;
const ESTALE: i32 = 116;

fn folder() -> Folder {
    let folder = Folder::new();
    for name in ["plain", "sealed", "mnt"] {
        fs::create_dir(folder.path(name)).unwrap();
    }
    folder
}

/// Encrypts everything in `plain` to `sealed`.
fn seal_all(folder: &Folder) {
    assert_done(&folder.run(&["encrypt", "-q", "--recursive", "plain", "--output-dir", "sealed"]));
    // The folder itself is mirrored there.
    assert!(folder.path("sealed/plain").is_dir());
}

#[track_caller]
fn mount(folder: &Folder) -> Mount {
    let place = folder.path("mnt").canonicalize().unwrap();
    let source = if folder.path("sealed/plain").is_dir() { "sealed/plain" } else { "sealed" };
    Mount::start(folder.reelseal(&["mount", source, "mnt"]).args(["--key-file", "key"]), &place)
}

/// A mounted film of five frames and a part of one; the frames `damaged` are damaged.
fn damaged_film(folder: &Folder, damaged: &[u64]) -> Vec<u8> {
    let content = plaintext(5 * FRAME + 1234);
    folder.write("plain/film", &content);
    seal_all(folder);
    let sealed = File::options().read(true).write(true).open(folder.path("sealed/plain/film.reel")).unwrap();
    for frame in damaged {
        let (place, mut byte) = (FRAMES_START + frame * WIRE + 5000, [0]);
        sealed.read_exact_at(&mut byte, place).unwrap();
        sealed.write_all_at(&[byte[0] ^ 1], place).unwrap();
    }
    content
}

#[test]
#[ignore = "needs fuse3, fio"]
fn fio_verifies_the_headers_that_it_wrote_from_eight_jobs() {
    let folder = folder();
    let fio = "fio --size=32M --verify=crc32c --minimal --filename";
    for block in ["4k", "64k", "100k"] {
        shell_done(&folder, &format!("{fio}=plain/{block} --name=w --rw=write --bs={block} --do_verify=0"));
    }
    seal_all(&folder);
    let mount = mount(&folder);
    for block in ["4k", "64k", "100k"] {
        for engine in ["psync", "mmap", "psync --direct=1"] {
            let read = "--name=r --rw=randread --readonly --numjobs=8 --thread --verify_fatal=1";
            shell_done(&folder, &format!("{fio}=mnt/{block} {read} --bs={block} --ioengine={engine}"));
        }
    }
    assert_eq!(mount.end(), "");
}

#[test]
#[ignore = "needs fuse3"]
fn diff_find_du_and_tar_see_a_thousand_files_as_the_plain_ones() {
    let folder = folder();
    for number in 0..1000 {
        let name = format!("plain/{}/{}", number % 7, number % 3);
        fs::create_dir_all(folder.path(&name)).unwrap();
        folder.write(&format!("{name}/film {number}.mp4"), &plaintext(number * 97));
    }
    seal_all(&folder);
    let mount = mount(&folder);
    shell_done(&folder, "diff -r plain mnt");
    let find = |at: &str| shell_done(&folder, &format!("cd {at} && find . -type f -printf '%P %s %m %T@\\n' | sort"));
    assert_eq!(find("plain"), find("mnt"));
    assert_eq!(find("mnt").lines().count(), 1000);
    let du = |at: &str| shell_done(&folder, &format!("cd {at} && du --apparent-size -b -a | grep mp4 | sort -k 2"));
    assert_eq!(du("plain"), du("mnt"));
    shell_done(
        &folder,
        "tar c -C mnt --sort=name --exclude-caches . >mnt.tar && mkdir back && tar x -C back -f mnt.tar",
    );
    shell_done(&folder, "diff -r plain back && cp -r mnt copied && diff -r plain copied");
    assert_eq!(mount.end(), "");
}

#[test]
#[ignore = "needs fuse3, ffmpeg"]
fn ffmpeg_decodes_the_same_frames_and_seeks() {
    let folder = folder();
    let sample = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/sample.mp4");
    fs::copy(sample, folder.path("plain/clip.mp4")).unwrap();
    seal_all(&folder);
    let mount = mount(&folder);
    for seek in ["", "-ss 1"] {
        let frames = |at: &str| shell_done(&folder, &format!("ffmpeg -v error {seek} -i {at}/clip.mp4 -f framemd5 -"));
        let expected = frames("plain");
        assert!(expected.lines().count() > 20, "{expected}");
        assert_eq!(frames("mnt"), expected);
    }
    assert_eq!(mount.end(), "");
}

#[test]
#[ignore = "needs fuse3, sqlite3"]
fn sqlite_queries_an_encrypted_database_in_place() {
    let folder = folder();
    let made = "sqlite3 plain/films.db \"create table films (id integer primary key, name text); create index names on \
                films (name); with recursive n(i) as (select 1 union all select i + 1 from n where i < 50000) insert into \
                films select i, 'film ' || i from n\"";
    shell_done(&folder, made);
    seal_all(&folder);
    let mount = mount(&folder);
    let query = "select count(*), sum(id), max(name) from films; select id from films where name = 'film 31415'; pragma integrity_check";
    for name in ["mnt/films.db", "'file:mnt/films.db?mode=ro'", "'file:mnt/films.db?immutable=1'"] {
        let found = shell_done(&folder, &format!("sqlite3 {name} \"{query}\""));
        assert_eq!(found, "50000|1250025000|film 9999\n31415\nok\n", "{name}");
    }
    let written = shell(&folder, "sqlite3 mnt/films.db 'delete from films'");
    assert!(!written.status.success() && text(&written.stderr).contains("readonly"), "{written:?}");
    assert_eq!(mount.end(), "");
}

#[test]
#[ignore = "needs fuse3, python3"]
fn odd_reads_get_what_they_would_from_a_plain_file() {
    let folder = folder();
    let content = plaintext(3 * FRAME + 777);
    folder.write("plain/film", &content);
    folder.write("plain/empty", b"");
    seal_all(&folder);
    let mount = mount(&folder);
    let mut film = File::open(mount.path("film")).unwrap();
    let mut area = [0; 1000];
    let end = content.len() as u64;
    for (offset, read) in [(end, 0), (end + 1, 0), (end + (1 << 40), 0), (i64::MAX as u64 - 1000, 0), (end - 10, 10)] {
        assert_eq!(film.read_at(&mut area, offset).unwrap(), read, "{offset}");
    }
    assert!(film.read_at(&mut area, 1 << 63).is_err(), "as of every file");
    assert_eq!(film.read_at(&mut [], 5).unwrap(), 0);
    assert_eq!(film.seek(SeekFrom::End(-777)).unwrap(), 3 * FRAME as u64);
    let mut rest = Vec::new();
    film.read_to_end(&mut rest).unwrap();
    assert!(rest == content[3 * FRAME..]);
    assert_eq!(fs::read(mount.path("empty")).unwrap(), b"");
    let mapped = "import mmap, hashlib, sys
with open(sys.argv[1], 'rb') as file:
    for kind in (mmap.MAP_SHARED, mmap.MAP_PRIVATE):
        mapped = mmap.mmap(file.fileno(), 0, flags=kind, prot=mmap.PROT_READ)
        assert len(mapped) == int(sys.argv[2])
        print(hashlib.sha256(mapped[100000:] + mapped[:100000]).hexdigest())";
    folder.write("mapped.py", mapped.as_bytes());
    let hashes = |at: &str| shell_done(&folder, &format!("python3 mapped.py {at}/film {end}"));
    assert_eq!(hashes("mnt"), hashes("plain"));
    drop(film);
    assert_eq!(mount.end(), "");
}

#[test]
#[ignore = "needs fuse3, gddrescue"]
fn a_damaged_frame_is_an_error_for_reads_that_touch_it_and_for_no_others() {
    let folder = folder();
    let content = damaged_film(&folder, &[1, 3]);
    let mount = mount(&folder);
    let film = File::open(mount.path("film")).unwrap();
    for frame in [0_usize, 1, 2, 3, 4, 5] {
        // Whole frames, single bytes, and a block at each end.
        let length = content.len().min((frame + 1) * FRAME) - frame * FRAME;
        for (from, until) in [(0, length), (100, 101), (0, 512), (length - 512, length)] {
            let mut area = vec![0; until - from];
            let read = film.read_exact_at(&mut area, (frame * FRAME + from) as u64);
            match frame {
                1 | 3 => assert_eq!(read.unwrap_err().raw_os_error(), Some(EIO), "frame {frame}, {from} to {until}"),
                _ => {
                    read.unwrap_or_else(|error| panic!("frame {frame}, {from} to {until}: {error}"));
                    assert!(area == content[frame * FRAME + from..][..until - from], "frame {frame}");
                }
            }
        }
    }
    let mut expected = content.clone();
    for frame in [1, 3] {
        expected[frame * FRAME..(frame + 1) * FRAME].fill(0);
    }
    let copied = shell(&folder, "cp mnt/film copied");
    assert!(!copied.status.success() && text(&copied.stderr).contains("Input/output error"), "{copied:?}");
    let dd = shell(&folder, "dd if=mnt/film of=dd bs=4096 conv=noerror,sync");
    assert!(text(&dd.stderr).contains("Input/output error"), "{dd:?}");
    assert!(folder.read("dd")[..content.len()] == expected);
    shell_done(&folder, "ddrescue -q mnt/film rescued map && ddrescuelog -t map");
    let mut rescued = folder.read("rescued");
    rescued.resize(content.len(), 0);
    assert!(rescued == expected);
    let said = mount.end();
    assert!(said.contains("frame 1, at byte") && said.contains("frame 3, at byte"), "{said}");
}

#[test]
#[ignore = "needs fuse3"]
fn half_a_film_does_not_pass_for_a_whole_one() {
    let folder = folder();
    let content = damaged_film(&folder, &[]);
    let live = plaintext(70_000);
    assert_done(&folder.pipe(&["encrypt", "--live", "-o", "sealed/plain/live.reel"], &live));
    let sealed = |name: &str| folder.path("sealed/plain").join(name).with_extension("reel");
    let cut =
        |name: &str, length: u64| File::options().write(true).open(sealed(name)).unwrap().set_len(length).unwrap();
    fs::copy(sealed("film"), sealed("between")).unwrap();
    fs::copy(sealed("film"), sealed("last")).unwrap();
    cut("between", FRAMES_START + 3 * WIRE);
    cut("film", FRAMES_START + 3 * WIRE + 1000);
    // Only the final frame is damaged.
    let last = File::options().read(true).write(true).open(sealed("last")).unwrap();
    let (mut byte, place) = ([0], FRAMES_START + 5 * WIRE + 50);
    last.read_exact_at(&mut byte, place).unwrap();
    last.write_all_at(&[!byte[0]], place).unwrap();
    cut("live", sealed("live").metadata().unwrap().len() - 10);
    let mount = mount(&folder);
    for (name, length, whole) in [
        ("film", 3 * FRAME, &content),
        ("between", 3 * FRAME, &content),
        ("last", 5 * FRAME, &content),
        ("live", 0, &live),
    ] {
        let copied = shell(&folder, &format!("cp mnt/{name} copied"));
        assert!(!copied.status.success() && text(&copied.stderr).contains("Input/output error"), "{name}: {copied:?}");
        let (mut read, mut film) = (Vec::new(), File::open(mount.path(name)).unwrap());
        assert!(film.metadata().unwrap().len() > length as u64, "{name}");
        assert_eq!(film.read_to_end(&mut read).unwrap_err().raw_os_error(), Some(EIO), "{name}");
        let there = if name == "live" { read.len() } else { length };
        assert!(there > 0 && there <= whole.len() && read == whole[..there], "{name}: {} bytes", read.len());
        // The last bytes before the end, and beyond it.
        let (mut area, at) = (vec![0; 1000], there as u64 - 100);
        assert_eq!(film.read_at(&mut area, at).unwrap(), 100, "{name}");
        assert!(area[..100] == whole[there - 100..there], "{name}");
        assert_eq!(film.read_at(&mut area, there as u64).unwrap_err().raw_os_error(), Some(EIO), "{name}");
    }
    let said = mount.end();
    assert!(said.contains("film.reel: is unfinished"), "{said}");
}

#[test]
#[ignore = "needs fuse3"]
fn no_false_byte_is_read_from_a_source_that_is_replaced_or_removed() {
    let folder = folder();
    let content = damaged_film(&folder, &[]);
    let other: Vec<u8> = content.iter().map(|byte| byte ^ 0xff).collect();
    let sealed = folder.path("sealed/plain/film.reel");
    folder.write("other", &other[..4 * FRAME]);
    let mount = mount(&folder);
    let name = mount.path("film");
    let film = File::open(&name).unwrap();
    let mut area = vec![0; FRAME];
    film.read_exact_at(&mut area, 0).unwrap();
    for replace in ["mv other.reel sealed/plain/film.reel", "cat other.reel >sealed/plain/film.reel"] {
        let before = File::open(&name).unwrap();
        before.read_exact_at(&mut area, 0).unwrap();
        let held = area.clone();
        assert_done(&folder.run(&["encrypt", "-q", "--force", "other", "-o", "other.reel"]));
        shell_done(&folder, replace);
        // A program that opens it now gets the other one, and nothing of the first from the system's cache.
        assert!(fs::read(&name).unwrap() == other[..4 * FRAME], "{replace}");
        assert_eq!(name.metadata().unwrap().len(), 4 * FRAME as u64, "{replace}");
        // A program that had it open gets the bytes of the first, or an error.
        for (place, own) in [(0, Some(&held)), (2 * FRAME as u64, None), (5 * FRAME as u64, None)] {
            match before.read_at(&mut area, place) {
                Ok(read) if own.is_some() => assert!(area[..read] == own.unwrap()[..read], "{replace}"),
                Ok(read) => {
                    let of = if held[..100] == content[..100] { &content } else { &other };
                    let from = of.get(place as usize..).unwrap_or_default();
                    let from = &from[..from.len().min(read)];
                    assert!(area[..from.len()] == *from && read == from.len(), "{replace}, {place}");
                }
                Err(error) => assert!([EIO, ESTALE].contains(&error.raw_os_error().unwrap()), "{replace}: {error}"),
            }
        }
    }
    // A change of the passphrase does not change the content.
    let open = File::open(&name).unwrap();
    assert_done(&folder.reelseal(&["keygen", "-o", "second"]).output().unwrap());
    let added = ["passwd", "--add", "--key-file", "key", "--new-key-file", "second", "sealed/plain/film.reel"];
    assert_done(&folder.reelseal(&added).output().unwrap());
    for file in [open, File::open(&name).unwrap()] {
        let mut read = vec![0; 4 * FRAME];
        file.read_exact_at(&mut read, 0).unwrap();
        assert!(read == other[..4 * FRAME]);
    }
    fs::remove_file(sealed).unwrap();
    let error = loop {
        // What the system was told is valid for a second.
        if let Err(error) = File::open(&name) {
            break error;
        }
    };
    assert!([Some(ESTALE), Some(2)].contains(&error.raw_os_error()), "{error}");
    drop(film);
    mount.end();
}

#[test]
#[ignore = "needs fuse3, strace"]
fn ten_thousand_streams_are_listed_without_opening_any() {
    let folder = folder();
    folder.write("plain/0", &plaintext(1000));
    seal_all(&folder);
    let sealed = fs::read(folder.path("sealed/plain/0.reel")).unwrap();
    for number in 1..10_000 {
        folder.write(&format!("sealed/plain/{number}.reel"), &sealed);
    }
    let mount = mount(&folder);
    let read_before = bytes_read(&mount);
    let listed =
        shell_done(&folder, "ls -l mnt | awk '$5 == 1000' | wc -l; ls -l mnt | wc -l; find mnt -size 1000c | wc -l");
    assert_eq!(listed, "10000\n10001\n10000\n");
    // Reading the headers would take 8 KiB for each.
    let read = bytes_read(&mount) - read_before;
    assert!(read < 5_000_000, "{read} bytes were read");
    assert_eq!(mount.end(), "");
}

/// Everything that the command has read so far, from files and from the system's end of the mount.
fn bytes_read(mount: &Mount) -> u64 {
    let counts = fs::read_to_string(format!("/proc/{}/io", mount.process())).unwrap();
    counts.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse().unwrap()
}

#[test]
#[ignore = "needs fuse3, python3"]
fn memory_is_bounded_however_many_readers_and_however_large_the_frames() {
    const LIMIT: u64 = 128 << 20;
    let folder = folder();
    shell_done(&folder, "head -c 48M /dev/urandom >film");
    for (frames, count) in [("64K", 8), ("1M", 8), ("16M", 3)] {
        for number in 0..count {
            let name = format!("sealed/{frames}-{number}.reel");
            assert_done(&folder.run(&["encrypt", "-q", "--frame-size", frames, "film", "-o", &name]));
        }
    }
    let mount = mount(&folder);
    for frames in ["64K", "1M", "16M"] {
        shell_done(&folder, &format!("for film in mnt/{frames}-*; do cmp film $film & done; wait"));
    }
    // After each of these reads, what was decrypted ahead is left over.
    for number in 0..400 {
        fs::hard_link(folder.path("sealed/64K-0.reel"), folder.path(&format!("sealed/open-{number}.reel"))).unwrap();
    }
    let open = "import glob
files = [open(name, 'rb', buffering=0) for name in glob.glob('mnt/open-*')]
assert len(files) == 400
for file in files:
    for _ in range(10):
        assert len(file.read(131072)) == 131072";
    folder.write("open.py", open.as_bytes());
    while fs::read_dir(mount.path("")).unwrap().count() < 400 {}
    shell_done(&folder, "python3 open.py");
    let status = fs::read_to_string(format!("/proc/{}/status", mount.process())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim().trim_end_matches(" kB");
    let peak = peak.parse::<u64>().unwrap() << 10;
    assert!(peak <= LIMIT, "{peak} bytes");
    assert_eq!(mount.end(), "");
}
