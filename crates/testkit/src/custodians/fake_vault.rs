//! The calls of Vault and OpenBao that are used here, as their documentation has them: AppRole login, transit (read
//! key, make key, encrypt, decrypt), KV version 2 (data, metadata), with their statuses and error texts.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clerestory_http::{Limits, Listener, Server, TlsIdentity};
use clerestory_seal::random;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// The token that may do everything here.
pub const TOKEN: &str = "hvs.token-of-the-tests-that-must-not-show";

/// What its storage takes as one entry: 1 MiB where Raft keeps it, of which the request is a little more.
const ENTRY_BYTES: usize = 1 << 20;

/// A Vault with a transit engine at `transit` and a KV engine at `secret`. It is gone when it is dropped; it has a
/// thread of its own, as a test may wait for it and do nothing else.
pub struct FakeVault {
    address: SocketAddr,
    state: Arc<Mutex<Vaulted>>,
    scheme: &'static str,
    end: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

/// What it holds, and how it behaves.
#[derive(Default)]
struct Vaulted {
    sealed: bool,
    away: bool,
    /// It says that it keeps what it does not keep.
    lies: bool,
    tokens: BTreeSet<String>,
    roles: BTreeMap<String, (String, BTreeSet<String>)>,
    transit: BTreeMap<String, Vec<[u8; 32]>>,
    secrets: BTreeMap<String, Secret>,
    delete_version_after: bool,
    asked: Vec<String>,
}

#[derive(Default)]
struct Secret {
    /// From version `first` on; `None` is a deleted one.
    versions: Vec<Option<Value>>,
    first: usize,
    max_versions: usize,
}

impl Secret {
    fn current(&self) -> usize {
        (self.first + self.versions.len()).saturating_sub(1)
    }
}

struct Answer(u16, Value);

fn errors(status: u16, errors: &[&str]) -> Answer {
    Answer(status, json!({ "errors": errors }))
}

fn data(data: Value) -> Answer {
    Answer(
        200,
        json!({ "request_id": "5f1b", "lease_id": "", "lease_duration": 0, "renewable": false, "data": data }),
    )
}

fn nothing() -> Answer {
    Answer(204, Value::Null)
}

impl FakeVault {
    /// Starts one that is unsealed and knows [`TOKEN`], with a transit key `clerestory`.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(None)
    }

    /// The same by TLS, on `localhost`.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start_tls(identity: TlsIdentity) -> Self {
        Self::start_with(Some(identity))
    }

    fn start_with(identity: Option<TlsIdentity>) -> Self {
        let mut vaulted = Vaulted::default();
        vaulted.tokens.insert(TOKEN.to_owned());
        vaulted.transit.insert("clerestory".to_owned(), vec![random()]);
        let state = Arc::new(Mutex::new(vaulted));
        let end = CancellationToken::new();
        let (tell, told) = std::sync::mpsc::channel();
        let (theirs, ended) = (Arc::clone(&state), end.clone());
        let scheme = if identity.is_some() { "https" } else { "http" };
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async move {
                let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
                let listener = match identity {
                    None => Listener::plain_loopback(any).await,
                    Some(identity) => Listener::tls(any, identity).await,
                };
                let listener = listener.expect("a port");
                tell.send(listener.local_addr()).expect("somebody waits for it");
                let router = Router::new().fallback(answer).with_state(theirs);
                Server::new(Limits::default()).listen(listener).serve(router, ended).await;
            });
        });
        let address = told.recv().expect("the server tells its address");
        Self { address, state, scheme, end, thread: Some(thread) }
    }

    /// `http://localhost:port`, or `https://localhost:port`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("{}://localhost:{}", self.scheme, self.address.port())
    }

    fn state(&self) -> MutexGuard<'_, Vaulted> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Seals or unseals it: sealed, it answers everything with 503.
    pub fn seal(&self, sealed: bool) {
        self.state().sealed = sealed;
    }

    /// From now on it answers nothing that makes sense, as behind a broken proxy.
    pub fn go_away(&self, away: bool) {
        self.state().away = away;
    }

    /// From now on it says that it keeps secrets, and does not.
    pub fn lie(&self, lies: bool) {
        self.state().lies = lies;
    }

    /// The KV engine deletes versions by a timer.
    pub fn delete_by_timer(&self, timer: bool) {
        self.state().delete_version_after = timer;
    }

    /// Adds a transit key.
    pub fn add_key(&self, name: &str) {
        self.state().transit.insert(name.to_owned(), vec![random()]);
    }

    /// A newer version of a transit key; older ciphertexts still open.
    pub fn rotate_key(&self, name: &str) {
        if let Some(versions) = self.state().transit.get_mut(name) {
            versions.push(random());
        }
    }

    /// Takes a transit key away and gives it back.
    pub fn take_key(&self, name: &str) -> Option<Vec<[u8; 32]>> {
        self.state().transit.remove(name)
    }

    /// Puts a transit key where there is none.
    pub fn put_key(&self, name: &str, versions: Vec<[u8; 32]>) {
        self.state().transit.insert(name.to_owned(), versions);
    }

    /// Knows an AppRole from now on.
    pub fn add_role(&self, role: &str, secret: &str) {
        self.state().roles.insert(role.to_owned(), (secret.to_owned(), BTreeSet::new()));
    }

    /// Forgets every token that was given to a role.
    pub fn revoke_logins(&self) {
        let mut state = self.state();
        let given: Vec<String> =
            state.roles.values_mut().flat_map(|(_, tokens)| std::mem::take(tokens)).collect();
        for token in given {
            state.tokens.remove(&token);
        }
    }

    /// The paths of the KV engine that hold anything, with what their versions hold.
    #[must_use]
    pub fn secrets(&self) -> BTreeMap<String, Vec<Option<Value>>> {
        self.state().secrets.iter().map(|(path, secret)| (path.clone(), secret.versions.clone())).collect()
    }

    /// Deletes the newest version of a secret as `vault kv delete` does: its metadata stays.
    pub fn delete_version(&self, path: &str) {
        if let Some(version) =
            self.state().secrets.get_mut(path).and_then(|secret| secret.versions.last_mut())
        {
            *version = None;
        }
    }

    /// What was asked so far: methods and addresses.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.state().asked.clone()
    }
}

