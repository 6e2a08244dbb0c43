//! The asking side: it starts the process, gives it the bytes, takes the answer, and ends it in any case.

use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::child::{DONE, HEAD, REFUSED, UNCONFINED, WORD};
use crate::{Bounds, ConfineError, Kind, film, frames, picture};

/// Confined processes at once at most.
const AT_ONCE: usize = 2;
/// How long somebody waits for room among them at most.
const PATIENCE: Duration = Duration::from_secs(20);
/// What a process says on its standard error is read up to here.
pub(crate) const COMPLAINT: u64 = 4096;
/// Characters of it that are told at most.
const LINE: usize = 200;
/// How the standard library says that there is no more memory.
const NO_MEMORY: &str = "memory allocation of ";

/// Runs work in processes of their own.
#[derive(Clone, Debug)]
pub struct Confined {
    pub(crate) program: PathBuf,
    room: Arc<Semaphore>,
    broken: Arc<AtomicU64>,
    /// The `ffmpeg` of this machine, where it has one.
    pub(crate) ffmpeg: Option<PathBuf>,
    pub(crate) films: Arc<Semaphore>,
    pub(crate) frames: Arc<Semaphore>,
}

/// What a process answered.
struct Answer {
    bytes: Vec<u8>,
    lacking: u8,
}

impl Confined {
    /// Work by the program at this path, whose `main` begins with [`crate::serve_if_asked`].
    #[must_use]
    pub fn by(program: PathBuf) -> Self {
        Self {
            program,
            room: Arc::new(Semaphore::new(AT_ONCE)),
            broken: Arc::default(),
            ffmpeg: None,
            films: Arc::new(Semaphore::new(film::AT_ONCE)),
            frames: Arc::new(Semaphore::new(frames::AT_ONCE)),
        }
    }

    /// The same with this program as its `ffmpeg`; none where there is none.
    #[must_use]
    pub fn with_ffmpeg(self, ffmpeg: Option<PathBuf>) -> Self {
        Self { ffmpeg, ..self }
    }

    /// Does the work on these bytes.
    ///
    /// # Errors
    /// [`ConfineError`].
    pub async fn run(&self, kind: Kind, input: Bytes) -> Result<Vec<u8>, ConfineError> {
        let done = self.answer(kind, input).await.map(|answer| answer.bytes);
        if let Err(error) = &done {
            self.note_broken(error);
        }
        done
    }

    /// How often, since the start, a process was broken by what it read: it tried what it may not, crashed, or answered
    /// something else. For whoever sent the bytes they are only ones that cannot be read.
    #[must_use]
    pub fn broken(&self) -> u64 {
        self.broken.load(Ordering::Relaxed)
    }

    pub(crate) fn note_broken(&self, error: &ConfineError) {
        if matches!(error, ConfineError::Forbidden | ConfineError::Crashed(_) | ConfineError::WrongAnswer) {
            self.broken.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(%error, "bytes from outside broke the confined process that read them");
        }
    }

    /// Does a small work, to see that it can be done at all, and says which layers the kernel lacks.
    ///
    /// # Errors
    /// [`ConfineError`].
    pub async fn check(&self) -> Result<Vec<&'static str>, ConfineError> {
        let answer = self.answer(Kind::Picture, Bytes::from_static(picture::ONE_PIXEL)).await?;
        Ok(lacking(answer.lacking))
    }

    async fn answer(&self, kind: Kind, input: Bytes) -> Result<Answer, ConfineError> {
        let bounds = kind.bounds();
        if input.len() > bounds.input {
            return Err(ConfineError::TooLarge(bounds.input));
        }
        let room = timeout(PATIENCE, Arc::clone(&self.room).acquire_owned()).await;
        let Ok(Ok(room)) = room else { return Err(ConfineError::Busy) };
        let (program, runtime) = (self.program.clone(), Handle::current());
        // On a thread that stays until it is over: the system ends a process with the thread that started it. And whoever
        // asked may stop waiting; the room is taken until the process is gone.
        let done = tokio::task::spawn_blocking(move || {
            let done = runtime.block_on(done(program, kind, &input));
            drop(room);
            done
        });
        done.await.map_err(std::io::Error::other)?
    }
}

#[cfg(target_os = "linux")]
fn lacking(bits: u8) -> Vec<&'static str> {
    if bits & crate::layers::NO_LANDLOCK == 0 { Vec::new() } else { vec!["Landlock"] }
}

#[cfg(not(target_os = "linux"))]
fn lacking(_bits: u8) -> Vec<&'static str> {
    Vec::new()
}

