//! `verify receipt`: without the installation, with and without a key that is trusted.

use crate::rig::{Rig, Served};

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_is_checked_without_the_installation_and_an_altered_one_is_refused() {
    let rig = Rig::over(None).await;
    let (organisation, recording) = (rig.organisation.as_str(), rig.recording.as_str());
    rig.run(&["admin", "erase", "--organisation", organisation, "--recording", recording]).ok();
    let mut served = Served::start(&rig).await;
    let told = rig.verified().await;
    served.end();
    let line = told.lines().find(|line| line.trim().starts_with('{')).unwrap().trim();
    let key = told.lines().find_map(|line| line.strip_prefix("Receipts are signed with ")).unwrap();

    // Somewhere else, where there is nothing of the installation.
    let elsewhere = Rig::empty(tempfile::tempdir().unwrap(), Vec::new());
    let write = |name: &str, text: &str| {
        let path = elsewhere.path(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let receipt = write("receipt.json", line);
    let said = elsewhere.run(&["verify", "receipt", &receipt, "--key", key]).ok();
    assert!(said.contains(recording) && said.contains("the key that you trust"), "{said}");
    let said = elsewhere.run(&["verify", "receipt", &receipt]).ok();
    assert!(said.contains(key) && said.contains("Compare"), "{said}");

    let of_the_api = write("erasure.json", &format!("{{\"id\":\"era\",\"receipt\":{line}}}"));
    elsewhere.run(&["verify", "receipt", &of_the_api, "--key", key]).ok();
    let other = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    elsewhere.run(&["verify", "receipt", &receipt, "--key", other]).refused("another key");
    let altered = write("altered.json", &line.replacen("one-disk", "custodian", 1));
    assert_ne!(std::fs::read_to_string(&altered).unwrap(), line);
    elsewhere.run(&["verify", "receipt", &altered]).refused("altered the receipt");
    let unfinished = write("unfinished.json", "{\"receipt\":null}");
    elsewhere.run(&["verify", "receipt", &unfinished]).refused("no receipt yet");
    elsewhere.run(&["verify", "receipt", &write("text", "words")]).refused("no JSON");
}
