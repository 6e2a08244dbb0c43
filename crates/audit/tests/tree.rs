//! Roots and proofs against two other implementations: the recursive definitions of RFC 6962 here, and a Python script
//! that shares no code.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::io::Write;
use std::process::{Command, Stdio};

use clerestory_audit::ledger::{
    Growing, Hash, Span, consistency_spans, fold, inclusion_spans, leaf_hash, node_hash, verify_consistency,
    verify_inclusion,
};
use proptest::prelude::*;

/// RFC 6962, section 2.1: MTH(D[n]).
fn mth(leaves: &[Vec<u8>]) -> Hash {
    match leaves {
        [] => clerestory_seal::sha256(&[]),
        [one] => clerestory_seal::sha256(&[&[0], one.as_slice()].concat()),
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            clerestory_seal::sha256(&[&[1], mth(left).as_slice(), &mth(right)].concat())
        }
    }
}

fn split(n: usize) -> usize {
    n.next_power_of_two() / 2
}

/// Section 2.1.1: PATH(m, D[n]).
fn path(m: usize, leaves: &[Vec<u8>]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut found, beside) =
        if m < k { (path(m, left), mth(right)) } else { (path(m - k, right), mth(left)) };
    found.push(beside);
    found
}

/// Section 2.1.2: SUBPROOF(m, D[n], b).
fn subproof(m: usize, leaves: &[Vec<u8>], known: bool) -> Vec<Hash> {
    if m == leaves.len() {
        return if known { Vec::new() } else { vec![mth(leaves)] };
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut found, beside) = if m <= k {
        (subproof(m, left, known), mth(right))
    } else {
        (subproof(m - k, right, false), mth(left))
    };
    found.push(beside);
    found
}

/// What the product makes of spans, with complete subtrees computed from their leaves.
fn hashes(spans: &[Span], leaves: &[Vec<u8>]) -> Vec<Hash> {
    let node = |node: &clerestory_audit::ledger::Node| {
        let mut growing = Growing::default();
        for leaf in node.index << node.level..(node.index + 1) << node.level {
            growing.push(leaf_hash(&leaves[usize::try_from(leaf).unwrap()]));
        }
        growing.root()
    };
    spans.iter().map(|span| fold(&span.nodes().iter().map(node).collect::<Vec<_>>())).collect()
}

fn leaves(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|n| n.to_be_bytes()[4..].to_vec()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn inclusion_agrees_with_the_definition_and_checks(size in 1_usize..600, at in any::<prop::sample::Index>()) {
        let (all, leaf) = (leaves(size), at.index(size));
        let proof = hashes(&inclusion_spans(leaf as u64, size as u64).unwrap(), &all);
        prop_assert_eq!(&proof, &path(leaf, &all));
        let (hash, root) = (leaf_hash(&all[leaf]), mth(&all));
        prop_assert!(verify_inclusion(&hash, leaf as u64, size as u64, &proof, &root));
    }

    #[test]
    fn consistency_agrees_with_the_definition_and_checks(size in 1_usize..600, at in any::<prop::sample::Index>()) {
        let (all, old) = (leaves(size), 1 + at.index(size));
        let proof = hashes(&consistency_spans(old as u64, size as u64).unwrap(), &all);
        prop_assert_eq!(&proof, &subproof(old, &all, true));
        prop_assert!(verify_consistency(old as u64, size as u64, &proof, &mth(&all[..old]), &mth(&all)));
    }

    /// Whatever is changed of a proof that holds, it no longer does.
    #[test]
    fn a_changed_proof_is_refused(size in 2_usize..300, at in any::<prop::sample::Index>(), bit in 0_usize..256, what in 0_u8..6) {
        let (all, leaf) = (leaves(size), at.index(size));
        let mut hash = leaf_hash(&all[leaf]);
        let mut root = mth(&all);
        let mut proof = path(leaf, &all);
        let mut number = leaf as u64;
        let mut of = size as u64;
        match what {
            0 => hash[bit / 8] ^= 1 << (bit % 8),
            1 => root[bit / 8] ^= 1 << (bit % 8),
            2 => { let last = proof.len() - 1; proof[bit % (last + 1)][bit / 8] ^= 1 << (bit % 8); }
            3 => proof.push(hash),
            4 => drop(proof.pop()),
            // Of another leaf: the way up turns elsewhere somewhere.
            _ => { number = (number + 1 + bit as u64 % (of - 1)) % of; of = size as u64; }
        }
        prop_assert!(!verify_inclusion(&hash, number, of, &proof, &root));
    }

    #[test]
    fn a_rewritten_tree_is_not_consistent(size in 2_usize..300, at in any::<prop::sample::Index>(), edit in any::<prop::sample::Index>()) {
        let (all, old) = (leaves(size), 1 + at.index(size - 1));
        let mut other = all.clone();
        other[edit.index(old)].push(1);
        let proof = hashes(&consistency_spans(old as u64, size as u64).unwrap(), &other);
        prop_assert!(!verify_consistency(old as u64, size as u64, &proof, &mth(&all[..old]), &mth(&other)));
    }

    #[test]
    fn a_growing_tree_has_the_root_of_its_leaves(size in 0_usize..600) {
        let all = leaves(size);
        let mut growing = Growing::default();
        all.iter().for_each(|leaf| growing.push(leaf_hash(leaf)));
        prop_assert_eq!((growing.size(), growing.root()), (size as u64, mth(&all)));
    }
}

