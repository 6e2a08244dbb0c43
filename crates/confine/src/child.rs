//! The confined side: it gives up everything, then reads, works, answers and ends.

use std::env::ArgsOs;
use std::io::{self, Read, Write};
use std::iter::Skip;
use std::panic;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::film::Work;
use crate::{Kind, Refusal};

/// The first argument of a process that is to be confined. The kind of work follows, and the id of whoever asks.
pub(crate) const WORD: &str = "confined";
/// It was not confined and has read nothing; why stands on its standard error.
pub(crate) const UNCONFINED: u8 = 70;
/// The work panicked.
const PANICKED: u8 = 71;
/// The answer could not be given.
const UNHEARD: u8 = 72;

/// An answer, and a refusal.
pub(crate) const DONE: u8 = b'+';
pub(crate) const REFUSED: u8 = b'-';
/// What stands before the bytes of either: which of the two it is, which layers the kernel lacks, how many bytes follow.
pub(crate) const HEAD: usize = 6;

/// Does confined work, if that is what this process was started for. To be called first thing in `main`, while there is
/// one thread.
pub fn serve_if_asked() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    (arguments.next()? == WORD).then(|| serve(arguments))
}

fn serve(mut arguments: Skip<ArgsOs>) -> ExitCode {
    let mut word = || arguments.next().and_then(|word| word.into_string().ok());
    let word_of_kind = word();
    if let Some(work) = word_of_kind.as_deref().and_then(Work::of) {
        return foreign(work, arguments);
    }
    let kind = word_of_kind.and_then(|word| Kind::ALL.into_iter().find(|kind| kind.word() == word));
    let asker = word().and_then(|id| id.parse().ok());
    let (Some(kind), Some(asker)) = (kind, asker) else {
        eprintln!("this is for the server's own use: it names the work and itself");
        return ExitCode::from(UNCONFINED);
    };
    let lacking = match confine(kind, asker) {
        Ok(lacking) => lacking,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::from(UNCONFINED);
        }
    };
    panic::set_hook(Box::new(|_| ()));
    let done = panic::catch_unwind(|| {
        let mut input = Vec::new();
        // One byte more than there may be shows that there are more.
        let most = kind.bounds().input as u64 + 1;
        io::stdin().lock().take(most).read_to_end(&mut input).map(|_| kind.work(&input))
    });
    match done {
        Err(_) => ExitCode::from(PANICKED),
        Ok(Err(_)) => ExitCode::from(UNHEARD),
        Ok(Ok(done)) => match answer(lacking, done) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::from(UNHEARD),
        },
    }
}

/// Becomes a program that is not ours: who asks, where it lies, and what it is told follow.
fn foreign(work: Work, mut arguments: Skip<ArgsOs>) -> ExitCode {
    let asker = arguments.next().and_then(|id| id.into_string().ok()).and_then(|id| id.parse().ok());
    let program = arguments.next().map(PathBuf::from).filter(|program| program.is_absolute());
    let (Some(asker), Some(program)) = (asker, program) else {
        eprintln!("this is for the server's own use: it names the work, itself and a program");
        return ExitCode::from(UNCONFINED);
    };
    eprintln!("{}", become_program(work, asker, &program, arguments));
    ExitCode::from(UNCONFINED)
}

#[cfg(target_os = "linux")]
fn become_program(work: Work, asker: u32, program: &Path, arguments: Skip<ArgsOs>) -> String {
    crate::program::become_program(&work.bounds(), asker, program, arguments)
}

#[cfg(not(target_os = "linux"))]
fn become_program(_work: Work, _asker: u32, _program: &Path, _arguments: Skip<ArgsOs>) -> String {
    "this system has none of what confines a process; run Clerestory on Linux".to_owned()
}

#[cfg(target_os = "linux")]
fn confine(kind: Kind, asker: u32) -> Result<u8, String> {
    crate::layers::confine(&kind.bounds(), asker)
}

#[cfg(not(target_os = "linux"))]
fn confine(_kind: Kind, _asker: u32) -> Result<u8, String> {
    Err("this system has none of what confines a process; run Clerestory on Linux".to_owned())
}

fn answer(lacking: u8, done: Result<Vec<u8>, Refusal>) -> io::Result<()> {
    let (tag, bytes) = match done {
        Ok(bytes) => (DONE, bytes),
        Err(why) => (REFUSED, why.as_bytes().to_vec()),
    };
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    let mut out = io::stdout().lock();
    out.write_all(&[tag, lacking])?;
    out.write_all(&length.to_be_bytes())?;
    out.write_all(&bytes)?;
    out.flush()
}
