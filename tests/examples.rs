//! The scripts in `examples/`, run as they are. The one for Slurm is run in `tools.rs`, where there is a cluster.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::{
    env, fs,
    path::Path,
    process::{Command, Stdio},
};

use support::{Folder, assert_done, assert_refused, plaintext};

/// A script, run in the folder, where `reelseal` is the command under test.
fn script(folder: &Folder, name: &str, arguments: &[&str]) -> Command {
    let program = Path::new(support::reelseal()).parent().unwrap();
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name));
    command.args(arguments).current_dir(folder.path("")).stdin(Stdio::null());
    command.env("PATH", format!("{}:{}", program.display(), env::var("PATH").unwrap()));
    command.env_remove("REELSEAL_PASSPHRASE");
    command
}

#[test]
#[ignore = "needs parallel"]
fn parallel_encrypts_a_folder_and_its_exit_code_says_how_many_failed() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path("clips/more")).unwrap();
    let clips = ["clips/one.mp4", "clips/a name\nof two lines.mp4", "clips/more/three.mp4"];
    for clip in clips {
        folder.write(clip, clip.as_bytes());
    }
    let arguments = ["clips", "a key"];
    fs::copy(folder.path("key"), folder.path("a key")).unwrap();
    assert_done(&script(&folder, "parallel.sh", &arguments).output().unwrap());
    for clip in clips {
        assert_eq!(folder.run(&["decrypt", &format!("{clip}.reel"), "-o", "-"]).stdout, clip.as_bytes());
    }
    fs::remove_file(folder.path("clips/one.mp4.reel")).unwrap();
    assert_eq!(script(&folder, "parallel.sh", &arguments).output().unwrap().status.code(), Some(2));
    assert!(folder.path("clips/one.mp4.reel").exists());
}

#[test]
fn part_of_a_recording_is_cut_out_and_a_damaged_recording_leaves_no_cut() {
    let folder = Folder::new();
    let film = plaintext(300_000);
    assert_done(&folder.pipe(&["encrypt", "-o", "night.reel"], &film));
    let cut = |until: &str, output: &str| {
        script(&folder, "cut-recording.sh", &["night.reel", "-1h", until, output, "key"]).output().unwrap()
    };
    assert_done(&cut("now", "cut.reel"));
    assert!(folder.run(&["decrypt", "cut.reel", "-o", "-"]).stdout == film);

    let mut stream = folder.read("night.reel");
    let middle = stream.len() / 2;
    stream[middle] ^= 1;
    folder.write("night.reel", &stream);
    assert_refused(&cut("now", "damaged.reel"), 5, "reelseal: reelseal: failed with exit code 4");
    assert!(!folder.path("damaged.reel").exists());
}

#[cfg(feature = "age")]
mod public_keys {
    use super::{support::text, *};

    /// Makes an identity in a file, and returns its recipient.
    fn identity(folder: &Folder, name: &str) -> String {
        let made = folder.reelseal(&["keygen", "--age", "-o", name]).output().unwrap();
        assert_done(&made);
        text(&made.stdout).trim().to_owned()
    }

    #[test]
    fn a_team_opens_what_was_encrypted_before_it_existed() {
        let folder = Folder::new();
        let archive = identity(&folder, "archive.key");
        folder.write("one.mp4", b"one");
        folder.write("two.mp4", b"two");
        assert_done(&folder.reelseal(&["encrypt", "-r", &archive, "one.mp4", "two.mp4"]).output().unwrap());
        let team = [identity(&folder, "first.key"), identity(&folder, "second.key")];
        folder.write("team.txt", team.join("\n").as_bytes());
        let films = ["one.mp4.reel", "two.mp4.reel"];
        let arguments = [["team.txt", "archive.key"].as_slice(), &films].concat();
        let shared = script(&folder, "share-with-team.sh", &arguments).output().unwrap();
        assert_done(&shared);
        assert!(text(&shared.stdout).contains("two.mp4.reel"), "{}", text(&shared.stdout));
        for key in ["first.key", "second.key", "archive.key"] {
            let opened = folder.reelseal(&["decrypt", "-i", key, "two.mp4.reel", "-o", "-"]).output().unwrap();
            assert_eq!(opened.stdout, b"two", "{}", text(&opened.stderr));
        }
    }
}
