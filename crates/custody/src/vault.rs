//! A Vault or OpenBao: who asks it, and how its answers are read.
//!
//! Source: the HTTP API of HashiCorp Vault and of OpenBao, which are the same for the calls used here: AppRole login,
//! `transit` (read key, encrypt, decrypt), `kv` version 2 (data, metadata).

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use object_store::client::HttpClient;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::Patience;
use crate::road::{Answer, Ask, Road, may_pass, send};

/// Who asks the Vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VaultAuth {
    /// A file with a token on its first line. It is read for each call, so that an agent may replace it.
    TokenFile(PathBuf),
    /// An AppRole.
    AppRole {
        /// Where the method is mounted, usually `approle`.
        mount: String,
        /// A file with the role id.
        role_id: PathBuf,
        /// A file with the secret id.
        secret_id: PathBuf,
    },
}

/// Where a Vault is and how it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultSettings {
    /// `https://vault.example:8200`.
    pub address: String,
    /// The namespace, where there are namespaces.
    pub namespace: Option<String>,
    /// File (PEM) with the certificate of who signed the Vault's, where that is not known to the system.
    pub ca_file: Option<PathBuf>,
    /// Who asks.
    pub auth: VaultAuth,
}

/// A token that was given for a role, and until when it is used.
struct Login {
    token: Zeroizing<String>,
    until: Instant,
}

/// A Vault that is asked.
#[derive(Clone)]
pub(crate) struct Vault {
    inner: Arc<Inner>,
}

struct Inner {
    settings: VaultSettings,
    road: Arc<Road>,
    login: Mutex<Option<Login>>,
}

/// What the Vault answered: a status below 300 and its `data`, or what it says it refuses for.
pub(crate) enum Said {
    Data(Value),
    Refused(StatusCode, Vec<String>),
}

impl Vault {
    pub(crate) fn new(settings: &VaultSettings, road: Arc<Road>) -> io::Result<Self> {
        let mut settings = settings.clone();
        while settings.address.ends_with('/') {
            settings.address.pop();
        }
        Ok(Self { inner: Arc::new(Inner { settings, road, login: Mutex::default() }) })
    }

    /// Where it is, for people.
    pub(crate) fn address(&self) -> &str {
        &self.inner.settings.address
    }

    /// Asks, again while another attempt may go better. `path` comes after `/v1/`.
    ///
    /// # Errors
    /// When there is no answer, or one that says nothing about what was asked: sealed, denied, overloaded.
    pub(crate) fn ask(
        &self,
        method: &Method,
        path: &str,
        body: Option<Zeroizing<Vec<u8>>>,
    ) -> io::Result<Said> {
        let (inner, method, path) = (Arc::clone(&self.inner), method.clone(), path.to_owned());
        self.inner
            .road
            .wait(async move { inner.ask(&method, &path, body.as_deref().map(Vec::as_slice)).await })
    }
}

impl Inner {
    async fn ask(&self, method: &Method, path: &str, body: Option<&[u8]>) -> io::Result<Said> {
        let Patience { attempts, pause, .. } = self.road.patience();
        let (mut left, mut pause) = (attempts.max(1), pause);
        // A token that ran out early, or was revoked, is worth one fresh one.
        let mut fresh_login = matches!(self.settings.auth, VaultAuth::AppRole { .. });
        loop {
            left -= 1;
            let asked = self.ask_once(method, path, body).await;
            match asked {
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied && fresh_login => {
                    fresh_login = false;
                    *self.login.lock().unwrap_or_else(PoisonError::into_inner) = None;
                    left = left.max(1);
                }
                Err(error) if left > 0 && may_pass(&error) => {
                    tokio::time::sleep(pause).await;
                    pause = pause.saturating_mul(2);
                }
                asked => return asked,
            }
        }
    }

    async fn ask_once(&self, method: &Method, path: &str, body: Option<&[u8]>) -> io::Result<Said> {
        let client = self.road.client();
        let token = self.token(&client).await?;
        let answer = self.send(&client, method, path, Some(&token), body).await?;
        read(path, &answer)
    }

    async fn token(&self, client: &HttpClient) -> io::Result<Zeroizing<String>> {
        match &self.settings.auth {
            VaultAuth::TokenFile(path) => first_line(path, "the token file"),
            VaultAuth::AppRole { mount, role_id, secret_id } => {
                if let Some(login) = &*self.login.lock().unwrap_or_else(PoisonError::into_inner)
                    && Instant::now() < login.until
                {
                    return Ok(login.token.clone());
                }
                let role = first_line(role_id, "the role id file")?;
                let secret = first_line(secret_id, "the secret id file")?;
                let login = self.log_in(client, mount, &role, &secret).await?;
                let token = login.token.clone();
                *self.login.lock().unwrap_or_else(PoisonError::into_inner) = Some(login);
                Ok(token)
            }
        }
    }

