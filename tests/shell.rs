//! What goes with the command in a shell: completions that shells accept, pages that `man` accepts, and figures for
//! programs.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::process::{Command, Output, Stdio};

use serde_json::Value;
use support::{Folder, assert_done, feed, text};

const COMMANDS: [&str; 9] =
    ["encrypt", "decrypt", "verify", "inspect", "keygen", "passwd", "completions", "man", "speed"];

fn print(arguments: &[&str]) -> Vec<u8> {
    let output = Folder::new().reelseal(arguments).output().unwrap();
    assert_done(&output);
    output.stdout
}

/// Runs `script` with the completions for that shell on its standard input.
fn with_completions(shell: &str, script: &str) -> Output {
    let output = feed(Command::new(shell).args(["-c", script]), &print(&["completions", shell]));
    assert_done(&output);
    output
}

#[test]
fn bash_accepts_its_completions_and_completes_commands_and_flags() {
    assert_eq!(text(&with_completions("bash", "bash -n /dev/stdin").stderr), "");
    for (words, expected) in [
        ("reelseal key", "keygen"),
        ("reelseal encr", "encrypt"),
        ("reelseal decrypt --passphrase-fi", "--passphrase-file"),
        ("reelseal encrypt --progress al", "always"),
        ("reelseal completions z", "zsh"),
    ] {
        let script = format!(
            "source /dev/stdin; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _reelseal reelseal \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD - 1]}}\"; \
             printf '%s\\n' \"${{COMPREPLY[@]}}\"; complete -p reelseal"
        );
        let reported = text(&with_completions("bash", &script).stdout);
        assert!(reported.lines().any(|line| line == expected), "{words}: {reported}");
        assert!(reported.contains("-F _reelseal reelseal"), "{reported}");
    }
}

#[test]
#[ignore = "needs zsh, fish"]
fn zsh_and_fish_accept_their_completions() {
    let loaded = with_completions(
        "zsh",
        "autoload -U compinit && compinit -D -u; source /dev/stdin; print -- ${_comps[reelseal]}; whence -w _reelseal",
    );
    assert_eq!((text(&loaded.stdout), text(&loaded.stderr)), ("_reelseal\n_reelseal: function\n".into(), "".into()));
    let script = "source -; complete -C 'reelseal encr'; complete -C 'reelseal decrypt --passphrase-fi'";
    let reported = text(&with_completions("fish", script).stdout);
    let completed: Vec<_> = reported.lines().map(|line| line.split('\t').next().unwrap()).collect();
    assert_eq!(completed, ["encrypt", "--passphrase-file"]);
}

#[test]
fn every_command_has_a_page_of_its_own_that_names_its_flags() {
    let main = text(&print(&["man"]));
    for command in COMMANDS {
        let page = text(&print(&["man", command]));
        assert!(page.contains(&format!(".TH reelseal-{command} 1")), "{page}");
        assert!(main.contains(&format!("reelseal\\-{command}(1)")), "{command} in {main}");
    }
    assert!(text(&print(&["man", "encrypt"])).contains("\\-\\-scrypt\\-log\\-n"));
    assert!(main.starts_with(".ie") && main.contains(".TH reelseal 1") && main.contains("Exit codes"), "{main}");
}

#[test]
#[ignore = "needs groff, mandoc"]
fn groff_and_mandoc_accept_every_page_without_a_warning() {
    for page in [vec!["man"]].into_iter().chain(COMMANDS.map(|command| vec!["man", command])) {
        let source = print(&page);
        let groff = feed(Command::new("groff").args(["-man", "-z", "-ww", "-Kutf8"]), &source);
        assert_done(&groff);
        assert_eq!(text(&groff.stderr), "", "{page:?}");
        let mandoc = feed(Command::new("mandoc").args(["-Tlint", "-W", "warning"]), &source);
        // Ignores blank lines among the examples, which the generator surrounds with breaks.
        let reported = text(&mandoc.stdout);
        let reported: Vec<_> = reported.lines().filter(|line| !line.contains("skipping paragraph macro: br")).collect();
        assert_eq!(reported, Vec::<&str>::new(), "{page:?}");
    }
}

#[test]
fn a_closed_standard_output_is_a_failure() {
    for arguments in [["completions", "bash"].as_slice(), &["man"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let output = Folder::new().reelseal(arguments).stdout(full).stderr(Stdio::piped()).output().unwrap();
        support::assert_refused(&output, 1, "reelseal: standard output: cannot write: no space left on device");
    }
}

#[test]
fn rust_30972_every_command_reports_a_closed_pipe_in_the_same_way() {
    let folder = Folder::new();
    folder.write("film", b"frames");
    assert!(folder.run(&["encrypt", "film"]).status.success());
    for arguments in [
        ["--help"].as_slice(),
        &["completions", "bash"],
        &["man"],
        &["keygen", "-o", "-"],
        &["inspect", "film.reel"],
        &["passwd", "--list", "film.reel"],
        &["verify", "film.reel", "--key-file", "key"],
        &["decrypt", "film.reel", "-o", "-", "--key-file", "key"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = folder.reelseal(arguments).stdout(writer).output().unwrap();
        assert_eq!(
            text(&output.stderr),
            "reelseal: standard output: the reader has closed the pipe\n",
            "{arguments:?}"
        );
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    }
}

#[test]
fn speed_gives_programs_a_figure_for_every_part() {
    let report: Value = serde_json::from_slice(&print(&["speed", "--json"])).unwrap();
    let rates = &report["bytes_per_second"];
    assert!(rates["aes_256_ctr"].as_u64().unwrap() > 0 && rates["blake3"].as_u64().unwrap() > 0, "{report}");
    let chain = rates["chain"].as_array().unwrap();
    assert_eq!(chain[0]["workers"], 1, "{report}");
    let cores = std::thread::available_parallelism().unwrap().get();
    assert_eq!(chain.last().unwrap()["workers"], cores, "{report}");
    assert!(chain.iter().all(|row| row["seal"].as_u64().unwrap() > 0 && row["open"].as_u64().unwrap() > 0), "{report}");
    let scrypt = report["scrypt"].as_array().unwrap();
    assert_eq!(scrypt.iter().map(|row| row["log_n"].as_u64().unwrap()).collect::<Vec<_>>(), [14, 16, 18]);
    assert!(scrypt.iter().all(|row| row["seconds"].as_f64().unwrap() > 0.0 && row["measured"].is_boolean()));
    assert!((14..=19).contains(&report["scrypt_log_n_for_one_second"].as_u64().unwrap()), "{report}");
}
