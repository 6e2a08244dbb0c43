//! Films that are put together of boxes, and what is refused among them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use clerestory_media::{Joined, NoFilm};
use proptest::prelude::*;

fn boxed(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut out = u32::try_from(content.len() + 8).unwrap().to_be_bytes().to_vec();
    out.extend(name);
    out.extend(content);
    out
}

/// A head with one track, 1, of so many ticks a second.
fn head(ticks: u32) -> Vec<u8> {
    let tkhd = [&[0; 12][..], &1_u32.to_be_bytes(), &[0; 68]].concat();
    let mdhd = [&[0; 12][..], &ticks.to_be_bytes(), &[0; 8]].concat();
    let mdia = boxed(b"mdia", &boxed(b"mdhd", &mdhd));
    boxed(b"moov", &boxed(b"trak", &[boxed(b"tkhd", &tkhd), mdia].concat()))
}

/// A fragment of that track at this time.
fn fragment(at: u64) -> Vec<u8> {
    let mfhd = boxed(b"mfhd", &[0; 8]);
    let tfhd = boxed(b"tfhd", &[&[0; 4][..], &1_u32.to_be_bytes()].concat());
    let tfdt = boxed(b"tfdt", &[&[1, 0, 0, 0][..], &at.to_be_bytes()].concat());
    boxed(b"moof", &[mfhd, boxed(b"traf", &[tfhd, tfdt].concat())].concat())
}

fn film(ticks: u32, times: &[u64]) -> Vec<u8> {
    let mut all = [boxed(b"ftyp", b"iso6"), head(ticks)].concat();
    for at in times {
        all.extend(fragment(*at));
        all.extend(boxed(b"mdat", b"pictures"));
    }
    all.extend(boxed(b"mfra", b"where they lay"));
    all
}

/// The times and the numbers of the fragments.
fn times(film: &[u8]) -> Vec<(u32, u64)> {
    let at = |name: &'static [u8; 4]| {
        film.windows(4).enumerate().filter(move |(_, some)| some == name).map(|(at, _)| at)
    };
    let numbers = at(b"mfhd").map(|at| u32::from_be_bytes(film[at + 8..at + 12].try_into().unwrap()));
    let times = at(b"tfdt").map(|at| u64::from_be_bytes(film[at + 8..at + 16].try_into().unwrap()));
    numbers.zip(times).collect()
}

#[test]
fn fragments_of_several_films_stand_behind_one_head() {
    let mut joined = Joined::default();
    joined.begin(0).unwrap();
    let mut out = joined.take(&film(90_000, &[0, 90_000])).unwrap();
    joined.begin(2_500_000).unwrap();
    for piece in film(90_000, &[0, 45_000]).chunks(5) {
        out.extend(joined.take(piece).unwrap());
    }
    assert_eq!(times(&out), [(1, 0), (2, 90_000), (3, 225_000), (4, 270_000)]);
    assert_eq!(out.windows(4).filter(|name| name == b"moov" || name == b"ftyp").count(), 2, "one head");
    assert!(!out.windows(4).any(|name| name == b"mfra"), "where fragments lay is told no more");
}

#[test]
fn what_is_no_such_film_goes_no_further() {
    let begun = || {
        let mut joined = Joined::default();
        joined.begin(0).unwrap();
        joined.take(&film(90_000, &[0])).unwrap();
        joined
    };
    assert_eq!(begun().take(&head(48_000)), Err(NoFilm::Otherwise));
    for odd in
        [b"<html><body>".to_vec(), boxed(b"free", b"anything"), vec![0, 0, 0, 7, b'm', b'd', b'a', b't']]
    {
        assert_eq!(begun().take(&odd), Err(NoFilm::Malformed), "{odd:?}");
    }
    let mut cut = begun();
    cut.take(&fragment(0)[..20]).unwrap();
    assert_eq!(cut.begin(1), Err(NoFilm::Malformed), "a film that was cut off is followed by none");
    let mut without_head = Joined::default();
    assert_eq!(without_head.take(&fragment(0)), Err(NoFilm::Malformed), "nobody said how its times count");
}

#[test]
fn pictures_pass_as_they_come_however_many_are_announced() {
    let mut joined = Joined::default();
    joined.begin(0).unwrap();
    let begun = joined.take(&[boxed(b"ftyp", b"iso6"), head(90_000), fragment(0)].concat()).unwrap();
    assert_eq!(times(&begun), [(1, 0)]);
    let announced = [&200_000_000_u32.to_be_bytes()[..], b"mdat"].concat();
    let mut passed = joined.take(&announced).unwrap().len();
    assert_eq!(passed, 8, "the head of a box that has not come");
    for _ in 0..10 {
        passed += joined.take(&[7; 1000]).unwrap().len();
    }
    assert_eq!(passed, 10_008, "nothing of it is kept here");
    assert_eq!(joined.begin(1), Err(NoFilm::Malformed), "and it has not ended");
    // What is looked at is held, and no more of it than a fragment needs.
    for name in [b"moov", b"moof", b"ftyp"] {
        let mut joined = Joined::default();
        joined.begin(0).unwrap();
        let announced = [&2_000_000_u32.to_be_bytes()[..], name].concat();
        assert_eq!(joined.take(&announced), Err(NoFilm::Malformed), "{name:?}");
    }
    let mut without_head = Joined::default();
    assert_eq!(without_head.take(&boxed(b"mdat", b"pictures")), Err(NoFilm::Malformed));
}

proptest! {
    #[test]
    fn whatever_comes_in_is_taken_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400), at in 0_usize..300) {
        let mut film = film(90_000, &[0, 1]);
        let at = at.min(film.len());
        for (place, byte) in film[at..].iter_mut().zip(&bytes) {
            *place = *byte;
        }
        drop(Joined::default().take(&film));
        drop(Joined::default().take(&bytes));
    }
}
