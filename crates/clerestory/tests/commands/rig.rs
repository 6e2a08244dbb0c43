//! An installation with a recording, and the program to run over it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use clerestory::{Places, Postgres, SecondPlace};
use clerestory_model::{Clock, SystemClock};
use clerestory_testkit::Installation;
use clerestory_testkit::custodians::{FakeVault, TOKEN, by_token};
use clerestory_testkit::load::{Console, client};
use clerestory_testkit::postgres::Dump;
use clerestory_testkit::visit::{Visit, snapshot};

const ORIGIN: &str = "https://shop.example";
pub(crate) const WORDS: &str = "words that nobody may find in an output";

/// An installation that lies still, and the program to run over it.
pub(crate) struct Rig {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) places: Places,
    environment: Vec<(&'static str, String)>,
    pub(crate) organisation: String,
    pub(crate) recording: String,
}

/// What a command said.
pub(crate) struct Said {
    pub(crate) success: bool,
    pub(crate) status: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let status = output.status;
        Self {
            success: status.success(),
            status: status.code(),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }
}

impl Said {
    pub(crate) fn ok(self) -> String {
        assert!(self.success, "{}", self.err);
        self.out
    }
    pub(crate) fn refused(self, because: &str) -> String {
        assert!(!self.success, "{}", self.out);
        assert!(self.err.contains(because), "{}", self.err);
        self.err
    }
}

impl Rig {
    /// With one recording; in a file, or in a database of a server.
    pub(crate) async fn over(database: Option<Postgres>) -> Self {
        Self::prepared(database, async |_| {}).await
    }

    /// The same, and something done to it before it lies still.
    pub(crate) async fn prepared(
        database: Option<Postgres>,
        prepare: impl AsyncFnOnce(&Installation),
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let second = directory.path().join("second");
        let installation = Installation::kept_in(directory.path(), database, None, |places| {
            places.second_epochs = Some(SecondPlace::Directory(second));
        })
        .await;
        let environment =
            vec![("CLERESTORY_SECOND_EPOCHS", directory.path().join("second").display().to_string())];
        Self::with(directory, installation, environment, prepare).await
    }

    /// Before anything is made.
    pub(crate) fn empty(directory: tempfile::TempDir, environment: Vec<(&'static str, String)>) -> Self {
        let places = Places::beside(&directory.path().join("data"), None);
        let (organisation, recording) = (String::new(), String::new());
        Self { directory, places, environment, organisation, recording }
    }

    /// With a root and a second place in a Vault.
    pub(crate) async fn in_vault(vault: &FakeVault) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let custody = by_token(vault, directory.path(), TOKEN);
        let root = Some("vault:transit/clerestory".parse().unwrap());
        let installation = Installation::kept_in(directory.path(), None, root, |places| {
            places.custody = custody;
            places.second_epochs = Some("vault:secret/clerestory".parse().unwrap());
        })
        .await;
        let environment = vec![
            ("CLERESTORY_SECOND_EPOCHS", "vault:secret/clerestory".to_owned()),
            ("CLERESTORY_VAULT_ADDRESS", vault.address()),
            ("CLERESTORY_VAULT_TOKEN_FILE", directory.path().join("vault-token").display().to_string()),
        ];
        Self::with(directory, installation, environment, async |_| {}).await
    }