impl Drop for FakeVault {
    fn drop(&mut self) {
        self.end.cancel();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

async fn answer(State(state): State<Arc<Mutex<Vaulted>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(bytes) = to_bytes(body, ENTRY_BYTES).await else {
        let text = json!({ "errors": ["put failed due to value being too large"] }).to_string();
        return (StatusCode::BAD_REQUEST, text).into_response();
    };
    let body: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    let (path, query) = (parts.uri.path().to_owned(), parts.uri.query().unwrap_or_default().to_owned());
    state.asked.push(format!("{} {}", parts.method, parts.uri));
    let bearer = parts.headers.get("authorization").and_then(|value| value.to_str().ok());
    let bearer = bearer.and_then(|value| value.strip_prefix("Bearer "));
    let header = parts.headers.get("x-vault-token").and_then(|value| value.to_str().ok());
    let token = header.or(bearer).unwrap_or_default().to_owned();
    let Answer(status, value) = if state.away {
        Answer(502, Value::Null)
    } else {
        state.answer(parts.method.as_str(), &path, &query, &token, &body)
    };
    let text = if value.is_null() { String::new() } else { value.to_string() };
    let built =
        Response::builder().status(status).header("content-type", "application/json").body(Body::from(text));
    built.expect("an answer")
}

impl Vaulted {
    fn answer(&mut self, method: &str, path: &str, query: &str, token: &str, body: &Value) -> Answer {
        if self.sealed {
            return errors(503, &["Vault is sealed"]);
        }
        let parts: Vec<&str> = path.trim_start_matches("/v1/").split('/').collect();
        if parts == ["auth", "approle", "login"] {
            return self.log_in(body);
        }
        if !self.tokens.contains(token) {
            return errors(403, &["permission denied"]);
        }
        match (method, parts.as_slice()) {
            ("GET", ["transit", "keys", name]) => self.key(name),
            ("POST" | "PUT", ["transit", "encrypt", name]) => self.encrypt(name, body),
            ("POST" | "PUT", ["transit", "decrypt", name]) => self.decrypt(name, body),
            ("GET", ["secret", "metadata", rest @ ..]) if query == "list=true" => self.list(&rest.join("/")),
            ("POST" | "PUT", ["secret", "metadata", rest @ ..]) => self.set_metadata(&rest.join("/"), body),
            ("DELETE", ["secret", "metadata", rest @ ..]) => {
                self.secrets.remove(&rest.join("/"));
                nothing()
            }
            ("GET", ["secret", "data", rest @ ..]) => self.read(&rest.join("/")),
            ("POST" | "PUT", ["secret", "data", rest @ ..]) => self.write(&rest.join("/"), body),
            (_, ["transit" | "secret", ..]) => errors(404, &["unsupported path"]),
            _ => {
                let text = format!("no handler for route \"{}\". route entry not found.", parts.join("/"));
                errors(404, &[&text])
            }
        }
    }

    fn log_in(&mut self, body: &Value) -> Answer {
        let text = |field: &str| body[field].as_str().unwrap_or_default().to_owned();
        let (role, secret) = (text("role_id"), text("secret_id"));
        match self.roles.get_mut(&role) {
            Some((known, tokens)) if *known == secret => {
                let token = format!("hvs.{}", hex::encode(random::<12>()));
                tokens.insert(token.clone());
                self.tokens.insert(token.clone());
                let auth = json!({ "client_token": token, "lease_duration": 1200, "renewable": true });
                Answer(200, json!({ "request_id": "5f1b", "data": null, "auth": auth }))
            }
            _ => errors(400, &["invalid role or secret ID"]),
        }
    }

    fn key(&self, name: &str) -> Answer {
        match self.transit.get(name) {
            Some(versions) => data(json!({
                "name": name, "type": "aes256-gcm96", "derived": false, "exportable": false,
                "latest_version": versions.len(), "min_decryption_version": 1,
            })),
            None => errors(404, &[]),
        }
    }

    fn encrypt(&mut self, name: &str, body: &Value) -> Answer {
        let Ok(mut bytes) = STANDARD.decode(body["plaintext"].as_str().unwrap_or_default()) else {
            return errors(400, &["failed to base64-decode plaintext"]);
        };
        // As the real one does where the policy allows it, encrypting makes the key.
        let versions = self.transit.entry(name.to_owned()).or_insert_with(|| vec![random()]);
        let version = versions.len();
        let nonce: [u8; 12] = random();
        let key = aead(versions.last().expect("a key has a version"));
        let aad = STANDARD.decode(body["associated_data"].as_str().unwrap_or_default()).unwrap_or_default();
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), &mut bytes)
            .expect("it encrypts");
        let text = STANDARD.encode([nonce.as_slice(), &bytes].concat());
        data(json!({ "ciphertext": format!("vault:v{version}:{text}"), "key_version": version }))
    }

