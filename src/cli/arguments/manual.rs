//! What `--help` and the manual explain beyond the options, by topic. Lines are wrapped when they are shown.

use super::{LOCK_HELP, PASSWD_HELP, SECRET_HELP};

pub(super) fn encrypt() -> String {
    paragraphs(&[ENCRYPT_MANY, LIVE, PRODUCER, LOCK_HELP, NEW_PASSPHRASES, SECRET_FILES, PLUGINS])
}

pub(super) fn decrypt() -> String {
    paragraphs(&[DECRYPT_MANY, PARTS, CONSUMER, SECRET_HELP, SECRET_FILES, PLUGINS])
}

pub(super) fn verify() -> String {
    paragraphs(&[VERIFY, SECRET_HELP])
}

pub(super) fn passwd() -> String {
    paragraphs(&[PASSWD_HELP, REWRITING, QUANTUM])
}

fn paragraphs(paragraphs: &[&str]) -> String {
    paragraphs.iter().filter(|paragraph| !paragraph.is_empty()).copied().collect::<Vec<_>>().join("\n\n")
}

/// For the program's own page.
pub(super) const SCRIPTING: &str = "\
With several files, the exit code is the highest of theirs. After SIGINT, SIGTERM or SIGHUP, record, serve, mount and \
play --browser exit with 0; any other command is killed by the signal and leaves no partial file. With several files, \
Ctrl-C first prints how many are done, failed, under way and not started.

Output: on a terminal there is a progress bar with the time left, or with bytes and rate where the length is unknown. \
A line takes its place when the file is done. Without a terminal, only warnings and errors are printed. SIGUSR1 prints \
a status line, as with dd. --verbose reports each file's result, --quiet leaves out the bar, and NO_COLOR leaves out \
the colour.

