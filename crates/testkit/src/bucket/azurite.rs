//! Azurite, Microsoft's own imitation of Azure Blob Storage, as the second opinion on what Azure does.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clerestory_model::{Clock, SystemClock};
use reqwest::StatusCode;

/// The account of every Azurite and its key, which its documentation tells everybody.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
/// The version of the service's interface that the container is made in.
const VERSION: &str = "2021-08-06";

/// A running Azurite with one container. Killed when dropped.
pub struct Azurite {
    child: Child,
    address: SocketAddr,
}

impl Azurite {
    /// Starts it, with what it keeps in its memory, and makes the container.
    ///
    /// # Panics
    /// When it does not start; `cargo xtask test --install` installs it.
    pub async fn start() -> Self {
        let program = program();
        let port = std::net::TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
        let address = port.expect("a free port");
        let child = Command::new(&program)
            .args(["--silent", "--inMemoryPersistence", "--disableTelemetry", "--blobHost", "127.0.0.1"])
            .arg("--blobPort")
            .arg(address.port().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let child = child.unwrap_or_else(|error| {
            panic!(
                "{}: {error}. Run `cargo xtask test --install`, or set CLERESTORY_AZURITE.",
                program.display()
            )
        });
        let azurite = Self { child, address };
        let (client, began) = (reqwest::Client::new(), Instant::now());
        while azurite.make_container(&client).await != Some(StatusCode::CREATED) {
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "azurite does not answer: {} must work; see `cargo xtask test --install`",
                program.display()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        azurite
    }

    /// What a process needs in its environment to keep its objects below `prefix`.
    #[must_use]
    pub fn environment(&self, prefix: &str) -> Vec<(String, String)> {
        [
            ("CLERESTORY_OBJECTS", format!("az://{}/{prefix}", super::BUCKET)),
            ("CLERESTORY_OBJECTS_ENDPOINT", format!("http://{}/{ACCOUNT}", self.address)),
            ("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT.to_owned()),
            ("AZURE_STORAGE_ACCOUNT_KEY", KEY.to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// Create Container, signed with the shared key: the account stands twice in what is signed, as it does in the path.
    async fn make_container(&self, client: &reqwest::Client) -> Option<StatusCode> {
        let container = super::BUCKET;
        let now = Duration::from_millis(SystemClock.now().unix_millis());
        let date = httpdate::fmt_http_date(std::time::UNIX_EPOCH + now);
        let signed = format!(
            "PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:{date}\nx-ms-version:{VERSION}\n\
             /{ACCOUNT}/{ACCOUNT}/{container}\nrestype:container"
        );
        let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(KEY).expect("base64"));
        let signature = STANDARD.encode(hmac::sign(&key, signed.as_bytes()));
        let asked = client
            .put(format!("http://{}/{ACCOUNT}/{container}?restype=container", self.address))
            .header("x-ms-date", date)
            .header("x-ms-version", VERSION)
            .header("authorization", format!("SharedKey {ACCOUNT}:{signature}"))
            .header("content-length", "0");
        asked.send().await.ok().map(|answer| answer.status())
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        // It is going anyway; nothing depends on it.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn program() -> PathBuf {
    let installed =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/xtask/azurite/node_modules/.bin/azurite-blob");
    std::env::var_os("CLERESTORY_AZURITE").map_or_else(|| PathBuf::from(installed), PathBuf::from)
}