#[test]
fn sizes_that_cannot_be_are_refused() {
    let hash = leaf_hash(b"x");
    assert_eq!(inclusion_spans(3, 3), None);
    assert_eq!(consistency_spans(4, 3), None);
    assert!(!verify_inclusion(&hash, 1, 1, &[], &hash));
    assert!(!verify_consistency(4, 3, &[], &hash, &hash));
    assert!(!verify_consistency(3, 4, &[], &hash, &hash));
    assert!(!verify_consistency(3, 3, &[hash], &hash, &hash));
    assert!(!verify_consistency(3, 3, &[], &hash, &node_hash(&hash, &hash)));
}

/// Every leaf and every earlier size of trees around the powers of two, told to the Python script.
#[test]
fn an_independent_implementation_agrees() {
    let mut lines = String::new();
    let text = |hashes: &[Hash]| hashes.iter().map(hex::encode).collect::<Vec<_>>();
    for size in [1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33, 255, 256, 257, 300] {
        let all = leaves(size);
        for at in (0..size).step_by(1 + size / 12).chain([size - 1]) {
            let inclusion = hashes(&inclusion_spans(at as u64, size as u64).unwrap(), &all);
            let consistency = hashes(&consistency_spans(at as u64 + 1, size as u64).unwrap(), &all);
            let line = serde_json::json!({
                "leaves": all.iter().map(hex::encode).collect::<Vec<_>>(), "root": hex::encode(mth(&all)),
                "leaf": at, "inclusion": text(&inclusion),
                "old": at + 1, "old_root": hex::encode(mth(&all[..=at])), "consistency": text(&consistency),
            });
            lines.push_str(&format!("{line}\n"));
        }
    }
    assert_eq!(python(&lines), Ok(format!("{} vectors agree", lines.lines().count())));
    // And it does look: one flipped digit is found.
    let flipped = lines.replacen("\"inclusion\":[\"", "\"inclusion\":[\"00", 1);
    assert!(python(&flipped).unwrap_err().contains("another inclusion proof"));
}

fn python(lines: &str) -> Result<String, String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../web/e2e/check_ledger.py");
    let binary = std::env::var("CLERESTORY_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut child = Command::new(binary)
        .args([script, "vectors"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python3 is needed, as a second implementation of RFC 6962");
    let mut input = child.stdin.take().unwrap();
    let text = lines.to_owned();
    // It may stop reading at the first line that is wrong.
    let writer = std::thread::spawn(move || drop(input.write_all(text.as_bytes())));
    let done = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if done.status.success() { Ok(said(&done.stdout)) } else { Err(said(&done.stderr)) }
}
