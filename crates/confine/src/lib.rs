//! Work on hostile bytes, in a process that may do nothing else.
//!
//! [`Confined::run`] starts the same program once more, gives it the bytes and takes its answer. That process has no
//! keys and nothing of the environment; before it reads a byte it gives up files, connections, other processes and all
//! but a little memory and time, by limits, Landlock and a filter of system calls that ends it at the first one it has
//! no use for. Whatever becomes of it, the caller gets an error that says what, and goes on.
//!
//! [`Confined::film`] and [`Confined::frames`] do the same for a program that is not ours, `ffmpeg`: the process gives up
//! what it can before it becomes that program.
//!
//! What comes back was made by whoever sent the bytes, as far as anybody knows: it is checked again like any input.
//!
//! On other systems than Linux there is nothing to confine by, and every work is refused.

mod child;
mod film;
mod frames;
#[cfg(target_os = "linux")]
mod layers;
mod parent;
pub mod picture;
#[cfg(target_os = "linux")]
mod program;
mod trial;

use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

pub use child::serve_if_asked;
pub use film::{Film, FilmPlace, find_ffmpeg};
pub use frames::Frames;
pub use parent::Confined;

/// The kinds of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// [`picture`].
    Picture,
    /// Tries what must not work, for the tests of this crate: the input is the name of what is tried.
    Trial,
}

/// What a kind of work may use.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes of input at most.
    pub input: usize,
    /// Bytes of an answer at most.
    pub answer: usize,
    /// Bytes of memory at most, the program itself among them.
    pub memory: u64,
    /// Seconds of the processor at most.
    pub processor: u64,
    /// From the start to the end at most.
    pub time: Duration,
}

impl Kind {
    pub(crate) const ALL: [Self; 2] = [Self::Picture, Self::Trial];

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Picture => "picture",
            Self::Trial => "trial",
        }
    }

    /// A picture of 40 megapixels decodes within these in a second or two; a trial ends soon.
    #[must_use]
    pub const fn bounds(self) -> Bounds {
        match self {
            Self::Picture => Bounds {
                input: picture::MOST_BYTES,
                answer: 2 * picture::MOST_KEPT + 8,
                memory: 768 * 1024 * 1024,
                processor: 10,
                time: Duration::from_secs(20),
            },
            Self::Trial => Bounds {
                input: 64,
                answer: 1024,
                memory: 768 * 1024 * 1024,
                processor: 1,
                time: Duration::from_secs(5),
            },
        }
    }

    pub(crate) fn work(self, input: &[u8]) -> Result<Vec<u8>, Refusal> {
        match self {
            Self::Picture => picture::work(input),
            Self::Trial => trial::work(input),
        }
    }
}

/// Why the work was not done on this input: a word that the kind of work knows.
pub(crate) type Refusal = &'static str;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ConfineError {
    /// The work says that this input is not for it, and why, in a word of its own.
    #[error("the input cannot be used: {0}")]
    Refused(String),
    /// There is more input than the work takes.
    #[error("the input has more than {0} bytes")]
    TooLarge(usize),
    /// As many as may be are at work, and were for a while.
    #[error("too many are at work already")]
    Busy,
    /// It took too long, by the clock or of the processor.
    #[error("the confined process took too long and was ended")]
    TimedOut,
    /// It wanted more memory than it may have.
    #[error("the confined process wanted more memory than it may have")]
    OutOfMemory,
    /// It asked the system for something it has no use for, and was ended for it.
    #[error("the confined process tried what it may not, and was ended")]
    Forbidden,
    /// It ended otherwise than by an answer.
    #[error("the confined process crashed ({0})")]
    Crashed(ExitStatus),
    /// It said something that is no answer.
    #[error("the confined process gave no answer that can be read")]
    WrongAnswer,
    /// The machine has no `ffmpeg`.
    #[error("ffmpeg is not installed")]
    NoFfmpeg,
    /// There is no program where the `ffmpeg` is said to lie.
    #[error("there is no program at {0}")]
    NoProgram(PathBuf),
    /// The system lacks what confines it, so it read nothing.
    #[error("the process cannot be confined: {0}")]
    Unconfined(String),
    /// It could not be started or spoken to.
    #[error("the confined process cannot be started")]
    Start(#[from] std::io::Error),
}
