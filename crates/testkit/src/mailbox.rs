//! A mail server of other people's making, in a process of its own: aiosmtpd.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

/// Listens on a free port, says which, and then says each mail it takes as a line of JSON.
const SERVER: &str = include_str!("mailbox.py");

/// A running mail server. Killed when dropped.
pub struct Mailbox {
    child: Child,
    said: BufReader<ChildStdout>,
    port: u16,
}

impl Mailbox {
    /// Starts it from the Python environment of the tests.
    ///
    /// # Panics
    /// When it does not start; `cargo xtask test --install` installs it.
    #[must_use]
    pub fn start() -> Self {
        let python = std::env::var_os("CLERESTORY_PYTHON").map_or_else(
            || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/xtask/venv/bin/python")),
            PathBuf::from,
        );
        let child = Command::new(&python)
            .args(["-c", SERVER])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = child.unwrap_or_else(|error| {
            panic!(
                "{}: {error}. Run `cargo xtask test --install`, or set CLERESTORY_PYTHON.",
                python.display()
            )
        });
        let mut said = BufReader::new(child.stdout.take().expect("its output is ours"));
        let mut line = String::new();
        said.read_line(&mut line).expect("it speaks");
        let port = line.trim().parse().expect("aiosmtpd starts: see `cargo xtask test --install`");
        Self { child, said, port }
    }

    /// Where it listens, as the program's options say it.
    #[must_use]
    pub fn address(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    /// The next mail it took; waits for one.
    ///
    /// # Panics
    /// When it ends before.
    pub fn take(&mut self) -> Value {
        let mut line = String::new();
        self.said.read_line(&mut line).expect("it speaks");
        serde_json::from_str(&line).expect("a line of JSON")
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