async fn done(program: PathBuf, kind: Kind, input: &[u8]) -> Result<Answer, ConfineError> {
    let bounds = kind.bounds();
    let mut child = Command::new(program)
        .args([WORD, kind.word(), &std::process::id().to_string()])
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    match timeout(bounds.time, speak(&mut child, input, &bounds)).await {
        Ok(answer) => answer,
        Err(_) => {
            child.kill().await?;
            Err(ConfineError::TimedOut)
        }
    }
}

async fn speak(child: &mut Child, input: &[u8], bounds: &Bounds) -> Result<Answer, ConfineError> {
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(mut stdin), Some(stdout), Some(stderr)) = pipes else { return Err(ConfineError::WrongAnswer) };
    let give = async move {
        // One that ends early does not read it all: how it ended says more.
        drop(stdin.write_all(input).await);
    };
    let most = (HEAD + bounds.answer) as u64 + 1;
    let take = async move {
        let mut answer = Vec::new();
        stdout.take(most).read_to_end(&mut answer).await.map(|_| answer)
    };
    let listen = async move {
        let mut complaint = Vec::new();
        stderr.take(COMPLAINT).read_to_end(&mut complaint).await.map(|_| complaint)
    };
    let ((), answer, complaint) = tokio::join!(give, take, listen);
    let (answer, complaint, status) = (answer?, complaint?, child.wait().await?);
    // One that is cut off here ends by that.
    if answer.len() as u64 == most {
        return Err(ConfineError::WrongAnswer);
    }
    if status.success() { read(&answer, bounds) } else { Err(why(status, &complaint)) }
}

fn read(answer: &[u8], bounds: &Bounds) -> Result<Answer, ConfineError> {
    let Some((&[tag, lacking, a, b, c, d], bytes)) = answer.split_first_chunk::<HEAD>() else {
        return Err(ConfineError::WrongAnswer);
    };
    let length = u32::from_be_bytes([a, b, c, d]) as usize;
    if length != bytes.len() || length > bounds.answer {
        return Err(ConfineError::WrongAnswer);
    }
    match tag {
        DONE => Ok(Answer { bytes: bytes.to_vec(), lacking }),
        REFUSED => Err(ConfineError::Refused(String::from_utf8_lossy(bytes).into_owned())),
        _ => Err(ConfineError::WrongAnswer),
    }
}

pub(crate) fn why(status: ExitStatus, complaint: &[u8]) -> ConfineError {
    // It may have been taken over by then: a line, and nothing that a terminal would obey.
    let said = String::from_utf8_lossy(complaint);
    let said = said.trim().lines().next().unwrap_or_default();
    let said: String =
        said.chars().filter(|char| char.is_ascii_graphic() || *char == ' ').take(LINE).collect();
    match status.signal() {
        Some(libc::SIGSYS) => ConfineError::Forbidden,
        Some(libc::SIGXCPU) => ConfineError::TimedOut,
        // Nobody here sends this one: the machine itself has no more memory.
        Some(libc::SIGKILL) => ConfineError::OutOfMemory,
        _ if said.starts_with(NO_MEMORY) => ConfineError::OutOfMemory,
        _ if status.code() == Some(UNCONFINED.into()) => ConfineError::Unconfined(said),
        _ => ConfineError::Crashed(status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(answer: &[u8]) -> Result<Vec<u8>, String> {
        let read = read(answer, &Kind::Trial.bounds());
        read.map(|answer| answer.bytes).map_err(|error| error.to_string())
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_are_at_work_than_may_be_and_whoever_waits_is_told() {
        let confined = Confined::by("/nowhere/at/all".into());
        let all = u32::try_from(AT_ONCE).unwrap();
        let taken = confined.room.acquire_many(all).await.unwrap();
        let waited = confined.run(Kind::Trial, Bytes::new()).await;
        assert!(matches!(waited, Err(ConfineError::Busy)), "{waited:?}");
        drop(taken);
        let tried = confined.run(Kind::Trial, Bytes::new()).await;
        assert!(matches!(tried, Err(ConfineError::Start(_))), "{tried:?}");
        assert_eq!(confined.room.available_permits(), AT_ONCE);
    }

    #[test]
    fn an_answer_is_exactly_what_it_says_it_is() {
        assert_eq!(told(b"+\0\0\0\0\x02ab"), Ok(b"ab".to_vec()));
        assert_eq!(told(b"-\0\0\0\0\x03why"), Err("the input cannot be used: why".to_owned()));
        let none = ConfineError::WrongAnswer.to_string();
        let long = [b"+\0\0\0\xff\xff".as_slice(), &[0; 0xffff]].concat();
        for wrong in
            [b"".as_slice(), b"+\0\0\0", b"+\0\0\0\0\x02a", b"+\0\0\0\0\x02abc", b"*\0\0\0\0\x00", &long]
        {
            assert_eq!(told(wrong), Err(none.clone()), "{:?}", wrong.get(..8));
        }
    }
}
