//! The registry of settings is neither more nor less than what the program reads and the handbook says.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clerestory_access::Matrix;
use clerestory_settings::tree::{Registry, Setting};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn registry() -> Registry {
    Registry::built_in(Matrix::built_in().unwrap().allows())
}

/// Every source file of the program but the registry's own crate.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_setting_is_read_by_something() {
    let mut texts = vec![std::fs::read_to_string(root().join("policies/matrix.toml")).unwrap()];
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root().join("crates")).unwrap() {
        let folder = entry.unwrap().path();
        if !["settings", "testkit"].iter().any(|name| folder.ends_with(name)) {
            sources(&folder.join("src"), &mut found);
        }
    }
    texts.extend(found.iter().map(|path| std::fs::read_to_string(path).unwrap()));
    let named = |setting: &Setting| texts.iter().any(|text| text.contains(&format!("\"{}\"", setting.key)));
    let unread: Vec<_> =
        registry().all().filter(|setting| !named(setting)).map(|one| one.key.to_string()).collect();
    assert_eq!(unread, Vec::<String>::new(), "nothing reads these settings: they promise what nobody keeps");
}

/// A row of the handbook's table.
fn row(setting: &Setting) -> String {
    let levels: Vec<&str> = setting.levels.iter().map(|level| level.word()).collect();
    format!(
        "| `{}` | {} | {} | {} | {} | {} |",
        setting.key,
        setting.kind.describe(),
        setting.default,
        levels.join(", "),
        setting.merge.word(),
        setting.note
    )
}

#[test]
fn the_handbook_lists_exactly_the_settings_there_are() {
    let text = std::fs::read_to_string(root().join("docs/handbook/settings.md")).unwrap();
    let found: BTreeSet<&str> = text.lines().filter(|line| line.starts_with("| `")).collect();
    let rows: Vec<String> = registry().all().map(row).collect();
    let wanted: BTreeSet<&str> = rows.iter().map(String::as_str).collect();
    assert_eq!(found, wanted, "the table of docs/handbook/settings.md should be:\n{}", rows.join("\n"));
}
