//! A storage profile: where an installation keeps its objects, as an administrator says it.
//!
//! Credentials are never part of it. They come from the environment, as `object_store` reads it: `AWS_…`, `GOOGLE_…`,
//! `AZURE_…`, or the identity that the machine has there.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use clerestory_seal::random;
use clerestory_store::segments::Extent;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::client::{HttpConnector, ReqwestConnector};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ClientConfigKey, ClientOptions, ObjectStore, RetryConfig};
use zeroize::Zeroizing;

use crate::objects::{Patience, Place};
use crate::versions::Versions;
use crate::{ObjectPath, Objects, StoreError};

/// Kinds of buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BucketKind {
    /// Amazon S3, or what speaks its protocol.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
}

impl BucketKind {
    const fn scheme(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Gcs => "gs",
            Self::Azure => "az",
        }
    }
}

/// The address of a bucket: `s3://bucket`, `gs://bucket/prefix`, `az://container/prefix`.
///
/// The name has 3 to 63 letters, digits, dots, hyphens and underscores; the prefix is a path without empty parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketAddress {
    kind: BucketKind,
    name: String,
    prefix: Path,
}

impl FromStr for BucketAddress {
    type Err = ProfileError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |why| ProfileError::Address { address: text.to_owned(), why };
        let (scheme, rest) =
            text.split_once("://").ok_or_else(|| wrong("it has no scheme: s3://, gs:// or az://"))?;
        let kind = [BucketKind::S3, BucketKind::Gcs, BucketKind::Azure]
            .into_iter()
            .find(|kind| kind.scheme() == scheme)
            .ok_or_else(|| wrong("its scheme is not s3, gs or az"))?;
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if !(3..=63).contains(&name.len()) || !name.chars().all(letters) {
            return Err(wrong("a bucket's name has 3 to 63 letters, digits, dots, hyphens and underscores"));
        }
        let no_path = || wrong("the part after the bucket is no path");
        // `Path` drops a slash at the beginning.
        let prefix = match prefix.starts_with('/') {
            false => Path::parse(prefix).map_err(|_| no_path())?,
            true => return Err(no_path()),
        };
        Ok(Self { kind, name: name.to_owned(), prefix })
    }
}

impl std::fmt::Display for BucketAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}", self.kind.scheme(), self.name)?;
        if self.prefix.as_ref().is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

/// Who asks the bucket.
#[derive(Clone)]
pub enum Credentials {
    /// Whoever the environment says: variables, or the machine's own identity.
    Environment,
    /// An access key of S3.
    AccessKey {
        /// Its id.
        id: String,
        /// Its secret.
        secret: Zeroizing<String>,
    },
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Environment => f.write_str("Environment"),
            Self::AccessKey { id, .. } => f.debug_struct("AccessKey").field("id", id).finish_non_exhaustive(),
        }
    }
}

/// A bucket and how it is reached.
#[derive(Clone, Debug)]
pub struct BucketProfile {
    /// Which bucket.
    pub address: BucketAddress,
    /// Where it is served, if not at its provider: `https://objects.example`.
    pub endpoint: Option<String>,
    /// The region of an S3 bucket.
    pub region: Option<String>,
    /// The bucket is part of the host name and not of the path. S3 only.
    pub virtual_hosts: bool,
    /// Who asks.
    pub credentials: Credentials,
    /// How long it is given.
    pub patience: Patience,
    /// Days for which the bucket's own rule keeps what was deleted, where somebody said so.
    pub kept_days: Option<u16>,
}

/// Where an installation keeps its objects.
#[derive(Clone, Debug)]
pub enum ObjectsProfile {
    /// A directory on this machine.
    Directory(PathBuf),
    /// A bucket.
    Bucket(BucketProfile),
}

