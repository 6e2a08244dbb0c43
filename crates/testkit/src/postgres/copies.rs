//! Copies of a PostgreSQL database as whoever runs one makes them: a dump of a schema, which is brought back where it was or
//! into a database of its own, and a base backup of a whole server with its write-ahead log.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use clerestory::Postgres;
use clerestory_seal::random;
use tempfile::TempDir;
use tokio_postgres::NoTls;

use super::{Programs, Server};

/// What `pg_dump` says of one schema.
#[derive(Clone, Debug)]
pub struct Dump {
    /// The database that it was made of.
    of: Postgres,
    schema: String,
    text: Vec<u8>,
}

impl Dump {
    /// Dumps the schema that [`super::new_schema`] made.
    ///
    /// # Panics
    /// When it cannot be dumped.
    #[must_use]
    pub fn of(database: &Postgres) -> Self {
        let schema = database.address.rsplit("%3D").next().expect("the schema is in the address").to_owned();
        let mut dump = Programs::find().expect("PostgreSQL is installed").command("pg_dump");
        dump.args(["--no-owner", "--schema", &schema, "--dbname", &database.address]);
        let text = said("pg_dump", dump.stdin(Stdio::null()).output());
        Self { of: database.clone(), schema, text }
    }

    /// Brings it into a new database of the same server.
    ///
    /// # Panics
    /// When it cannot be brought in.
    pub async fn bring_elsewhere(&self) -> Postgres {
        let name: String = random::<8>().iter().map(|byte| format!("{byte:02x}")).collect();
        let name = format!("copy_{name}");
        run(&self.of, &format!("CREATE DATABASE {name}")).await;
        let (server, options) = self.of.address.split_once('?').expect("the schema is an option");
        let (server, _) = server.rsplit_once('/').expect("the address names a database");
        let copy = Postgres { address: format!("{server}/{name}?{options}"), roots: self.of.roots.clone() };
        self.bring_into(&copy);
        copy
    }

    /// The database is lost, and the dump is brought into its place.
    ///
    /// # Panics
    /// When it cannot be.
    pub async fn bring_back(&self) {
        run(&self.of, &format!("DROP SCHEMA {} CASCADE", self.schema)).await;
        self.bring_into(&self.of);
    }

    fn bring_into(&self, database: &Postgres) {
        let mut bring = Programs::find().expect("PostgreSQL is installed").command("psql");
        bring.args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--dbname", &database.address]);
        let bringing = bring.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut bringing = bringing.expect("psql starts");
        // What it complains of is told below.
        let written = bringing.stdin.take().expect("its input is ours").write_all(&self.text);
        said("psql", bringing.wait_with_output());
        written.expect("psql takes everything");
    }
}

async fn run(database: &Postgres, statement: &str) {
    let (client, connection) =
        tokio_postgres::connect(&database.address, NoTls).await.expect("the database answers");
    let running = tokio::spawn(connection);
    client.batch_execute(statement).await.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
    drop(client);
    running.await.expect("the connection ends").expect("without an error");
}

fn said(program: &str, output: std::io::Result<Output>) -> Vec<u8> {
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The files of a server at some moment, with what of its write-ahead log they need.
pub struct BaseBackup {
    programs: Programs,
    directory: TempDir,
}

impl Server {
    /// Takes a base backup while it runs, as whoever copies its disk does.
    ///
    /// # Errors
    /// What `pg_basebackup` said.
    pub fn base_backup(&self) -> Result<BaseBackup, String> {
        let programs = Programs::find()?;
        let directory = programs.directory_of_its_own()?;
        let mut backup: Command = programs.command("pg_basebackup");
        backup
            .args(["--host=127.0.0.1", "--username=clerestory", "--port", &self.port.to_string()])
            .args(["--wal-method=stream", "--checkpoint=fast", "--no-sync", "--pgdata"])
            .arg(directory.path().join("data"));
        let output = backup.output().map_err(|error| format!("pg_basebackup: {error}"))?;
        match output.status.success() {
            true => Ok(BaseBackup { programs, directory }),
            false => Err(format!("pg_basebackup: {}", String::from_utf8_lossy(&output.stderr))),
        }
    }
}

impl BaseBackup {
    /// Starts a server of its own over it, which recovers from the log in it.
    ///
    /// # Errors
    /// What the server said.
    pub async fn start(self) -> Result<Server, String> {
        Server::over(self.programs, self.directory, &[], None).await
    }
}

impl Server {
    /// The database that this server has under the address that another one had when it was copied.
    #[must_use]
    pub fn database_of(&self, original: &Postgres) -> Postgres {
        let options = original.address.split_once('?').map_or("", |(_, options)| options);
        Postgres { address: format!("{}?{options}", self.address), roots: None }
    }
}
