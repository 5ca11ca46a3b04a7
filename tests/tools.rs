//! Pipes with the tools that people use. Where README or `examples/` has a recipe, that text is run.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::{
    env, fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
};

use support::{Folder, assert_done, plaintext, text};

fn sample() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/sample.mp4")
}

/// A shell command in the folder; `$reelseal` is the command, `$sample` the clip.
fn shell(folder: &Folder, script: &str) -> Command {
    let mut command = Command::new("bash");
    command.args(["-c", &format!("set -o pipefail; {script}")]).current_dir(folder.path(""));
    command.env("reelseal", support::reelseal()).env("sample", sample()).env_remove("REELSEAL_PASSPHRASE");
    command
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// What ffprobe reports about the clip itself.
fn expected_probe() -> String {
    let probed = Command::new("ffprobe").args(PROBE).arg(sample()).output().unwrap();
    let streams = text(&probed.stdout);
    assert!(streams.contains("h264") && streams.contains("aac"), "{streams}");
    streams
}

const PROBE: [&str; 6] = ["-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0"];

#[test]
#[ignore = "needs ffmpeg"]
fn a_decrypted_clip_plays_through_to_its_end() {
    let folder = Folder::new();
    assert_done(&shell(&folder, "$reelseal encrypt --key-file key $sample -o clip.reel").output().unwrap());
    let script = "$reelseal decrypt --key-file key clip.reel -o clip.mp4 && cmp clip.mp4 $sample \
                  && ffmpeg -v error -xerror -i clip.mp4 -f null -";
    let played = shell(&folder, script).output().unwrap();
    assert_done(&played);
    assert_eq!(text(&played.stderr), "");
}

#[test]
#[ignore = "needs ffmpeg, nc"]
fn a_camera_is_watched_through_nc_while_it_films() {
    let folder = Folder::new();
    let port = free_port().to_string();
    let recipe = recipe("nc -N");
    let [receive, send] = recipe.as_slice() else { panic!("{recipe:?}") };
    // -v shows when it is listening.
    let receive = replace(receive, "nc -l 9000", "nc -lv 127.0.0.1 $port");
    // In place of a window, a line for each frame of the video once it is decoded.
    let receive = replace(&receive, "ffplay -", "ffmpeg -v error -i - -map v -flush_packets 1 -f framemd5 -");
    let mut receiver = recipe_shell(&folder, &receive);
    receiver.env("port", &port).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut receiver = receiver.spawn().unwrap();
    let mut reported = BufReader::new(receiver.stderr.take().unwrap()).lines().map_while(Result::ok);
    let listening = reported.next().unwrap();
    assert!(listening.starts_with("Listening"), "{listening}");

    // The camera has filmed the whole clip, and then neither continues nor ends.
    let send = replace(send, "host 9000", "127.0.0.1 $port");
    let camera = "(ffmpeg -v error -i $sample -c copy -f mpegts -; cat)";
    let send = replace(&send, "ffmpeg -f v4l2 -i /dev/video0 -f mpegts -", camera);
    let mut sender = recipe_shell(&folder, &send).env("port", &port).stdin(Stdio::piped()).spawn().unwrap();
    let decoded = BufReader::new(receiver.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut decoded = decoded.filter(|line| line.starts_with('0'));
    assert!(decoded.next().is_some());
    drop(sender.stdin.take());
    assert!(sender.wait().unwrap().success());
    let left = decoded.count();
    assert!(receiver.wait().unwrap().success() && left > 0, "{:?}", reported.collect::<Vec<_>>());
}

#[test]
#[ignore = "needs ffmpeg, socat"]
fn a_clip_goes_through_socat() {
    let folder = Folder::new();
    let port = free_port().to_string();
    let receive = "socat -u TCP-LISTEN:$port,bind=127.0.0.1,reuseaddr - | $reelseal decrypt --key-file key >clip.mp4";
    let mut receiver = shell(&folder, receive).env("port", &port).spawn().unwrap();
    let send = "$reelseal encrypt --key-file key <$sample | socat -u - TCP:127.0.0.1:$port,retry=600,interval=0.1";
    assert_done(&shell(&folder, send).env("port", &port).output().unwrap());
    assert!(receiver.wait().unwrap().success());
    let probed = Command::new("ffprobe").args(PROBE).arg(folder.path("clip.mp4")).output().unwrap();
    assert_eq!(text(&probed.stdout), expected_probe());
}

#[test]
#[ignore = "needs curl"]
fn a_clip_goes_up_and_down_with_curl() {
    let folder = Folder::new();
    let server = tiny_http::Server::http("127.0.0.1:0").unwrap();
    let address = server.server_addr().to_string();
    let serving = thread::spawn(move || {
        let mut stored = Vec::new();
        let mut upload = server.recv().unwrap();
        upload.as_reader().read_to_end(&mut stored).unwrap();
        upload.respond(tiny_http::Response::empty(204)).unwrap();
        server.recv().unwrap().respond(tiny_http::Response::from_data(stored)).unwrap();
    });
    fs::copy(sample(), folder.path("film.mp4")).unwrap();
    let recipe = recipe("| curl");
    let [up, down] = recipe.as_slice() else { panic!("{recipe:?}") };
    run(recipe_shell(&folder, &replace(up, "https://host", "http://$address")).env("address", &address));
    fs::remove_file(folder.path("film.mp4")).unwrap();
    run(recipe_shell(&folder, &replace(down, "https://host", "http://$address")).env("address", &address));
    assert!(folder.read("film.mp4") == fs::read(sample()).unwrap());
    serving.join().unwrap();
}

/// The lines of README's code that contain `marker`, with the adjacent ones; a comment or a blank line separates
/// recipes.
fn recipe(marker: &str) -> Vec<&'static str> {
    let lines: Vec<_> = include_str!("../README.md").lines().collect();
    let blocks = lines.split(|line| !line.starts_with("    ") || line.starts_with("    # "));
    let found: Vec<_> = blocks.filter(|block| block.iter().any(|line| line.contains(marker))).collect();
    assert_eq!(found.len(), 1, "{marker} is in one block");
    found[0].iter().map(|line| &line[4..]).collect()
}

/// A line of a recipe in which `place` is replaced by the test's `own`.
fn replace(line: &str, place: &str, own: &str) -> String {
    assert!(line.contains(place), "{line}");
    line.replace(place, own)
}

/// A shell command in the folder, which has a recipe's `reelseal` and `home.key`.
fn recipe_shell(folder: &Folder, script: &str) -> Command {
    let key = folder.path("home.key");
    if !key.exists() {
        fs::copy(folder.path("key"), key).unwrap();
    }
    let program = Path::new(support::reelseal()).parent().unwrap();
    let path = format!("{}:{}:/usr/sbin", program.display(), env::var("PATH").unwrap());
    let mut command = shell(folder, script);
    command.env("PATH", path);
    command
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert_done(&output);
    output
}

/// A service that a test has started; it ends with the test.
struct Service(Child);

impl Service {
    /// Starts `command`, and waits until it says `ready` on standard error.
    fn start(command: &mut Command, ready: &str) -> Self {
        let mut service = Self(command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
        let mut reported = BufReader::new(service.0.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut before = Vec::new();
        while before.last().is_none_or(|line: &String| !line.contains(ready)) {
            before.push(reported.next().unwrap_or_else(|| panic!("ended before it was ready: {before:?}")));
        }
        thread::spawn(move || reported.count());
        service
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An sshd on the loopback interface that uses a key of its own and works in the subfolder `far`; the folder's
/// `ssh_config` calls it `host`.
fn ssh_host(folder: &Folder) -> Service {
    let (root, port) = (folder.path("").display().to_string(), free_port());
    for key in ["host_key", "user_key"] {
        run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(folder.path(key)));
    }
    fs::create_dir(folder.path("far")).unwrap();
    fs::create_dir_all("/run/sshd").unwrap();
    let known = format!("[127.0.0.1]:{port} {}", text(&folder.read("host_key.pub")));
    folder.write("known_hosts", known.as_bytes());
    let ssh = format!(
        "Host host\nHostName 127.0.0.1\nPort {port}\nUser root\nIdentitiesOnly yes\nBatchMode yes\n\
         IdentityFile {root}/user_key\nUserKnownHostsFile {root}/known_hosts\n"
    );
    folder.write("ssh_config", ssh.as_bytes());
    let sshd = format!(
        "ListenAddress 127.0.0.1:{port}\nHostKey {root}/host_key\nAuthorizedKeysFile {root}/user_key.pub\n\
         UsePAM no\nStrictModes no\nPermitRootLogin yes\nPidFile none\n\
         ForceCommand cd {root}/far && eval \"$SSH_ORIGINAL_COMMAND\"\n"
    );
    let config = folder.write("sshd_config", sshd.as_bytes());
    Service::start(Command::new("/usr/sbin/sshd").args(["-D", "-e", "-f"]).arg(config), "Server listening")
}

#[test]
#[ignore = "needs root, sshd"]
fn a_folder_is_backed_up_and_restored_through_ssh() {
    let folder = Folder::new();
    let _host = ssh_host(&folder);
    fs::create_dir(folder.path("clips")).unwrap();
    folder.write("clips/one", &plaintext(1 << 20));
    folder.write("clips/two", b"two");
    let recipe = recipe("ssh host");
    let [backup, restore] = recipe.as_slice() else { panic!("{recipe:?}") };
    let run_recipe = |line: &str| {
        let script = format!("ssh() {{ command ssh -F ssh_config \"$@\"; }}; {line}");
        run(recipe_shell(&folder, &script).env("REELSEAL_PASSPHRASE", "ostrich in a bathtub"))
    };
    run_recipe(backup);
    assert!(folder.read("far/clips.tar.reel").starts_with(b"\x89RSL"));
    fs::remove_dir_all(folder.path("clips")).unwrap();
    run_recipe(restore);
    assert!(folder.read("clips/one") == plaintext(1 << 20));
    assert_eq!(folder.read("clips/two"), b"two");
}

/// A PostgreSQL server on a socket in the folder.
struct Postgres<'a> {
    folder: &'a Folder,
    programs: PathBuf,
}

impl<'a> Postgres<'a> {
    fn start(folder: &'a Folder) -> Self {
        let versions = fs::read_dir("/usr/lib/postgresql").unwrap().map(|entry| entry.unwrap().path().join("bin"));
        let programs = versions.max().unwrap();
        fs::set_permissions(folder.path(""), PermissionsExt::from_mode(0o755)).unwrap();
        fs::create_dir(folder.path("server")).unwrap();
        run(Command::new("chown").arg("postgres").arg(folder.path("server")));
        let server = Self { folder, programs };
        run(server.owned("initdb").args(["-A", "trust", "--no-sync", "-E", "UTF8"]));
        let options = format!("-c listen_addresses= -k {}", folder.path("server").display());
        // With a log, pg_ctl does not leave its output open to the server; otherwise the output would never end.
        run(server.owned("pg_ctl").args(["start", "-w", "-o", &options, "-l"]).arg(folder.path("server/log")));
        server
    }

    /// One of the server's programs, run by the server's owner, since root may not run it.
    fn owned(&self, program: &str) -> Command {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(self.programs.join(program)).arg("-D");
        command.arg(self.folder.path("server/data")).current_dir("/");
        command
    }

    fn client(&self, script: &str) -> String {
        let mut command = recipe_shell(self.folder, script);
        text(&run(command.env("PGHOST", self.folder.path("server")).env("PGUSER", "postgres")).stdout)
    }
}

impl Drop for Postgres<'_> {
    fn drop(&mut self) {
        let _ = self.owned("pg_ctl").args(["stop", "-m", "immediate"]).output();
    }
}

#[test]
#[ignore = "needs root, PostgreSQL"]
fn a_database_is_dumped_and_restored() {
    let folder = Folder::new();
    let server = Postgres::start(&folder);
    let fill = "create table film as select i as id, md5(i::text) as title, now() as seen from generate_series(1, 200000) i; \
                create index on film (title)";
    let digest = "psql -qAt films -c \"select count(*), md5(string_agg(film::text, ',' order by id)) from film\"";
    server.client(&format!("createdb films && psql -q films -c \"{fill}\""));
    let before = server.client(digest);
    assert!(before.starts_with("200000|"), "{before}");
    let recipe = recipe("home.key -o films.dump.reel");
    let [dump, restore] = recipe.as_slice() else { panic!("{recipe:?}") };
    server.client(dump);
    server.client("dropdb films && createdb films");
    server.client(restore);
    assert_eq!(server.client(digest), before);
}

#[test]
#[ignore = "needs root, PostgreSQL"]
fn psql_sees_no_end_of_a_damaged_dump_and_commits_nothing() {
    let folder = Folder::new();
    let server = Postgres::start(&folder);
    let rows = "create table film as select i as id, md5(i::text) as title from generate_series(1, 50000) i";
    server.client(&format!("createdb films && createdb again && psql -q films -c \"{rows}\""));
    server.client("reelseal encrypt --frame-size 4K --key-file home.key -o films.sql.reel -- pg_dump films");
    let restore = "reelseal decrypt --key-file home.key films.sql.reel -- psql -q --single-transaction again";
    let there = || server.client("psql -qAt again -c \"select count(*) from pg_class where relname = 'film'\"");

    let mut stream = folder.read("films.sql.reel");
    let whole = stream.clone();
    let late = stream.len() - 6000;
    stream[late] ^= 1;
    folder.write("films.sql.reel", &stream);
    let mut command = recipe_shell(&folder, restore);
    let output = command.env("PGHOST", folder.path("server")).env("PGUSER", "postgres").output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", text(&output.stderr));
    assert_eq!(there(), "0\n");

    folder.write("films.sql.reel", &whole);
    server.client(restore);
    assert_eq!(there(), "1\n");
    assert_eq!(server.client("psql -qAt again -c 'select count(*) from film'"), "50000\n");
}

#[test]
fn a_folder_is_packed_by_tar_and_unpacked() {
    let folder = Folder::new();
    fs::create_dir(folder.path("clips")).unwrap();
    folder.write("clips/one", &plaintext(1 << 20));
    let recipe = recipe("-o clips.tar.reel -- tar c");
    let [pack, unpack] = recipe.as_slice() else { panic!("{recipe:?}") };
    run(&mut recipe_shell(&folder, pack));
    fs::remove_dir_all(folder.path("clips")).unwrap();
    run(&mut recipe_shell(&folder, unpack));
    assert!(folder.read("clips/one") == plaintext(1 << 20));
}

#[test]
#[ignore = "needs ffmpeg"]
fn what_ffmpeg_makes_is_encrypted_and_nothing_is_left_if_it_fails() {
    let folder = Folder::new();
    fs::copy(sample(), folder.path("film.mp4")).unwrap();
    let recipe = recipe("-f matroska").concat();
    run(&mut recipe_shell(&folder, &recipe));
    let probe =
        "ffprobe -v error -count_frames -select_streams v -show_entries stream=codec_name,nb_read_frames -of csv=p=0";
    let of_stream = format!("reelseal decrypt --key-file home.key film.mkv.reel -- {probe} -");
    let probed = run(&mut recipe_shell(&folder, &of_stream)).stdout;
    assert_eq!(text(&probed), text(&run(&mut recipe_shell(&folder, &format!("{probe} film.mp4"))).stdout));
    fs::remove_file(folder.path("film.mkv.reel")).unwrap();
    folder.write("film.mp4", b"not a film");
    let output = recipe_shell(&folder, &recipe).output().unwrap();
    assert_eq!(output.status.code(), Some(5));
    assert!(text(&output.stderr).contains("reelseal: ffmpeg: failed with exit code "));
    assert!(!folder.path("film.mkv.reel").exists());
}

#[test]
#[ignore = "needs ffmpeg"]
fn a_camera_is_recorded_followed_verified_and_joined() {
    let folder = Folder::new();
    let recipe = recipe("decrypt --follow cam");
    let [record, follow, verify, together] = recipe[..] else { panic!("{recipe:?}") };
    let recipient = text(&run(&mut recipe_shell(&folder, "reelseal keygen --age -o archive.key")).stdout);
    let record = replace(record, "-i rtsp://camera/1", "-i $sample");
    let record = replace(&record, "-r age1...", &format!("-r {}", recipient.trim()));
    run(&mut recipe_shell(&folder, &record));
    let probe = PROBE.join(" ");
    let followed = run(&mut recipe_shell(&folder, &replace(follow, "ffplay -", &format!("ffprobe {probe} -")))).stdout;
    assert!(text(&followed).contains("h264") && text(&followed).contains("aac"), "{}", text(&followed));
    assert!(text(&run(&mut recipe_shell(&folder, verify)).stdout).contains(": whole, 1 segment, "));
    run(&mut recipe_shell(&folder, together));
    let probed = run(&mut recipe_shell(&folder, &format!("ffprobe {probe} night.ts"))).stdout;
    assert_eq!(text(&probed), text(&followed));
}

#[test]
#[ignore = "needs mpv"]
fn mpv_plays_an_encrypted_film_to_its_end_and_does_not_take_half_of_one_for_the_whole() {
    let folder = Folder::new();
    fs::copy(sample(), folder.path("film.mp4")).unwrap();
    assert_done(&folder.run(&["encrypt", "--frame-size", "4K", "film.mp4"]));
    let line = recipe("-- mpv -").into_iter().find(|line| line.contains("mpv")).unwrap();
    let play = replace(
        line.split('#').next().unwrap(),
        "-- mpv",
        "--key-file home.key -- mpv --no-config --vo=null --ao=null --untimed",
    );
    let played = text(&run(&mut recipe_shell(&folder, &play)).stdout);
    assert!(played.contains("End of file"), "{played}");
    let mut stream = folder.read("film.mp4.reel");
    let middle = stream.len() / 2;
    stream[middle] ^= 1;
    folder.write("film.mp4.reel", &stream);
    let output = recipe_shell(&folder, &play).output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    assert!(!text(&output.stdout).contains("End of file"));
}

/// A Slurm cluster consisting of this machine alone, with its daemons in the folder.
struct Slurm<'a> {
    folder: &'a Folder,
    _daemons: Vec<Service>,
}

impl<'a> Slurm<'a> {
    fn start(folder: &'a Folder) -> Self {
        let root = folder.path("").display().to_string();
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        let host = host.trim().split('.').next().unwrap();
        for name in ["munge", "state", "spool"] {
            fs::create_dir(folder.path(name)).unwrap();
        }
        for name in ["", "munge"] {
            fs::set_permissions(folder.path(name), PermissionsExt::from_mode(0o755)).unwrap();
        }
        let key = folder.write("munge.key", &plaintext(128));
        fs::set_permissions(key, PermissionsExt::from_mode(0o600)).unwrap();
        let (controller_port, node_port) = (free_port(), free_port());
        let config = format!(
            "ClusterName=films\nSlurmctldHost={host}(127.0.0.1)\nSlurmUser=root\n\
             AuthType=auth/munge\nAuthInfo=socket={root}/munge/socket\nCredType=cred/munge\n\
             StateSaveLocation={root}/state\nSlurmdSpoolDir={root}/spool\n\
             SlurmctldPidFile={root}/slurmctld.pid\nSlurmdPidFile={root}/slurmd.pid\n\
             SlurmctldPort={controller_port}\nSlurmdPort={node_port}\n\
             ProctrackType=proctrack/pgid\nTaskPlugin=task/none\nSelectType=select/cons_tres\n\
             SelectTypeParameters=CR_Core\nSwitchType=switch/none\nMpiDefault=none\n\
             SlurmdParameters=config_overrides\nSchedulerParameters=sched_interval=1\n\
             NodeName={host} NodeAddr=127.0.0.1 CPUs=32\nPartitionName=main Nodes=ALL Default=YES\n"
        );
        folder.write("slurm.conf", config.as_bytes());
        let mut slurm = Self { folder, _daemons: Vec::new() };
        // Without --foreground it exits once its socket exists.
        run(slurm.munged().arg(format!("--key-file={root}/munge.key")).args([
            format!("--pid-file={root}/munge/pid"),
            format!("--log-file={root}/munge.log"),
            format!("--seed-file={root}/munge.seed"),
        ]));
        let daemon = |program: &str| {
            let mut command = Command::new(program);
            command.args(["-D", "-v"]).env("SLURM_CONF", folder.path("slurm.conf"));
            command
        };
        slurm._daemons.push(Service::start(&mut daemon("/usr/sbin/slurmd"), "slurmd started"));
        let ready = "Running as primary controller";
        slurm._daemons.push(Service::start(&mut daemon("/usr/sbin/slurmctld"), ready));
        slurm
    }

    fn munged(&self) -> Command {
        let mut command = Command::new("/usr/sbin/munged");
        command.args(["--force", &format!("--socket={}", self.folder.path("munge/socket").display())]);
        command
    }

    fn submit(&self, script: &str) -> Output {
        let mut command = recipe_shell(self.folder, &format!("sbatch --wait {script}"));
        command.env("SLURM_CONF", self.folder.path("slurm.conf")).output().unwrap()
    }
}

impl Drop for Slurm<'_> {
    fn drop(&mut self) {
        let _ = self.munged().arg("--stop").output();
    }
}