/// Why a storage profile cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The address is none.
    #[error("{address} is no address of a bucket: {why}")]
    Address {
        /// What was given.
        address: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Something has to be said.
    #[error("{address} cannot be used: {what} is missing")]
    Missing {
        /// The bucket.
        address: String,
        /// What, and how to say it.
        what: &'static str,
    },
    /// Unprotected HTTP to another machine.
    #[error("{endpoint} is plain HTTP, which is allowed to this machine only: use https")]
    Insecure {
        /// The endpoint.
        endpoint: String,
    },
    /// The settings do not fit together.
    #[error("the settings for {address} cannot be used")]
    Settings {
        /// The bucket.
        address: String,
        /// Why.
        #[source]
        source: object_store::Error,
    },
    /// The store did not do one of the things that are needed of it.
    #[error("{place} does not allow {step}: {needs}")]
    Check {
        /// The store.
        place: String,
        /// What was tried.
        step: &'static str,
        /// What to allow.
        needs: String,
        /// What it answered.
        #[source]
        source: Box<StoreError>,
    },
    /// The directory cannot be used.
    #[error("the directory of the objects cannot be used")]
    Directory(#[from] StoreError),
}

impl ObjectsProfile {
    /// Opens the store. No request is made yet: see [`Self::check`].
    ///
    /// # Errors
    /// [`ProfileError`], which says what is missing.
    pub fn open(&self) -> Result<Objects, ProfileError> {
        match self {
            Self::Directory(root) => Ok(Objects::local(root.clone())?),
            Self::Bucket(bucket) => bucket.open(|name| std::env::var(name).ok()),
        }
    }

    /// Puts an object, sees that it cannot be put twice, reads a range of it, lists it and removes it.
    ///
    /// # Errors
    /// [`ProfileError::Check`], which names what to allow.
    pub async fn check(&self, objects: &Objects) -> Result<(), ProfileError> {
        let Self::Bucket(bucket) = self else { return Ok(()) };
        let suffix = format!("{:016x}", u64::from_be_bytes(random::<8>()));
        let object = ObjectPath::Probe { suffix: &suffix }.path();
        let probe: [u8; 64] = random();
        let failed = |step: Step| {
            move |source: StoreError| ProfileError::Check {
                place: bucket.address.to_string(),
                step: step.name(),
                needs: step.needs(bucket.address.kind, &source),
                source: Box::new(source),
            }
        };
        objects.put(&object, probe.to_vec()).await.map_err(failed(Step::Put))?;
        match objects.put(&object, vec![0; 64]).await {
            Err(StoreError::Exists) => {}
            Ok(()) => return Err(failed(Step::Create)(StoreError::Exists)),
            Err(other) => return Err(failed(Step::Create)(other)),
        }
        let extent = Extent { object: object.clone(), offset: 0, length: 64 };
        let read = objects.read_range(&extent, 16..48).await.map_err(failed(Step::Read))?;
        if probe.get(16..48) != Some(read.as_slice()) {
            return Err(failed(Step::Read)(StoreError::NotKept { object }));
        }
        let listed = objects.list("probe").await.map_err(failed(Step::List))?;
        if !listed.iter().any(|listed| listed.object == object) {
            return Err(failed(Step::List)(StoreError::Missing));
        }
        objects.remove(&object).await.map_err(failed(Step::Remove))?;
        Ok(())
    }
}

/// What the check does, in order.
#[derive(Clone, Copy)]
enum Step {
    Put,
    Create,
    Read,
    List,
    Remove,
}

impl Step {
    const fn name(self) -> &'static str {
        match self {
            Self::Put => "putting an object",
            Self::Create => "putting an object only where there is none",
            Self::Read => "reading a part of an object",
            Self::List => "listing objects",
            Self::Remove => "removing an object with its versions",
        }
    }

    /// What to change, by what was answered.
    fn needs(self, kind: BucketKind, answered: &StoreError) -> String {
        let permission = match (self, kind) {
            (Self::Create, BucketKind::S3) if matches!(answered, StoreError::Exists) => {
                return "the store must honour If-None-Match on PutObject".to_owned();
            }
            (Self::Create, _) if matches!(answered, StoreError::Exists) => {
                return "the store must refuse to write over an object".to_owned();
            }
            (Self::Put | Self::Create, BucketKind::S3) => "s3:PutObject and s3:GetObject",
            (Self::Read, BucketKind::S3) => "s3:GetObject",
            (Self::List, BucketKind::S3) => "s3:ListBucket",
            (Self::Remove, BucketKind::S3) => {
                "s3:DeleteObject, s3:DeleteObjectVersion and s3:ListBucketVersions"
            }
            (Self::Put | Self::Create, BucketKind::Gcs) => "storage.objects.create and storage.objects.get",
            (Self::Read, BucketKind::Gcs) => "storage.objects.get",
            (Self::List, BucketKind::Gcs) => "storage.objects.list",
            (Self::Remove, BucketKind::Gcs) => "storage.objects.delete",
            (_, BucketKind::Azure) => "the role Storage Blob Data Contributor",
        };
        let credentials = match kind {
            BucketKind::S3 => "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role of this machine",
            BucketKind::Gcs => "GOOGLE_SERVICE_ACCOUNT, or a service account of this machine",
            BucketKind::Azure => "AZURE_STORAGE_ACCOUNT_KEY, or a managed identity of this machine",
        };
        match answered {
            StoreError::Denied(_) => format!("allow {permission}"),
            StoreError::Objects(error) | StoreError::Unavailable(error) if asks_the_machine(error) => {
                format!("there are no credentials ({credentials})")
            }
            StoreError::Missing if matches!(self, Self::Put) => {
                "the bucket does not exist: make it".to_owned()
            }
            StoreError::Unavailable(_) => {
                "it does not answer as it should; check the endpoint and the region".to_owned()
            }
            _ => format!("it needs {permission}"),
        }
    }
}

