//! The real program as a process of its own, to be killed.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// The program to run, and what is in its environment beside ours.
#[derive(Clone, Debug)]
pub struct Program {
    binary: PathBuf,
    environment: Vec<(&'static str, String)>,
}

impl Program {
    /// The program at `binary`.
    #[must_use]
    pub fn new(binary: &Path) -> Self {
        Self { binary: binary.to_owned(), environment: Vec::new() }
    }

    /// The same with more in its environment, for example that of a bucket.
    #[must_use]
    pub fn with(mut self, environment: Vec<(&'static str, String)>) -> Self {
        self.environment.extend(environment);
        self
    }

    /// An empty demo in `data` on a free port, which says one line of JSON when it is ready.
    pub(crate) fn demo(&self, data: &Path) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(["demo", "--empty", "--json", "--port", "0", "--data"])
            .arg(data)
            .env("CLERESTORY_LOG", "error")
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// A running `clerestory demo`. Killed when dropped.
pub struct Process {
    child: Child,
    /// The line it said when it was ready.
    pub told: Value,
}

impl Process {
    /// Starts the program with its data in `data`, and waits until it is ready.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(program: &Program, data: &Path) -> Self {
        let mut child = program
            .demo(data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let stdout = child.stdout.take().expect("its output is ours");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("it speaks");
        let told = serde_json::from_str(&line).expect("its first line is JSON");
        Self { child, told }
    }

    /// One of the addresses it told.
    #[must_use]
    pub fn origin(&self, which: &str) -> String {
        self.told[which].as_str().unwrap_or_default().to_owned()
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`, and waits until it is gone.
    ///
    /// # Panics
    /// When it cannot be killed.
    pub fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it is gone");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Gone already, after `kill`, is fine.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
