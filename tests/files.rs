//! Files in, files out: round trips, what is carried over, what is refused, what is left behind.

mod support;

use std::{
    fs::{self, File, FileTimes, Permissions},
    os::unix::fs::{PermissionsExt, symlink},
    process::Stdio,
    time::{Duration, UNIX_EPOCH},
};

use support::{CHEAP, Folder, assert_done, assert_refused, feed, mode, plaintext, text};

const PAYLOAD: usize = 4096;
const WIRE: usize = PAYLOAD + 64;
const FRAMES_START: usize = 2 * 4096;

#[test]
fn every_length_around_the_frame_boundaries_comes_back_from_files_and_pipes_with_one_worker_and_many() {
    let folder = Folder::new();
    for length in [0, 1, PAYLOAD - 1, PAYLOAD, PAYLOAD + 1, 2 * PAYLOAD, 257 * PAYLOAD, 257 * PAYLOAD + 9] {
        let plaintext = plaintext(length);
        folder.write("film", &plaintext);
        for threads in ["1", "5"] {
            let options = ["--frame-size", "4K", "--threads", threads, "--force"];
            assert_done(&folder.run(&[["encrypt", "film", "-q"].as_slice(), &options].concat()));
            assert_eq!(folder.read("film.reel").len(), FRAMES_START + length + (length / PAYLOAD + 1) * 64);
            assert_done(&folder.run(&["decrypt", "film.reel", "-o", "back", "--force", "--threads", threads]));
            assert!(folder.read("back") == plaintext, "file, {length} bytes, {threads} threads");

            let sealed = folder.pipe(&[["encrypt"].as_slice(), &options].concat(), &plaintext);
            let opened = folder.pipe(&["decrypt", "--threads", threads], &sealed.stdout);
            assert!(opened.status.success() && opened.stdout == plaintext, "pipe, {length} bytes, {threads} threads");
        }
    }
}

#[test]
fn a_passphrase_from_a_file_a_descriptor_or_the_environment_opens_the_same_stream() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    folder.write("secret", "caf\u{e9}\n".as_bytes());
    let sealed =
        folder.reelseal(&["enc", "film", "-o", "-", "--passphrase-file", "secret"]).args(CHEAP).output().unwrap();
    assert_done(&sealed);
    let from_environment = &mut folder.reelseal(&["dec"]);
    let opened = feed(from_environment.env("REELSEAL_PASSPHRASE", "cafe\u{301}"), &sealed.stdout);
    assert_eq!(opened.stdout, b"frames");
    folder.write("film.reel", &sealed.stdout);
    let from_descriptor = &mut folder.reelseal(&["dec", "film.reel", "-o", "-", "--passphrase-fd", "0"]);
    let opened = from_descriptor.stdin(File::open(folder.path("secret")).unwrap()).output().unwrap();
    assert_eq!(opened.stdout, b"frames");
}

#[test]
fn a_flag_beats_the_environment() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    let sealed =
        folder.reelseal(&["enc", "film", "--key-file", "key"]).env("REELSEAL_PASSPHRASE", "x").output().unwrap();
    assert_done(&sealed);
    assert_done(&folder.run(&["dec", "film.reel", "-o", "-"]));
}

#[test]
fn age_57_a_wrong_passphrase_or_key_leaves_nothing_behind() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    let with = |passphrase: &str, arguments: &[&str]| {
        folder.reelseal(arguments).env("REELSEAL_PASSPHRASE", passphrase).output().unwrap()
    };
    assert_done(&with("right", &[["enc", "film"].as_slice(), &CHEAP].concat()));
    assert_refused(&with("wrong", &["dec", "film.reel", "-o", "back"]), 3, "film.reel: wrong passphrase");
    assert_refused(&folder.run(&["dec", "film.reel", "-o", "back"]), 2, "no key slot for a key file");
    assert_done(&folder.run(&["enc", "film", "-o", "keyed.reel"]));
    assert_refused(&with("right", &["dec", "keyed.reel"]), 2, "no key slot for a passphrase");
    assert_done(&folder.reelseal(&["keygen", "-o", "other"]).output().unwrap());
    let other = folder.reelseal(&["dec", "keyed.reel", "--key-file", "other"]).output().unwrap();
    assert_refused(&other, 3, "wrong key file");
    assert_eq!(folder.names(), ["film", "film.reel", "keyed.reel", "other"]);
}