#[test]
#[ignore = "needs root, Slurm, munge"]
fn a_slurm_array_encrypts_a_library_and_resumes_with_what_is_missing() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path("library/old")).unwrap();
    let films: Vec<_> =
        (0..19).map(|at| format!("library/{}film {at}.mp4", if at % 2 == 0 { "old/" } else { "" })).collect();
    for film in &films {
        folder.write(film, film.as_bytes());
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/slurm-array.sh");
    let slurm = Slurm::start(&folder);
    let assert_encrypted = || {
        for film in &films {
            assert_eq!(folder.run(&["decrypt", &format!("{film}.reel"), "-o", "-"]).stdout, film.as_bytes());
        }
    };
    assert_done(&slurm.submit(script));
    assert_encrypted();

    let kept = folder.path("library/film 1.mp4.reel").metadata().unwrap().modified().unwrap();
    fs::remove_file(folder.path("library/film 3.mp4.reel")).unwrap();
    assert_done(&slurm.submit(script));
    assert_encrypted();
    assert_eq!(folder.path("library/film 1.mp4.reel").metadata().unwrap().modified().unwrap(), kept);

    fs::remove_file(folder.path("library/film 3.mp4.reel")).unwrap();
    folder.write("home.key", b"no key");
    assert!(!slurm.submit(script).status.success());
}
