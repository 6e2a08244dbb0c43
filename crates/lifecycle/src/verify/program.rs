//! Starting a verifier as another process, and taking what it says.
//!
//! It is this program once more, told where the installation is and nothing of the root: its environment holds what it is
//! given here and no more. It is bounded in time and in what it may say, and it ends when the server does, because its
//! standard input does.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use clerestory_model::ErasureId;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::Report;

/// How long it may look: an organisation may have a million recordings.
const LONGEST: Duration = Duration::from_secs(30 * 60);
/// Bytes that it may say at most: a report names every key.
const MOST_SAID: u64 = 256 * 1024 * 1024;
/// Bytes that are read of what it says on its standard error.
const COMPLAINT: u64 = 4096;
/// The exit status of one that found something.
const FOUND: i32 = 1;

/// The program that verifies, and what it is told.
#[derive(Clone)]
pub struct VerifierProgram {
    program: PathBuf,
    environment: Vec<(String, OsString)>,
}

/// Why a verifier said nothing that counts. The erasure waits, and is tried again.
#[derive(Debug, thiserror::Error)]
pub enum VerifierError {
    /// It could not be started or listened to.
    #[error("the verifier cannot be started")]
    Start(#[from] std::io::Error),
    /// It took too long.
    #[error("the verifier took longer than half an hour and was ended")]
    TimedOut,
    /// It ended without having looked at everything.
    #[error("the verifier ended without an answer ({status}): {said}")]
    Ended {
        /// How.
        status: ExitStatus,
        /// The first line of what it said.
        said: String,
    },
    /// It said something that is no report of this erasure.
    #[error("the verifier gave no answer that can be read")]
    WrongAnswer,
}

impl VerifierProgram {
    /// The program at this path, with this environment and no other: it names where the database and the objects are.
    #[must_use]
    pub fn new(program: PathBuf, environment: Vec<(String, OsString)>) -> Self {
        Self { program, environment }
    }

    /// Lets it look at an erasure.
    ///
    /// # Errors
    /// [`VerifierError`]: nothing is known of the erasure then.
    pub async fn look(&self, id: ErasureId) -> Result<Report, VerifierError> {
        let mut child = Command::new(&self.program)
            .args(["verify", "erasure", &id.to_string(), "--json", "--asked"])
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        match timeout(LONGEST, listen(&mut child)).await {
            Ok(heard) => read(id, heard?),
            Err(_) => {
                child.kill().await?;
                Err(VerifierError::TimedOut)
            }
        }
    }
}

/// What a process said, and how it ended.
struct Heard {
    answer: Vec<u8>,
    complaint: Vec<u8>,
    status: ExitStatus,
}

async fn listen(child: &mut Child) -> Result<Heard, VerifierError> {
    let (Some(stdin), Some(stdout), Some(stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(VerifierError::WrongAnswer);
    };
    let take = async move {
        let mut answer = Vec::new();
        stdout.take(MOST_SAID).read_to_end(&mut answer).await.map(|_| answer)
    };
    let hear = async move {
        let mut complaint = Vec::new();
        stderr.take(COMPLAINT).read_to_end(&mut complaint).await.map(|_| complaint)
    };
    let (answer, complaint) = tokio::join!(take, hear);
    let status = child.wait().await?;
    // Held until it has ended: it ends when this does.
    drop(stdin);
    Ok(Heard { answer: answer?, complaint: complaint?, status })
}

/// A report counts where the process has come to its end and the status says the same: one that was killed after it wrote
/// has not.
fn read(id: ErasureId, heard: Heard) -> Result<Report, VerifierError> {
    let Heard { answer, complaint, status } = heard;
    if !status.success() && status.code() != Some(FOUND) {
        let said = String::from_utf8_lossy(&complaint);
        let said = said.trim().lines().next().unwrap_or_default().to_owned();
        return Err(VerifierError::Ended { status, said });
    }
    let report: Report = serde_json::from_slice(&answer).map_err(|_| VerifierError::WrongAnswer)?;
    if report.erasure != id || report.is_clean() != status.success() {
        return Err(VerifierError::WrongAnswer);
    }
    Ok(report)
}