/// Whether it failed in asking the machine it runs on for credentials: nobody gave any.
fn asks_the_machine(error: &object_store::Error) -> bool {
    let text = error.to_string();
    ["://169.254.169.254", "://metadata.google.internal", "token request"]
        .iter()
        .any(|part| text.contains(part))
}

impl BucketProfile {
    /// A bucket at its provider, with the usual patience.
    #[must_use]
    pub fn new(address: BucketAddress) -> Self {
        Self {
            address,
            endpoint: None,
            region: None,
            virtual_hosts: false,
            credentials: Credentials::Environment,
            patience: Patience::default(),
            kept_days: None,
        }
    }

    /// How long something that was deleted is still there. Google and Azure keep it for a week unless told otherwise; in
    /// S3 every version is deleted.
    fn kept(&self) -> Duration {
        let usual = match self.address.kind {
            BucketKind::S3 => 0,
            BucketKind::Gcs | BucketKind::Azure => 7,
        };
        Duration::from_secs(u64::from(self.kept_days.unwrap_or(usual)) * 24 * 3600)
    }

    /// Opens the store with the settings of the environment `variable` tells.
    fn open(&self, variable: impl Fn(&str) -> Option<String>) -> Result<Objects, ProfileError> {
        let prefix = self.address.prefix.clone();
        let (store, versions): (Arc<dyn ObjectStore>, _) = match self.address.kind {
            BucketKind::S3 => {
                let s3 = self.s3(&variable)?;
                let client =
                    ReqwestConnector::default().connect(&self.client_options()).map_err(self.settings())?;
                let versions = Versions::new(s3.clone(), prefix.clone(), client);
                (Arc::new(PrefixStore::new(s3, prefix)), Some(versions))
            }
            BucketKind::Gcs => (Arc::new(PrefixStore::new(self.gcs()?, prefix)), None),
            BucketKind::Azure => (Arc::new(PrefixStore::new(self.azure(&variable)?, prefix)), None),
        };
        let (shown, kept) = (self.address.to_string(), self.kept());
        let place = Place::Bucket { shown, versions, patience: self.patience, kept };
        Ok(Objects::in_place(place, store))
    }

    fn s3(
        &self,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<object_store::aws::AmazonS3, ProfileError> {
        let mut builder = AmazonS3Builder::from_env().with_bucket_name(&self.address.name);
        if let Some(endpoint) = &self.endpoint {
            builder = builder
                .with_config(AmazonS3ConfigKey::S3Endpoint, endpoint)
                .with_config(AmazonS3ConfigKey::Endpoint, endpoint);
        }
        if let Some(region) = &self.region {
            builder = builder.with_region(region);
        }
        if let Credentials::AccessKey { id, secret } = &self.credentials {
            builder = builder.with_access_key_id(id).with_secret_access_key(secret.as_str());
        }
        if self.virtual_hosts {
            builder = builder.with_virtual_hosted_style_request(true);
        }
        let endpoint = builder
            .get_config_value(&AmazonS3ConfigKey::S3Endpoint)
            .or_else(|| builder.get_config_value(&AmazonS3ConfigKey::Endpoint));
        if endpoint.is_none() && builder.get_config_value(&AmazonS3ConfigKey::Region).is_none() {
            return Err(self.missing("the bucket's region (--objects-region, or AWS_REGION)"));
        }
        let from_environment = matches!(self.credentials, Credentials::Environment);
        if from_environment
            && variable("AWS_ACCESS_KEY_ID").is_some()
            && variable("AWS_SECRET_ACCESS_KEY").is_none()
        {
            return Err(self.missing("the secret of the access key (AWS_SECRET_ACCESS_KEY)"));
        }
        let plain = plain_to_this_machine(endpoint.as_deref())?;
        builder =
            builder.with_config(AmazonS3ConfigKey::Client(ClientConfigKey::AllowHttp), plain.to_string());
        let timeout = format!("{} ms", self.patience.request.as_millis());
        builder = builder.with_config(AmazonS3ConfigKey::Client(ClientConfigKey::Timeout), timeout);
        builder.with_retry(retry()).build().map_err(self.settings())
    }

    fn gcs(&self) -> Result<object_store::gcp::GoogleCloudStorage, ProfileError> {
        let mut builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(&self.address.name);
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_config(GoogleConfigKey::BaseUrl, endpoint);
        }
        let plain = plain_to_this_machine(self.endpoint.as_deref())?;
        builder = builder.with_client_options(self.client_options().with_allow_http(plain));
        builder.with_retry(retry()).build().map_err(self.settings())
    }

