//! `reelseal salvage`: what is sound in its place, a list and a map of what is missing, and new streams from the rest.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::{
    fs,
    os::unix::fs::MetadataExt,
    process::{Command, Output},
};

use support::{Folder, assert_done, assert_refused, mode, plaintext, text};

const PAYLOAD: usize = 4096;
const WIRE: usize = PAYLOAD + 64;
const FRAMES_START: usize = 8192;
const LENGTH: usize = 20 * PAYLOAD + 5;

/// A folder with a stream of 20 full frames and a final one of 5 bytes; the frames `damaged` are damaged.
fn prepared(damaged: &[usize]) -> Folder {
    let folder = Folder::new();
    folder.write("film", &plaintext(LENGTH));
    assert_done(&folder.run(&["encrypt", "film", "--frame-size", "4K"]));
    damage(&folder, damaged);
    folder
}

fn damage(folder: &Folder, damaged: &[usize]) {
    let mut stream = folder.read("film.reel");
    damaged.iter().for_each(|frame| stream[FRAMES_START + frame * WIRE + 40] ^= 1);
    folder.write("film.reel", &stream);
}

/// The plaintext, with zeros instead of these frames.
fn with_zeros(damaged: &[usize]) -> Vec<u8> {
    let mut expected = plaintext(LENGTH);
    damaged.iter().for_each(|frame| expected[frame * PAYLOAD..(frame + 1) * PAYLOAD].fill(0));
    expected
}

#[track_caller]
fn assert_salvaged(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
}

#[test]
fn sound_frames_are_at_their_places_with_zeros_between_them_and_the_ranges_are_listed() {
    let folder = prepared(&[3, 4, 9]);
    let output = folder.run(&["salvage", "film.reel", "-o", "out"]);
    assert_salvaged(&output, 4);
    assert!(folder.read("out") == with_zeros(&[3, 4, 9]));
    assert_eq!(
        text(&output.stderr),
        "reelseal: film.reel: frames 3 to 4, bytes 20672 to 28991 (plaintext 12288 to 20479): damaged\n\
         reelseal: film.reel: frame 9, bytes 45632 to 49791 (plaintext 36864 to 40959): damaged\n\
         reelseal: film.reel: not whole: 3 frames are missing, 12288 bytes of plaintext, 18 frames are sound, 69637 bytes\n\
         reelseal: hint: out has the sound frames in their places, and zeros where frames are missing\n"
    );
    let sealed = folder.read("film.reel");
    for piped in [
        folder.run(&["salvage", "film.reel", "-o", "-"]),
        folder.pipe(&["salvage", "-o", "-"], &sealed),
        folder.pipe(&["salvage", "-", "-o", "-", "--threads", "3"], &sealed),
    ] {
        assert_salvaged(&piped, 4);
        assert!(piped.stdout == with_zeros(&[3, 4, 9]));
    }
    assert_salvaged(&folder.pipe(&["salvage", "-o", "piped"], &sealed), 4);
    assert!(folder.read("piped") == with_zeros(&[3, 4, 9]));
}

#[test]
fn what_is_missing_takes_no_space_in_a_file() {
    let folder = Folder::new();
    folder.write("film", &plaintext(4 << 20));
    assert_done(&folder.run(&["encrypt", "film"]));
    let mut stream = folder.read("film.reel");
    stream[100_000..4_000_000].fill(0);
    folder.write("film.reel", &stream);
    assert_salvaged(&folder.run(&["salvage", "film.reel", "-o", "out"]), 4);
    let metadata = folder.path("out").metadata().unwrap();
    assert_eq!(metadata.len(), 4 << 20);
    assert!(metadata.blocks() * 512 < 1 << 20, "{} blocks", metadata.blocks());
}

