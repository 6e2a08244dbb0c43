//! Three servers that share a database and a bucket, and each of them alone.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clerestory_testkit::bucket::{self, LocalS3};
use clerestory_testkit::load::{Console, client};
use clerestory_testkit::postgres::{AnyServer, new_schema};

/// Servers of one installation.
pub(crate) struct Cluster {
    directory: tempfile::TempDir,
    environment: Vec<(&'static str, String)>,
    /// The address of each, and its process.
    pub(crate) nodes: Vec<(String, Child)>,
    _bucket: LocalS3,
    _server: AnyServer,
}

impl Cluster {
    /// As many, with the first administrator set up.
    pub(crate) async fn start(number: usize) -> Self {
        let server = AnyServer::get().await;
        let database = new_schema(server.address()).await.address;
        let bucket = LocalS3::start();
        let directory = tempfile::tempdir().unwrap();
        let mut environment = bucket::environment(bucket.address(), "cluster");
        environment.push(("CLERESTORY_DATABASE", database));
        environment.push(("CLERESTORY_KEYS", directory.path().join("keys").display().to_string()));
        environment.push(("CLERESTORY_LOG", "error".to_owned()));
        // Administrators sign in with what they have.
        environment.push(("CLERESTORY_AUTH_MFA", "off".to_owned()));
        // All of them settle all the time, and are killed doing it.
        environment.push(("CLERESTORY_SETTLE_AFTER", "0s".to_owned()));
        let mut cluster =
            Self { directory, environment, nodes: Vec::new(), _bucket: bucket, _server: server };
        cluster.say(&["init", "--throw-away"]);
        for at in 0..number {
            cluster.nodes.push(cluster.serve(at));
        }
        for (origin, _) in &cluster.nodes {
            ready(origin).await;
        }
        let (organisation, name, email) = ("Fernwick", "Tobias Rask", "admin@example.org");
        cluster.say(&["admin", "set-up", "--organisation", organisation, "--name", name, "--email", email]);
        cluster
    }

    fn command(&self, data: usize) -> Command {
        let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_clerestory")));
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.env("CLERESTORY_DATA", self.directory.path().join(format!("data-{data}")));
        command
    }

    /// Runs a command of the first node to its end.
    pub(crate) fn say(&self, arguments: &[&str]) -> String {
        let output = self.command(0).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn serve(&self, data: usize) -> (String, Child) {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let origin = format!("http://localhost:{port}");
        let child = self
            .command(data)
            .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--console-origin", &origin])
            .args(["--content-origin", &format!("http://127.0.0.1:{port}")])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        (origin, child)
    }

    /// The first administrator, signed in at a node.
    pub(crate) async fn console(&self, node: usize) -> Console {
        self.signed_in(node, "admin@example.org").await
    }

    /// Somebody, signed in by a link at a node.
    pub(crate) async fn signed_in(&self, node: usize, email: &str) -> Console {
        let link = self.say(&["admin", "sign-in-link", "--email", email]);
        let link = link.lines().find(|line| line.contains("#token=")).unwrap().trim().to_owned();
        Console::sign_in(&self.nodes[node].0, &link).await.unwrap()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for (_, child) in &mut self.nodes {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

async fn ready(origin: &str) {
    let http = client().unwrap();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(30) {
        if let Ok(answer) = http.get(format!("{origin}/api/v1/health")).send().await
            && answer.status().is_success()
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{origin} does not get ready");
}
