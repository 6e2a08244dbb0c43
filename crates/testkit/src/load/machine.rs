//! A machine of its own for the real server: its disk is recorded, so that its power can fail.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{Console, client};
use crate::disk::{self, Disk, Loss, Survivors};
use crate::load::Random;

/// Longer than any start takes.
const PATIENCE: Duration = Duration::from_secs(60);
const ADDRESS: &str = "admin@example.org";

/// An installation on a recorded disk.
pub struct Machine {
    binary: PathBuf,
    environment: Vec<(String, String)>,
    directory: PathBuf,
    disk: Disk,
}

/// A server that runs on a [`Machine`]. Killed when dropped.
pub struct Running {
    child: Child,
    /// The record of its disk.
    record: PathBuf,
    /// Where its console is.
    pub origin: String,
}

impl Machine {
    /// A machine whose disk is empty, in the empty directory `directory`.
    ///
    /// # Errors
    /// When the directory cannot be used.
    pub fn new(binary: &Path, directory: &Path, environment: &[(String, String)]) -> Result<Self, String> {
        let disk = directory.join("disk");
        let failed = |error: std::io::Error| format!("{}: {error}", directory.display());
        std::fs::create_dir(&disk).map_err(failed)?;
        let disk = Disk::begin(&disk, directory).map_err(failed)?;
        let (binary, directory) = (binary.to_owned(), directory.to_owned());
        Ok(Self { binary, environment: environment.to_vec(), directory, disk })
    }

    /// Its disk.
    #[must_use]
    pub fn disk(&self) -> &Disk {
        &self.disk
    }

    /// As [`Disk::be_deaf_to`].
    pub fn be_deaf_to(&mut self, end: &str) {
        self.disk.be_deaf_to(end);
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env("CLERESTORY_DATA", self.disk.root().join("data"))
            .env("CLERESTORY_LOG", "warn")
            .envs(self.disk.environment())
            .stdin(Stdio::null());
        command
    }

    /// Runs a command of the program to its end; what it said.
    ///
    /// # Errors
    /// What it said when it failed.
    pub fn say(&self, arguments: &[&str]) -> Result<String, String> {
        let output = self.command().args(arguments).output();
        let output = output.map_err(|error| format!("{}: {error}", self.binary.display()))?;
        let (said, complained) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if output.status.success() {
            return Ok(said.into_owned());
        }
        Err(format!("`clerestory {}` failed with {}: {said}{complained}", arguments.join(" "), output.status))
    }

    /// Makes the installation, and its first organisation with an administrator; a link that signs them in.
    ///
    /// # Errors
    /// As [`Self::say`].
    pub fn set_up(&self) -> Result<String, String> {
        self.say(&["init", "--throw-away"])?;
        let (organisation, name) = ("Fernwick", "Tobias Rask");
        let said = ["admin", "set-up", "--organisation", organisation, "--name", name, "--email", ADDRESS];
        link_in(&self.say(&said)?)
    }

    /// A link that signs the administrator in.
    ///
    /// # Errors
    /// As [`Self::say`].
    pub fn link(&self) -> Result<String, String> {
        link_in(&self.say(&["admin", "sign-in-link", "--email", ADDRESS])?)
    }

    /// `clerestory verify`: every chain of the audit log, and the rows of authority held to it.
    ///
    /// # Errors
    /// What it found.
    pub fn verify(&self) -> Result<String, String> {
        let data = self.disk.root().join("data").display().to_string();
        self.say(&["verify", "--data", &data])
    }

    /// Starts the server, and waits until it says that it is well.
    ///
    /// # Errors
    /// What it said when it did not get there.
    pub async fn serve(&self) -> Result<Running, String> {
        let mut running = self.start()?;
        running.ready(PATIENCE).await.map_err(|error| format!("{error}\n{}", self.log()))?;
        Ok(running)
    }

    /// Starts the server, and does not wait.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&self) -> Result<Running, String> {
        let failed = |error: std::io::Error| format!("starting the server: {error}");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = port.map_err(failed)?.port();
        let origin = format!("http://localhost:{port}");
        let log = File::create(self.directory.join("server.log")).map_err(failed)?;
        let child = self
            .command()
            .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--console-origin", &origin])
            .args(["--content-origin", &format!("http://127.0.0.1:{port}")])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(failed)?;
        Ok(Running { child, record: self.disk.record().to_owned(), origin })
    }

    /// The end of what the server that was started last said.
    #[must_use]
    pub fn log(&self) -> String {
        let text = std::fs::read_to_string(self.directory.join("server.log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// What the disk holds, as the recorder has it and as it is: they must be the same, or something writes past the
    /// recorder. To be asked while nothing runs.
    ///
    /// # Errors
    /// Where they differ.
    pub fn check_record(&self) -> Result<(), String> {
        let failed = |error: std::io::Error| format!("the record of the disk: {error}");
        let recorded = self.disk.now().and_then(|now| self.disk.at(now)).map_err(failed)?.seen();
        let differences = recorded.differences(&Survivors::read(self.disk.root()).map_err(failed)?);
        if differences.is_empty() {
            return Ok(());
        }
        Err(format!("the recorder missed something: {differences:?}"))
    }

    /// The power fails at the moment `at` of the record; afterwards the disk holds what that left, and a new record
    /// begins. Nothing may run.
    ///
    /// # Errors
    /// When the disk cannot be rebuilt.
    pub fn lose_power(&mut self, at: u64, loss: Loss, random: &mut Random) -> Result<(), String> {
        let model = self.disk.at(at);
        let failed = |error: std::io::Error| format!("rebuilding the disk: {error}");
        self.come_back(&model.map_err(failed)?.lose(loss, random))
    }

    /// The disk holds exactly this, and a new record begins; the clock stays as it is. Nothing may run.
    ///
    /// # Errors
    /// When the disk cannot be written.
    pub fn come_back(&mut self, survivors: &Survivors) -> Result<(), String> {
        let failed = |error: std::io::Error| format!("rebuilding the disk: {error}");
        let root = self.disk.root().to_owned();
        survivors.write(&root).map_err(failed)?;
        let clock = self.disk.control().clock_offset_us().map_err(failed)?;
        self.disk = Disk::begin(&root, &self.directory).map_err(failed)?;
        self.disk.control().set_clock_offset_us(clock).map_err(failed)
    }
}

impl Running {
    /// Waits until it says that it is well.
    ///
    /// # Errors
    /// When it ended, or did not within `patience`.
    pub async fn ready(&mut self, patience: Duration) -> Result<(), String> {
        let (http, began) = (client()?, Instant::now());
        let mut last = String::from("nothing");
        while began.elapsed() < patience {
            match http.get(format!("{}/api/v1/health", self.origin)).send().await {
                Ok(answer) if answer.status().is_success() => return Ok(()),
                Ok(answer) => last = answer.status().to_string(),
                Err(error) => last = error.to_string(),
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("the server ended while it started: {status}"));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Err(format!("the server does not get ready, it said last: {last}"))
    }

    /// Signs in by a link.
    ///
    /// # Errors
    /// What the server answered instead.
    pub async fn console(&self, link: &str) -> Result<Console, String> {
        Console::sign_in(&self.origin, link).await
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill(&mut self) {
        disk::kill(&mut self.child, &self.record);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

fn link_in(said: &str) -> Result<String, String> {
    let line = said.lines().find(|line| line.contains("#token="));
    line.map(|line| line.trim().to_owned()).ok_or_else(|| format!("no sign-in link was told: {said}"))
}
