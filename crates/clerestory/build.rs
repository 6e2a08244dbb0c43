//! The demo's recorded sessions are embedded: a new recording of them is a new build of this crate.

fn main() {
    println!("cargo:rerun-if-changed=../../fixtures/sessions");
}
