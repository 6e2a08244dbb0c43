//! TLS: identities, protocols, handshakes that do not end, certificates that change.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail where it stands")]

mod common;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clerestory_http::{Limits, TlsError, TlsIdentity};
use common::{Running, brisk, install_provider, patient, tls, to_end, until, within};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// 2026-11-22.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_305_600)
}

fn self_signed() -> TlsIdentity {
    TlsIdentity::self_signed(&["localhost".into(), "127.0.0.1".into()], now()).unwrap()
}

/// What a client sees: the certificate, and the protocol agreed on.
struct Seen {
    certificate: Vec<u8>,
    alpn: Option<Vec<u8>>,
    version: rustls::ProtocolVersion,
}

async fn hello(
    addr: SocketAddr,
    alpn: &[&str],
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> Seen {
    install_provider();
    let mut config = rustls::ClientConfig::builder_with_protocol_versions(versions)
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AcceptAny))
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let stream = TcpStream::connect(addr).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = within(connector.connect(name, stream)).await.unwrap();
    let (_, session) = stream.get_ref();
    Seen {
        certificate: session.peer_certificates().unwrap()[0].to_vec(),
        alpn: session.alpn_protocol().map(<[u8]>::to_vec),
        version: session.protocol_version().unwrap(),
    }
}

/// The tests compare the certificate themselves.
#[derive(Debug)]
struct AcceptAny;

impl rustls::client::danger::ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _: &rustls_pki_types::CertificateDer<'_>,
        _: &[rustls_pki_types::CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: rustls_pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &rustls_pki_types::CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let algorithms = rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &rustls_pki_types::CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let algorithms = rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

fn hex_sha256(bytes: &[u8]) -> String {
    let suite = rustls::crypto::aws_lc_rs::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256.tls13().unwrap();
    let digest = suite.common.hash_provider.hash(bytes);
    digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

#[tokio::test]
async fn a_self_signed_server_shows_the_printed_fingerprint_on_every_protocol() {
    let identity = self_signed();
    let fingerprint = identity.fingerprint();
    assert_eq!(fingerprint.len(), 95);
    let server = tls(patient(), identity).await;
    for (alpn, version) in [("h2", &rustls::version::TLS13), ("http/1.1", &rustls::version::TLS12)] {
        let seen = hello(server.addr, &[alpn], &[version]).await;
        assert_eq!(hex_sha256(&seen.certificate), fingerprint);
        assert_eq!(seen.alpn.as_deref(), Some(alpn.as_bytes()));
        assert_eq!(seen.version, version.version);
    }
    let both = hello(server.addr, &["http/1.1", "h2"], rustls::ALL_VERSIONS).await;
    assert_eq!(both.alpn.as_deref(), Some(&b"h2"[..]), "HTTP/2 is preferred");
    assert_ne!(self_signed().fingerprint(), fingerprint, "each certificate has its own key");
}

async fn ask(server: &Running, trust: reqwest::Certificate, path: &str) -> reqwest::Result<String> {
    install_provider();
    let client = reqwest::Client::builder().tls_certs_only([trust]).build()?;
    client.get(format!("https://localhost:{}{path}", server.addr.port())).send().await?.text().await
}

#[tokio::test]
async fn a_client_that_trusts_the_certificate_gets_http2() {
    let identity = self_signed();
    let server = tls(patient(), identity).await;
    let seen = hello(server.addr, &["h2"], rustls::ALL_VERSIONS).await;
    let trust = reqwest::Certificate::from_der(&seen.certificate).unwrap();
    assert_eq!(within(ask(&server, trust, "/peer")).await.unwrap(), "127.0.0.1 true - HTTP/2.0");
}

#[tokio::test]
async fn oversized_headers_are_answered_with_431_on_http2() {
    let server = tls(Limits { header_bytes: 8192, ..patient() }, self_signed()).await;
    let seen = hello(server.addr, &["h2"], rustls::ALL_VERSIONS).await;
    install_provider();
    let trust = reqwest::Certificate::from_der(&seen.certificate).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([trust]).build().unwrap();
    let url = format!("https://localhost:{}/", server.addr.port());
    let answer = within(client.get(url).header("x-large", "a".repeat(9000)).send()).await;
    // The peer's SETTINGS announce the limit, so a client may already refuse to send it.
    match answer {
        Ok(answer) => assert_eq!(answer.status(), 431),
        Err(error) => assert!(error.is_request(), "{error:?}"),
    }
    assert_eq!(server.stats.requests(), 0);
}

#[tokio::test]
async fn a_handshake_that_does_not_end_is_cut() {
    let server = tls(brisk(), self_signed()).await;
    let mut stream = server.connect().await;
    stream.write_all(&[0x16, 0x03, 0x01]).await.unwrap();
    to_end(&mut stream).await;
    until("the timeout is counted", || server.stats.timed_out() == 1).await;
}

#[tokio::test]
async fn plain_http_on_the_tls_port_gets_no_answer() {
    let server = tls(patient(), self_signed()).await;
    let text = server.talk(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(!text.contains("HTTP/1.1"), "{text}");
    until("the failure is counted", || server.stats.handshakes_failed() == 1).await;
    assert_eq!(server.stats.requests(), 0);
}

#[tokio::test]
async fn an_http2_connection_without_a_request_is_closed_when_idle() {
    let limits = Limits { header_read: Duration::from_millis(300), ..patient() };
    let server = tls(limits, self_signed()).await;
    install_provider();
    let mut config = rustls::ClientConfig::builder()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AcceptAny))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = server.connect().await;
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
    let mut rest = Vec::new();
    // A cut without close_notify reads as an error; either way the server ended it.
    let ended = within(stream.read_to_end(&mut rest)).await;
    assert!(ended.is_ok() || ended.is_err_and(|error| error.kind() == std::io::ErrorKind::UnexpectedEof));
    until("its place is free again", || server.stats.open() == 0).await;
}

fn write_pair(folder: &Path, name: &str) -> Vec<u8> {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate =
        rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&key).unwrap();
    std::fs::write(folder.join("chain.pem"), certificate.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
    certificate.der().to_vec()
}

#[tokio::test]
async fn changed_files_are_served_and_a_bad_change_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (chain, key) = (folder.path().join("chain.pem"), folder.path().join("key.pem"));
    let first = write_pair(folder.path(), "localhost");
    let identity = TlsIdentity::from_files(&chain, &key).unwrap();
    let server = tls(patient(), identity.clone()).await;
    assert_eq!(hello(server.addr, &["h2"], rustls::ALL_VERSIONS).await.certificate, first);

    let second = write_pair(folder.path(), "localhost");
    let fingerprint = hex_sha256(&second);
    until("the new certificate is loaded", || identity.fingerprint() == fingerprint).await;
    assert_eq!(hello(server.addr, &["h2"], rustls::ALL_VERSIONS).await.certificate, second);

    // Half of a renewal: the key belongs to another certificate.
    std::fs::write(&key, rcgen::KeyPair::generate().unwrap().serialize_pem()).unwrap();
    assert!(matches!(identity.reload(), Err(TlsError::Mismatch(_))));
    assert_eq!(hello(server.addr, &["h2"], rustls::ALL_VERSIONS).await.certificate, second);
}

