//! What must not work, tried: for tests, which ask for it by name. Whoever could ask for these could ask for any work.

use std::fs::File;
use std::io::Write;
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::{env, io, thread};

use crate::Refusal;

pub(crate) fn work(input: &[u8]) -> Result<Vec<u8>, Refusal> {
    let done = |tried: io::Result<()>| match tried {
        Ok(()) => Ok(b"it worked".to_vec()),
        Err(_) => Err("it was refused"),
    };
    match input {
        b"environment" => {
            let names = env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
            Ok(names.collect::<Vec<_>>().join(" ").into_bytes())
        }
        b"open" => done(File::open("/proc/self/status").map(drop)),
        b"make" => done(File::create("/tmp/clerestory-confined").map(drop)),
        b"list" => done(std::fs::read_dir("/").map(drop)),
        b"internet" => done(UdpSocket::bind("127.0.0.1:0").map(drop)),
        b"socket" => done(UnixDatagram::unbound().map(drop)),
        b"thread" => done(thread::Builder::new().spawn(|| ()).map(drop)),
        b"program" => done(Command::new("/bin/true").spawn().map(drop)),
        b"hang" => loop {
            thread::park();
        },
        b"spin" => loop {
            std::hint::spin_loop();
        },
        b"memory" => {
            let mut held = Vec::new();
            loop {
                // Taken and not written to: on a machine whose memory is full of files that would take its time first.
                held.push(std::hint::black_box(vec![0_u8; 64 * 1024 * 1024]));
            }
        }
        b"panic" => std::panic::panic_any("on purpose"),
        b"abort" => std::process::abort(),
        b"garbage" => {
            drop(io::stdout().write_all(b"<html>"));
            Ok(b"and an answer".to_vec())
        }
        b"flood" => Ok(vec![b'x'; 1024 * 1024]),
        _ => Err("it is not known"),
    }
}
