//! `reelseal serve`: what it answers, to whom, and what happens to clients that misbehave.

#![cfg(feature = "serve")]
#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::{
    fs::{self, File},
    io::{BufReader, Read, Write},
    os::unix::{
        fs::{FileExt, symlink},
        process::CommandExt,
    },
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use nix::sys::signal::Signal;
use support::{
    Folder, assert_done, assert_refused, plaintext,
    recorder::Recorder,
    serving::{Answer, Serving},
    text,
};

/// The size of a stream's frame, and where the first one begins.
const WIRE: u64 = 65_536 + 64;
const FRAMES_START: u64 = 2 * 4096;

/// A folder with films/film.mp4 of this many bytes, encrypted.
fn film(length: usize) -> Folder {
    let folder = Folder::new();
    fs::create_dir(folder.path("films")).unwrap();
    folder.write("film.mp4", &plaintext(length));
    assert_done(&folder.run(&["encrypt", "film.mp4", "-o", "films/film.mp4.reel"]));
    folder
}

#[test]
fn ranges_conditions_and_methods_are_answered_as_rfc_9110_says() {
    const LENGTH: usize = 300_000;
    let (folder, film_bytes) = (film(LENGTH), plaintext(LENGTH));
    let serving = Serving::start(&folder, &["films"]);
    let whole = serving.get("film.mp4", &[]);
    assert_eq!((whole.status, whole.body == film_bytes), (200, true));
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    assert_eq!(whole.header("content-type"), Some("video/mp4"));
    let etag = whole.header("etag").unwrap();
    let modified = whole.header("last-modified").unwrap();
    assert!(etag.starts_with('"') && etag.len() == 34, "{etag}");

    let head = serving.ask("HEAD", "film.mp4", &["Range: bytes=0-1"]);
    assert_eq!((head.status, head.header("content-length")), (200, Some("300000")));
    for name in ["etag", "last-modified", "content-type", "accept-ranges", "content-security-policy", "cache-control"] {
        assert_eq!(head.header(name), whole.header(name), "{name}");
    }

    let is = |condition: &str| condition.replace("ETAG", etag).replace("DATE", modified);
    let old = "Sun, 06 Nov 1994 08:49:37 GMT";
    // The request headers, the status, and the bytes of one range.
    type Case<'a> = (&'a [&'a str], u16, Option<(usize, usize)>);
    let cases: [Case<'_>; 23] = [
        (&["Range: bytes=0-0"], 206, Some((0, 1))),
        (&["Range: bytes=65535-65536"], 206, Some((65_535, 65_537))),
        (&["Range: bytes=100-"], 206, Some((100, LENGTH))),
        (&["Range: bytes=-1"], 206, Some((LENGTH - 1, LENGTH))),
        (&["Range: bytes=-999999"], 206, Some((0, LENGTH))),
        (&["Range: bytes=299999-999999"], 206, Some((LENGTH - 1, LENGTH))),
        (&["Range: bytes=0-99,50-149"], 206, Some((0, 150))),
        (&["Range: bytes=300000-"], 416, None),
        (&["Range: bytes=-0"], 416, None),
        (&["Range: bytes=5-2"], 200, None),
        (&["Range: lines=1-2"], 200, None),
        (&["Range: bytes=0-1", "Range: bytes=5-6"], 200, None),
        (&["Range: bytes=0-1", "If-Range: ETAG"], 206, Some((0, 2))),
        (&["Range: bytes=0-1", "If-Range: \"other\""], 200, None),
        (&["Range: bytes=0-1", "If-Range: Sun, 06 Nov 1994 08:49:37 GMT"], 200, None),
        (&["If-Match: ETAG"], 200, None),
        (&["If-Match: \"other\""], 412, None),
        (&["If-None-Match: ETAG"], 304, None),
        (&["If-None-Match: W/ETAG, \"x\""], 304, None),
        (&["If-None-Match: \"x\""], 200, None),
        (&["If-Modified-Since: DATE"], 304, None),
        (&["If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT"], 412, None),
        (&["If-None-Match: ETAG", "Range: bytes=0-1"], 304, None),
    ];
    for (headers, status, range) in cases {
        let headers: Vec<_> = headers.iter().map(|header| is(header)).collect();
        let headers: Vec<_> = headers.iter().map(String::as_str).collect();
        let answer = serving.get("film.mp4", &headers);
        assert_eq!(answer.status, status, "{headers:?}");
        match (status, range) {
            (206, Some((first, end))) => {
                assert!(answer.body == film_bytes[first..end], "{headers:?}");
                let expected = format!("bytes {first}-{}/{LENGTH}", end - 1);
                assert_eq!(answer.header("content-range"), Some(expected.as_str()), "{headers:?}");
            }
            (200, _) => assert!(answer.body == film_bytes, "{headers:?}"),
            (416, _) => assert_eq!(answer.header("content-range"), Some("bytes */300000"), "{headers:?}"),
            (304, _) => assert_eq!(answer.header("etag"), Some(etag), "{headers:?}"),
            _ => {}
        }
    }
    assert_eq!(serving.get("film.mp4", &[&format!("If-Modified-Since: {old}")]).status, 200);
    let posted = serving.ask("POST", "film.mp4", &["Content-Length: 0"]);
    assert_eq!((posted.status, posted.header("allow")), (405, Some("GET, HEAD")));
}

#[test]
fn several_ranges_come_as_parts_with_their_places() {
    let (folder, film_bytes) = (film(200_000), plaintext(200_000));
    let serving = Serving::start(&folder, &["films"]);
    let answer = serving.get("film.mp4", &["Range: bytes=150000-150099,0-9,-5"]);
    assert_eq!(answer.status, 206);
    let boundary = answer.header("content-type").unwrap().strip_prefix("multipart/byteranges; boundary=").unwrap();
    let mut expected = Vec::new();
    for (first, end) in [(150_000, 150_100), (0, 10), (199_995, 200_000)] {
        let line = if expected.is_empty() { "" } else { "\r\n" };
        let last = end - 1;
        let head = format!(
            "{line}--{boundary}\r\nContent-Type: video/mp4\r\nContent-Range: bytes {first}-{last}/200000\r\n\r\n"
        );
        expected.extend(head.into_bytes());
        expected.extend(&film_bytes[first..end]);
    }
    expected.extend(format!("\r\n--{boundary}--\r\n").into_bytes());
    assert!(answer.body == expected, "{}", answer.text());
    let many: Vec<_> = (0..17).map(|at| format!("{0}-{0}", at * 1000)).collect();
    assert_eq!(serving.get("film.mp4", &[&format!("Range: bytes={}", many.join(","))]).status, 200);
    assert_eq!(serving.get("film.mp4", &[&format!("Range: bytes={}", many[1..].join(","))]).status, 206);
}

#[test]
fn a_connection_is_kept_and_an_old_one_is_closed() {
    let folder = film(1000);
    let serving = Serving::start(&folder, &["films"]);
    let mut connection = BufReader::new(serving.connect());
    for range in ["0-1", "500-", "0-0"] {
        let request = serving.request("GET", "film.mp4", &[&format!("Range: bytes={range}")]);
        connection.get_mut().write_all(request.as_bytes()).unwrap();
        assert_eq!(Answer::read(&mut connection, "GET").status, 206);
    }
    let old = serving.request("GET", "film.mp4", &[]).replace("HTTP/1.1", "HTTP/1.0");
    connection.get_mut().write_all(old.as_bytes()).unwrap();
    assert!(Answer::read(&mut connection, "GET").body == plaintext(1000));
    assert_eq!(connection.read(&mut [0]).unwrap(), 0, "an HTTP/1.0 connection ends");
}

#[test]
fn on_all_addresses_it_prints_one_that_it_answers_to() {
    let folder = film(1000);
    let serving = Serving::start(&folder, &["films", "--listen", "0.0.0.0:0"]);
    let host = serving.url.split('/').nth(2).unwrap();
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_eq!(host, format!("{}:{}", name.trim(), serving.port));
    let mut connection = serving.connect();
    write!(connection, "GET {}film.mp4 HTTP/1.1\r\nHost: {host}\r\n\r\n", serving.root).unwrap();
    assert!(Answer::read(&mut BufReader::new(connection), "GET").body == plaintext(1000));
}

#[test]
fn nothing_is_answered_without_the_token_to_another_host_or_outside_the_tree() {
    let folder = film(1000);
    folder.write("outside.mp4", b"outside");
    assert_done(&folder.run(&["encrypt", "outside.mp4"]));
    symlink("../outside.mp4.reel", folder.path("films/link.mp4.reel")).unwrap();
    symlink("..", folder.path("films/up")).unwrap();
    let serving = Serving::start(&folder, &["films"]);
    let raw = |path: &str, host: &str| {
        let mut connection = serving.connect();
        write!(connection, "GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
        Answer::read(&mut BufReader::new(connection), "GET").status
    };
    let (root, here) = (serving.root.as_str(), format!("127.0.0.1:{}", serving.port));
    assert_eq!(raw(root, &here), 200);
    assert_eq!(raw(root, &format!("localhost:{}", serving.port)), 200);
    let mut wrong = root.to_owned().into_bytes();
    wrong[5] = if wrong[5] == b'0' { b'1' } else { b'0' };
    for path in ["/", "/x/", "/index.json", &text(&wrong), &root[..root.len() - 2]] {
        assert_eq!(raw(path, &here), 404, "{path}");
    }
    for host in ["evil.example", "127.0.0.1", "evil.example:80", "127.0.0.2:80"] {
        assert_eq!(raw(root, host), 421, "{host}");
    }
    for name in ["../outside.mp4", "%2e%2e/outside.mp4", "..%2foutside.mp4", "link.mp4", "up/", "up/films/film.mp4"] {
        assert_eq!(raw(&format!("{root}{name}"), &here), 404, "{name}");
    }
    // Nor does a link that later takes the place of a film lead out of the tree.
    fs::remove_file(folder.path("films/film.mp4.reel")).unwrap();
    symlink("../outside.mp4.reel", folder.path("films/film.mp4.reel")).unwrap();
    assert_eq!(raw(&format!("{root}film.mp4"), &here), 404);
    assert!(!serving.reported().iter().any(|line| line.contains(root.trim_matches('/'))));
}

#[test]
fn what_could_run_in_a_browser_is_an_attachment_in_a_sandbox() {
    let folder = film(1000);
    for name in ["page.html", "image.svg", "page.xml", "script.js", "data.bin", "text.txt"] {
        folder.write(name, b"<script>1</script>");
        assert_done(&folder.run(&["encrypt", name, "-o", &format!("films/{name}.reel")]));
    }
    let serving = Serving::start(&folder, &["films"]);
    for name in ["page.html", "image.svg", "page.xml", "script.js", "data.bin"] {
        let answer = serving.get(name, &[]);
        assert_eq!(answer.header("content-type"), Some("application/octet-stream"), "{name}");
        let disposition = format!("attachment; filename*=UTF-8''{name}");
        assert_eq!(answer.header("content-disposition"), Some(disposition.as_str()), "{name}");
    }
    for name in ["page.html", "text.txt", "none", "index.json"] {
        let policy = serving.get(name, &[]).header("content-security-policy").unwrap().to_owned();
        assert!(policy.starts_with("sandbox; default-src 'none'"), "{name}: {policy}");
    }
    let film = serving.get("film.mp4", &[]);
    assert!(
        film.header("content-security-policy").unwrap().starts_with("sandbox allow-same-origin; default-src 'none'")
    );
    for name in ["", "film.mp4", "page.html", "none", "index.json", "index.m3u"] {
        let answer = serving.get(name, &[]);
        let expected = [
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
        ];
        for (header, value) in expected {
            assert_eq!(answer.header(header), Some(value), "{name}");
        }
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    let page = serving.get("", &[]).text();
    assert!(page.contains("<video controls preload=\"none\"") && !page.contains("<script"), "{page}");
}

#[test]
fn a_damaged_frame_cuts_the_answer_is_reported_once_and_the_rest_can_be_read() {
    let (folder, film_bytes) = (film(400_000), plaintext(400_000));
    let file = File::options().read(true).write(true).open(folder.path("films/film.mp4.reel")).unwrap();
    let place = FRAMES_START + 2 * WIRE + 99;
    let mut byte = [0];
    file.read_exact_at(&mut byte, place).unwrap();
    file.write_all_at(&[byte[0] ^ 1], place).unwrap();
    let serving = Serving::start(&folder, &["films"]);
    for _ in 0..3 {
        let answer = serving.get("film.mp4", &[]);
        assert_eq!((answer.status, answer.header("content-length")), (200, Some("400000")));
        assert!(answer.body == film_bytes[..2 * 65_536], "{} bytes", answer.body.len());
        let after = serving.get("film.mp4", &["Range: bytes=196608-"]);
        assert!(after.status == 206 && after.body == film_bytes[196_608..]);
    }
    serving.wait_for_report("frame 2, at byte 139392");
    let lines: Vec<_> = serving.reported().into_iter().filter(|line| line.contains("frame 2")).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("film.mp4.reel"), "{lines:?}");
    assert!(serving.get("", &[]).text().contains("<strong>1 damaged frame</strong>"));
}

#[test]
fn all_sound_bytes_before_a_failure_are_sent_even_if_it_is_in_the_first_piece() {
    const LENGTH: usize = 400_000;
    let (folder, film_bytes) = (film(LENGTH), plaintext(LENGTH));
    fs::copy(folder.path("films/film.mp4.reel"), folder.path("films/short.mp4.reel")).unwrap();
    let file = File::options().read(true).write(true).open(folder.path("films/film.mp4.reel")).unwrap();
    let place = FRAMES_START + 4 * WIRE + 99;
    let mut byte = [0];
    file.read_exact_at(&mut byte, place).unwrap();
    file.write_all_at(&[byte[0] ^ 1], place).unwrap();
    let short = File::options().write(true).open(folder.path("films/short.mp4.reel")).unwrap();
    short.set_len(FRAMES_START + 3 * WIRE + 500).unwrap();
    let serving = Serving::start(&folder, &["films"]);
    const DAMAGED: usize = 4 * 65_536;
    const SOUND: usize = 3 * 65_536;
    let cases = [
        ("film.mp4", "262000-399999", 262_000..DAMAGED),
        ("film.mp4", "262144-399999", DAMAGED..DAMAGED),
        ("film.mp4", "262143-262144", DAMAGED - 1..DAMAGED),
        ("short.mp4", "-10", SOUND - 9..SOUND),
        ("short.mp4", "-1", SOUND..SOUND),
    ];
    for (name, range, sound) in cases {
        for _ in 0..5 {
            let mut connection = BufReader::new(serving.connect());
            let request = serving.request("GET", name, &[&format!("Range: bytes={range}")]);
            connection.get_mut().write_all(request.as_bytes()).unwrap();
            let answer = Answer::read(&mut connection, "GET");
            let length: usize = answer.header("content-length").unwrap().parse().unwrap();
            assert!(answer.status == 206 && length > sound.len(), "{range}: {} {length}", answer.status);
            assert!(answer.body == film_bytes[sound.clone()], "{range}: {} bytes", answer.body.len());
        }
    }
}

#[test]
fn an_address_that_nobody_can_learn_is_refused() {
    let folder = film(100);
    let run = |redirection: &str| {
        let mut sh = Command::new("sh");
        sh.args(["-c", &format!("exec $reelseal serve --key-file key films {redirection}")]);
        sh.env("reelseal", support::reelseal()).current_dir(folder.path("")).output().unwrap()
    };
    assert_refused(&run(">&-"), 1, "standard output is closed");
    assert_refused(&run(">/dev/full"), 1, "standard output: cannot write");
}

#[test]
fn generated_names_take_precedence_over_files_of_the_same_name_and_nothing_is_below_a_file() {
    let folder = film(100);
    for name in ["index.json", "index.m3u"] {
        folder.write(name, b"forged");
        assert_done(&folder.run(&["encrypt", name, "-o", &format!("films/{name}.reel")]));
    }
    let serving = Serving::start(&folder, &["films"]);
    assert!(serving.get("index.json", &[]).text().contains("\"files\""));
    assert!(serving.get("index.m3u", &[]).text().starts_with("#EXTM3U"));
    for name in ["index.json.reel", "index.m3u.reel"] {
        assert_eq!(serving.get(name, &[]).text(), "forged", "{name}");
    }
    for name in ["film.mp4/index.json", "film.mp4/index.m3u", "film.mp4/", "film.mp4/x"] {
        assert_eq!(serving.get(name, &[]).status, 404, "{name}");
    }
}

#[test]
fn a_client_that_closes_its_side_after_the_request_is_answered() {
    let folder = film(200_000);
    let serving = Serving::start(&folder, &["films"]);
    let mut connection = serving.connect();
    connection.write_all(serving.request("GET", "film.mp4", &[]).as_bytes()).unwrap();
    connection.shutdown(std::net::Shutdown::Write).unwrap();
    let mut connection = BufReader::new(connection);
    assert!(Answer::read(&mut connection, "GET").body == plaintext(200_000));
    assert_eq!(connection.read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_recording_with_a_gap_has_ended_before_it() {
    let folder = Folder::new();
    let input = plaintext(500_000);
    assert_done(&folder.pipe(&["record", "--output-dir", "cam", "--segment-size", "150K", "--name", "cam.ts"], &input));
    let mut segments: Vec<_> = fs::read_dir(folder.path("cam")).unwrap().map(|entry| entry.unwrap().path()).collect();
    segments.sort();
    fs::remove_file(&segments[1]).unwrap();
    let serving = Serving::start(&folder, &["cam"]);
    let playlist = serving.get("cam.ts.m3u8", &[]).text();
    assert!(playlist.contains("TYPE:EVENT") && playlist.ends_with("#EXT-X-ENDLIST\n"), "{playlist}");
    assert!(serving.get("", &[]).text().contains("continues in a missing segment"));
}

#[test]
fn an_unfinished_stream_allows_seeking_and_never_ends_well() {
    let (folder, film_bytes) = (film(400_000), plaintext(400_000));
    let file = File::options().write(true).open(folder.path("films/film.mp4.reel")).unwrap();
    file.set_len(FRAMES_START + 3 * WIRE + 500).unwrap();
    let serving = Serving::start(&folder, &["films"]);
    const SOUND: usize = 3 * 65_536;
    let claimed = (SOUND + 1).to_string();
    for version in ["HTTP/1.1", "HTTP/1.0"] {
        let mut connection = serving.connect();
        let request = serving.request("GET", "film.mp4", &[]).replace("HTTP/1.1", version);
        connection.write_all(request.as_bytes()).unwrap();
        let answer = Answer::read(&mut BufReader::new(connection), "GET");
        assert_eq!((answer.status, answer.header("content-length")), (200, Some(claimed.as_str())));
        assert!(answer.body == film_bytes[..SOUND], "{} bytes", answer.body.len());
    }
    let part = serving.get("film.mp4", &["Range: bytes=196600-196607"]);
    assert!(part.status == 206 && part.body == film_bytes[SOUND - 8..SOUND]);
    serving.wait_for_report("unfinished");
    assert!(serving.get("", &[]).text().contains("<strong>unfinished</strong>"));
}

#[test]
fn a_folder_has_an_index_a_playlist_and_pages_of_its_folders() {
    let folder = film(1000);
    fs::create_dir(folder.path("films/day one")).unwrap();
    folder.write("a&b.webm", b"frames");
    assert_done(&folder.run(&["encrypt", "a&b.webm", "-o", "films/day one/a&b.webm.reel"]));
    let serving = Serving::start(&folder, &["films"]);
    let index: serde_json::Value = serde_json::from_slice(&serving.get("index.json", &[]).body).unwrap();
    let root = &serving.root;
    assert_eq!(index["folders"][0]["url"], format!("{root}day%20one/"));
    let file = &index["files"][0];
    assert_eq!((&file["name"], &file["length"]), (&"film.mp4".into(), &1000.into()));
    assert_eq!(file["url"], format!("{root}film.mp4"));
    let playlist = serving.get("index.m3u", &[]).text();
    let url = &serving.url;
    let expected = format!(
        "#EXTM3U\n#EXTINF:-1,film.mp4\n{url}film.mp4\n#EXTINF:-1,day one/a&b.webm\n{url}day%20one/a%26b.webm\n"
    );
    let sorted = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&playlist), sorted(&expected));
    assert!(serving.get("day%20one/index.m3u", &[]).text().starts_with("#EXTM3U\n#EXTINF:-1,a&b.webm\n"));
    let moved = serving.get("day%20one", &[]);
    assert_eq!((moved.status, moved.header("location")), (301, Some(format!("{root}day%20one/").as_str())));
    let page = serving.get("day%20one/", &[]).text();
    assert!(page.contains(&format!("src=\"{root}day%20one/a%26b.webm\"")) && page.contains("a&amp;b.webm"), "{page}");
    // A file that is added later is found.
    folder.write("later.mp4", b"later");
    assert_done(&folder.run(&["encrypt", "later.mp4", "-o", "films/later.mp4.reel"]));
    while serving.get("later.mp4", &[]).status == 404 {
        thread::yield_now();
    }
    assert_eq!(serving.get("later.mp4", &[]).text(), "later");
}

#[test]
fn a_recording_is_one_film_and_has_a_playlist_of_its_segments() {
    let folder = Folder::new();
    let input = plaintext(500_000);
    assert_done(&folder.pipe(&["record", "--output-dir", "cam", "--segment-size", "150K", "--name", "cam.ts"], &input));
    let segments = fs::read_dir(folder.path("cam")).unwrap().count();
    assert!(segments > 2, "{segments}");
    let serving = Serving::start(&folder, &["cam"]);
    let whole = serving.get("cam.ts", &[]);
    assert!(whole.status == 200 && whole.body == input, "{} bytes", whole.body.len());
    let part = serving.get("cam.ts", &["Range: bytes=140000-360000"]);
    assert!(part.body == input[140_000..=360_000]);
    let playlist = serving.get("cam.ts.m3u8", &[]);
    assert_eq!(playlist.header("content-type"), Some("application/vnd.apple.mpegurl"));
    let playlist = playlist.text();
    let mut assembled = Vec::new();
    for range in playlist.lines().filter_map(|line| line.strip_prefix("#EXT-X-BYTERANGE:")) {
        let (length, offset) = range.split_once('@').unwrap();
        let (length, offset): (usize, usize) = (length.parse().unwrap(), offset.parse().unwrap());
        let range = format!("Range: bytes={offset}-{}", offset + length - 1);
        assembled.extend(serving.get("cam.ts", &[&range]).body);
    }
    assert!(assembled == input && playlist.ends_with("#EXT-X-ENDLIST\n"), "{playlist}");
    let index: serde_json::Value = serde_json::from_slice(&serving.get("index.json", &[]).body).unwrap();
    assert_eq!(index["files"].as_array().unwrap().len(), 1, "{index}");
}

#[test]
#[ignore = "needs ffmpeg"]
fn a_viewer_of_a_recording_that_grows_gets_every_packet_and_what_is_listed_never_changes() {
    let folder = Folder::new();
    let sample = format!("{}/tests/data/sample.mp4", env!("CARGO_MANIFEST_DIR"));
    let camera =
        ["ffmpeg", "-v", "error", "-re", "-stream_loop", "3", "-i", &sample, "-c", "copy", "-f", "mpegts", "-"];
    let arguments = ["--segment-time", "8s", "--name", "cam.ts", "--"];
    let (mut recorder, _) = Recorder::start(&folder, &[&arguments[..], &camera].concat());
    recorder.wait_for("segment", &[("state", "begun".into())]);
    let serving = Serving::start(&folder, &["cam"]);
    let listed = || -> Vec<_> { serving.get("cam.ts.m3u8", &[]).text().lines().map(str::to_owned).collect() };
    let mut before = listed();
    while before.iter().filter(|line| line.starts_with("#EXTINF")).count() == 0 {
        thread::sleep(Duration::from_millis(50));
        before = listed();
    }
    let packets = |input: &str, options: &[&str]| {
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-nostdin", "-v", "error"]).args(options).args(["-i", input, "-c", "copy", "-map", "v"]);
        ffmpeg.args(["-f", "framecrc", "-"]).current_dir(folder.path(""));
        move || {
            let output = ffmpeg.output().unwrap();
            assert_done(&output);
            let lines = text(&output.stdout);
            let lines = lines.lines().filter(|line| !line.starts_with('#'));
            // Their sizes and checksums.
            lines.map(|line| line.split(',').skip(4).take(2).collect::<String>()).collect::<Vec<_>>()
        }
    };
    let viewer = thread::spawn(packets(&format!("{}cam.ts.m3u8", serving.url), &["-live_start_index", "0"]));
    while !viewer.is_finished() {
        let now = listed();
        assert!(now.starts_with(&before), "{before:#?} became {now:#?}");
        before = now;
        thread::sleep(Duration::from_millis(50));
    }
    let viewed = viewer.join().unwrap();
    drop(recorder.end());
    assert_done(&folder.run(&["decrypt", "cam", "-o", "cam.ts"]));
    let recorded = packets("cam.ts", &[])();
    assert!(recorded.len() > 300, "{}", recorded.len());
    assert_eq!(viewed, recorded);
    assert_eq!(before.last().unwrap(), "#EXT-X-ENDLIST");
}

#[test]
fn a_wrong_secret_a_taken_address_and_nothing_to_serve_are_refused_at_once() {
    let folder = film(100);
    assert_done(&folder.reelseal(&["keygen", "-o", "films/other"]).output().unwrap());
    let refused = folder.reelseal(&["serve", "films", "--key-file", "films/other"]).output().unwrap();
    assert_refused(&refused, 3, "wrong key file");
    assert_eq!(text(&refused.stderr).matches("wrong key file").count(), 1, "{}", text(&refused.stderr));
    let missing = folder.reelseal(&["serve", "films", "--key-file", "missing"]).output().unwrap();
    assert_eq!(text(&missing.stderr).matches("missing").count(), 1, "{}", text(&missing.stderr));
    let serving = Serving::start(&folder, &["films"]);
    let address = format!("127.0.0.1:{}", serving.port);
    assert_refused(&folder.run(&["serve", "films", "--listen", &address]), 1, "cannot listen");
    for address in [":8080", "localhost:8090", "8080"] {
        let expected = "an address and a port are needed, as in 127.0.0.1:8080 or 0.0.0.0:8080";
        assert_refused(&folder.run(&["serve", "films", "--listen", address]), 2, expected);
    }
    fs::create_dir(folder.path("empty")).unwrap();
    assert_refused(&folder.run(&["serve", "empty"]), 2, "empty: contains no encrypted files");
    assert_refused(&folder.run(&["serve", "none"]), 1, "none: cannot open");
    assert_refused(&folder.run(&["serve", "film.mp4"]), 4, "film.mp4: is not a reelseal stream");
    assert_refused(&folder.run(&["serve", "-"]), 2, "-: cannot seek in standard input");
}

#[test]
fn signals_end_it_well_and_readers_are_cut() {
    let folder = film(100_000);
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let mut serving = Serving::start(&folder, &["films"]);
        let mut idle = serving.connect();
        assert_eq!(serving.get("film.mp4", &[]).status, 200);
        assert_eq!(serving.end(signal).code(), Some(0), "{signal}");
        let _ = idle.read(&mut [0]);
    }
}

/// Descriptors, threads and resident memory in KiB of a process.
fn cost(process: u32) -> (usize, usize, u64) {
    let count = |folder: &str| fs::read_dir(format!("/proc/{process}/{folder}")).unwrap().count();
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let resident = resident.trim().split(' ').next().unwrap().parse().unwrap();
    (count("fd"), count("task"), resident)
}

#[test]
fn clients_that_say_nothing_or_leave_have_no_lasting_cost_and_surplus_ones_are_told_so() {
    let folder = film(8 << 20);
    let serving = Serving::start(&folder, &["films"]);
    let leave_in_the_middle = || {
        let mut connection = serving.connect();
        connection.write_all(serving.request("GET", "film.mp4", &[]).as_bytes()).unwrap();
        connection.read_exact(&mut [0; 1000]).unwrap();
    };
    // Done once, so that whatever is kept for later is there already.
    leave_in_the_middle();
    assert_eq!(serving.get("film.mp4", &[]).status, 200);
    let (descriptors, ..) = cost(serving.process());
    {
        let half_open: Vec<_> = (0..1000).map(|_| serving.connect()).collect();
        // Clients that come too late are told to try again, or get nothing.
        let mut told = String::new();
        half_open.iter().rev().find(|connection| {
            told.clear();
            connection.take(4096).read_to_string(&mut told).is_ok() && !told.is_empty()
        });
        assert!(told.starts_with("HTTP/1.1 503 "), "{told}");
        for header in
            ["X-Content-Type-Options: nosniff", "Content-Security-Policy: sandbox;", "Referrer-Policy: no-referrer"]
        {
            assert!(told.contains(header), "{told}");
        }
        let (open, threads, _) = cost(serving.process());
        assert!(open < descriptors + 140 && threads < 100, "{open} descriptors, {threads} threads");
    }
    for _ in 0..200 {
        leave_in_the_middle();
    }
    // It takes some time until the last of them are noticed.
    while cost(serving.process()).0 > descriptors {
        thread::yield_now();
    }
    let (_, threads, resident) = cost(serving.process());
    assert!(threads < 100 && resident < 64 << 10, "{threads} threads, {resident} KiB");
    assert_eq!(serving.get("film.mp4", &[]).body.len(), 8 << 20);
}

#[test]
fn thirty_two_readers_take_little_memory_however_large_the_frames_are() {
    const LENGTH: usize = 40 << 20;
    let folder = Folder::new();
    folder.write("film.mp4", &plaintext(LENGTH));
    for frame_size in ["64K", "1M", "16M"] {
        let name = format!("{frame_size}.mp4.reel");
        assert_done(&folder.run(&["encrypt", "film.mp4", "-o", &name, "--frame-size", frame_size]));
        let serving = Serving::start(&folder, &[&name]);
        let ask = |place: usize| {
            let mut connection = serving.connect();
            let range = format!("Range: bytes={}-", place * LENGTH / 32);
            let request = serving.request("GET", &format!("{frame_size}.mp4"), &[&range]);
            connection.write_all(request.as_bytes()).unwrap();
            BufReader::new(connection)
        };
        let mut readers: Vec<_> = (0..32).map(ask).collect();
        // Each has received something, and waits for more to be sent.
        readers.iter_mut().for_each(|reader| reader.read_exact(&mut [0; 100_000]).unwrap());
        let status = fs::read_to_string(format!("/proc/{}/status", serving.process())).unwrap();
        let high = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim();
        let high: u64 = high.strip_suffix(" kB").unwrap().parse().unwrap();
        println!("frames of {frame_size}: {high} KiB");
        assert!(high <= 48 << 10, "frames of {frame_size}: {high} KiB");
    }
}

#[test]
fn readers_of_several_streams_with_frames_of_several_sizes_share_that_memory() {
    const LENGTH: usize = 20 << 20;
    let folder = Folder::new();
    let film_bytes = plaintext(LENGTH);
    folder.write("film.mp4", &film_bytes);
    let frame_sizes = ["64K", "512K", "1M", "4M", "16M"];
    for frame_size in frame_sizes {
        let name = format!("films/{frame_size}.mp4.reel");
        fs::create_dir_all(folder.path("films")).unwrap();
        assert_done(&folder.run(&["encrypt", "film.mp4", "-o", &name, "--frame-size", frame_size]));
    }
    let serving = Serving::start(&folder, &["films"]);
    thread::scope(|scope| {
        for number in 0..20 {
            let (serving, film_bytes, frame_size) = (&serving, &film_bytes, frame_sizes[number % frame_sizes.len()]);
            scope.spawn(move || {
                let place = number * 1_000_001;
                let length = 1 << 20;
                let range = format!("Range: bytes={place}-{}", place + length - 1);
                let end = LENGTH.min(place + length);
                let answer = serving.get(&format!("{frame_size}.mp4"), &[&range]);
                assert!(answer.body == film_bytes[place..end], "{frame_size} at {place}: {}", answer.body.len());
            });
        }
    });
    let status = fs::read_to_string(format!("/proc/{}/status", serving.process())).unwrap();
    let high = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim();
    let high: u64 = high.strip_suffix(" kB").unwrap().parse().unwrap();
    println!("{high} KiB");
    assert!(high <= 64 << 10, "{high} KiB");
}

#[test]
fn a_client_that_reads_slowly_is_waited_for_and_holds_nobody_up() {
    let (folder, film_bytes) = (film(4 << 20), plaintext(4 << 20));
    let serving = Serving::start(&folder, &["films"]);
    let paused: Vec<_> = (0..20)
        .map(|_| {
            let mut connection = serving.connect();
            connection.write_all(serving.request("GET", "film.mp4", &[]).as_bytes()).unwrap();
            connection
        })
        .collect();
    for _ in 0..10 {
        assert!(serving.get("film.mp4", &[]).body == film_bytes);
    }
    for connection in paused {
        assert!(Answer::read(&mut BufReader::new(connection), "GET").body == film_bytes);
    }
}

#[test]
fn the_head_of_a_request_that_never_ends_is_not_waited_for() {
    let folder = film(100);
    let serving = Serving::start(&folder, &["films"]);
    let mut connection = serving.connect();
    connection.write_all(b"GET / HTTP/1.1\r\nHost: ").unwrap();
    let mut rest = Vec::new();
    // The read ends only when the server closes the connection.
    connection.read_to_end(&mut rest).unwrap();
    let mut silent = serving.connect();
    silent.read_to_end(&mut rest).unwrap();
}

#[test]
#[ignore = "needs root, curl"]
fn another_user_of_the_machine_is_not_answered_whichever_address_is_used() {
    let folder = film(100);
    let serving = Serving::start(&folder, &["films", "--listen", "0.0.0.0:0"]);
    let own = text(&Command::new("hostname").arg("-I").output().unwrap().stdout);
    for address in own.split_whitespace().filter(|address| !address.contains(':')).chain(["127.0.0.1"]) {
        let curl = |user: u32| {
            let mut curl = Command::new("curl");
            let url = format!("http://{address}:{}{}film.mp4", serving.port, serving.root);
            curl.args(["-s", "-o", "/dev/null", "-w", "%{http_code}", &url]);
            text(&curl.uid(user).current_dir("/").output().unwrap().stdout)
        };
        assert_eq!((curl(0).as_str(), curl(65_534).as_str()), ("200", "000"), "{address}");
    }
}

/// Serves while every read of a file, from the second one on, takes this many microseconds; each is a line in `reads`.
fn serving_slowly(folder: &Folder, microseconds: u32) -> Serving {
    let mut strace = Command::new("strace");
    let inject = format!("inject=pread64:delay_enter={microseconds}:when=2+");
    strace.args(["-D", "-f", "-qq", "-o", "reads", "-e", "trace=pread64", "-e", &inject]).arg(support::reelseal());
    Serving::spawn(strace.args(["serve", "--key-file", "key", "films"]).current_dir(folder.path("")))
}

#[test]
#[ignore = "needs strace"]
fn the_head_of_an_answer_waits_for_no_more_of_a_slow_file_than_for_its_first_bytes() {
    let folder = Folder::new();
    fs::create_dir(folder.path("films")).unwrap();
    folder.write("film.mp4", &plaintext(1 << 20));
    assert_done(&folder.run(&["encrypt", "film.mp4", "-o", "films/film.mp4.reel", "--frame-size", "4K"]));
    let mut serving = serving_slowly(&folder, 50_000);
    let reads = || text(&folder.read("reads")).matches("pread64").count();
    let before = reads();
    let mut connection = serving.connect();
    connection.write_all(serving.request("GET", "film.mp4", &[]).as_bytes()).unwrap();
    connection.read_exact(&mut [0; 100]).unwrap();
    // A full first batch would be 64 frames.
    let for_the_head = reads() - before;
    assert!(for_the_head < 30, "{for_the_head} reads");
    drop(connection);
    serving.end(Signal::SIGTERM);
}

#[test]
#[ignore = "needs redbot"]
fn redbot_finds_no_fault() {
    let folder = film(100_000);
    let serving = Serving::start(&folder, &["films"]);
    let check = |name: &str| {
        let mut redbot = Command::new("redbot");
        redbot.args(["-o", "text", &format!("{}{name}", serving.url)]).stdin(Stdio::null());
        text(&redbot.output().unwrap().stdout)
    };
    let always = [
        "HTTP/1.1 200 OK",
        "The server's clock is correct.",
        "The Content-Length header is correct.",
        "This response instructs browsers not to 'sniff' its media type.",
        "This response can't be stored by caches.",
    ];
    let of_a_file = [
        "If-Modified-Since conditional requests are supported.",
        "If-None-Match conditional requests are supported.",
        "A ranged request returned the correct partial content.",
    ];
    let found = check("film.mp4");
    for fact in always.iter().chain(&of_a_file) {
        assert!(found.contains(fact), "{fact}\n{found}");
    }
    let found = check("index.json");
    for fact in always {
        assert!(found.contains(fact), "{fact}\n{found}");
    }
}

#[test]
fn a_passphrase_is_asked_for_once_and_opens_all() {
    let folder = Folder::new();
    folder.write("pass", b"a long passphrase");
    fs::create_dir(folder.path("films")).unwrap();
    for name in ["a.mp4", "b.mp4"] {
        folder.write(name, name.as_bytes());
        let output = format!("films/{name}.reel");
        let arguments = ["encrypt", name, "-o", &output, "--passphrase-file", "pass", "--scrypt-log-n", "14"];
        assert_done(&folder.reelseal(&arguments).output().unwrap());
    }
    let serving = Serving::spawn(
        Command::new("bash")
            .args(["-c", "exec $reelseal serve --passphrase-fd 3 films 3<pass"])
            .env("reelseal", support::reelseal())
            .current_dir(folder.path("")),
    );
    for name in ["a.mp4", "b.mp4"] {
        assert_eq!(serving.get(name, &[]).text(), name);
    }
}
