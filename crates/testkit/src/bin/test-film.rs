//! Is started in the place of `ffmpeg` by tests, and does what a decoder would that was taken over: what its own name says.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::os::unix::process::parent_id;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;
use std::{env, hint, process, thread};

/// It was started by itself, and has nothing to do but to end.
const AGAIN: &str = "again";
/// Between two sips of one that reads slowly.
const SIP: Duration = Duration::from_millis(10);

fn main() -> ExitCode {
    let own = PathBuf::from(env::args_os().next().unwrap_or_default());
    if env::args_os().nth(1).is_some_and(|word| word == AGAIN) {
        return ExitCode::SUCCESS;
    }
    let named = own.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    match named {
        "hangs" => loop {
            thread::park();
        },
        "spins" => loop {
            hint::spin_loop();
        },
        "babbles" => said(&[b"<html>".as_slice(), &[b'x'; 100_000]].concat()),
        "fails" => ExitCode::from(3),
        "connects" => reached("a connection", TcpStream::connect("127.0.0.1:1").map(drop)),
        "asks" => reached("the network", UdpSocket::bind("127.0.0.1:0").map(drop)),
        "takes" => {
            let mut held = Vec::new();
            loop {
                held.push(hint::black_box(vec![0_u8; 64 * 1024 * 1024]));
            }
        }
        "reads" => everything(&own),
        "draws" => drawn(),
        "films" => filmed(|| ()),
        "drips" => filmed(|| thread::sleep(SIP)),
        _ => {
            drop(io::copy(&mut io::stdin().lock(), &mut io::sink()));
            ExitCode::SUCCESS
        }
    }
}

/// What a decoder gives of a stream of pictures (RFC 9559) that are all red: as many pixels of as many pictures as it was
/// asked for.
fn drawn() -> ExitCode {
    let size = env::args().find_map(|word| {
        let (width, rest) = word.strip_prefix("scale=")?.split_once(':')?;
        let height = rest.split(':').next()?;
        Some(width.parse::<usize>().ok()? * height.parse::<usize>().ok()?)
    });
    let mut stream = Vec::new();
    if io::stdin().lock().read_to_end(&mut stream).is_err() {
        return ExitCode::FAILURE;
    }
    // Each picture is in a cluster of its own.
    let pictures = stream.windows(4).filter(|id| *id == [0x1f, 0x43, 0xb6, 0x75]).count();
    said(&[255, 0, 0].repeat(size.unwrap_or_default() * pictures))
}

/// A film of one fragment (ISO/IEC 14496-12), of which nobody ever saw a picture: its head at once, the fragment when all
/// that came in is read, `between` each few bytes of it.
fn filmed(between: impl Fn()) -> ExitCode {
    let tkhd = [&[0; 12][..], &1_u32.to_be_bytes(), &[0; 68]].concat();
    let mdhd = [&[0; 12][..], &90_000_u32.to_be_bytes(), &[0; 8]].concat();
    let mdia = boxed(b"mdia", &boxed(b"mdhd", &mdhd));
    let moov = boxed(b"moov", &boxed(b"trak", &[boxed(b"tkhd", &tkhd), mdia].concat()));
    let head = said(&[boxed(b"ftyp", b"iso6"), moov].concat());
    let mut few = [0; 1024];
    while io::stdin().lock().read(&mut few).is_ok_and(|length| length > 0) {
        between();
    }
    let tfhd = boxed(b"tfhd", &[&[0; 4][..], &1_u32.to_be_bytes()].concat());
    let tfdt = boxed(b"tfdt", &[&[1, 0, 0, 0][..], &[0; 8]].concat());
    let traf = boxed(b"traf", &[tfhd, tfdt].concat());
    let moof = boxed(b"moof", &[boxed(b"mfhd", &[0; 8]), traf].concat());
    let fragment = said(&[moof, boxed(b"mdat", b"pictures")].concat());
    if head == ExitCode::SUCCESS { fragment } else { head }
}

fn boxed(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len() + 8).unwrap_or_default();
    [&length.to_be_bytes()[..], name, content].concat()
}

/// Tries whatever lies in reach, and says what of it worked.
fn everything(own: &Path) -> ExitCode {
    let beside = |name: &str| own.with_file_name(name);
    let asker = format!("/proc/{}/environ", parent_id());
    let mut text = String::new();
    let tried = [
        ("the file beside it", File::open(beside("secret")).map(drop)),
        ("a file of the system", File::open("/etc/passwd").map(drop)),
        ("its own process", File::open("/proc/self/environ").map(drop)),
        ("whoever asked", File::open(asker).map(drop)),
        ("a folder", fs::read_dir("/usr/lib").map(drop)),
        ("a new file", File::create(beside("made")).map(drop)),
        ("a file in /tmp", File::create("/tmp/clerestory-film").map(drop)),
        ("its own end", fs::remove_file(own)),
        ("a program", Command::new("/bin/true").spawn().map(drop)),
        ("itself as another process", Command::new(own).arg(AGAIN).spawn().map(drop)),
        (
            "a file that was left open",
            File::open("/dev/fd/3").and_then(|mut file| file.read_to_string(&mut text)).map(drop),
        ),
    ];
    let mut worked: Vec<&str> =
        tried.into_iter().filter_map(|(what, tried)| tried.is_ok().then_some(what)).collect();
    if env::vars_os().any(|(name, _)| name != "MALLOC_ARENA_MAX") {
        worked.push("the environment");
    }
    said(format!("{} reached: {}", process::id(), worked.join(", ")).as_bytes())
}

fn said(bytes: &[u8]) -> ExitCode {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn reached(what: &str, tried: io::Result<()>) -> ExitCode {
    match tried {
        Ok(()) => said(what.as_bytes()),
        Err(_) => ExitCode::from(4),
    }
}
