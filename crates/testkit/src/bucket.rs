//! A bucket on this machine, and a network in front of it that fails on demand.

mod azurite;
mod faults;
mod moto;
mod s3;

pub use azurite::Azurite;
pub use faults::{Fault, Faults};
pub use moto::{Moto, Version};
pub use s3::LocalS3;

use std::net::SocketAddr;
use std::time::Duration;

use clerestory_vault::{BucketProfile, Credentials, Patience};

/// The name of every bucket in the tests.
pub const BUCKET: &str = "recordings";
const KEY_ID: &str = "AKIDCLERESTORYTEST00";
const SECRET: &str = "a secret of the tests only, known to all";

/// The bucket that is served at `address`, below `prefix`. It is given less time than a real one.
///
/// # Panics
/// When the prefix is none.
#[must_use]
pub fn profile(address: SocketAddr, prefix: &str) -> BucketProfile {
    let bucket = format!("s3://{BUCKET}/{prefix}").parse().expect("the address of a bucket");
    BucketProfile {
        endpoint: Some(format!("http://{address}")),
        credentials: Credentials::AccessKey { id: KEY_ID.to_owned(), secret: SECRET.to_owned().into() },
        patience: Patience { request: Duration::from_secs(2), attempts: 3, pause: Duration::from_millis(20) },
        ..BucketProfile::new(bucket)
    }
}

/// What a process needs in its environment to use the bucket at `address`.
#[must_use]
pub fn environment(address: SocketAddr, prefix: &str) -> Vec<(&'static str, String)> {
    vec![
        ("CLERESTORY_OBJECTS", format!("s3://{BUCKET}/{prefix}")),
        ("CLERESTORY_OBJECTS_ENDPOINT", format!("http://{address}")),
        ("AWS_ACCESS_KEY_ID", KEY_ID.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
    ]
}
