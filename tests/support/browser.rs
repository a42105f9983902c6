//! A browser without a window: Chromium, over its DevTools protocol.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::{self, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::{eventually, within};

/// A running browser with one page. It is killed when dropped.
#[derive(Debug)]
pub struct Browser {
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    calls: u64,
    session: String,
    complaints: Vec<String>,
    process: Child,
    profile: PathBuf,
}

/// As distributions and vendors name it.
const NAMES: [&str; 5] = [
    "chromium",
    "chromium-headless-shell",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];

/// How many this process has started.
static STARTED: AtomicU32 = AtomicU32::new(0);

impl Browser {
    /// Starts the browser that the variable `CHROMIUM` names, or one in `PATH`. `None`, with a note, if
    /// there is none.
    ///
    /// # Panics
    ///
    /// If there is none although the variable `CI` is set, or if it does not start.
    pub async fn start() -> Option<Self> {
        let Some(program) = program() else {
            assert!(
                env::var_os("CI").is_none(),
                "this test needs Chromium, and neither the variable CHROMIUM nor PATH has one: \
                 `bash tests/chromium.sh` finds or installs it"
            );
            println!("not run, because this machine has no Chromium");
            return None;
        };
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let profile = env::temp_dir().join(format!("browser-{}-{number}", process::id()));
        fs::create_dir(&profile).expect("the temporary folder can be written to");
        // Chromium reads commands from the descriptor 3, and answers on 4.
        let mut command = Command::new("sh");
        command
            .args(["-c", r#"exec "$@" 3<&0 4>&1 </dev/null >/dev/null"#, "sh"])
            .arg(&program)
            .args(["--headless", "--remote-debugging-pipe", "--no-sandbox"])
            .args(["--disable-gpu", "--disable-dev-shm-usage", "--disable-quic"])
            .args(["--no-first-run", "--no-proxy-server", "--disable-sync"])
            .args([
                "--disable-background-networking",
                "--disable-component-update",
            ])
            .arg(format!("--user-data-dir={}", profile.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let mut process = command.spawn().expect("a shell can be started");
        let mut this = Self {
            input: process.stdin.take().expect("piped"),
            output: BufReader::new(process.stdout.take().expect("piped")),
            calls: 0,
            session: String::new(),
            complaints: Vec::new(),
            process,
            profile,
        };
        let target = json!({ "url": "about:blank" });
        let target = this.call("Target.createTarget", target).await;
        let target = json!({ "targetId": target["targetId"], "flatten": true });
        let session = this.call("Target.attachToTarget", target).await;
        this.session = session["sessionId"].as_str().expect("an id").to_owned();
        for domain in ["Page", "Runtime", "Log"] {
            this.call(&format!("{domain}.enable"), json!({})).await;
        }
        Some(this)
    }

    /// Opens an address, and waits until the page is loaded.
    ///
    /// # Panics
    ///
    /// If it cannot be opened.
    pub async fn open(&mut self, url: &str) {
        let answer = self.call("Page.navigate", json!({ "url": url })).await;
        assert_eq!(answer["errorText"], Value::Null, "{url}");
        self.shows("document.body && document.readyState === 'complete'")
            .await;
    }

    /// The value of an expression in the page, or of the promise that it is.
    ///
    /// # Panics
    ///
    /// If it throws.
    pub async fn evaluate(&mut self, expression: &str) -> Value {
        let call = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let answer = self.call("Runtime.evaluate", call).await;
        let thrown = &answer["exceptionDetails"];
        assert_eq!(*thrown, Value::Null, "{expression}");
        answer["result"]["value"].clone()
    }

    /// Waits until an expression in the page is true.
    ///
    /// # Panics
    ///
    /// If it is not within [`DEADLINE`](crate::DEADLINE), with the text of the page.
    pub async fn shows(&mut self, expression: &str) {
        let both = format!("[!!({expression}), document.body?.innerText]");
        let probe = async || self.evaluate(&both).await;
        eventually(expression, probe, |seen| seen[0] == true).await;
    }

    /// Calls a method of the DevTools protocol, and returns its result.
    ///
    /// # Panics
    ///
    /// If the browser answers with an error, or has ended.
    pub async fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.calls += 1;
        let mut call = json!({ "id": self.calls, "method": method, "params": parameters });
        if !self.session.is_empty() {
            call["sessionId"] = self.session.clone().into();
        }
        let sent = self.input.write_all(format!("{call}\0").as_bytes()).await;
        sent.expect("the browser reads its commands");
        loop {
            let mut message = Vec::new();
            let read = within(method, self.output.read_until(0, &mut message)).await;
            assert!(read.is_ok_and(|bytes| bytes > 0), "the browser has ended");
            message.pop();
            let message: Value = serde_json::from_slice(&message).expect("JSON");
            self.note(&message);
            if message["id"] == self.calls {
                assert_eq!(message["error"], Value::Null, "{method}");
                return message["result"].clone();
            }
        }
    }

    /// What the browser has said of its pages since the last call: errors, exceptions, and what a policy
    /// has blocked.
    pub fn complaints(&mut self) -> Vec<String> {
        std::mem::take(&mut self.complaints)
    }

    fn note(&mut self, message: &Value) {
        let parameters = &message["params"];
        match message["method"].as_str() {
            Some("Log.entryAdded") => self.complaints.push(parameters["entry"].to_string()),
            Some("Runtime.exceptionThrown" | "Runtime.consoleAPICalled") => {
                self.complaints.push(parameters.to_string());
            }
            _ => {}
        }
    }

    /// Ends the browser, and deletes its folder.
    pub async fn close(mut self) {
        // It fails only if the browser has ended by itself.
        drop(self.process.kill().await);
        drop(fs::remove_dir_all(&self.profile));
    }
}

fn program() -> Option<PathBuf> {
    if let Some(path) = env::var_os("CHROMIUM").filter(|path| !path.is_empty()) {
        return Some(path.into());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let mut candidates =
        env::split_paths(&path).flat_map(|folder| NAMES.map(|name| folder.join(name)));
    // Some systems have a command of this name that only says how to install the browser.
    candidates.find(|file| {
        let mut version = std::process::Command::new(file);
        let version = version.arg("--version").output();
        version.is_ok_and(|version| version.status.success())
    })
}