    async fn log_in(&self, client: &HttpClient, mount: &str, role: &str, secret: &str) -> io::Result<Login> {
        let body = Zeroizing::new(json!({ "role_id": role, "secret_id": secret }).to_string());
        let path = format!("auth/{mount}/login");
        let answer = self.send(client, &Method::POST, &path, None, Some(body.as_bytes())).await?;
        if answer.status == StatusCode::BAD_REQUEST {
            return Err(denied("it does not know this role id with this secret id: give new ones"));
        }
        // `auth` stands beside `data` in this answer.
        let whole = match read(&path, &answer)? {
            Said::Data(_) => serde_json::from_slice::<Value>(&answer.body).map_err(not_json)?,
            Said::Refused(status, errors) => return Err(refused(&path, status, &errors)),
        };
        let auth = whole.get("auth").unwrap_or(&Value::Null);
        let token = auth.get("client_token").and_then(Value::as_str).map(str::to_owned);
        let token = token.ok_or_else(|| io::Error::other("it gave no token for the role"))?;
        let lasts = auth.get("lease_duration").and_then(Value::as_u64).unwrap_or_default();
        // Zero is without end; it is asked again in a while all the same.
        let lasts = Duration::from_secs(if lasts == 0 { 3600 } else { lasts.min(3600) });
        Ok(Login { token: Zeroizing::new(token), until: Instant::now() + lasts.mul_f64(0.66) })
    }

    async fn send(
        &self,
        client: &HttpClient,
        method: &Method,
        path: &str,
        token: Option<&Zeroizing<String>>,
        body: Option<&[u8]>,
    ) -> io::Result<Answer> {
        let mut headers = HeaderMap::new();
        let value = |text: &str, what: &str| {
            HeaderValue::from_str(text)
                .map_err(|_| denied(&format!("{what} has characters that it cannot have")))
        };
        if let Some(token) = token {
            // Not `X-Vault-Token`: this one a redirect to another host leaves behind.
            let mut bearer = value(&Zeroizing::new(format!("Bearer {}", token.as_str())), "the token")?;
            bearer.set_sensitive(true);
            headers.insert(AUTHORIZATION, bearer);
        }
        if let Some(namespace) = &self.settings.namespace {
            headers.insert(HeaderName::from_static("x-vault-namespace"), value(namespace, "the namespace")?);
        }
        headers.insert(HeaderName::from_static("x-vault-request"), HeaderValue::from_static("true"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let url = format!("{}/v1/{path}", self.settings.address);
        let body = body.map(bytes::Bytes::copy_from_slice).unwrap_or_default();
        let ask = Ask { method: method.clone(), url, headers, body };
        send(client, ask.request()?).await
    }
}

fn read(path: &str, answer: &Answer) -> io::Result<Said> {
    let status = answer.status;
    let mut body: Value = if answer.body.is_empty() {
        Value::Null
    } else {
        // Something in between, such as a proxy, may answer in words of its own.
        serde_json::from_slice(&answer.body).unwrap_or(Value::Null)
    };
    if status.is_success() {
        return Ok(Said::Data(body.get_mut("data").map(Value::take).unwrap_or_default()));
    }
    let errors: Vec<String> = body
        .get("errors")
        .and_then(Value::as_array)
        .map(|errors| errors.iter().filter_map(Value::as_str).map(short).collect())
        .unwrap_or_default();
    match status.as_u16() {
        400 | 404 | 405 if body.get("errors").is_some() || body.get("data").is_some() => {
            Ok(Said::Refused(status, errors))
        }
        // A proxy that finds nothing says nothing about what the Vault holds.
        400 | 404 | 405 => {
            Err(io::Error::other(format!("{path} was answered with {status}, and not by a Vault")))
        }
        401 | 403 => Err(denied(&format!(
            "it does not allow {path} ({}): the token is wrong or ran out, or its policy lacks this path",
            said(&errors)
        ))),
        503 if errors.iter().any(|error| error.contains("sealed")) => {
            Err(io::Error::new(io::ErrorKind::ConnectionRefused, "it is sealed: unseal it"))
        }
        408 | 412 | 429 | 500.. => Err(io::Error::new(
            io::ErrorKind::ConnectionReset,
            format!("it answered {path} with {status} ({})", said(&errors)),
        )),
        _ => Err(refused(path, status, &errors)),
    }
}

/// A text out of an answer that may be secret: it is taken, and wiped when it is dropped.
pub(crate) fn take_text(answer: &mut Value, field: &str) -> Zeroizing<String> {
    match answer.get_mut(field).map(Value::take) {
        Some(Value::String(text)) => Zeroizing::new(text),
        _ => Zeroizing::default(),
    }
}

/// What was refused, for people.
pub(crate) fn refused(path: &str, status: StatusCode, errors: &[String]) -> io::Error {
    io::Error::other(format!("it refused {path} with {status} ({})", said(errors)))
}

fn said(errors: &[String]) -> String {
    if errors.is_empty() { "it says no more".to_owned() } else { errors.join("; ") }
}

fn denied(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, text)
}

fn not_json(_: serde_json::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "its answer is not JSON")
}

/// One line without what breaks a log.
fn short(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect()
}

fn first_line(path: &Path, what: &str) -> io::Result<Zeroizing<String>> {
    let text = std::fs::read_to_string(path).map(Zeroizing::new);
    let text =
        text.map_err(|error| io::Error::new(error.kind(), format!("{what} {}: {error}", path.display())))?;
    let line = text.lines().next().unwrap_or_default().trim();
    if line.is_empty() {
        return Err(io::Error::other(format!("{what} {} is empty", path.display())));
    }
    Ok(Zeroizing::new(line.to_owned()))
}