#[test]
fn mode_and_modification_time_are_carried_over_both_ways() {
    let folder = Folder::new();
    let film = folder.write("film", b"frames");
    let modified = UNIX_EPOCH + Duration::new(1_500_000_000, 123_456_789);
    fs::set_permissions(&film, Permissions::from_mode(0o640)).unwrap();
    File::options().write(true).open(&film).unwrap().set_times(FileTimes::new().set_modified(modified)).unwrap();
    assert_done(&folder.run(&["encrypt", "film"]));
    assert_done(&folder.run(&["decrypt", "film.reel", "-o", "back"]));
    for name in ["film.reel", "back"] {
        assert_eq!(mode(&folder.path(name)), 0o640, "{name}");
        assert_eq!(folder.path(name).metadata().unwrap().modified().unwrap(), modified, "{name}");
    }
    assert_eq!(folder.read("film"), b"frames");
}

#[test]
fn a_key_file_is_for_its_owner_alone() {
    assert_eq!(mode(&Folder::new().path("key")), 0o600);
}

#[test]
fn an_existing_output_is_kept_without_force_and_replaced_with_it() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    folder.write("film.reel", b"precious");
    assert_refused(&folder.run(&["encrypt", "film"]), 2, "film.reel: exists already");
    assert_eq!(folder.read("film.reel"), b"precious");
    assert_done(&folder.run(&["encrypt", "film", "--force"]));
    assert_done(&folder.run(&["decrypt", "film.reel", "--force"]));
    assert_eq!(folder.read("film"), b"frames");
    assert_refused(&folder.reelseal(&["keygen", "-o", "film"]).output().unwrap(), 2, "film: exists already");
    assert_eq!(folder.names(), ["film", "film.reel"]);
}

#[test]
fn age_491_the_input_is_never_the_output_by_whatever_name() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    symlink("film", folder.path("soft")).unwrap();
    fs::hard_link(folder.path("film"), folder.path("hard")).unwrap();
    for output in ["film", "./film", "soft", "hard", "key"] {
        assert_refused(&folder.run(&["encrypt", "film", "-o", output, "--force"]), 2, "writing would destroy it");
    }
    let film = || File::options().read(true).append(true).open(folder.path("film")).unwrap();
    let redirected = folder.reelseal(&["encrypt", "--key-file", "key"]).stdin(film()).stdout(film()).output().unwrap();
    assert_refused(&redirected, 2, "writing would destroy it");
    assert_eq!(folder.read("film"), b"frames");
}

#[test]
fn a_symbolic_link_as_output_is_followed_and_stays_one() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    fs::create_dir(folder.path("store")).unwrap();
    symlink("store/target", folder.path("link")).unwrap();
    assert_done(&folder.run(&["encrypt", "film", "-o", "link"]));
    assert!(folder.path("link").is_symlink() && folder.path("store/target").is_file());
    assert_refused(&folder.run(&["encrypt", "film", "-o", "link"]), 2, "link: exists already");
    assert_done(&folder.run(&["encrypt", "film", "-o", "link", "--force"]));
    assert!(folder.path("link").is_symlink());
}