#[test]
fn a_whole_stream_is_salvaged_with_success_even_with_something_after_its_end() {
    let folder = prepared(&[]);
    let whole = folder.run(&["salvage", "film.reel", "-o", "out"]);
    assert_salvaged(&whole, 0);
    assert_eq!((text(&whole.stderr), folder.read("out")), (String::new(), plaintext(LENGTH)));
    for junk in [1, 60, WIRE, 10_000] {
        let mut stream = folder.read("film.reel");
        stream.resize(stream.len() + junk, 9);
        folder.write("junk.reel", &stream);
        let from_file = folder.run(&["salvage", "junk.reel", "-o", "out", "--force"]);
        let from_pipe = folder.pipe(&["salvage", "-o", "-"], &stream);
        for (output, content) in [(&from_file, &folder.read("out")), (&from_pipe, &from_pipe.stdout)] {
            assert_salvaged(output, 0);
            assert!(*content == plaintext(LENGTH), "{junk}");
            assert!(text(&output.stderr).contains("has data after its end"), "{junk}");
        }
    }
}

#[test]
fn a_stream_that_is_cut_or_unfinished_gives_its_whole_frames() {
    let folder = prepared(&[]);
    let stream = folder.read("film.reel");
    for (cut, frames) in
        [(0, 20), (3 * WIRE, 3), (3 * WIRE + 50, 3), (3 * WIRE + 100, 3), (4 * WIRE - 1, 3), (20 * WIRE, 20)]
    {
        let cut = if cut == 0 { stream.len() - 1 } else { FRAMES_START + cut };
        folder.write("cut.reel", &stream[..cut]);
        let output = folder.run(&["salvage", "cut.reel", "-o", "out", "--force", "--map", "map"]);
        assert_refused(
            &output,
            4,
            &format!("the end is missing, from frame {frames} on, at byte {}", FRAMES_START + frames * WIRE),
        );
        assert!(folder.read("out") == plaintext(frames * PAYLOAD), "{cut}");
        let piped = folder.pipe(&["salvage", "-o", "-"], &stream[..cut]);
        assert!(piped.status.code() == Some(4) && piped.stdout == plaintext(frames * PAYLOAD), "{cut}");
    }
    // As left by a recorder on a machine that lost power.
    let zeros = [&stream[..FRAMES_START + 5 * WIRE], &[0; 3 * WIRE + 70]].concat();
    let output = folder.pipe(&["salvage", "-o", "-"], &zeros);
    assert!(output.status.code() == Some(4) && output.stdout == plaintext(5 * PAYLOAD));
}

#[test]
fn where_nothing_is_sound_nothing_is_written() {
    let folder = prepared(&(0..21).collect::<Vec<_>>());
    let output = folder.run(&["salvage", "film.reel", "-o", "out", "--map", "map"]);
    assert_refused(&output, 4, "film.reel: no frame is sound; nothing was written");
    folder.write("headers.reel", &folder.read("film.reel")[..FRAMES_START]);
    assert_refused(&folder.run(&["salvage", "headers.reel", "-o", "out"]), 4, "no frame is sound; nothing was written");
    folder.write("cut.reel", &folder.read("film.reel")[..5000]);
    assert_refused(&folder.run(&["salvage", "cut.reel", "-o", "out"]), 4, "the stream ends inside its header");
    assert_eq!(folder.names(), ["cut.reel", "film", "film.reel", "headers.reel"]);
}

#[test]
fn skip_leaves_missing_frames_out() {
    let folder = prepared(&[0, 7]);
    assert_salvaged(&folder.run(&["salvage", "film.reel", "-o", "out", "--skip"]), 4);
    let whole = plaintext(LENGTH);
    let expected = [&whole[PAYLOAD..7 * PAYLOAD], &whole[8 * PAYLOAD..]].concat();
    assert!(folder.read("out") == expected);
    assert!(folder.run(&["salvage", "film.reel", "-o", "-", "--skip"]).stdout == expected);
}