#[tokio::test]
async fn unusable_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (chain, key) = (folder.path().join("chain.pem"), folder.path().join("key.pem"));
    assert!(
        matches!(TlsIdentity::from_files(&chain, &key), Err(TlsError::Read { path, .. }) if path == chain)
    );
    write_pair(folder.path(), "localhost");
    std::fs::write(&key, "not a key").unwrap();
    assert!(matches!(TlsIdentity::from_files(&chain, &key), Err(TlsError::Key(path)) if path == key));
    std::fs::write(&chain, "").unwrap();
    assert!(matches!(TlsIdentity::from_files(&chain, &key), Err(TlsError::Chain(path)) if path == chain));
    assert!(matches!(
        TlsIdentity::self_signed(&["not a name\u{e9}".into()], now()),
        Err(TlsError::SelfSign(_))
    ));
}

#[tokio::test]
async fn draining_ends_an_http2_connection_after_its_request() {
    let server = tls(patient(), self_signed()).await;
    let seen = hello(server.addr, &["h2"], rustls::ALL_VERSIONS).await;
    let trust = reqwest::Certificate::from_der(&seen.certificate).unwrap();
    install_provider();
    let client = reqwest::Client::builder().tls_certs_only([trust]).build().unwrap();
    let url = format!("https://localhost:{}/wait", server.addr.port());
    let asking = tokio::spawn(async move { client.get(url).send().await.unwrap().text().await.unwrap() });
    within(server.waiting.acquire()).await.unwrap().forget();
    server.shutdown.cancel();
    server.gate.add_permits(1);
    assert_eq!(within(asking).await.unwrap(), "waited");
    assert_eq!(server.stop().await.cut, 0);
}