#[test]
fn a_redirected_file_is_read_from_its_current_position() {
    use std::io::{Read, Seek, SeekFrom};

    let folder = Folder::new();
    let plaintext = plaintext(3 * PAYLOAD);
    folder.write("film", &plaintext);
    let from = |name: &str, position: u64| {
        let mut file = File::open(folder.path(name)).unwrap();
        file.seek(SeekFrom::Start(position)).unwrap();
        file
    };
    let encrypt = &mut folder.reelseal(&["encrypt", "--key-file", "key", "--frame-size", "4K"]);
    let sealed = encrypt.stdin(from("film", 1000)).output().unwrap();
    assert_done(&sealed);
    folder.write("behind", &[b"seventeen bytes: ".as_slice(), &sealed.stdout].concat());
    let opened = folder.reelseal(&["decrypt", "--key-file", "key"]).stdin(from("behind", 17)).output().unwrap();
    assert_done(&opened);
    assert!(opened.stdout == plaintext[1000..]);

    // Standard output in append mode, where positions are ignored.
    let log = folder.write("log", b"before ");
    let append = File::options().append(true).open(&log).unwrap();
    let decrypt = &mut folder.reelseal(&["decrypt", "--key-file", "key"]);
    assert!(decrypt.stdin(from("behind", 17)).stdout(append).status().unwrap().success());
    let mut appended = Vec::new();
    File::open(&log).unwrap().read_to_end(&mut appended).unwrap();
    assert!(appended == [b"before ".as_slice(), &plaintext[1000..]].concat());

    // Standard output positioned at an offset.
    let slot = folder.write("slot", &[b'.'; 3 * PAYLOAD]);
    let mut output = File::options().write(true).open(&slot).unwrap();
    output.seek(SeekFrom::Start(500)).unwrap();
    let decrypt = &mut folder.reelseal(&["decrypt", "--key-file", "key"]);
    assert!(decrypt.stdin(from("behind", 17)).stdout(output).status().unwrap().success());
    let expected = [vec![b'.'; 500], plaintext[1000..].to_vec(), vec![b'.'; 500]].concat();
    assert!(folder.read("slot") == expected);
}

#[test]
fn picocrypt_12_a_file_cut_short_fails_before_a_byte_of_it_is_released() {
    let folder = Folder::new();
    folder.write("film", &plaintext(5 * PAYLOAD));
    assert_done(&folder.run(&["encrypt", "film", "--frame-size", "4K"]));
    let whole = folder.read("film.reel");
    for (length, fact) in [
        (FRAMES_START + 2 * WIRE, "cut short: it ends before frame 2, at byte 16512"),
        (FRAMES_START + 2 * WIRE + 9, "ends inside frame 2, at byte 16512"),
        (FRAMES_START + 2 * WIRE + 999, "cut short, extended or damaged in frame 2, at byte 16512"),
        (600, "the stream ends inside its header"),
        (0, "the stream ends inside its header"),
    ] {
        folder.write("cut.reel", &whole[..length]);
        assert_refused(&folder.run(&["decrypt", "cut.reel"]), 4, fact);
        let redirected = &mut folder.reelseal(&["decrypt", "--key-file", "key"]);
        let redirected = redirected.stdin(File::open(folder.path("cut.reel")).unwrap()).output().unwrap();
        assert_refused(&redirected, 4, fact);
        assert_eq!(redirected.stdout, b"", "cut to {length}");
    }
    assert_eq!(folder.names(), ["cut.reel", "film", "film.reel"]);
}

#[test]
fn a_damaged_frame_releases_the_frames_before_it_into_a_pipe_and_nothing_into_a_file() {
    let folder = Folder::new();
    let plaintext = plaintext(20 * PAYLOAD);
    folder.write("film", &plaintext);
    assert_done(&folder.run(&["encrypt", "film", "--frame-size", "4K"]));
    let mut damaged = folder.read("film.reel");
    damaged[FRAMES_START + 7 * WIRE + 99] ^= 1;
    folder.write("damaged.reel", &damaged);
    let fact = "damaged.reel: cut short, extended or damaged in frame 7, at byte 37312";
    assert_refused(&folder.run(&["decrypt", "damaged.reel"]), 4, fact);
    assert!(!folder.path("damaged").exists());
    let piped = folder.run(&["decrypt", "damaged.reel", "-o", "-"]);
    assert_refused(&piped, 4, fact);
    assert!(piped.stdout == plaintext[..7 * PAYLOAD]);
}

#[test]
fn a_damaged_header_copy_is_survived_and_reported() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    assert_done(&folder.run(&["encrypt", "film"]));
    let whole = folder.read("film.reel");
    for (place, which) in [(100, "first"), (4096 + 100, "second")] {
        let mut damaged = whole.clone();
        damaged[place] ^= 1;
        let opened = folder.pipe(&["decrypt", "--quiet"], &damaged);
        assert_eq!((opened.status.code(), opened.stdout.as_slice()), (Some(0), b"frames".as_slice()));
        assert!(
            text(&opened.stderr).contains(&format!("warning: standard input: the {which} of the two header copies"))
        );
    }
}