#[test]
fn a_map_has_every_range_and_the_list_the_first_hundred() {
    let folder = Folder::new();
    let frames = 20_001;
    folder.write("film", &vec![7; frames * PAYLOAD]);
    assert_done(&folder.run(&["encrypt", "film", "--frame-size", "4K"]));
    let damaged: Vec<_> = (0..frames - 1).step_by(2).collect();
    damage(&folder, &damaged);
    let output = folder.run(&["salvage", "film.reel", "-o", "out", "--map", "map"]);
    assert_salvaged(&output, 4);
    let told = text(&output.stderr);
    assert_eq!(told.lines().count(), 103, "{told}");
    assert!(told.contains("film.reel: 9900 more ranges are missing; --map FILE"), "{told}");
    let map = text(&folder.read("map"));
    let blocks: Vec<_> = map.lines().skip(5).collect();
    assert_eq!(blocks.len(), 20_000);
    assert_eq!(blocks[..2], ["0x00000000  0x00001000  -", "0x00001000  0x00001000  +"]);
    let events = folder.run(&["salvage", "film.reel", "-o", "out", "--force", "--progress", "json"]);
    assert_eq!(text(&events.stderr).lines().filter(|line| line.contains(r#""event":"damage""#)).count(), 10_000);
}

#[test]
fn events_have_each_range_as_data() {
    let folder = prepared(&[3]);
    let stream = folder.read("film.reel");
    folder.write("film.reel", &stream[..FRAMES_START + 10 * WIRE]);
    let output = folder.run(&["salvage", "film.reel", "-o", "out", "--progress", "json"]);
    assert_salvaged(&output, 4);
    let events = text(&output.stderr);
    let events: Vec<serde_json::Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |kind: &str| events.iter().filter(|event| event["event"] == kind).collect::<Vec<_>>();
    let range = |first: usize, end: Option<usize>| serde_json::json!({"first": first, "end": end});
    let damage = of("damage");
    assert_eq!(damage[0]["frames"], range(3, Some(4)));
    assert_eq!(damage[0]["bytes"], range(FRAMES_START + 3 * WIRE, Some(FRAMES_START + 4 * WIRE)));
    assert_eq!(damage[0]["plaintext"], range(3 * PAYLOAD, Some(4 * PAYLOAD)));
    assert_eq!(damage[1]["frames"], range(10, None));
    assert_eq!(damage[1]["plaintext"], range(10 * PAYLOAD, None));
    assert_eq!((of("done").len(), &of("error")[0]["exit_code"]), (1, &serde_json::json!(4)));
}

#[test]
fn one_header_copy_is_enough_and_so_is_a_saved_header() {
    let folder = prepared(&[5]);
    assert_done(&folder.run(&["inspect", "film.reel", "--save-header", "saved"]));
    assert_eq!((mode(&folder.path("saved")), folder.read("saved").len()), (0o600, FRAMES_START));
    assert_refused(&folder.run(&["inspect", "film.reel", "--save-header", "saved"]), 2, "saved: exists already");
    let stream = folder.read("film.reel");
    for copy in [0, 4096] {
        let mut one = stream.clone();
        one[copy..copy + 4096].fill(0);
        folder.write("one.reel", &one);
        assert_salvaged(&folder.run(&["salvage", "one.reel", "-o", "out", "--force"]), 4);
        assert!(folder.read("out") == with_zeros(&[5]));
    }
    let mut none = stream;
    none[..FRAMES_START].fill(0);
    folder.write("none.reel", &none);
    assert_refused(&folder.run(&["salvage", "none.reel", "-o", "out", "--force"]), 4, "--header FILE");
    assert_salvaged(&folder.run(&["salvage", "none.reel", "--header", "saved", "-o", "out", "--force"]), 4);
    assert!(folder.read("out") == with_zeros(&[5]));
    let piped = folder.pipe(&["salvage", "--header", "saved", "-o", "-"], &none);
    assert!(piped.status.code() == Some(4) && piped.stdout == with_zeros(&[5]));

    folder.write("other", b"frames");
    assert_done(&folder.run(&["encrypt", "other"]));
    assert_done(&folder.run(&["inspect", "other.reel", "--save-header", "foreign"]));
    let foreign = folder.run(&["salvage", "none.reel", "--header", "foreign", "-o", "new"]);
    assert_refused(&foreign, 4, "the header may be that of another stream");
    assert!(!folder.path("new").exists());
}

#[test]
fn a_saved_header_opens_with_the_old_secret() {
    let folder = prepared(&[]);
    assert_done(&folder.run(&["inspect", "film.reel", "--save-header", "saved"]));
    assert_done(&folder.reelseal(&["keygen", "-o", "new"]).output().unwrap());
    assert_done(&folder.run(&["passwd", "film.reel", "--new-key-file", "new"]));
    assert_refused(&folder.run(&["salvage", "film.reel", "-o", "out"]), 3, "film.reel");
    assert_done(&folder.run(&["salvage", "film.reel", "--header", "saved", "-o", "out"]));
    assert!(folder.read("out") == plaintext(LENGTH));
}

#[test]
fn a_resealed_stream_is_whole_opens_with_the_new_secret_alone_and_says_what_was_missing() {
    let folder = prepared(&[3, 4, 9]);
    assert_done(&folder.reelseal(&["keygen", "-o", "new"]).output().unwrap());
    let reseal = ["salvage", "film.reel", "--reseal", "--new-key-file", "new", "-o", "resealed.reel"];
    assert_salvaged(&folder.run(&reseal), 4);
    assert_refused(&folder.run(&["decrypt", "resealed.reel"]), 3, "resealed.reel");
    let with_new = |arguments: &[&str]| folder.reelseal(arguments).args(["--key-file", "new"]).output().unwrap();
    assert_done(&with_new(&["verify", "resealed.reel"]));
    assert!(with_new(&["decrypt", "resealed.reel", "-o", "-"]).stdout == with_zeros(&[3, 4, 9]));
    let shown = text(&with_new(&["inspect", "resealed.reel", "--json"]).stdout);
    let missing = r#""resealed":[{"end_lost":false,"left_out":false,"missing":[{"first":12288,"end":20480},{"first":36864,"end":40960}],"unlisted":0}]"#;
    assert!(shown.contains(missing), "{shown}");

    // Damaged and resealed again, it still says what was missing the first time.
    fs::rename(folder.path("resealed.reel"), folder.path("film.reel")).unwrap();
    damage(&folder, &[6]);
    let stream = folder.read("film.reel");
    folder.write("film.reel", &stream[..FRAMES_START + 8 * WIRE]);
    let again = with_new(&["salvage", "film.reel", "--reseal", "--new-key-file", "key", "-o", "again.reel", "--skip"]);
    assert_salvaged(&again, 4);
    let shown = text(&folder.run(&["inspect", "again.reel"]).stdout);
    assert_eq!(shown.lines().filter(|line| line.starts_with("resealed:")).count(), 2, "{shown}");
    assert!(
        shown.contains("left out; the end was missing") && shown.contains("when its writer was interrupted"),
        "{shown}"
    );
}

#[test]
fn a_resealed_recording_keeps_its_times() {
    let folder = Folder::new();
    let recorded = folder.pipe(&["encrypt", "--live", "--frame-size", "4K", "-o", "night.reel"], &plaintext(30_000));
    assert_done(&recorded);
    let mut stream = folder.read("night.reel");
    stream[FRAMES_START + 2 * WIRE + 9] ^= 1;
    folder.write("night.reel", &stream);
    assert_salvaged(&folder.run(&["salvage", "night.reel", "--reseal", "--new-key-file", "key", "-o", "new.reel"]), 4);
    let times = |name: &str| -> Vec<_> {
        let listed = text(&folder.run(&["inspect", name, "--frames", "--json"]).stdout);
        let frames = listed.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()).skip(1);
        frames.map(|frame| frame["time"].clone()).collect()
    };
    let (old, new) = (times("night.reel"), times("new.reel"));
    assert_eq!(old.len(), new.len());
    assert!(old.iter().zip(&new).enumerate().all(|(index, (old, new))| index == 2 || (old == new && new.is_string())));
}

#[test]
fn impossible_requests_are_refused_before_anything_is_written() {
    let folder = prepared(&[3]);
    folder.write("there", b"precious");
    for (arguments, fact) in [
        (&["film.reel", "-o", "there"][..], "there: exists already"),
        (&["film.reel", "-o", "film.reel", "--force"], "film.reel: is also an input or the secret"),
        (&["film.reel", "-o", "key", "--force"], "key: is also an input or the secret"),
        (&["film.reel", "-o", "."], ".: is a folder"),
        (&["film.reel"], "--output <FILE>"),
        (&["film.reel", "other.reel", "-o", "out"], "unexpected argument 'other.reel'"),
        (&["film.reel", "-o", "out", "--remove"], "unexpected argument '--remove'"),
        (&["film.reel", "-o", "out", "--map", "out"], "the output and the map cannot go to one place"),
        (&["film.reel", "-o", "out", "--map", "there"], "there: exists already"),
        (&["film.reel", "-o", "out", "--new-key-file", "key"], "which only --reseal writes"),
        (&["film.reel", "-o", "-", "--reseal", "--new-key-file", "key"], "a stream that is resealed needs a file"),
        (
            &["film.reel", "-o", "/dev/null", "--reseal", "--new-key-file", "key"],
            "a stream that is resealed needs a file",
        ),
        (&["film.reel", "-o", "out", "--header", "-"], "a header is read from a file"),
    ] {
        assert_refused(&folder.run(&[&["salvage"], arguments].concat()), 2, fact);
    }
    assert_eq!(folder.names(), ["film", "film.reel", "there"]);
    assert_eq!(folder.read("there"), b"precious");
}

#[test]
fn a_full_disk_and_a_closed_pipe_are_failures() {
    let folder = prepared(&[3]);
    assert_refused(&folder.run(&["salvage", "film.reel", "-o", "/dev/full"]), 1, "no space left on device");
    let output = folder.run(&["salvage", "film.reel", "-o", "out", "--map", "/dev/full"]);
    assert_refused(&output, 4, "/dev/full: cannot write: no space left on device");
    assert!(folder.read("out") == with_zeros(&[3]));
    let mut command = folder.reelseal(&["salvage", "film.reel", "-o", "-", "--key-file", "key"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    assert_refused(&command.stdout(writer).output().unwrap(), 1, "the reader has closed the pipe");
}

#[test]
fn failures_of_other_commands_name_the_command_to_type() {
    let folder = prepared(&[3]);
    fs::rename(folder.path("film.reel"), folder.path("my film.mp4.reel")).unwrap();
    for command in ["decrypt", "verify"] {
        let output = folder.run(&[command, "my film.mp4.reel"]);
        assert_refused(&output, 4, "recover what is sound: reelseal salvage 'my film.mp4.reel' -o 'my film.mp4'\n");
    }
    let stream = folder.read("my film.mp4.reel");
    folder.write("unfinished", &stream[..FRAMES_START + 3 * WIRE]);
    for command in ["decrypt", "verify", "inspect"] {
        let output = folder.run(&[command, "unfinished", "-o", "new"][..if command == "decrypt" { 4 } else { 2 }]);
        assert_refused(&output, 4, "reelseal salvage unfinished -o unfinished.salvaged\n");
        assert_refused(&output, 4, "unfinished, or cut short: it ends before frame 3");
    }
    let unsecret = folder.reelseal(&["inspect", "unfinished"]).output().unwrap();
    assert!(text(&unsecret.stdout).contains("unfinished, or cut short"), "{}", text(&unsecret.stdout));
    folder.write("none.reel", &[&[0x89, b'R', b'S', b'L', b'\r', b'\n', 0x1a, b'\n', 1, 12][..], &[0; 9000]].concat());
    let mut none = stream;
    (none[100], none[4196]) = (none[100] ^ 1, none[4196] ^ 1);
    folder.write("none.reel", &none);
    for command in ["decrypt", "verify", "inspect"] {
        assert_refused(&folder.run(&[command, "none.reel"]), 4, "reelseal salvage none.reel --header SAVED -o none\n");
    }
}

/// Runs a salvage under strace with this injection into reads of the stream.
fn with_failing_reads(folder: &Folder, injections: &[&str], arguments: &[&str]) -> Output {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "log", "-e", "signal=none", "-P"]).arg(folder.path("film.reel"));
    for injection in injections {
        strace.args(["-e", &format!("inject={injection}")]);
    }
    strace.arg(support::reelseal()).args(arguments).args(["--key-file", "key", "--threads", "1"]);
    strace.current_dir(folder.path("")).output().unwrap()
}

#[test]
#[ignore = "needs strace"]
fn a_bad_sector_costs_the_frames_that_touch_it() {
    let folder = prepared(&[]);
    let whole = with_failing_reads(&folder, &["pread64:delay_enter=1"], &["salvage", "film.reel", "-o", "out"]);
    assert_salvaged(&whole, 0);
    // The last reads are those of the 21 frames.
    let reads = text(&folder.read("log")).lines().filter(|line| line.contains("pread64")).count();
    for (frames, injection) in [
        (vec![3], format!("pread64:error=EIO:when={}", reads - 21 + 1 + 3)),
        (vec![7, 8], format!("pread64:error=EIO:when={}..{}", reads - 21 + 1 + 7, reads - 21 + 1 + 8)),
    ] {
        let output = with_failing_reads(&folder, &[&injection], &["salvage", "film.reel", "-o", "out", "--force"]);
        assert_refused(&output, 4, "cannot be read: input/output error");
        assert!(folder.read("out") == with_zeros(&frames), "{frames:?}: {}", text(&output.stderr));
    }
}

#[test]
#[ignore = "needs strace"]
fn a_bad_sector_in_one_header_copy_costs_nothing() {
    let folder = prepared(&[]);
    // A read fails, and so does reading its first sector again.
    let output = with_failing_reads(&folder, &["pread64:error=EIO:when=1..2"], &["salvage", "film.reel", "-o", "out"]);
    assert_refused(&output, 0, "the first of the two header copies is damaged");
    assert!(folder.read("out") == plaintext(LENGTH));
}

#[test]
#[ignore = "needs strace"]
fn if_reading_a_pipe_fails_what_came_before_is_kept() {
    let folder = prepared(&[]);
    let stream = fs::File::open(folder.path("film.reel")).unwrap();
    let fifo = folder.path("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let feeder = std::thread::spawn({
        let fifo = fifo.clone();
        move || std::io::copy(&mut &stream, &mut fs::File::options().write(true).open(fifo).unwrap())
    });
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "log", "-e", "signal=none", "-P"]).arg(&fifo);
    strace.args(["-e", "inject=read:error=EIO:when=12+", support::reelseal(), "salvage", "fifo"]);
    let output = strace.args(["-o", "out", "--key-file", "key"]).current_dir(folder.path("")).output().unwrap();
    let _ = feeder.join().unwrap();
    assert_refused(&output, 4, "fifo: the rest cannot be read: input/output error");
    let out = folder.read("out");
    assert!(!out.is_empty() && plaintext(LENGTH).starts_with(&out));
}

