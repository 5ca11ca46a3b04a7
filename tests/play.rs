//! `reelseal play`: a player is found, gets the address, and seeks in an encrypted film as in the plain one.

#![cfg(feature = "serve")]
#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use support::{Folder, assert_done, assert_refused, serving::Serving, text};

fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sample.mp4")
}

/// A folder with the encrypted clip, and a player called `name` that consists of this bash script.
fn with_player(name: &str, script: &str) -> Folder {
    let folder = Folder::new();
    fs::copy(sample(), folder.path("film.mp4")).unwrap();
    assert_done(&folder.run(&["encrypt", "film.mp4"]));
    fs::create_dir(folder.path("bin")).unwrap();
    let player = folder.write(&format!("bin/{name}"), format!("#!/bin/bash\n{script}\n").as_bytes());
    fs::set_permissions(player, Permissions::from_mode(0o755)).unwrap();
    folder
}

fn play(folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = folder.reelseal(&["play", "--key-file", "key", "film.mp4.reel"]);
    let path = format!("{}:/usr/bin:/bin", folder.path("bin").display());
    command.args(arguments).env("PATH", path).env_remove("REELSEAL_PLAYER");
    command
}

/// Saves the film that it is given to play, and what it was started with.
const FETCH: &str = r#"
printf '%s\n' "$@" > arguments
[[ $1 == http* ]] && url=$1 || { read -r head; read -r url; echo "$head" > head; }
rest=${url#http://}; host=${rest%%/*}
exec 3<>"/dev/tcp/${host%:*}/${host#*:}"
printf 'GET /%s HTTP/1.0\r\n\r\n' "${rest#*/}" >&3
sed '1,/^\r$/d' <&3 > got
"#;

#[test]
fn a_player_that_reads_playlists_gets_the_address_on_its_standard_input() {
    let folder = with_player("mpv", FETCH);
    assert_done(&play(&folder, &[]).output().unwrap());
    assert!(folder.read("got") == fs::read(sample()).unwrap());
    assert_eq!(text(&folder.read("arguments")), "--playlist=fd://0\n");
    assert_eq!(text(&folder.read("head")), "#EXTM3U\n");
    assert_done(&play(&folder, &["--", "mpv", "--fullscreen"]).output().unwrap());
    assert_eq!(text(&folder.read("arguments")), "--fullscreen\n--playlist=fd://0\n");
}

#[test]
fn damage_that_the_player_met_is_a_failure_even_if_the_player_says_nothing() {
    let folder = with_player("mpv", FETCH);
    let mut sealed = folder.read("film.mp4.reel");
    let last = sealed.len() - 100;
    sealed[last - 200_000] ^= 1;
    folder.write("film.mp4.reel", &sealed);
    assert_refused(&play(&folder, &[]).output().unwrap(), 4, "damaged frames were left out of what was played");
}

#[test]
fn any_other_player_gets_it_as_an_argument() {
    let folder = with_player("other", FETCH);
    assert_done(&play(&folder, &[]).env("REELSEAL_PLAYER", "other").output().unwrap());
    assert!(folder.read("got") == fs::read(sample()).unwrap());
}

#[test]
fn a_player_that_fails_or_does_not_exist_is_a_failure() {
    let folder = with_player("mpv", "exit 7");
    assert_refused(&play(&folder, &[]).output().unwrap(), 5, "mpv: failed with exit code 7");
    assert_refused(&play(&folder, &["--", "nosuchplayer"]).output().unwrap(), 5, "nosuchplayer: command not found");
    let nothing = play(&folder, &[]).env("PATH", "/nonexistent").output().unwrap();
    assert_refused(&nothing, 2, "no player was found");
    assert_refused(&play(&folder, &["--"]).output().unwrap(), 2, "-- must be followed by a command");
}

#[test]
fn a_player_that_never_asks_for_the_film_has_not_played_it() {
    let folder = with_player("mpv", "exit 0");
    let asked_nothing = "mpv: ended without asking for the film";
    assert_refused(&play(&folder, &[]).output().unwrap(), 5, asked_nothing);
    assert_refused(&play(&folder, &["--", "true"]).output().unwrap(), 5, "true: ended without asking for the film");
}

#[test]
fn a_player_that_the_user_interrupts_has_not_failed() {
    for (player, script) in
        [("mpv", "exit 4"), ("ffplay", "exit 123"), ("other", "kill -INT $$"), ("other", "exit 130")]
    {
        let folder = with_player(player, script);
        assert_done(&play(&folder, &["--", player]).output().unwrap());
    }
    let folder = with_player("mpv", "exit 123");
    assert_refused(&play(&folder, &[]).output().unwrap(), 5, "mpv: failed with exit code 123");
}

#[test]
fn a_player_that_gets_the_address_as_an_argument_has_our_standard_input() {
    let folder = with_player("other", &format!("cat > input\n{FETCH}"));
    let mut played = play(&folder, &["--", "other"]);
    folder.write("words", b"typed");
    assert_done(&played.stdin(fs::File::open(folder.path("words")).unwrap()).output().unwrap());
    assert_eq!(folder.read("input"), b"typed");
    assert!(folder.read("got") == fs::read(sample()).unwrap());
}

#[test]
fn a_film_whose_end_is_missing_was_not_played_to_its_end() {
    let folder = with_player("mpv", FETCH);
    let sealed = folder.read("film.mp4.reel");
    folder.write("film.mp4.reel", &sealed[..sealed.len() - 100_000]);
    assert_refused(&play(&folder, &[]).output().unwrap(), 4, "the end of what was played is missing");
}

/// Writes down what it was started with, and runs for a long time.
const OPENER: &str = r#"
while read -r name value; do [[ $name == SigBlk: ]] && blocked=$value; done < /proc/$$/status
read -r -a stat < /proc/$$/stat
{ env; echo "blocked $blocked"; echo "group $((${stat[4]} == $$))"; echo "url $1"; readlink /proc/$$/fd/*; } > writing
echo $$ > process
mv writing opened
exec sleep 60
"#;

#[test]
fn the_program_that_opens_the_browser_gets_no_secret_and_is_not_waited_for() {
    let folder = with_player("xdg-open", OPENER);
    let mut bash = Command::new("bash");
    bash.args(["-c", "exec $reelseal play --key-file /dev/fd/3 --browser film.mp4.reel 3<key 7<key"]);
    bash.env("reelseal", support::reelseal()).env("PATH", format!("{}:/usr/bin:/bin", folder.path("bin").display()));
    bash.env("REELSEAL_PASSPHRASE", "of mine").env("REELSEAL_NEW_PASSPHRASE", "of mine").stdin(Stdio::null());
    let mut playing = bash.current_dir(folder.path("")).stderr(Stdio::null()).spawn().unwrap();
    while !folder.path("opened").exists() {
        thread::yield_now();
    }
    kill(Pid::from_raw(playing.id().cast_signed()), Signal::SIGTERM).unwrap();
    assert_eq!(playing.wait().unwrap().code(), Some(0));
    let opener = Pid::from_raw(text(&folder.read("process")).trim().parse().unwrap());
    // It is still running, and is ended by this signal.
    assert_eq!(kill(opener, Signal::SIGTERM), Ok(()));
    let opened = text(&folder.read("opened"));
    assert!(opened.contains("blocked 0000000000000000\n") && opened.contains("group 1\n"), "{opened}");
    assert!(opened.contains("url http://127.0.0.1:") && opened.contains("\n/dev/null\n"), "{opened}");
    assert!(!opened.contains("of mine") && !opened.contains("/key"), "{opened}");
}

fn ffmpeg(folder: &Folder, arguments: &str) -> Output {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error"]).args(arguments.split(' ')).current_dir(folder.path(""));
    let output = command.output().unwrap();
    assert_done(&output);
    output
}

/// Twenty places in the clip, in seconds and out of order.
fn places() -> impl Iterator<Item = f64> {
    (0..20).map(|number| f64::from(number * 7 % 20) * 0.27)
}

#[test]
#[ignore = "needs ffmpeg"]
fn ffmpeg_seeks_in_every_container_as_in_the_plain_file() {
    let folder = Folder::new();
    let sample = sample();
    let sample = sample.to_str().unwrap();
    fs::create_dir(folder.path("films")).unwrap();
    // In MPEG-TS, ffmpeg seeks to frames that begin a group, so there must be many.
    let many_groups = "-c:a copy -c:v libx264 -preset ultrafast -g 4 -f mpegts";
    for (name, how) in [
        ("last.mp4", "-c copy"),
        ("first.mp4", "-c copy -movflags +faststart"),
        ("film.mkv", "-c copy"),
        ("film.ts", many_groups),
    ] {
        ffmpeg(&folder, &format!("-i {sample} {how} {name}"));
        assert_done(&folder.run(&["encrypt", name, "-o", &format!("films/{name}.reel")]));
    }
    let recorded = ["record", "--output-dir", "films/cam", "--segment-size", "90K", "--name", "cam.ts"];
    assert_done(&folder.pipe(&recorded, &folder.read("film.ts")));
    assert!(fs::read_dir(folder.path("films/cam")).unwrap().count() > 2);
    let serving = Serving::start(&folder, &["films"]);
    let recording = ("cam/cam.ts", "film.ts");
    for (name, plain) in
        ["last.mp4", "first.mp4", "film.mkv", "film.ts"].map(|name| (name, name)).into_iter().chain([recording])
    {
        let mut frames = Vec::new();
        for place in places() {
            let frame = |input: &str| {
                text(&ffmpeg(&folder, &format!("-ss {place:.2} -i {input} -map v -frames:v 1 -f framemd5 -")).stdout)
            };
            let (expected, got) = (frame(plain), frame(&format!("{}{name}", serving.url)));
            assert_eq!(got, expected, "{name} at {place}");
            frames.push(got);
        }
        frames.sort();
        frames.dedup();
        assert!(frames.len() > 12, "{name}: {} different frames", frames.len());
    }
}

#[test]
#[ignore = "needs mpv"]
fn mpv_seeks_in_an_encrypted_film_as_in_the_plain_one() {
    let folder = with_player("unused", "");
    let options = "--no-config --really-quiet --ao=null --frames=1 --vo=image --vo-image-format=png";
    for place in places() {
        let frame = |command: &mut Command, out: &str| {
            command.arg(format!("--start={place:.2}")).arg(format!("--vo-image-outdir={out}"));
            assert_done(&command.output().unwrap());
            let frame = folder.read(&format!("{out}/00000001.png"));
            fs::remove_dir_all(folder.path(out)).unwrap();
            frame
        };
        let mut plain = Command::new("mpv");
        plain.args(options.split(' ')).arg("film.mp4").current_dir(folder.path(""));
        let mut played = play(&folder, &["--", "mpv"]);
        played.args(options.split(' '));
        assert!(frame(&mut plain, "plain") == frame(&mut played, "played"), "at {place}");
    }
}

#[test]
#[ignore = "needs ffmpeg"]
fn ffplay_plays_a_film_to_its_end() {
    let folder = with_player("unused", "");
    let mut played = play(&folder, &["--", "ffplay", "-nodisp", "-autoexit", "-loglevel", "info", "-ss", "5"]);
    let output = played.env("SDL_AUDIODRIVER", "dummy").output().unwrap();
    assert_done(&output);
    assert!(text(&output.stderr).contains("Input #0, concat"), "{}", text(&output.stderr));
}