#[test]
fn rust_30972_a_closed_pipe_is_a_failure() {
    let folder = Folder::new();
    folder.write("film", &plaintext(1 << 20));
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = folder.reelseal(&["encrypt", "film", "-o", "-", "--key-file", "key"]).stdout(writer).output().unwrap();
    assert_refused(&output, 1, "standard output: the reader has closed the pipe");
}

#[test]
fn a_consumer_that_hangs_up_in_the_middle_is_a_failure() {
    let folder = Folder::new();
    folder.write("film", &plaintext(4 << 20));
    let encrypt = &mut folder.reelseal(&["encrypt", "film", "-o", "-", "--key-file", "key"]);
    let mut child = encrypt.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0];
    std::io::Read::read_exact(&mut child.stdout.take().unwrap(), &mut first).unwrap();
    assert_eq!(first, [0x89]);
    assert_refused(&child.wait_with_output().unwrap(), 1, "the reader has closed the pipe");
}

#[test]
fn a_fifo_is_read_and_written_as_a_stream() {
    let folder = Folder::new();
    let plaintext = plaintext(300_000);
    folder.write("film", &plaintext);
    let made = std::process::Command::new("mkfifo").arg(folder.path("fifo")).status().unwrap();
    assert!(made.success());
    let encrypt = &mut folder.reelseal(&["encrypt", "film", "-o", "fifo", "--key-file", "key"]);
    let mut writing = encrypt.spawn().unwrap();
    let opened = folder.run(&["decrypt", "fifo"]);
    assert!(writing.wait().unwrap().success());
    assert!(opened.status.success() && opened.stdout == plaintext);
}

#[test]
fn files_without_a_size_are_read_all_the_same() {
    let folder = Folder::new();
    assert_done(&folder.run(&["encrypt", "/proc/version", "-o", "version.reel"]));
    assert_eq!(folder.run(&["decrypt", "version.reel", "-o", "-"]).stdout, fs::read("/proc/version").unwrap());
}

#[test]
fn a_full_device_is_a_failure() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    let output = folder.run(&["encrypt", "film", "-o", "/dev/full"]);
    assert_refused(&output, 1, "/dev/full: cannot write: no space left on device");
}

#[test]
fn timestamps_are_for_streams_unless_asked_for() {
    const FEATURES: usize = 12;
    let folder = Folder::new();
    folder.write("film", b"frames");
    let timed = |sealed: &[u8]| sealed[FEATURES] == 2;
    assert!(!timed(&folder.run(&["encrypt", "film", "-o", "-"]).stdout));
    assert!(timed(&folder.run(&["encrypt", "film", "-o", "-", "--timestamps", "always"]).stdout));
    let stream = folder.pipe(&["encrypt"], b"frames").stdout;
    assert!(timed(&stream));
    assert!(!timed(&folder.pipe(&["encrypt", "--timestamps", "never"], b"frames").stdout));
    assert_eq!(folder.pipe(&["decrypt"], &stream).stdout, b"frames");
}

#[test]
fn dexios_102_progress_is_shown_without_a_terminal_only_when_asked_for() {
    let folder = Folder::new();
    folder.write("film", &plaintext(5000));
    assert_eq!(text(&folder.run(&["encrypt", "film"]).stderr), "");
    let reported = text(&folder.run(&["encrypt", "film", "--force", "--progress", "always"]).stderr);
    let result = reported.lines().last().unwrap();
    assert!(result.starts_with("reelseal: film -> film.reel: 4.88 KiB in ") && result.ends_with("/s"), "{reported}");
}