    async fn with(
        directory: tempfile::TempDir,
        installation: Installation,
        mut environment: Vec<(&'static str, String)>,
        prepare: impl AsyncFnOnce(&Installation),
    ) -> Self {
        // The program that is run goes by the machine's clock: what is recorded long before that falls due.
        installation.wait(SystemClock.now().since(installation.now()));
        let site = installation.site(&installation.person("admin").await).await;
        let now = i64::try_from(installation.now().unix_millis()).unwrap();
        let key = site["site_key"].as_str().unwrap();
        let visit = Visit::start(installation.recorder(ORIGIN), key, now).await;
        visit.send(0, &snapshot(now, 3, WORDS)).await.ok();
        prepare(&installation).await;
        let places = installation.app.places.clone();
        environment.push(("CLERESTORY_DATA", places.data.display().to_string()));
        environment.push(("CLERESTORY_LOG", "info".to_owned()));
        if let Some(postgres) = &places.postgres {
            environment.push(("CLERESTORY_DATABASE", postgres.address.clone()));
        }
        let organisation = installation.organisation.to_string();
        Self { directory, places, environment, organisation, recording: visit.recording }
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_clerestory")));
        command.args(arguments).envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        self.command(arguments).stdin(Stdio::null()).output().unwrap().into()
    }

    pub(crate) fn run_with(&self, arguments: &[&str], lines: &str) -> Said {
        let command = &mut self.command(arguments);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        child.wait_with_output().unwrap().into()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Shares in files, and their lines.
    pub(crate) fn shares(&self, name: &str) -> (Vec<String>, Vec<String>) {
        let directory = self.path(name);
        std::fs::create_dir(&directory).unwrap();
        let to = directory.display().to_string();
        self.run(&["admin", "shares", "make", "--needed", "3", "--of", "5", "--to-files", &to]).ok();
        let files: Vec<String> = (1..=5)
            .map(|number| directory.join(format!("share-{number}.txt")).display().to_string())
            .collect();
        let lines = files.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
        (files, lines)
    }

    /// A copy of the database, as an administrator makes one: a file of this name, or a dump in a database of its own.
    pub(crate) async fn copy(&self, name: &str) -> String {
        if let Some(postgres) = &self.places.postgres {
            return Dump::of(postgres).bring_elsewhere().await.address;
        }
        let copy = self.path(name);
        std::fs::copy(self.places.database(), &copy).unwrap();
        let beside = |path: &Path| PathBuf::from(format!("{}-wal", path.display()));
        if beside(&self.places.database()).exists() {
            std::fs::copy(beside(&self.places.database()), beside(&copy)).unwrap();
        }
        copy.display().to_string()
    }
}

pub(crate) fn arguments<'a>(first: &[&'a str], files: &[&'a String]) -> Vec<&'a str> {
    let files = files.iter().flat_map(|file| ["--share-file", file.as_str()]);
    first.iter().copied().chain(files).collect()
}

/// A server that is well.
pub(crate) struct Served {
    pub(crate) child: std::process::Child,
    console: String,
}

impl Served {
    pub(crate) async fn start(rig: &Rig) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (console, content) = (format!("http://localhost:{port}"), format!("http://127.0.0.1:{port}"));
        let listen = format!("127.0.0.1:{port}");
        let mut serve = rig.command(&["serve", "--listen", &listen, "--console-origin", &console]);
        let log = rig.path("log");
        serve.args(["--content-origin", &content]).stderr(std::fs::File::create(&log).unwrap());
        let served = Self { child: serve.spawn().unwrap(), console };
        let (http, began) = (client().unwrap(), std::time::Instant::now());
        loop {
            if let Ok(answer) = http.get(format!("{}/api/v1/health", served.console)).send().await
                && answer.status().is_success()
            {
                return served;
            }
            let log = || std::fs::read_to_string(&log).unwrap();
            assert!(began.elapsed() < Duration::from_secs(30), "it does not get ready: {}", log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What the health page says under this name, as soon as it says something.
    pub(crate) async fn says(&self, rig: &Rig, id: &str) -> (String, String) {
        let link = rig.run(&["admin", "sign-in-link", "--email", "admin@example.org"]).ok();
        let link = link.lines().find(|line| line.contains("#token=")).unwrap().trim();
        let console = Console::sign_in(&self.console, link).await.unwrap();
        for _ in 0..200 {
            let findings = console.get("/health/findings").await.unwrap();
            let found = findings["items"].as_array().unwrap().iter().find(|finding| finding["id"] == id);
            if let Some(found) = found {
                let text = |field: &str| found[field].as_str().unwrap().to_owned();
                return (text("level"), text("sentence"));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("health says nothing of {id}");
    }

    pub(crate) fn end(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Gone already, after `end`, is fine.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
