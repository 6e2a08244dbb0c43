//! The web parts are embedded: a new build of one of them is a new build of this crate.

use std::path::Path;

fn main() {
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web");
    for part in ["console", "capture", "player", "demo-shop"] {
        let dist = web.join(part).join("dist");
        println!("cargo:rerun-if-changed={}", dist.display());
        // A checkout whose web parts are not built yet still compiles: it serves a page that says so.
        if let Err(error) = std::fs::create_dir_all(&dist) {
            println!("cargo:warning=cannot make {}: {error}", dist.display());
        }
    }
}