JSON: with --progress json, every line that reelseal writes to standard error is an object; a command writes there as it \
likes. Its event is progress (with files_done and \
files_failed of files), done, warning, damage (what verify found), error (with hint and exit_code, for a mistyped \
command line too; for a command after -- also command_exit_code and command_signal), passed_over (with reason), note, \
detail (with --verbose) or summary; for record also start, exit, restart, segment, retention, on_segment and status. \
file is null for standard input and for a command, which command then names; a name that is not UTF-8 is also given as \
file_bytes, in base64. Damage has its frames and bytes as ranges, {\"first\": 0, \"end\": 1}, where end is exclusive \
and null stands for unknown.

Pipelines: use set -o pipefail, or the shell ignores the producer's failure. With > file, the shell creates the file \
at the start and leaves it behind if something fails; with -o file, it is whole or absent. In a pipeline, Ctrl-C \
reaches every process: with --ignore-interrupts, reelseal ignores it and ends when the producer does. A standard input \
or output that a stream needs, but that is closed (>&-), is an error. So is /dev/null opened for both reading and writing, which \
looks the same; >/dev/null and </dev/null work.";

/// For `encrypt`.
const ENCRYPT_MANY: &str = "\
Many files: there is one prompt and one scrypt run for all. Each file gets its own file key and IV; all share the \
passphrase's salt, so anyone who sees them can tell that they belong together. If one fails, the others go on. Small \
files are encrypted several at a time; with --threads 1, one after another. --recursive passes over files that are \
encrypted already, whatever their names, and over symbolic links, pipes, sockets and devices. One line at the end \
counts what was passed over, and --verbose names each. Empty folders are mirrored below --output-dir.";

/// For `decrypt`.
const DECRYPT_MANY: &str = "\
Many files: there is one prompt for all. If one fails, the others go on. Small files are decrypted several at a time; \
with --threads 1, one after another. --recursive passes over files that are not encrypted, whatever their names, and \
over symbolic links, pipes, sockets and devices. One line at the end counts what was passed over, and --verbose names \
each. Empty folders are mirrored below --output-dir.";

/// For `encrypt`, about a command after `--`.
const PRODUCER: &str = "\
A command after --: if it fails, is killed or cannot be found, there is no output file; a pipe gets no final frame, so \
that every reader refuses it. The same happens when --timeout expires: the command and its process group get SIGTERM, \
and SIGKILL after --kill-after. The passphrase is asked for before the command starts. In the foreground of a \
terminal, the keyboard and Ctrl-C go to the command, Ctrl-Z stops both, and fg continues both; after Ctrl-C, the \
command's exit code decides. The command inherits no secrets and no open files from reelseal.";

/// For `decrypt`, about a command after `--`.
const CONSUMER: &str = "\
A command after --: if a frame fails, the command never sees the end of its input. It and its process group get \
SIGTERM, and SIGKILL after --kill-after. The same happens when --timeout expires or reelseal itself is killed, even by \
SIGKILL, unless its guardian process is killed at the same moment. Whatever the command has already done with the data \
stays done: psql needs --single-transaction, and what ssh host tar x does on the host is out of reach. A command that \
exits with 0 before it has read everything, such as head or a player that you close, counts as success; --remove then \
keeps the input. The passphrase is asked for before the command starts. In the foreground of a terminal, the keyboard \
and Ctrl-C go to the command, Ctrl-Z stops both, and fg continues both. The command inherits no secrets and no open \
files from reelseal.";

/// For `encrypt --live`, in figures.
const LIVE: &str = "\
Live streams: however slowly bytes arrive, and even if no more do, none waits longer than --max-delay. At the \
defaults, a stream grows by 82 KB each second even if only a trickle comes in; with --frame-size 4K, by 21 KB.";

/// For `decrypt`, about decrypting a part.
const PARTS: &str = "\
Parts: from a file, only the header, the final frame and the frames of the part are read; a pipe is read up to the end \
of the part, and all of that is authenticated. A stream made from a pipe carries times, one made from a file only with \
--timestamps always; inspect says whether a stream does. To cut a recording without plaintext on disk: reelseal \
encrypt -o cut.ts.reel -- reelseal decrypt night.ts.reel --since 02:00 --until 02:15 -o -. In a plain pipeline, \
encrypt would make a whole stream of whatever it got, even of nothing; set -o pipefail at least reports that.";

/// For `verify`.
const VERIFY: &str = "\
verify goes on after damage and names each damaged range by frames, bytes and plaintext. Several small files are \
checked at the same time and reported in order. A file that is a stream in name only counts as damaged. For the folder \
of a recording, missing, forged, duplicated and truncated segments are reported, and so is whether the recording \
ended.

Exit codes: 0 whole; 4 damaged or incomplete.";

/// About the files that hold secrets.
const SECRET_FILES: &str = "\
Secrets in files: further lines of a passphrase file cause a warning, and so does a passphrase or key file of yours that others \
can read. Other processes of the same user can read the environment: prefer a file or a descriptor.";

/// About new passphrases.
const NEW_PASSPHRASES: &str = "\
At the prompt, press Enter to have a passphrase of eight random words (88 bits) generated; it is shown once. A typed \
passphrase that is easy to guess causes a warning; one from a file, a descriptor or the environment never does.";

/// About age's plugins.
#[cfg(feature = "age")]
const PLUGINS: &str = "\
age plugins inherit the environment and open descriptors: if you use one, do not keep REELSEAL_PASSPHRASE or \
REELSEAL_NEW_PASSPHRASE in the environment, and do not use --passphrase-fd. A plugin is run for each file and each \
slot that may be for it, and each run leaves a zombie process until reelseal ends: with thousands of files, use \
several runs.";
#[cfg(not(feature = "age"))]
const PLUGINS: &str = "";

/// For `passwd`, about how a header is rewritten.
const REWRITING: &str = "\
The file holds two copies of the header, and the one that counts is written last: no matter when passwd is killed, the \
file still opens with the old secret or the new one. A damaged copy is repaired. The last key slot cannot be removed. \
The file's modification time is updated, so that backups notice the change.";

/// For `passwd`, about which kinds of slots withstand quantum computers.
#[cfg(feature = "age")]
const QUANTUM: &str = "\
--list says which slots a future quantum computer could open, if somebody keeps the file until then: those of X25519 and ssh \
keys. age1tagpq... recipients are safe, and age1pq... ones need age-plugin-pq. ssh-rsa keys are accepted with a warning \
(RUSTSEC-2023-0071).";
#[cfg(not(feature = "age"))]
const QUANTUM: &str = "";
