//! A real browser: the page with the list, films that play and can be sought in, and files that may do nothing.

#![cfg(feature = "serve")]
#![expect(clippy::unwrap_used, reason = "a test panics when it fails")]

mod support;

use std::{
    collections::HashMap,
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::Path,
    process::Command,
    sync::Arc,
    thread,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use support::{Folder, assert_done, chromium::Chromium, serving::Serving};

/// Times in the clip, in seconds; the clip lasts almost six.
const PLACES: [f64; 5] = [0.1, 4.9, 2.5, 5.3, 1.2];

/// A digest of the frame at each of these times in the page's first video.
const FRAMES: &str = r"
(async places => {
    const video = document.querySelector('video');
    video.muted = true;
    video.preload = 'auto';
    const happens = name => new Promise((done, failed) => {
        video.addEventListener(name, done, { once: true });
        const why = () => failed(new Error(video.error ? video.error.message : 'no source'));
        video.addEventListener('error', why, { once: true });
        const last = video.querySelector('source:last-of-type');
        if (last) last.addEventListener('error', why, { once: true });
    });
    const ready = happens('loadeddata');
    video.load();
    await ready;
    const canvas = document.createElement('canvas');
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    const context = canvas.getContext('2d', { willReadFrequently: true });
    // A frame is shown some time after the seek.
    const shows = place => new Promise(done => {
        const look = (_, frame) => Math.abs(frame.mediaTime - place) < 0.1 ? done() : video.requestVideoFrameCallback(look);
        video.requestVideoFrameCallback(look);
    });
    const digests = [];
    for (const place of places) {
        const [sought, shown] = [happens('seeked'), shows(place)];
        video.currentTime = place;
        await sought;
        await shown;
        context.drawImage(video, 0, 0);
        const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
        let hash = 2166136261;
        for (let at = 0; at < pixels.length; at += 1) hash = Math.imul(hash ^ pixels[at], 16777619) >>> 0;
        digests.push(canvas.width + 'x' + canvas.height + ':' + hash);
    }
    return digests;
})";

fn frames(browser: &mut Chromium) -> Vec<String> {
    let digests = browser.run(&format!("{FRAMES}({})", json!(PLACES)));
    digests.as_array().unwrap().iter().map(|digest| digest.as_str().unwrap().to_owned()).collect()
}

fn ffmpeg(folder: &Folder, arguments: &str) {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sample.mp4");
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-i"]).arg(sample).args(arguments.split(' ')).current_dir(folder.path(""));
    assert_done(&command.output().unwrap());
}

/// Serves `files` unencrypted, with ranges, and a page for each under its name with .html. Returns the address.
fn plain_server(files: HashMap<String, (String, Vec<u8>)>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    let files = Arc::new(files);
    thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            let files = Arc::clone(&files);
            thread::spawn(move || {
                let mut lines = BufReader::new(&connection).lines().map_while(Result::ok);
                let request = lines.next().unwrap_or_default();
                let name = request.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
                let head: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
                let range = head.iter().find_map(|line| {
                    let range = line.to_ascii_lowercase();
                    let (first, last) = range.strip_prefix("range: bytes=")?.split_once('-')?;
                    Some((first.parse::<usize>().ok()?, last.parse::<usize>().ok()))
                });
                let page = name.strip_suffix(".html").map(|name| {
                    let page = format!("<!doctype html><video src=\"/{name}\"></video>");
                    ("text/html".to_owned(), page.into_bytes())
                });
                let Some((of_type, bytes)) = page.as_ref().or_else(|| files.get(&name)) else { return };
                let length = bytes.len();
                let (first, last) =
                    range.map_or((0, length - 1), |(first, last)| (first, last.unwrap_or(length - 1).min(length - 1)));
                let status = if range.is_some() { "206 Partial Content" } else { "200 OK" };
                let mut connection = &connection;
                let _ = write!(
                    connection,
                    "HTTP/1.1 {status}\r\nContent-Type: {of_type}\r\nAccept-Ranges: bytes\r\nConnection: close\r\n\
                     Content-Range: bytes {first}-{last}/{length}\r\nContent-Length: {}\r\n\r\n",
                    last + 1 - first
                );
                let _ = connection.write_all(&bytes[first..=last]);
            });
        }
    });
    address
}