    fn azure(
        &self,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<object_store::azure::MicrosoftAzure, ProfileError> {
        let mut builder = MicrosoftAzureBuilder::from_env().with_container_name(&self.address.name);
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_endpoint(endpoint.clone());
        }
        let account = builder.get_config_value(&AzureConfigKey::AccountName);
        if account.or_else(|| variable("AZURE_STORAGE_ACCOUNT_NAME")).is_none() {
            return Err(self.missing("the storage account (AZURE_STORAGE_ACCOUNT_NAME)"));
        }
        let plain = plain_to_this_machine(self.endpoint.as_deref())?;
        builder = builder.with_client_options(self.client_options().with_allow_http(plain));
        builder.with_retry(retry()).build().map_err(self.settings())
    }

    fn client_options(&self) -> ClientOptions {
        ClientOptions::new().with_timeout(self.patience.request).with_allow_http(true)
    }

    fn missing(&self, what: &'static str) -> ProfileError {
        ProfileError::Missing { address: self.address.to_string(), what }
    }

    fn settings(&self) -> impl Fn(object_store::Error) -> ProfileError + use<'_> {
        move |source| ProfileError::Settings { address: self.address.to_string(), source }
    }
}

/// The client's own retries: a put is sent again by [`Objects::put`], which knows how to tell whose bytes are there.
fn retry() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: std::time::Duration::from_millis(100),
            max_backoff: std::time::Duration::from_secs(2),
            base: 2.0,
        },
        max_retries: 2,
        retry_timeout: std::time::Duration::from_secs(10),
    }
}

/// Whether plain HTTP is to be allowed: never but on loopback.
fn plain_to_this_machine(endpoint: Option<&str>) -> Result<bool, ProfileError> {
    let Some(rest) = endpoint.and_then(|endpoint| endpoint.strip_prefix("http://")) else { return Ok(false) };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name).trim_matches(['[', ']']);
    let loopback =
        name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    match loopback {
        true => Ok(true),
        false => Err(ProfileError::Insecure { endpoint: format!("http://{host}") }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(address: &str) -> BucketProfile {
        BucketProfile::new(address.parse().unwrap())
    }

    #[test]
    fn addresses_are_read_and_shown() {
        for text in ["s3://recordings", "gs://recordings/eu/one", "az://container.with-dots/x"] {
            let address: BucketAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
        }
        for wrong in ["recordings", "ftp://recordings", "s3://", "s3://ab", "s3://a b c", "s3://name//x"] {
            let error = wrong.parse::<BucketAddress>().unwrap_err();
            assert!(error.to_string().starts_with(wrong), "{error}");
        }
    }

    #[test]
    fn what_is_missing_is_named_before_anything_is_asked() {
        let none = |_: &str| None;
        let error = profile("s3://recordings").open(none).err().unwrap();
        assert!(error.to_string().contains("--objects-region"), "{error}");
        let mut half = profile("s3://recordings");
        half.region = Some("eu-central-1".to_owned());
        let id = |name: &str| (name == "AWS_ACCESS_KEY_ID").then(|| "id".to_owned());
        let error = half.open(id).err().unwrap();
        assert!(error.to_string().contains("AWS_SECRET_ACCESS_KEY"), "{error}");
        let error = profile("az://container").open(none).err().unwrap();
        assert!(error.to_string().contains("AZURE_STORAGE_ACCOUNT_NAME"), "{error}");
    }

    #[test]
    fn plain_http_goes_to_this_machine_only() {
        for allowed in ["http://127.0.0.1:9000", "http://localhost", "http://[::1]:9000/x"] {
            assert!(plain_to_this_machine(Some(allowed)).unwrap(), "{allowed}");
        }
        for refused in ["http://objects.example", "http://10.0.0.1:9000", "http://127.0.0.1.example"] {
            let error = plain_to_this_machine(Some(refused)).unwrap_err();
            assert!(error.to_string().contains("https"), "{error}");
        }
        assert!(!plain_to_this_machine(Some("https://objects.example")).unwrap());
        assert!(!plain_to_this_machine(None).unwrap());
    }
}
