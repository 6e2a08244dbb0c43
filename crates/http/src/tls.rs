//! Certificates: from files that may change under us, or made here and named by fingerprint.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// Why an identity could not be made or loaded.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file could not be read.
    #[error("reading {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The chain file holds no PEM certificate, or a damaged one.
    #[error("{} holds no readable PEM certificate: it must hold the chain, the server's own certificate first", .0.display())]
    Chain(PathBuf),
    /// The key file holds no PEM private key, or a damaged one.
    #[error("{} holds no readable PEM private key", .0.display())]
    Key(PathBuf),
    /// Certificate and key do not belong together, or the key's kind is unknown.
    #[error("the certificate and the private key do not fit together")]
    Mismatch(#[source] rustls::Error),
    /// The names do not fit into a certificate.
    #[error("making a self-signed certificate")]
    SelfSign(#[source] rcgen::Error),
    /// The provider offers no usable protocol version.
    #[error("setting up TLS")]
    Setup(#[source] rustls::Error),
}

/// How long a self-signed certificate is good for. Browsers refuse more than 398 days
/// (CA/Browser Forum Baseline Requirements 6.3.2) even by exception.
const SELF_SIGNED_DAYS: u64 = 90;

/// Back-dating against clocks that run behind.
const CLOCK_SLACK: Duration = Duration::from_secs(60 * 60);

/// A certificate with its key, ready to serve. Clones share it, reloads included.
#[derive(Clone)]
pub struct TlsIdentity {
    config: Arc<ServerConfig>,
    current: Arc<Current>,
    files: Option<Arc<Files>>,
}

impl std::fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsIdentity").field("fingerprint", &self.fingerprint()).finish_non_exhaustive()
    }
}

impl TlsIdentity {
    /// Loads a PEM chain (own certificate first) and its PEM key. While a server runs, the files
    /// are looked at every [`Limits::certificate_poll`](crate::Limits::certificate_poll); a
    /// changed pair that fits together is served from then on, one that does not is logged and
    /// the old one stays.
    ///
    /// # Errors
    /// Each [`TlsError`] but [`TlsError::SelfSign`].
    pub fn from_files(chain: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Result<Self, TlsError> {
        let files = Files { chain: chain.into(), key: key.into() };
        let loaded = files.read()?;
        let identity = loaded.certified(&files)?;
        Self::new(identity, Some(Arc::new(files)), Some(loaded))
    }

    /// Makes a P-256 key and a certificate for `names` (host names or IP addresses), good for 90
    /// days from `now`. Key and certificate live in memory only: a restart makes new ones, with
    /// another [`TlsIdentity::fingerprint`].
    ///
    /// # Errors
    /// [`TlsError::SelfSign`] for a name that is not a DNS name or address; [`TlsError::Setup`].
    pub fn self_signed(names: &[String], now: SystemTime) -> Result<Self, TlsError> {
        let mut params = rcgen::CertificateParams::new(names.to_vec()).map_err(TlsError::SelfSign)?;
        params.not_before = (now - CLOCK_SLACK).into();
        params.not_after = (now + Duration::from_secs(SELF_SIGNED_DAYS * 24 * 60 * 60)).into();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, "Clerestory, self-signed");
        params.insert_extended_key_usage(rcgen::ExtendedKeyUsagePurpose::ServerAuth);
        let key = rcgen::KeyPair::generate().map_err(TlsError::SelfSign)?;
        let certificate = params.self_signed(&key).map_err(TlsError::SelfSign)?;
        let chain = vec![certificate.der().clone()];
        let der = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let certified =
            CertifiedKey::from_der(chain, der, &aws_lc_rs::default_provider()).map_err(TlsError::Mismatch)?;
        Self::new(certified, None, None)
    }

    fn new(
        certified: CertifiedKey,
        files: Option<Arc<Files>>,
        loaded: Option<Loaded>,
    ) -> Result<Self, TlsError> {
        let current =
            Arc::new(Current { key: RwLock::new(Arc::new(certified)), loaded: RwLock::new(loaded) });
        let mut config = ServerConfig::builder_with_provider(Arc::new(provider()))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(TlsError::Setup)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config), current, files })
    }

    /// SHA-256 of the certificate being served (DER), as browsers show it: upper-case hex bytes
    /// with colons between.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let key = self.current.get();
        key.cert.first().map(|certificate| fingerprint(certificate)).unwrap_or_default()
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// Whether the certificate comes from files, which may change.
    pub(crate) fn has_files(&self) -> bool {
        self.files.is_some()
    }

    /// Reads the files again; true when another certificate is served from now on.
    ///
    /// # Errors
    /// As [`TlsIdentity::from_files`]; the old certificate stays in use.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let Some(files) = &self.files else {
            return Ok(false);
        };
        let loaded = files.read()?;
        if self.current.loaded.read().unwrap_or_else(PoisonError::into_inner).as_ref() == Some(&loaded) {
            return Ok(false);
        }
        let certified = loaded.certified(files)?;
        *self.current.key.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(certified);
        *self.current.loaded.write().unwrap_or_else(PoisonError::into_inner) = Some(loaded);
        Ok(true)
    }
}

/// The one provider of this program, spelled out so that no process-wide default is needed.
fn provider() -> CryptoProvider {
    aws_lc_rs::default_provider()
}

/// rustls's own SHA-256, reached through the suite it belongs to.
fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    let suite = aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256.tls13();
    let Some(suite) = suite else {
        return String::new();
    };
    let digest = suite.common.hash_provider.hash(certificate.as_ref());
    let mut text = String::with_capacity(95);
    for byte in digest.as_ref() {
        let separator = if text.is_empty() { "" } else { ":" };
        // Writing to a String cannot fail.
        let _ = write!(text, "{separator}{byte:02X}");
    }
    text
}

/// The certificate in use; the resolver every handshake asks.
struct Current {
    key: RwLock<Arc<CertifiedKey>>,
    loaded: RwLock<Option<Loaded>>,
}

impl std::fmt::Debug for Current {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Current(..)")
    }
}

impl Current {
    fn get(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.key.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.get())
    }
}

struct Files {
    chain: PathBuf,
    key: PathBuf,
}

/// What the files held when last read. The key stays here as the file has it, for comparison;
/// it is no more secret than the key rustls holds beside it.
#[derive(PartialEq, Eq)]
struct Loaded {
    chain: Vec<u8>,
    key: Vec<u8>,
}

impl Files {
    fn read(&self) -> Result<Loaded, TlsError> {
        Ok(Loaded { chain: read(&self.chain)?, key: read(&self.key)? })
    }
}

impl Loaded {
    fn certified(&self, files: &Files) -> Result<CertifiedKey, TlsError> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&self.chain)
            .collect::<Result<_, _>>()
            .map_err(|_| TlsError::Chain(files.chain.clone()))?;
        if chain.is_empty() {
            return Err(TlsError::Chain(files.chain.clone()));
        }
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| TlsError::Key(files.key.clone()))?;
        CertifiedKey::from_der(chain, key, &provider()).map_err(TlsError::Mismatch)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })
}
