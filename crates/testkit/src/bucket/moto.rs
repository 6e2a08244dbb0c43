//! Moto, an S3 of other people's making, as the second opinion on what S3 does.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::Value;

use super::BUCKET;

/// A running Moto server with one bucket. Killed when dropped.
pub struct Moto {
    child: Child,
    address: SocketAddr,
    client: reqwest::Client,
}

/// A version of an object.
#[derive(Debug)]
pub struct Version {
    /// The object, below its bucket.
    pub object: String,
    /// What it holds; nothing for a delete marker.
    pub bytes: Option<Vec<u8>>,
}

impl Moto {
    /// Starts it from the Python environment of the tests, and makes the bucket.
    ///
    /// # Panics
    /// When it does not start; `cargo xtask test --install` installs it.
    pub async fn start() -> Self {
        let python = python();
        let port = std::net::TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
        let address = port.expect("a free port");
        let child = Command::new(&python)
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p"])
            .arg(address.port().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let child = child.unwrap_or_else(|error| {
            panic!(
                "{}: {error}. Run `cargo xtask test --install`, or set CLERESTORY_PYTHON.",
                python.display()
            )
        });
        // Moto wants to see that somebody signs; it does not check what.
        let signed = "AWS4-HMAC-SHA256 Credential=TEST/20260101/us-east-1/s3/aws4_request, \
                      SignedHeaders=host, Signature=0";
        let headers = [("authorization".parse().expect("a name"), signed.parse().expect("a value"))];
        let client = reqwest::Client::builder().default_headers(headers.into_iter().collect()).build();
        let client = client.expect("a client");
        let moto = Self { child, address, client };
        let began = Instant::now();
        while moto.put(&format!("/{BUCKET}"), "").await != Some(StatusCode::OK) {
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "moto does not answer: `{} -m moto.server` must work; see `cargo xtask test --install`",
                python.display()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        moto
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on the bucket keeps every version.
    ///
    /// # Panics
    /// When it does not.
    pub async fn keep_versions(&self) {
        let asked = "<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
                     <Status>Enabled</Status></VersioningConfiguration>";
        let done = self.put(&format!("/{BUCKET}?versioning"), asked).await;
        assert_eq!(done, Some(StatusCode::OK), "the bucket keeps versions");
    }

    /// Writes an object past everything of ours.
    ///
    /// # Panics
    /// When it is not taken.
    pub async fn write(&self, object: &str, bytes: impl Into<reqwest::Body>) {
        assert_eq!(self.put(&format!("/{BUCKET}/{object}"), bytes).await, Some(StatusCode::OK), "{object}");
    }

    /// Hides an object behind a delete marker.
    ///
    /// # Panics
    /// When it cannot be reached.
    pub async fn hide(&self, object: &str) {
        let done = self.client.delete(format!("http://{}/{BUCKET}/{object}", self.address)).send().await;
        assert_eq!(done.expect("moto answers").status(), StatusCode::NO_CONTENT, "{object}");
    }

    /// What it says about the versions of everything in the bucket, as XML.
    ///
    /// # Panics
    /// When it cannot be reached.
    pub async fn versions(&self) -> String {
        let asked = self.client.get(format!("http://{}/{BUCKET}?versions", self.address)).send().await;
        asked.expect("moto answers").text().await.expect("moto says something")
    }

    /// Every version of every object in the bucket, as somebody reads them who may read all.
    ///
    /// # Panics
    /// When they cannot be read, or are more than it tells at once.
    pub async fn every_version(&self) -> Vec<Version> {
        let told = self.versions().await;
        assert!(told.contains("<IsTruncated>false</IsTruncated>"), "{told}");
        let mut versions = Vec::new();
        for (tag, is_marker) in [("Version", false), ("DeleteMarker", true)] {
            for entry in told.split(&format!("<{tag}>")).skip(1) {
                let (object, id) = (element(entry, "Key"), element(entry, "VersionId"));
                let bytes = if is_marker { None } else { Some(self.read_version(object, id).await) };
                versions.push(Version { object: object.to_owned(), bytes });
            }
        }
        versions
    }

    async fn read_version(&self, object: &str, id: &str) -> Vec<u8> {
        let asked = format!("http://{}/{BUCKET}/{object}?versionId={id}", self.address);
        let answer = self.client.get(asked).send().await.expect("moto answers");
        assert_eq!(answer.status(), StatusCode::OK, "{object} in version {id}");
        answer.bytes().await.expect("moto says something").to_vec()
    }

    /// Asks its KMS; what it answers.
    ///
    /// # Panics
    /// When it cannot be reached or refuses.
    pub async fn kms(&self, call: &str, asked: Value) -> Value {
        let answer = self.ask_kms(call, &asked).await;
        assert_eq!(answer.status(), StatusCode::OK, "{call}");
        answer.json().await.unwrap_or(Value::Null)
    }

    async fn ask_kms(&self, call: &str, asked: &Value) -> reqwest::Response {
        // Moto tells its services apart by what was signed.
        let signed = "AWS4-HMAC-SHA256 Credential=TEST/20260101/eu-central-1/kms/aws4_request, \
                      SignedHeaders=host, Signature=0";
        let asked = reqwest::Client::new()
            .post(format!("http://{}/", self.address))
            .header("authorization", signed)
            .header("x-amz-target", format!("TrentService.{call}"))
            .header("content-type", "application/x-amz-json-1.1")
            .body(asked.to_string());
        asked.send().await.expect("moto answers")
    }

    async fn put(&self, path: &str, body: impl Into<reqwest::Body>) -> Option<StatusCode> {
        let sent = self.client.put(format!("http://{}{path}", self.address)).body(body).send().await;
        sent.ok().map(|answer| answer.status())
    }
}

/// What of an XML entry stands in the first element of this name.
fn element<'a>(entry: &'a str, name: &str) -> &'a str {
    let (_, from) = entry.split_once(&format!("<{name}>")).expect("the element is there");
    from.split_once("</").expect("it ends").0
}

impl Drop for Moto {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The interpreter that has the tests' packages.
fn python() -> PathBuf {
    std::env::var_os("CLERESTORY_PYTHON").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/xtask/venv/bin/python")),
        PathBuf::from,
    )
}
