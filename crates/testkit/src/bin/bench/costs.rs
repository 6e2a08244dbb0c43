//! What sealing costs, and what it costs that nothing is acknowledged before it is flushed: servers that leave one of both
//! out beside one that leaves out nothing, over SQLite and a directory, and over PostgreSQL and a bucket.

use std::path::{Path, PathBuf};

use clerestory_testkit::bucket::{self, LocalS3};
use clerestory_testkit::postgres::{Server as Postgres, new_schema};
use serde_json::{Value, json};

use crate::server::Server;
use crate::{Bench, intake};

/// A server whose sealing does nothing.
const UNSEALED: &str = "CLERESTORY_UNSEALED_BIN";
/// Where Debian has the library that makes every flush of a file do nothing.
const NO_FLUSH: &str = "/usr/lib/x86_64-linux-gnu/libeatmydata.so";
const AS_IT_IS: &str = "as it is";
const NOTHING_SEALED: &str = "nothing sealed";
const NOTHING_FLUSHED: &str = "nothing flushed";

type Environment = Vec<(&'static str, String)>;

/// Each size at each number of connections on each of the servers, one engine after the other: they share two cores.
pub(crate) async fn measure(bench: &Bench) -> Result<Value, String> {
    let unsealed = std::env::var_os(UNSEALED).map(PathBuf::from).filter(|binary| binary.exists());
    let unsealed = unsealed.ok_or_else(|| format!("name a server that seals nothing in {UNSEALED}"))?;
    if !Path::new(NO_FLUSH).exists() {
        return Err(format!("there is no {NO_FLUSH}. On Debian: apt-get install libeatmydata1"));
    }
    let on_disk = {
        let servers = servers(bench, &unsealed, "disk", |_| Vec::new())?;
        println!("SQLite and a directory\n");
        intake::costs(&servers, bench.seconds).await?
    };
    // The store is in the load generator, as in the part `bucket`, and does not flush. PostgreSQL does, but for the
    // server that is to tell what that costs: that one has a PostgreSQL of its own.
    let (s3, postgres) = (LocalS3::start(), Postgres::start().await?);
    let unflushed = Postgres::start_preloading(Path::new(NO_FLUSH)).await?;
    let mut databases = Vec::new();
    for (name, server) in [(AS_IT_IS, &postgres), (NOTHING_SEALED, &postgres), (NOTHING_FLUSHED, &unflushed)]
    {
        databases.push((name, new_schema(server.address()).await.address));
    }
    let environment = |wanted: &str| {
        let mut environment = bucket::environment(s3.address(), &wanted.replace(' ', "-"));
        let database = databases.iter().find(|(name, _)| *name == wanted);
        environment.extend(database.map(|(_, address)| ("CLERESTORY_DATABASE", address.clone())));
        environment
    };
    let servers = servers(bench, &unsealed, "bucket", environment)?;
    println!("\nPostgreSQL and a bucket\n");
    let on_bucket = intake::costs(&servers, bench.seconds).await?;
    Ok(json!({ "disk": on_disk, "bucket": on_bucket }))
}

/// A server as it is, one that seals nothing, and one whose flushes do nothing.
fn servers(
    bench: &Bench,
    unsealed: &Path,
    place: &str,
    environment: impl Fn(&str) -> Environment,
) -> Result<[(&'static str, Server); 3], String> {
    let start = |name: &'static str, binary: &Path, more: Environment| {
        let data = bench.directory.path().join(format!("{place}-{}", name.replace(' ', "-")));
        Ok::<_, String>((name, Server::installed(binary, &data, &[environment(name), more].concat())?))
    };
    let nothing_sealed = vec![("CLERESTORY_DANGEROUS_IDENTITY_SEALING", "1".to_owned())];
    let nothing_flushed = vec![("LD_PRELOAD", NO_FLUSH.to_owned())];
    Ok([
        start(AS_IT_IS, &bench.binary, Vec::new())?,
        start(NOTHING_SEALED, unsealed, nothing_sealed)?,
        start(NOTHING_FLUSHED, &bench.binary, nothing_flushed)?,
    ])
}