#[test]
fn a_run_that_is_killed_leaves_no_file() {
    let folder = Folder::new();
    let encrypt = &mut folder.reelseal(&["encrypt", "-o", "film.reel", "--key-file", "key"]);
    let mut child = encrypt.stdin(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    // More than the pipe holds: once it is written, frames are under way.
    std::io::Write::write_all(&mut pipe, &plaintext(4 << 20)).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(folder.names(), Vec::<String>::new());
}

#[test]
fn a_run_that_fails_keeps_the_file_it_was_to_replace() {
    let folder = Folder::new();
    folder.write("film", &plaintext(5 * PAYLOAD));
    assert_done(&folder.run(&["encrypt", "film", "--frame-size", "4K"]));
    let mut damaged = folder.read("film.reel");
    damaged[FRAMES_START + WIRE] ^= 1;
    folder.write("film.reel", &damaged);
    assert_refused(&folder.run(&["decrypt", "film.reel", "--force"]), 4, "in frame 1, at byte 12352");
    assert!(folder.read("film") == plaintext(5 * PAYLOAD));
}

#[test]
fn a_pipe_by_name_is_written_directly() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    let output = folder.run(&["encrypt", "film", "-o", "/dev/stdout"]);
    assert_done(&output);
    assert_eq!(folder.pipe(&["decrypt"], &output.stdout).stdout, b"frames");
}

#[test]
fn a_name_that_no_file_can_have_is_refused_before_anything_is_done() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    for output in ["new/", "new/.", "new/.."] {
        assert_refused(&folder.run(&["encrypt", "film", "-o", output]), 2, "is not the name of a file");
        assert_eq!(folder.names(), ["film"]);
    }
}

#[test]
fn files_that_claim_more_than_they_hold_are_read_to_their_end() {
    // Every attribute of sysfs claims the size of a page. This one exists on every machine that has a processor.
    const CLAIMS_A_PAGE: &str = "/sys/devices/system/cpu/possible";
    let folder = Folder::new();
    let content = fs::read(CLAIMS_A_PAGE).unwrap();
    assert!((content.len() as u64) < fs::metadata(CLAIMS_A_PAGE).unwrap().len());
    assert_done(&folder.run(&["encrypt", CLAIMS_A_PAGE, "-o", "possible.reel"]));
    assert!(folder.run(&["decrypt", "possible.reel", "-o", "-"]).stdout == content);
}

#[test]
fn the_secret_is_neither_the_input_nor_overwritten() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    folder.write("secret", b"open sesame");
    let secret = || File::open(folder.path("secret")).unwrap();
    let by_name = &mut folder.reelseal(&["encrypt", "-o", "out", "--passphrase-file", "/dev/stdin"]);
    assert_refused(&by_name.stdin(secret()).output().unwrap(), 2, "cannot be both the input and the secret");
    let piped = &mut folder.reelseal(&["encrypt", "-o", "out", "--key-file", "/dev/stdin"]);
    assert_refused(&feed(piped, &folder.read("key")), 2, "cannot be both the input and the secret");
    assert_refused(&folder.run(&["encrypt", "key"]), 2, "cannot be both the input and the secret");
    let over = &mut folder.reelseal(&["encrypt", "film", "--force", "-o", "secret", "--passphrase-fd", "0"]);
    assert_refused(&over.stdin(secret()).output().unwrap(), 2, "writing would destroy it");
    assert_eq!(folder.names(), ["film", "secret"]);
}

#[test]
fn a_descriptor_by_name_is_a_stream() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    let encrypt = &mut folder.reelseal(&["encrypt", "/dev/stdin", "--key-file", "key"]);
    let sealed = encrypt.stdin(File::open(folder.path("film")).unwrap()).output().unwrap();
    assert_done(&sealed);
    assert_eq!(folder.pipe(&["decrypt"], &sealed.stdout).stdout, b"frames");
}

#[test]
fn a_descriptor_that_is_not_open_is_never_one_of_our_own() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    for number in 3..10 {
        let script =
            "exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; exec \"$0\" encrypt film -o new.reel --passphrase-fd \"$1\"";
        let command = &mut std::process::Command::new("sh");
        command.args(["-c", script, support::reelseal(), &number.to_string()]).current_dir(folder.path(""));
        let fact = format!("descriptor {number}: cannot read the passphrase: bad file descriptor");
        assert_refused(&command.stdin(Stdio::null()).output().unwrap(), 1, &fact);
    }
}
