//! Compiles the recorder that the crash tests preload into the real server.

use std::path::PathBuf;

fn main() {
    const SOURCE: &str = "src/disk/recorder.c";
    println!("cargo:rerun-if-changed={SOURCE}");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("Cargo says where to build"));
    let library = out.join("librecorder.so");
    let compiler = cc::Build::new().opt_level(2).warnings(true).extra_warnings(true).get_compiler();
    let status =
        compiler.to_command().args(["-shared", "-fPIC", "-Werror", SOURCE, "-o"]).arg(&library).status();
    assert!(
        status.as_ref().is_ok_and(std::process::ExitStatus::success),
        "{SOURCE} does not compile: {status:?}"
    );
    println!("cargo:rustc-env=CLERESTORY_RECORDER={}", library.display());
}
