use super::*;

/// A repository with the given manifests and sources, removed when dropped.
struct Example(PathBuf);

impl Example {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let root = std::env::temp_dir().join(format!("xtask-arrows-{}-{name}", std::process::id()));
        for (path, text) in files {
            place::write(&root.join("crates").join(path), text.as_bytes()).unwrap();
        }
        Self(root)
    }

    fn complaint(&self) -> String {
        check(&self.0).unwrap_err().0
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        // A folder left behind in the temporary folder harms nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const NOTHING: &str = "[package]\nname = \"x\"\n[dependencies]\n";

#[test]
fn the_repository_holds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    if let Err(Failure(text)) = check(root) {
        panic!("{text}");
    }
}

#[test]
fn a_downward_arrow_is_refused() {
    let example = Example::new(
        "down",
        &[
            ("store/Cargo.toml", "[dependencies]\nclerestory-vault.workspace = true\n"),
            ("vault/Cargo.toml", NOTHING),
        ],
    );
    assert!(example.complaint().contains("crates/store uses vault, which stands below it"));
}

#[test]
fn siblings_strangers_and_the_last_row_are_refused() {
    let example = Example::new(
        "siblings",
        &[
            ("intake/Cargo.toml", "[dependencies]\nclerestory-playback = { path = \"../playback\" }\n"),
            ("playback/Cargo.toml", "[dependencies.clerestory-drawer]\npath = \"../drawer\"\n"),
            ("drawer/Cargo.toml", NOTHING),
            (
                "clerestory/Cargo.toml",
                "[dependencies]\nkit = { package = \"clerestory-testkit\", path = \"x\" }\n",
            ),
            ("http/Cargo.toml", "[target.'cfg(unix)'.dependencies]\nclerestory-model.workspace = true\n"),
        ],
    );
    let complaint = example.complaint();
    for part in [
        "crates/intake uses playback, which stands beside it",
        "crates/playback uses drawer, which has no place",
        "crates/drawer has no place",
        "crates/clerestory uses testkit, which is for tests",
        "crates/http uses model, but must know none",
    ] {
        assert!(complaint.contains(part), "{part:?} is missing in:\n{complaint}");
    }
}

#[test]
fn upward_arrows_and_test_dependencies_are_fine() {
    let example = Example::new(
        "fine",
        &[
            (
                "store/Cargo.toml",
                "[dependencies]\nclerestory-model.workspace = true # not clerestory-vault\n\
                 [dev-dependencies]\nclerestory-testkit.workspace = true\n",
            ),
            ("model/Cargo.toml", NOTHING),
        ],
    );
    assert_eq!(check(&example.0).unwrap(), "2 crates, 1 arrows");
}

#[test]
fn only_three_crates_may_open_keys() {
    let keys = "[dependencies]\nclerestory-keys.workspace = true\n";
    for (name, source) in [
        ("plain", "use clerestory_keys::unwrapping::open;\n"),
        ("braces", "use clerestory_keys::{Root, unwrapping as u};\n"),
        ("renamed", "use clerestory_keys as k;\nfn f() { k::unwrapping::open(); }\n"),
        ("after-a-comment", "/* a /* b */ c */ use clerestory_keys::unwrapping;\n"),
        ("after-a-string", "const A: &str = \"// \\\"\"; use clerestory_keys::unwrapping;\n"),
    ] {
        let example =
            Example::new(name, &[("playback/Cargo.toml", keys), ("playback/src/deep/play.rs", source)]);
        let complaint = example.complaint();
        assert!(complaint.contains("play.rs names clerestory_keys::unwrapping"), "{name}: {complaint}");
    }
    let allowed = [
        ("vault/Cargo.toml", keys),
        ("vault/src/lib.rs", "use clerestory_keys::unwrapping;\n"),
        ("playback/Cargo.toml", keys),
        ("playback/src/lib.rs", "// never clerestory_keys::unwrapping\nfn unwrapping_is_elsewhere() {}\n"),
    ];
    assert!(check(&Example::new("allowed", &allowed).0).is_ok());
}

#[test]
fn tests_may_not_open_keys_either() {
    let example = Example::new(
        "tests",
        &[
            ("intake/Cargo.toml", "[dev-dependencies]\nclerestory-keys.workspace = true\n"),
            ("intake/tests/story.rs", "use clerestory_keys::unwrapping;\n"),
        ],
    );
    assert!(example.complaint().contains("story.rs"));
}

#[test]
fn keys_may_not_export_around_its_module() {
    let example = Example::new(
        "export",
        &[
            ("keys/Cargo.toml", NOTHING),
            ("keys/src/lib.rs", "pub mod unwrapping;\npub use unwrapping::open;\n"),
        ],
    );
    assert!(example.complaint().contains("exports from its unwrapping module"));
    let example = Example::new(
        "no-export",
        &[("keys/Cargo.toml", NOTHING), ("keys/src/lib.rs", "pub mod unwrapping;\npub use ring::Ring;\n")],
    );
    assert!(check(&example.0).is_ok());
}
