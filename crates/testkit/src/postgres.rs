//! A real PostgreSQL for tests: a server of our own on a port and directory of its own, and a schema for each test.

mod copies;

pub use copies::{BaseBackup, Dump};

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clerestory::Postgres;
use clerestory_seal::random;
use tempfile::TempDir;
use tokio_postgres::NoTls;

/// Names a server that runs already: `postgresql://user@host:port/database`. `cargo xtask test` starts one and runs the
/// suites of an installation a second time with it; without it they run on SQLite.
pub const VARIABLE: &str = "CLERESTORY_TEST_POSTGRES";

/// Where Debian and others put the programs that are not in the path.
const DIRECTORIES: [&str; 2] = ["/usr/lib/postgresql", "/usr/pgsql"];
/// What of it the tests run.
const PROGRAMS: [&str; 5] = ["initdb", "postgres", "pg_basebackup", "pg_dump", "psql"];
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that ends when it is dropped, and leaves nothing.
pub struct Server {
    child: Child,
    programs: Programs,
    port: u16,
    options: &'static [&'static str],
    preloaded: Option<PathBuf>,
    address: String,
    directory: TempDir,
}

impl Server {
    /// Makes a cluster and starts a server over it. PostgreSQL refuses to run as root: it runs as `postgres` then.
    ///
    /// # Errors
    /// What is missing, or what the server said, told for the person at the terminal.
    pub async fn start() -> Result<Self, String> {
        Self::start_with(&[], None).await
    }

