//! The real program as a process of its own, to be killed.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clerestory::{Places, Postgres};
use serde_json::{Value, json};

/// Longer than any start takes.
const PATIENCE: Duration = Duration::from_secs(60);
const ADDRESS: &str = "admin@example.org";

/// The program to run, and what is in its environment beside ours.
#[derive(Clone, Debug)]
pub struct Program {
    binary: PathBuf,
    environment: Vec<(&'static str, String)>,
    /// Whether its rows are in a PostgreSQL, where the demo's never are.
    on_postgres: bool,
}

impl Program {
    /// The program at `binary`.
    #[must_use]
    pub fn new(binary: &Path) -> Self {
        Self { binary: binary.to_owned(), environment: Vec::new(), on_postgres: false }
    }

    /// The same with more in its environment, for example that of a bucket.
    #[must_use]
    pub fn with(mut self, environment: Vec<(&'static str, String)>) -> Self {
        self.environment.extend(environment);
        self
    }

    /// The same with its rows in this PostgreSQL database.
    #[must_use]
    pub fn over(mut self, database: &Postgres) -> Self {
        self.on_postgres = true;
        self.with(vec![("CLERESTORY_DATABASE", database.address.clone())])
    }

    /// What starts it with its data in `data`: the demo, or over PostgreSQL a server of an installation that was made.
    pub(crate) fn starting(&self, data: &Path) -> Command {
        if self.on_postgres { self.server(data).0 } else { self.demo(data) }
    }

    /// An empty demo in `data` on a free port, which says one line of JSON when it is ready.
    fn demo(&self, data: &Path) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(["demo", "--empty", "--json", "--port", "0", "--data"]).arg(data);
        self.set(&mut command);
        command
    }

    /// A server on a free port, and that port.
    fn server(&self, data: &Path) -> (Command, u16) {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = port.expect("a free port").port();
        let mut command = self.command(data);
        command
            .args(["serve", "--listen", &format!("127.0.0.1:{port}")])
            .args(["--console-origin", &format!("http://localhost:{port}")])
            .args(["--content-origin", &format!("http://127.0.0.1:{port}")]);
        (command, port)
    }

    fn command(&self, data: &Path) -> Command {
        let mut command = Command::new(&self.binary);
        command.env("CLERESTORY_DATA", data);
        self.set(&mut command);
        command
    }

    fn set(&self, command: &mut Command) {
        command.env("CLERESTORY_LOG", "error");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
    }

    /// Runs a command of the program to its end; what it said.
    fn say(&self, data: &Path, arguments: &[&str]) -> String {
        let output = self.command(data).args(arguments).output().expect("the program starts");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

/// A running `clerestory demo`, or `clerestory serve` over PostgreSQL. Killed when dropped.
pub struct Process {
    child: Child,
    /// The line it said when it was ready, or as much of it as is known of a server.
    pub told: Value,
}

impl Process {
    /// Starts the program with its data in `data`, and waits until it is ready.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(program: &Program, data: &Path) -> Self {
        if program.on_postgres {
            return Self::serve(program, data);
        }
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

    /// Makes the installation where there is none, starts a server over it, and waits until that is well.
    fn serve(program: &Program, data: &Path) -> Self {
        if !Places::beside(data, None).root_key().exists() {
            program.say(data, &["init", "--throw-away"]);
            let (organisation, name) = ("Fernwick", "Tobias Rask");
            let set_up =
                ["admin", "set-up", "--organisation", organisation, "--name", name, "--email", ADDRESS];
            program.say(data, &set_up);
        }
        let (mut command, port) = program.server(data);
        let child = command.stdout(Stdio::null()).spawn().expect("the program starts");
        let mut process = Self { child, told: Value::Null };
        process.until_well(port);
        let said = program.say(data, &["admin", "sign-in-link", "--email", ADDRESS]);
        let link = said.lines().find(|line| line.contains("#token=")).expect("a link that signs in").trim();
        process.told = json!({ "console": format!("http://localhost:{port}"), "sign_in": link });
        process
    }

    fn until_well(&mut self, port: u16) {
        let asked =
            format!("GET /api/v1/health HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n");
        let ask = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect(("127.0.0.1", port))?;
            stream.write_all(asked.as_bytes())?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        let began = Instant::now();
        loop {
            let answer = ask();
            if answer.as_ref().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200")) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "the server does not get ready: {answer:?}");
            let ended = self.child.try_wait().expect("it can be looked at");
            assert!(ended.is_none(), "the server ended while it started: {ended:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
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
