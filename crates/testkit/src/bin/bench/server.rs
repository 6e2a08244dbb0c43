//! The real program as a process of its own: started, asked for its metrics, weighed at rest, timed until ready.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clerestory_testkit::load::Console;
use serde_json::{Value, json};

use crate::Bench;
use crate::machine::status_kib;
use crate::table::{self, ms, quantile, sorted};

const STARTS: usize = 10;
const REST: Duration = Duration::from_secs(3);
/// Longer than any start takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server. It logs as it does for everybody, to nowhere. Killed when dropped.
pub(crate) struct Server {
    child: Child,
    told: Value,
    metrics: SocketAddr,
}

/// What the server counts of itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts {
    /// Commits of the database.
    pub(crate) commits: f64,
    /// Transactions that shared them.
    pub(crate) bodies: f64,
    /// Flushes of the ingest log.
    pub(crate) flushes: f64,
    /// Segments that shared them.
    pub(crate) segments: f64,
}

impl Server {
    /// `clerestory demo`, without or with the recorded sessions.
    pub(crate) fn demo(binary: &Path, data: &Path, empty: bool) -> Result<Self, String> {
        let metrics = free_port()?;
        let mut command = Command::new(binary);
        command
            .args(["demo", "--json", "--port", "0", "--metrics", &metrics.to_string(), "--data"])
            .arg(data);
        if empty {
            command.arg("--empty");
        }
        let mut child = quiet(command.stdout(Stdio::piped()))?;
        let stdout = child.stdout.take().ok_or("the server's output is not ours")?;
        let mut line = String::new();
        let read = BufReader::new(stdout).read_line(&mut line);
        read.map_err(|error| format!("the server said nothing: {error}"))?;
        let told =
            serde_json::from_str(&line).map_err(|error| format!("the server said {line:?}: {error}"))?;
        Ok(Self { child, told, metrics })
    }