/// Saves a picture of the page, for anybody who wants to look at it.
fn picture(browser: &mut Chromium, name: &str) {
    let picture = browser.call("Page.captureScreenshot", json!({ "format": "png" }));
    let bytes = STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
    assert!(bytes.len() > 5000);
    if let Some(folder) = std::env::var_os("REELSEAL_SCREENSHOTS") {
        fs::write(Path::new(&folder).join(name), bytes).unwrap();
    }
}

#[test]
#[ignore = "needs chromium, ffmpeg"]
fn films_play_and_seek_as_the_plain_ones_do() {
    let folder = Folder::new();
    ffmpeg(&folder, "-c copy index-last.mp4");
    ffmpeg(&folder, "-c copy -movflags +faststart index-first.mp4");
    ffmpeg(&folder, "-c:v libvpx -b:v 500k -deadline realtime -cpu-used 8 -an clip.webm");
    let films = [("index-last.mp4", "video/mp4"), ("index-first.mp4", "video/mp4"), ("clip.webm", "video/webm")];
    let mut plain = HashMap::new();
    for (name, of_type) in films {
        fs::create_dir_all(folder.path(&format!("films/{name}"))).unwrap();
        assert_done(&folder.run(&["encrypt", name, "-o", &format!("films/{name}/{name}.reel")]));
        plain.insert(name.to_owned(), (of_type.to_owned(), folder.read(name)));
    }
    let plain = plain_server(plain);
    let serving = Serving::start(&folder, &["films"]);
    let mut browser = Chromium::start(&folder.path("profile"));
    for (name, _) in films {
        assert_eq!(browser.go(&format!("{}{name}/", serving.url)), None);
        assert_eq!(browser.run("document.querySelector('article h2').textContent"), name);
        let encrypted = frames(&mut browser);
        assert_eq!(browser.go(&format!("{plain}{name}.html")), None);
        assert_eq!(encrypted, frames(&mut browser), "{name}");
        let different: std::collections::HashSet<_> = encrypted.iter().collect();
        assert_eq!(different.len(), PLACES.len(), "{name}: {encrypted:?}");
    }
}

#[test]
#[ignore = "needs chromium, ffmpeg"]
fn a_recording_plays_through_its_playlist() {
    let folder = Folder::new();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sample.mp4");
    // At the speed at which a camera would send it, since the times of arrival become the lengths in the playlist.
    let recorded = folder
        .reelseal(&["record", "--key-file", "key", "--output-dir", "cam", "--segment-time", "2s", "--name", "cam.ts"])
        .args(["--", "ffmpeg", "-v", "error", "-re", "-i"])
        .arg(&sample)
        .args(["-c", "copy", "-f", "mpegts", "-"])
        .output()
        .unwrap();
    assert_done(&recorded);
    assert_done(&folder.run(&["decrypt", "cam", "-o", "cam.ts"]));
    let serving = Serving::start(&folder, &["cam"]);
    let playlist = serving.get("cam.ts.m3u8", &[]).text();
    assert!(playlist.matches("#EXTINF").count() > 1, "{playlist}");
    let plain_playlist = playlist.replace(&format!("{}cam.ts", serving.root), "/cam.ts");
    let plain = plain_server(HashMap::from([
        ("cam.ts".to_owned(), ("video/mp2t".to_owned(), folder.read("cam.ts"))),
        ("cam.m3u8".to_owned(), ("application/vnd.apple.mpegurl".to_owned(), plain_playlist.into_bytes())),
    ]));
    let mut browser = Chromium::start(&folder.path("profile"));
    assert_eq!(browser.go(&serving.url), None);
    let encrypted = frames(&mut browser);
    assert_eq!(browser.go(&format!("{plain}cam.m3u8.html")), None);
    assert_eq!(encrypted, frames(&mut browser));
    let different: std::collections::HashSet<_> = encrypted.iter().collect();
    assert!(different.len() >= 4, "{encrypted:?}");
}

