//! A real browser without a window, driven over the DevTools protocol on two pipes.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
};

use serde_json::{Value, json};

/// Chromium with one page.
pub struct Chromium {
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
    page: Value,
    last: u64,
}

/// Descriptors 3 and 4 carry the protocol that drives Chromium.
const START: &str = "exec chromium --headless=new --remote-debugging-pipe --no-sandbox --disable-gpu --mute-audio \
                     --disable-background-networking --disable-component-update --disable-dev-shm-usage --no-first-run \
                     --disable-default-apps --disable-sync --autoplay-policy=no-user-gesture-required \
                     --user-data-dir=\"$profile\" about:blank 3<&0 4>&1 0</dev/null 1>/dev/null 2>/dev/null";

impl Chromium {
    /// Starts with a profile of its own in the folder `profile`.
    pub fn start(profile: &Path) -> Self {
        let mut command = Command::new("bash");
        command.args(["-c", START]).env("profile", profile).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (commands, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut browser = Self { child, commands, answers, page: Value::Null, last: 0 };
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }))["targetId"].clone();
        let attached = browser.call("Target.attachToTarget", json!({ "targetId": target, "flatten": true }));
        browser.page = attached["sessionId"].clone();
        browser.call("Page.enable", json!({}));
        browser
    }

    /// The answer to the protocol's `method`.
    pub fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.last += 1;
        let mut message = json!({ "id": self.last, "method": method, "params": parameters });
        if !self.page.is_null() {
            message["sessionId"] = self.page.clone();
        }
        self.commands.write_all(message.to_string().as_bytes()).unwrap();
        self.commands.write_all(&[0]).unwrap();
        loop {
            let answer = self.next_message();
            if answer["id"] == self.last {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].clone();
            }
        }
    }

    /// Goes to `url`, and waits until it is loaded. Returns why that failed, if it did.
    pub fn go(&mut self, url: &str) -> Option<String> {
        let gone = self.call("Page.navigate", json!({ "url": url }));
        if let Some(error) = gone["errorText"].as_str().filter(|error| !error.is_empty()) {
            return Some(error.to_owned());
        }
        // A page without scripts does not run promises either.
        while self.run("document.readyState") != "complete" {
            thread::yield_now();
        }
        None
    }

    /// The result of the script, once it is available.
    pub fn run(&mut self, script: &str) -> Value {
        let parameters = json!({ "expression": script, "awaitPromise": true, "returnByValue": true });
        let result = self.call("Runtime.evaluate", parameters);
        assert!(result["exceptionDetails"].is_null(), "{script}: {result}");
        result["result"]["value"].clone()
    }

    fn next_message(&mut self) -> Value {
        let mut message = Vec::new();
        self.answers.read_until(0, &mut message).unwrap();
        assert!(message.pop() == Some(0), "the browser has ended");
        serde_json::from_slice(&message).unwrap()
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
