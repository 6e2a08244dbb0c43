//! The program that ships does confined work itself, and for nobody who asks wrongly.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::process::Command;

use clerestory_confine::Confined;

const PROGRAM: &str = env!("CARGO_BIN_EXE_clerestory");

#[tokio::test]
async fn the_program_decodes_a_picture_in_a_process_of_its_own() {
    let lacking = Confined::by(PROGRAM.into()).check().await.unwrap();
    // Whether there is Landlock is the machine's to say; all else must be there.
    assert!(lacking.is_empty() || lacking == ["Landlock"], "{lacking:?}");
}

#[test]
fn by_hand_it_does_nothing() {
    for arguments in [&["confined"][..], &["confined", "picture"], &["confined", "picture", "1"]] {
        let done = Command::new(PROGRAM).args(arguments).output().unwrap();
        assert_eq!(done.status.code(), Some(70), "{arguments:?}");
        assert!(done.stdout.is_empty() && !done.stderr.is_empty());
    }
}