#[test]
#[ignore = "needs chromium, ffmpeg"]
fn the_page_lists_the_files_on_a_wide_screen_on_a_phone_and_in_the_dark() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path("films/holidays")).unwrap();
    for name in [
        "harbour at night.mp4",
        "train.mp4",
        "holidays/beach.mp4",
        "a very long name of a film that has to be broken somewhere, or it would not fit on a phone.mp4",
    ] {
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sample.mp4");
        fs::copy(sample, folder.path("clip.mp4")).unwrap();
        assert_done(&folder.run(&["encrypt", "clip.mp4", "-o", &format!("films/{name}.reel")]));
    }
    folder.write("notes.txt", b"notes");
    assert_done(&folder.run(&["encrypt", "notes.txt", "-o", "films/notes.txt.reel"]));
    let damaged = fs::OpenOptions::new().write(true).open(folder.path("films/train.mp4.reel")).unwrap();
    damaged.set_len(150_000).unwrap();
    let serving = Serving::start(&folder, &["films"]);
    let _ = serving.get("train.mp4", &[]);
    let mut browser = Chromium::start(&folder.path("profile"));
    browser.call("Emulation.setScriptExecutionDisabled", json!({ "value": true }));
    for (name, width, height, scheme) in
        [("wide.png", 1200, 720, "light"), ("phone.png", 390, 844, "light"), ("dark.png", 1200, 720, "dark")]
    {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500 });
        browser.call("Emulation.setDeviceMetricsOverride", metrics);
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        browser.call("Emulation.setEmulatedMedia", features);
        assert_eq!(browser.go(&serving.url), None);
        let names = browser.run("[...document.querySelectorAll('h2')].map(title => title.textContent)");
        assert_eq!(names.as_array().unwrap().len(), 4, "{names}");
        assert_eq!(browser.run("document.querySelectorAll('video').length"), 3);
        assert_eq!(browser.run("document.querySelector('strong').textContent"), "unfinished");
        assert_eq!(browser.run("document.querySelector('.folders').textContent.trim()"), "holidays/");
        // Nothing overflows at the side.
        assert_eq!(browser.run("document.documentElement.scrollWidth <= innerWidth"), true, "{name}");
        let paper = browser.run("getComputedStyle(document.body).backgroundColor");
        assert_eq!(paper == "rgb(18, 19, 22)", scheme == "dark", "{paper}");
        picture(&mut browser, name);
    }
}

#[test]
#[ignore = "needs chromium"]
fn a_file_in_the_tree_cannot_read_its_neighbours() {
    let folder = Folder::new();
    fs::create_dir(folder.path("films")).unwrap();
    let script =
        "fetch('secret.txt').then(answer => answer.text()).then(text => { document.title = text; top.leaked = text; })";
    let files = [
        ("evil.html", format!("<!doctype html><title>evil</title><script>{script}</script>")),
        ("evil.svg", format!("<svg xmlns=\"http://www.w3.org/2000/svg\"><script>{script}</script></svg>")),
        ("evil.xml", format!("<x:script xmlns:x=\"http://www.w3.org/1999/xhtml\">{script}</x:script>")),
        ("evil.mp4", format!("<!doctype html><script>{script}</script>")),
        ("evil.txt", format!("<!doctype html><script>{script}</script>")),
        ("secret.txt", "secret".to_owned()),
    ];
    for (name, content) in &files {
        folder.write(name, content.as_bytes());
        assert_done(&folder.run(&["encrypt", name, "-o", &format!("films/{name}.reel")]));
    }
    let serving = Serving::start(&folder, &["films"]);
    let mut browser = Chromium::start(&folder.path("profile"));
    // Nothing should happen, and that cannot be waited for. Where scripts may not run, a timer of the page would not
    // run either.
    let leaked = |browser: &mut Chromium| {
        thread::sleep(Duration::from_millis(300));
        browser.run("String(top.leaked) + document.title").to_string()
    };
    for (name, _) in &files[..5] {
        // Directly, and from the page, whose origin it would otherwise share.
        let failed = browser.go(&format!("{}{name}", serving.url));
        let is_kept = !matches!(*name, "evil.mp4" | "evil.txt");
        assert_eq!(failed.is_some(), is_kept, "{name}: {failed:?}");
        let found = leaked(&mut browser);
        assert!(!found.contains("secret"), "{name}: {found}");
        assert_eq!(browser.go(&serving.url), None);
        for element in ["iframe", "embed"] {
            let put = format!(
                "document.body.append(Object.assign(document.createElement('{element}'), {{ src: '{}{name}' }}))",
                serving.root
            );
            browser.run(&format!("{put}; undefined"));
        }
        let found = leaked(&mut browser);
        assert!(!found.contains("secret"), "{name}: {found}");
    }
    assert_eq!(browser.run("typeof top.leaked"), Value::from("undefined"));
}
