//! The process that looks at what is left of an erasure: what the server tells it, how it opens an installation without
//! a key, and what the health page says of what it found.

use std::ffi::OsString;

use clerestory_api::Finding;
use clerestory_lifecycle::{Unverified, Verifier, VerifierProgram};
use clerestory_sql::Database;
use clerestory_vault::Credentials;

use crate::places::{Places, Postgres, SecondPlace};
use crate::{AppError, SCHEMAS};

/// Variables of the environment that say who asks a bucket, by how their names begin, and how it is reached. The last is
/// how Azure tells its own machines who they are.
const FOR_BUCKETS: [&str; 6] = ["AWS_", "GOOGLE_", "GCE_METADATA_", "SERVICE_ACCOUNT", "AZURE_", "IDENTITY_"];
const FOR_THE_WAY: [&str; 11] = [
    "HOME",
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

impl Places {
    /// The program that verifies erasures of this installation, told where its database and its objects are, and nothing
    /// of its root.
    pub(crate) fn verifier(&self) -> VerifierProgram {
        let mut told: Vec<(String, OsString)> = Vec::new();
        let mut tell = |name: &str, value: OsString| told.push((name.to_owned(), value));
        tell("CLERESTORY_DATA", self.data.clone().into());
        if let Some(second) = &self.second_epochs {
            tell("CLERESTORY_SECOND_EPOCHS", second.to_string().into());
        }
        if let Some(Postgres { address, roots }) = &self.postgres {
            tell("CLERESTORY_DATABASE", address.into());
            if let Some(roots) = roots {
                tell("CLERESTORY_DATABASE_CA", roots.into());
            }
        }
        if let Some(bucket) = &self.bucket {
            tell("CLERESTORY_OBJECTS", bucket.address.to_string().into());
            if let Some(endpoint) = &bucket.endpoint {
                tell("CLERESTORY_OBJECTS_ENDPOINT", endpoint.into());
            }
            if let Some(region) = &bucket.region {
                tell("CLERESTORY_OBJECTS_REGION", region.into());
            }
            if bucket.virtual_hosts {
                tell("CLERESTORY_OBJECTS_VIRTUAL_HOSTS", "true".into());
            }
            match &bucket.credentials {
                Credentials::AccessKey { id, secret } => {
                    tell("AWS_ACCESS_KEY_ID", id.into());
                    tell("AWS_SECRET_ACCESS_KEY", secret.as_str().into());
                }
                Credentials::Environment => {
                    let known = |name: &str| {
                        FOR_BUCKETS.iter().any(|begin| name.starts_with(begin)) || FOR_THE_WAY.contains(&name)
                    };
                    for (name, value) in std::env::vars_os() {
                        if let Some(name) = name.to_str().filter(|name| known(name)) {
                            tell(name, value);
                        }
                    }
                }
            }
        }
        VerifierProgram::new(self.verifier.clone(), told)
    }

    /// Opens the installation for looking at erasures: the database for reading only, eyes for the objects, and the second
    /// place where it is a directory. Neither the root key nor any epoch is looked at.
    ///
    /// # Errors
    /// [`AppError::Sql`], [`AppError::Objects`], [`AppError::Places`].
    pub async fn open_to_look(&self) -> Result<Verifier, AppError> {
        let database = match &self.postgres {
            None => Database::open_sqlite_to_read(&self.database(), SCHEMAS)?,
            Some(Postgres { address, roots }) => {
                Database::open_postgres_to_read(address, roots.as_deref(), SCHEMAS).await?
            }
        };
        let (places, unseen) = match &self.second_epochs {
            Some(elsewhere @ SecondPlace::Elsewhere(_)) => (Vec::new(), Some(elsewhere.to_string())),
            Some(SecondPlace::Directory(_)) => (self.tombstones()?, None),
            None => (Vec::new(), None),
        };
        Ok(Verifier { database, eyes: self.objects().presence()?, places, unseen })
    }
}

/// The alarm about erasures whose check did not end well. What was found is of one organisation, and stands in the log and
/// in what that organisation is told of its erasure.
pub(crate) fn finding(unverified: &[Unverified]) -> Option<Finding> {
    let first = unverified.iter().find(|one| one.is_left).or(unverified.first())?;
    let beside = match unverified.len() - 1 {
        0 => String::new(),
        others => format!(" {others} more are not verified either."),
    };
    let (level, what) = match first.is_left {
        true => ("failed", "something is left"),
        false => ("attention", "it is not known whether something is left"),
    };
    Some(Finding {
        id: "erasure-left",
        level,
        sentence: format!("Of the erasure {} {what}.{beside}", first.erasure),
        what_to_do: Some(format!(
            "No receipt is signed for it; it is looked at again after a minute, then after ever longer until it is an hour. `clerestory verify erasure {}` \
             shows what was found, and so does the server's log.",
            first.erasure
        )),
    })
}