    /// The same with this library preloaded into the server, for measuring what it costs that it flushes.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_preloading(library: &Path) -> Result<Self, String> {
        Self::start_with(&[], Some(library.to_owned())).await
    }

    /// The same for tests that crash it: before it recovers it has the system flush everything at once, and not each of
    /// its thousand files.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_to_crash() -> Result<Self, String> {
        Self::start_with(&["-c", "recovery_init_sync_method=syncfs"], None).await
    }

    async fn start_with(
        options: &'static [&'static str],
        preloaded: Option<PathBuf>,
    ) -> Result<Self, String> {
        let programs = Programs::find()?;
        let directory = programs.directory_of_its_own()?;
        let data = directory.path().join("data");
        let made = programs
            .command("initdb")
            .args([
                "--username=clerestory",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
                "--pgdata",
            ])
            .arg(&data)
            .output()
            .map_err(|error| format!("initdb: {error}"))?;
        if !made.status.success() {
            return Err(format!("initdb: {}", String::from_utf8_lossy(&made.stderr)));
        }
        Self::over(programs, directory, options, preloaded).await
    }

    /// Starts a server over a cluster that lies in `data` below the directory.
    async fn over(
        programs: Programs,
        directory: TempDir,
        options: &'static [&'static str],
        preloaded: Option<PathBuf>,
    ) -> Result<Self, String> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| Ok(listener.local_addr()?.port()))
            .map_err(|error| format!("a port for PostgreSQL: {error}"))?;
        let child = spawn(&programs, directory.path(), port, (options, preloaded.as_deref()))?;
        let address = format!("postgresql://clerestory@127.0.0.1:{port}/postgres");
        let mut server = Self { child, programs, port, options, preloaded, address, directory };
        server.wait().await?;
        Ok(server)
    }

    /// The directory of its own files.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Ends it as `pg_ctl stop -m immediate` does, as after a crash: nothing is written out, and every connection breaks.
    pub fn crash(&mut self) {
        // SIGQUIT. A server that is gone already has crashed too.
        drop(Command::new("kill").args(["-QUIT", &self.child.id().to_string()]).status());
        drop(self.child.wait());
    }

    /// Starts it again after [`Self::crash`]: it recovers from its write-ahead log.
    ///
    /// # Errors
    /// What the server said.
    pub async fn recover(&mut self) -> Result<(), String> {
        let how = (self.options, self.preloaded.as_deref());
        self.child = spawn(&self.programs, self.directory.path(), self.port, how)?;
        self.wait().await
    }

    /// `postgresql://user@host:port/database`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    async fn wait(&mut self) -> Result<(), String> {
        let began = Instant::now();
        loop {
            match tokio_postgres::connect(&self.address, NoTls).await {
                Ok(_) => return Ok(()),
                Err(error) if began.elapsed() > PATIENCE => return Err(format!("PostgreSQL: {error}")),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                let said = std::fs::read_to_string(self.directory.path().join("server.log"));
                return Err(format!("PostgreSQL ended with {status}: {}", said.unwrap_or_default()));
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGINT is PostgreSQL's fast shutdown; whoever does not end then is killed.
        let asked = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        let deadline = Instant::now() + Duration::from_secs(10);
        while asked.is_ok() && Instant::now() < deadline {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn spawn(
    programs: &Programs,
    directory: &Path,
    port: u16,
    (options, preloaded): (&[&str], Option<&Path>),
) -> Result<Child, String> {
    let log = std::fs::File::create(directory.join("server.log"))
        .map_err(|error| format!("a log for PostgreSQL: {error}"))?;
    let mut command = programs.command("postgres");
    command.arg("-D").arg(directory.join("data")).arg("-k").arg(directory);
    let port = port.to_string();
    command
        .args(["-p", &port, "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=400"])
        .args(options)
        .envs(preloaded.map(|library| ("LD_PRELOAD", library)));
    // Nothing of the server outlives the test, however that ends.
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).process_group(0);
    command.spawn().map_err(|error| format!("postgres: {error}"))
}

/// The programs of PostgreSQL, and as whom they run.
struct Programs {
    directory: PathBuf,
    as_postgres: bool,
}

impl Programs {
    fn find() -> Result<Self, String> {
        let versions =
            DIRECTORIES.iter().filter_map(|place| std::fs::read_dir(place).ok()).flatten().flatten();
        let mut found: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
        found.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        // Some of them may be linked to from elsewhere.
        found.retain(|directory| PROGRAMS.iter().all(|program| directory.join(program).exists()));
        found.sort();
        let directory =
            found.pop().ok_or("PostgreSQL is not installed. On Debian: apt-get install postgresql")?;
        let id = Command::new("id").arg("-u").output().map_err(|error| format!("id: {error}"))?;
        Ok(Self { directory, as_postgres: id.stdout.trim_ascii() == b"0" })
    }

    fn command(&self, program: &str) -> Command {
        let program = self.directory.join(program);
        if !self.as_postgres {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups", "--"]).arg(program);
        command
    }

    /// A directory that the server's user may write in.
    fn directory_of_its_own(&self) -> Result<TempDir, String> {
        let directory = tempfile::Builder::new().prefix("clerestory-postgres-").tempdir();
        let directory = directory.map_err(|error| format!("a directory for PostgreSQL: {error}"))?;
        self.give(directory.path())?;
        Ok(directory)
    }

    /// Lets the server's user into the directory.
    fn give(&self, directory: &Path) -> Result<(), String> {
        if !self.as_postgres {
            return Ok(());
        }
        let given = Command::new("chown").arg("postgres").arg(directory).status();
        match given {
            Ok(status) if status.success() => Ok(()),
            other => Err(format!("chown {}: {other:?}", directory.display())),
        }
    }
}

/// A server for one test: the one that [`VARIABLE`] names, else one of its own, which ends with it.
pub struct AnyServer {
    address: String,
    _ours: Option<Server>,
}

impl AnyServer {
    /// The server that is there, or a new one.
    ///
    /// # Panics
    /// When there is none and none can be started.
    pub async fn get() -> Self {
        if let Some(address) = named() {
            return Self { address, _ours: None };
        }
        let ours = Server::start().await.unwrap_or_else(|error| panic!("{error}"));
        Self { address: ours.address().to_owned(), _ours: Some(ours) }
    }

    /// `postgresql://user@host:port/database`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }
}

fn named() -> Option<String> {
    std::env::var(VARIABLE).ok().filter(|address| !address.is_empty())
}

/// A new, empty schema of the server that [`VARIABLE`] names; none when it names none.
///
/// # Panics
/// When the server named cannot be used: the tests must not fall back to the other engine in silence.
pub async fn schema_of_its_own() -> Option<Postgres> {
    Some(new_schema(&named()?).await)
}

/// A new, empty schema of the server at `address`.
///
/// # Panics
/// When it cannot be made.
pub async fn new_schema(address: &str) -> Postgres {
    let (client, connection) =
        tokio_postgres::connect(address, NoTls).await.expect("the test database answers");
    let running = tokio::spawn(connection);
    let name: String = random::<8>().iter().map(|byte| format!("{byte:02x}")).collect();
    let made = client.batch_execute(&format!("CREATE SCHEMA test_{name}")).await;
    made.expect("a schema for the test");
    drop(client);
    running.await.expect("the connection ends").expect("without an error");
    let join = if address.contains('?') { '&' } else { '?' };
    Postgres { address: format!("{address}{join}options=-csearch_path%3Dtest_{name}"), roots: None }
}