#[test]
#[ignore = "needs ddrescuelog"]
fn ddrescuelog_reads_the_map() {
    let folder = prepared(&[3, 4, 9]);
    assert_salvaged(&folder.run(&["salvage", "film.reel", "-o", "out", "--map", "map"]), 4);
    let ddrescuelog = |arguments: &[&str]| {
        let output = Command::new("ddrescuelog").args(arguments).current_dir(folder.path("")).output().unwrap();
        assert_done(&output);
        text(&output.stdout)
    };
    let status = ddrescuelog(&["--show-status", "map"]);
    assert!(status.contains("mapfile extent:    81925 B,  in      5 area(s)"), "{status}");
    assert!(status.contains("bad-sector:    12288 B,  in      2 area(s)"), "{status}");
    assert_eq!(ddrescuelog(&["--list-blocks=-", "--block-size=4096", "map"]), "3\n4\n9\n");
    // The status is finished if nothing is missing.
    folder.write("film", &plaintext(LENGTH));
    assert_done(&folder.run(&["encrypt", "film", "--force"]));
    assert_done(&folder.run(&["salvage", "film.reel", "-o", "out", "--map", "map", "--force"]));
    ddrescuelog(&["--done-status", "map"]);
}

/// How many frames of video ffmpeg decodes from a file.
fn decoded(folder: &Folder, name: &str) -> usize {
    let arguments = ["-v", "quiet", "-i", name, "-map", "0:v", "-f", "null", "-progress", "-", "-"];
    let output = Command::new("ffmpeg").args(arguments).current_dir(folder.path("")).output().unwrap();
    let told = text(&output.stdout);
    told.lines().rev().find_map(|line| line.strip_prefix("frame=")).map_or(0, |count| count.trim().parse().unwrap())
}

