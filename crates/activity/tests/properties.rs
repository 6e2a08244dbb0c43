//! Of lists of activity: what was written is read, whatever comes is taken or refused, and nothing of what was typed is
//! told.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use clerestory_activity::{
    Application, Counts, Disk, Entry, Input, Load, Merged, Process, Shot, SlotLength, Slots, Stretch, Why,
    read, write,
};
use proptest::collection::vec;
use proptest::prelude::*;

const BEGAN_MS: i64 = 1_780_000_000_000;

fn text() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9 äß漢.-]{1,40}"
}

fn entry() -> impl Strategy<Value = (i64, Entry)> {
    let stretch = (0..600_000_i64, 1..600_000_i64);
    let body = prop_oneof![
        (0..200_u32, 0..200_u32, 0..200_u32, 0..100_000_u32).prop_map(|(keys, clicks, scrolls, distance)| {
            let count = Input { keys, clicks, scrolls, distance };
            Entry::Input { at: Stretch { from: 0, to: 0 }, count }
        }),
        (text(), proptest::option::of(text())).prop_map(|(name, title)| {
            let of = Application { name, title };
            Entry::Application { at: Stretch { from: 0, to: 0 }, of }
        }),
        Just(Entry::Idle { at: Stretch { from: 0, to: 0 } }),
        vec((text(), 0..4000_u32, 0..100_000_u32), 0..8).prop_map(|list| {
            let list = list.into_iter().map(|(name, cpu, memory)| Process { name, cpu, memory }).collect();
            Entry::Processes { at: Stretch { from: 0, to: 0 }, list }
        }),
        (0..1000_u32, 0..100_000_u32, 0..1_000_000_u64).prop_map(|(cpu, memory, free)| {
            let disks = vec![Disk { id: "00c0ffee".to_owned(), total: 1_000_000, free }];
            Entry::Load { at: Stretch { from: 0, to: 0 }, of: Load { cpu, memory, disks } }
        }),
        Just(Entry::Shot { at: Stretch { from: 0, to: 0 }, was: Shot::Excluded }),
        proptest::option::of(text()).prop_map(|said| Entry::Gap {
            at: Stretch { from: 0, to: 0 },
            why: Why::Paused,
            said
        }),
    ];
    (stretch, body).prop_map(|((after, length), mut entry)| {
        let length = if matches!(entry, Entry::Shot { .. }) { 0 } else { length };
        match &mut entry {
            Entry::Input { at, .. }
            | Entry::Application { at, .. }
            | Entry::Idle { at }
            | Entry::Processes { at, .. }
            | Entry::Load { at, .. }
            | Entry::Machine { at, .. }
            | Entry::Shot { at, .. }
            | Entry::Gap { at, .. } => *at = Stretch { from: after, to: after + length },
        }
        (after, entry)
    })
}

fn list() -> impl Strategy<Value = Vec<Entry>> {
    vec(entry(), 0..30).prop_map(|parts| {
        let mut begins = BEGAN_MS;
        let moved = |(after, mut entry): (i64, Entry)| {
            begins += after;
            let length = entry.at().length_ms();
            match &mut entry {
                Entry::Input { at, .. }
                | Entry::Application { at, .. }
                | Entry::Idle { at }
                | Entry::Processes { at, .. }
                | Entry::Load { at, .. }
                | Entry::Machine { at, .. }
                | Entry::Shot { at, .. }
                | Entry::Gap { at, .. } => *at = Stretch { from: begins, to: begins + length },
            }
            entry
        };
        parts.into_iter().map(moved).collect()
    })
}

proptest! {
    #[test]
    fn what_was_written_is_read(list in list()) {
        prop_assert_eq!(read(&write(&list).unwrap()), Ok(list));
    }

    #[test]
    fn whatever_comes_is_taken_or_refused(bytes in vec(any::<u8>(), 0..400)) {
        if let Ok(list) = read(&bytes) {
            prop_assert_eq!(read(&write(&list).unwrap()), Ok(list));
        }
    }

    #[test]
    fn a_list_with_anything_more_is_refused(list in list(), name in "[a-z]{1,8}", at in any::<prop::sample::Index>()) {
        prop_assume!(!list.is_empty());
        let mut json: serde_json::Value = serde_json::from_slice(&write(&list).unwrap()).unwrap();
        let entry = at.get_mut(json.as_array_mut().unwrap()).as_object_mut().unwrap();
        prop_assume!(!entry.contains_key(&name) && name != "said");
        entry.insert(name, serde_json::json!(1));
        prop_assert!(read(json.to_string().as_bytes()).is_err());
    }

    /// However the keys of an interval are spread over it, and whatever was typed, it is told by the same bytes.
    #[test]
    fn the_rhythm_of_keys_is_not_told(mut one in vec(0..60_000_i64, 1..80), mut other in vec(0..60_000_i64, 1..80)) {
        let length = one.len().min(other.len());
        let begins = BEGAN_MS - BEGAN_MS % 60_000;
        let told = |moments: &mut Vec<i64>| {
            moments.truncate(length);
            moments.sort_unstable();
            let mut slots = Slots::new(SlotLength::nearest(60));
            let key = Counts { keys: 1, ..Counts::default() };
            let mut list: Vec<Entry> = moments.iter().filter_map(|at| slots.add(begins + at, key)).collect();
            list.extend(slots.end());
            write(&list).unwrap()
        };
        prop_assert_eq!(told(&mut one), told(&mut other));
    }

    /// No millisecond is told of twice, and none that a sample did not reach.
    #[test]
    fn stretches_do_not_overlap(steps in vec((1..5000_i64, 0..3_u8), 1..200)) {
        let mut merged = Merged::new(3000);
        let (mut now, mut list) = (0, Vec::new());
        for (step, which) in steps {
            now += step;
            let front = (which > 0).then(|| Application { name: which.to_string(), title: None });
            list.extend(merged.sample(now, front));
        }
        list.extend(merged.cut(now));
        for pair in list.windows(2) {
            prop_assert!(pair[0].at().to <= pair[1].at().from);
        }
        prop_assert!(list.iter().all(|entry| entry.at().length_ms() > 0 && entry.at().to <= now));
    }
}