    /// `clerestory serve` over an installation that was made for it, with an administrator.
    ///
    /// * `environment`: says where database and objects are, if not in `data`.
    pub(crate) fn installed(
        binary: &Path,
        data: &Path,
        environment: &[(&'static str, String)],
    ) -> Result<Self, String> {
        let run = |arguments: &[&str]| {
            let mut command = Command::new(binary);
            command.args(arguments).env("CLERESTORY_DATA", data).envs(environment.iter().cloned());
            let output = command.output().map_err(|error| format!("{arguments:?}: {error}"))?;
            let said = if output.status.success() { output.stdout } else { output.stderr };
            let said = String::from_utf8_lossy(&said).into_owned();
            if output.status.success() { Ok(said) } else { Err(format!("{arguments:?}: {said}")) }
        };
        run(&["init", "--throw-away"])?;
        let email = "admin@example.org";
        let set_up = ["admin", "set-up", "--organisation", "Load", "--name", "Admin", "--email", email];
        let said = run(&set_up)?;
        let link = said.lines().find(|line| line.contains("#token=")).unwrap_or_default().trim();
        let (address, metrics) = (free_port()?, free_port()?);
        let origin = format!("http://localhost:{}", address.port());
        let told = json!({ "console": origin, "sign_in": link });
        let mut command = Command::new(binary);
        command
            .args(["serve", "--listen", &address.to_string(), "--metrics", &metrics.to_string()])
            .args(["--console-origin", &origin])
            .args(["--content-origin", &format!("http://127.0.0.1:{}", address.port())])
            .env("CLERESTORY_DATA", data)
            .envs(environment.iter().cloned())
            .stdout(Stdio::null());
        let mut child = quiet(&mut command)?;
        if let Err(why) = wait_until_ready(&mut child, address) {
            end(&mut child);
            return Err(why);
        }
        Ok(Self { child, told, metrics })
    }

    fn word(&self, field: &str) -> &str {
        self.told.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    /// Where the console is.
    pub(crate) fn origin(&self) -> &str {
        self.word("console")
    }

    /// The admin of the first organisation.
    pub(crate) async fn sign_in(&self) -> Result<Console, String> {
        Console::sign_in(self.origin(), self.word("sign_in")).await
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has counted so far.
    pub(crate) fn counts(&self) -> Result<Counts, String> {
        let text = get(self.metrics, &self.metrics.to_string(), "/metrics")?;
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            let found = line.and_then(|number| number.trim().parse::<f64>().ok());
            found.ok_or_else(|| format!("the metrics do not tell {name}"))
        };
        Ok(Counts {
            commits: value("clerestory_sql_commits_total")?,
            bodies: value("clerestory_sql_bodies_total")?,
            flushes: value("clerestory_ingest_log_flushes_total")?,
            segments: value("clerestory_ingest_log_segments_total")?,
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn quiet(command: &mut Command) -> Result<Child, String> {
    let started = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn();
    started.map_err(|error| format!("the server did not start: {error}"))
}

fn end(child: &mut Child) {
    // Gone already is fine.
    drop(child.kill());
    drop(child.wait());
}

/// A port nobody listens on at this moment.
pub(crate) fn free_port() -> Result<SocketAddr, String> {
    let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    probe.map_err(|error| format!("no free port: {error}"))
}

/// The body of a GET, or why there is none. Bare sockets: a client's own start-up would be measured too.
fn get(address: SocketAddr, host: &str, path: &str) -> Result<String, String> {
    let failed = |error: std::io::Error| error.to_string();
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).map_err(failed)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").map_err(failed)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(failed)?;
    if !answer.starts_with("HTTP/1.1 200") {
        return Err(answer.lines().next().unwrap_or("an empty answer").to_owned());
    }
    Ok(answer)
}

/// Idle memory of three installations, and the time from starting the program to its first good answer.
pub(crate) async fn measure(bench: &Bench) -> Result<Value, String> {
    let new = bench.directory.path().join("new");
    let made = Command::new(&bench.binary).args(["init", "--data"]).arg(&new).stdout(Stdio::null()).status();
    if !made.as_ref().is_ok_and(std::process::ExitStatus::success) {
        return Err(format!("`init` failed: {made:?}"));
    }
    let mut serve_ready = Vec::new();
    let mut demo_ready = Vec::new();
    for _ in 0..STARTS {
        serve_ready.push(ready(serve(&bench.binary, &new))?);
        demo_ready.push(ready(demo(&bench.binary, &bench.directory.path().join("demo")))?);
    }
    let (mut command, address) = serve(&bench.binary, &new)?;
    let mut child = quiet(&mut command)?;
    let first = wait_until_ready(&mut child, address);
    tokio::time::sleep(REST).await;
    let serve_kib = status_kib(child.id(), "VmRSS");
    end(&mut child);
    first?;
    let empty = Server::demo(&bench.binary, &bench.directory.path().join("empty"), true)?;
    tokio::time::sleep(REST).await;
    let empty_kib = status_kib(empty.id(), "VmRSS");
    drop(empty);
    let full = Server::demo(&bench.binary, &bench.directory.path().join("full"), false)?;
    tokio::time::sleep(REST).await;
    let full_kib = status_kib(full.id(), "VmRSS");
    drop(full);
    let mib = |kib: u64| format!("{:.1} MiB", kib as f64 / 1024.0);
    table::print(
        &["resident after 3 s without a request", ""],
        &[
            vec!["serve, nothing stored".into(), mib(serve_kib)],
            vec!["demo --empty, first start".into(), mib(empty_kib)],
            vec!["demo with its sessions, first start (it has just brought them in)".into(), mib(full_kib)],
        ],
    );
    let (serve_ready, demo_ready) = (sorted(serve_ready), sorted(demo_ready));
    let row = |name: &str, values: &[f64]| {
        let cell = |share: f64| format!("{:.0} ms", quantile(values, share));
        vec![name.to_owned(), cell(0.0), cell(0.5), cell(1.0)]
    };
    table::print(
        &["from starting the program to 200 on /api/v1/health, 10 times", "min", "median", "max"],
        &[
            row("serve, nothing stored", &serve_ready),
            row("demo --empty (hashes four passwords at every start)", &demo_ready),
        ],
    );
    Ok(json!({ "serve_rss_kib": serve_kib, "demo_empty_rss_kib": empty_kib, "demo_rss_kib": full_kib,
        "serve_ready_ms": serve_ready, "demo_ready_ms": demo_ready }))
}

fn serve(binary: &Path, data: &Path) -> Result<(Command, SocketAddr), String> {
    let address = free_port()?;
    let mut command = Command::new(binary);
    command.args(["serve", "--listen", &address.to_string(), "--data"]).arg(data);
    command.args(["--console-origin", &format!("http://localhost:{}", address.port())]);
    command.args(["--content-origin", &format!("http://127.0.0.1:{}", address.port())]);
    command.stdout(Stdio::null());
    Ok((command, address))
}

fn demo(binary: &Path, data: &Path) -> Result<(Command, SocketAddr), String> {
    let address = free_port()?;
    let mut command = Command::new(binary);
    command.args(["demo", "--empty", "--port", &address.port().to_string(), "--data"]).arg(data);
    command.stdout(Stdio::null());
    Ok((command, address))
}

/// Milliseconds until a started server answers; ended afterwards.
fn ready(started: Result<(Command, SocketAddr), String>) -> Result<f64, String> {
    let (mut command, address) = started?;
    let began = Instant::now();
    let mut child = quiet(&mut command)?;
    let answered = wait_until_ready(&mut child, address);
    let elapsed = began.elapsed();
    end(&mut child);
    answered.map(|()| ms(elapsed))
}

fn wait_until_ready(child: &mut Child, address: SocketAddr) -> Result<(), String> {
    let (began, host) = (Instant::now(), format!("localhost:{}", address.port()));
    loop {
        match get(address, &host, "/api/v1/health") {
            Ok(_) => return Ok(()),
            Err(error) if began.elapsed() > PATIENCE => {
                return Err(format!("the server is not ready: {error}"));
            }
            Err(_) => {}
        }
        if let Ok(Some(status)) = child.try_wait() {
            return Err(format!("the server ended with {status}"));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