    fn decrypt(&self, name: &str, body: &Value) -> Answer {
        let Some(versions) = self.transit.get(name) else {
            return errors(400, &["encryption key not found"]);
        };
        let ciphertext = body["ciphertext"].as_str().unwrap_or_default();
        let parsed = ciphertext.strip_prefix("vault:v").and_then(|rest| {
            let (version, text) = rest.split_once(':')?;
            let version: usize = version.parse().ok()?;
            Some((versions.get(version.checked_sub(1)?)?, STANDARD.decode(text).ok()?))
        });
        let Some((key, bytes)) = parsed else {
            return errors(400, &["invalid ciphertext: no prefix"]);
        };
        let aad = STANDARD.decode(body["associated_data"].as_str().unwrap_or_default()).unwrap_or_default();
        let Some((nonce, sealed)) = bytes.split_first_chunk::<12>() else {
            return errors(400, &["invalid ciphertext length"]);
        };
        let mut sealed = sealed.to_vec();
        match aead(key).open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(aad), &mut sealed) {
            Ok(plain) => data(json!({ "plaintext": STANDARD.encode(plain) })),
            Err(_) => errors(400, &["cipher: message authentication failed"]),
        }
    }

    fn list(&self, path: &str) -> Answer {
        let prefix = format!("{path}/");
        let keys: BTreeSet<String> = self
            .secrets
            .keys()
            .filter_map(|key| {
                let rest = key.strip_prefix(&prefix)?;
                Some(rest.split_once('/').map_or(rest.to_owned(), |(folder, _)| format!("{folder}/")))
            })
            .collect();
        if keys.is_empty() { errors(404, &[]) } else { data(json!({ "keys": keys })) }
    }

    fn set_metadata(&mut self, path: &str, body: &Value) -> Answer {
        let secret = self.secrets.entry(path.to_owned()).or_default();
        if let Some(most) = body["max_versions"].as_u64() {
            secret.max_versions = usize::try_from(most).unwrap_or_default();
        }
        nothing()
    }

    fn read(&self, path: &str) -> Answer {
        let Some(secret) = self.secrets.get(path) else { return errors(404, &[]) };
        match secret.versions.last() {
            Some(Some(kept)) => data(json!({ "data": kept, "metadata": self.metadata(secret) })),
            Some(None) => Answer(404, json!({ "data": { "data": null, "metadata": self.metadata(secret) } })),
            None => errors(404, &[]),
        }
    }

    fn metadata(&self, secret: &Secret) -> Value {
        let ends = if self.delete_version_after { "2026-12-01T00:00:00Z" } else { "" };
        json!({
            "created_time": "2026-11-22T09:00:00Z", "custom_metadata": null, "deletion_time": ends,
            "destroyed": false, "version": secret.current(),
        })
    }

    fn write(&mut self, path: &str, body: &Value) -> Answer {
        let lies = self.lies;
        let cas = body["options"]["cas"].as_u64();
        let secret = self.secrets.entry(path.to_owned()).or_default();
        if secret.first == 0 {
            secret.first = 1;
        }
        if cas.is_some_and(|cas| cas != secret.current() as u64) {
            return errors(400, &["check-and-set parameter did not match the current version"]);
        }
        secret.versions.push(Some(body["data"].clone()));
        let most = if secret.max_versions == 0 { 10 } else { secret.max_versions };
        while secret.versions.len() > most {
            secret.versions.remove(0);
            secret.first += 1;
        }
        let answer = match self.secrets.get(path) {
            Some(secret) => self.metadata(secret),
            None => Value::Null,
        };
        if lies {
            self.secrets.remove(path);
        }
        data(answer)
    }
}

fn aead(key: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("a key of 32 bytes"))
}
