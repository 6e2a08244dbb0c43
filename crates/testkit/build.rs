//! Compiles what is written in C: the recorder that the crash tests preload into the real server, and a program that asks
//! the system by hand for what a decoder that was taken over would.

use std::path::PathBuf;

fn main() {
    let library = compiled("src/disk/recorder.c", &["-shared", "-fPIC"], "librecorder.so");
    println!("cargo:rustc-env=CLERESTORY_RECORDER={}", library.display());
    let program = compiled("src/film/calls.c", &[], "film-calls");
    println!("cargo:rustc-env=CLERESTORY_FILM_CALLS={}", program.display());
}

fn compiled(source: &str, how: &[&str], name: &str) -> PathBuf {
    println!("cargo:rerun-if-changed={source}");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("Cargo says where to build")).join(name);
    let compiler = cc::Build::new().opt_level(2).warnings(true).extra_warnings(true).get_compiler();
    let status = compiler.to_command().args(how).args(["-Werror", source, "-o"]).arg(&out).status();
    assert!(
        status.as_ref().is_ok_and(std::process::ExitStatus::success),
        "{source} does not compile: {status:?}"
    );
    out
}