#[test]
#[ignore = "needs ffmpeg"]
fn a_film_of_which_256_kib_are_lost_still_plays_with_zeros_for_them() {
    let folder = Folder::new();
    let ffmpeg = |arguments: &str| {
        let arguments = arguments.split(' ');
        let status = Command::new("ffmpeg").args(["-v", "error"]).args(arguments).current_dir(folder.path("")).status();
        assert!(status.unwrap().success());
    };
    let encoded = "-c:v libx264 -preset ultrafast -b:v 2500k -pix_fmt yuv420p -g 60";
    ffmpeg(&format!("-f lavfi -i testsrc2=size=1280x720:rate=30 -t 30 {encoded} end.mp4"));
    ffmpeg("-i end.mp4 -c copy -movflags +faststart start.mp4");
    ffmpeg("-i end.mp4 -c copy -movflags frag_keyframe+empty_moov fragmented.mp4");
    ffmpeg("-i end.mp4 -c copy film.mkv");
    ffmpeg("-i end.mp4 -c copy film.ts");
    for (name, least_with_zeros) in
        [("end.mp4", 800), ("start.mp4", 800), ("fragmented.mp4", 300), ("film.mkv", 700), ("film.ts", 800)]
    {
        assert_done(&folder.run(&["encrypt", name]));
        let sealed = format!("{name}.reel");
        let mut stream = folder.read(&sealed);
        let middle = stream.len() / 2;
        stream[middle..middle + (256 << 10)].fill(0);
        folder.write(&sealed, &stream);
        let (zeros, skipped) = (format!("zeros-{name}"), format!("skipped-{name}"));
        assert_salvaged(&folder.run(&["salvage", &sealed, "-o", &zeros]), 4);
        assert_salvaged(&folder.run(&["salvage", &sealed, "-o", &skipped, "--skip"]), 4);
        let counts = [name, &zeros, &skipped].map(|name| decoded(&folder, name));
        eprintln!("{name}: {} frames, with zeros {}, with --skip {}", counts[0], counts[1], counts[2]);
        assert!(counts[0] == 900 && counts[1] >= least_with_zeros && counts[1] < 900, "{name}: {counts:?}");
        assert!(counts[2] <= counts[1], "{name}: {counts:?}");
    }
    assert_eq!(decoded(&folder, "skipped-end.mp4"), 0);
}
