//! Which pages of a browser are recorded, and on which of them its tabs are: what is known of that decides what is kept of
//! each thing that somebody does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clerestory_model::TrackId;
use clerestory_settings::capture::{Page, PageRule};

/// Tabs of one run that are remembered; those that were not spoken of for longest are forgotten first.
const TABS: usize = 200;
/// Tracks whose tabs are remembered at once.
const TRACKS: usize = 4096;
/// Unused at so many looks, a minute apart, a track's tabs are forgotten.
const QUIET: u8 = 30;

/// Which pages are recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pages {
    /// Where only some are: these.
    pub(crate) only: Option<Vec<PageRule>>,
    /// Those that are kept out, of what is let in too.
    pub(crate) out: Vec<PageRule>,
}

impl Pages {
    /// Whether a page with this address is kept out.
    pub(crate) fn keeps_out(&self, address: &str) -> bool {
        let page = Page::parse(address);
        let name =
            |rules: &[PageRule]| page.as_ref().is_some_and(|page| rules.iter().any(|rule| rule.names(page)));
        name(&self.out) || self.only.as_ref().is_some_and(|only| !name(only))
    }
}

/// What is known of the page on which something was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It is recorded.
    LetIn,
    /// It is not.
    KeptOut,
    /// Nobody told its address.
    Unknown,
}

/// The tabs of one run of a browser, as far as its actions told of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tabs {
    /// The one that was spoken of last is the last; and whether its page is kept out.
    known: Vec<(u32, bool)>,
    /// The one that came to the front last.
    front: Option<u32>,
}

impl Tabs {
    /// A tab is on another page now.
    pub(crate) fn went(&mut self, tab: u32, is_kept_out: bool) {
        self.known.retain(|(known, _)| *known != tab);
        if self.known.len() >= TABS {
            self.known.remove(0);
        }
        self.known.push((tab, is_kept_out));
    }

    /// A tab is in front now.
    pub(crate) fn came_to_front(&mut self, tab: u32) {
        self.front = Some(tab);
    }

    /// What is known of the page in a tab. What names no tab was done in the one in front; where none is known to be, a
    /// single one that is on a page kept out is enough for it to count as that.
    pub(crate) fn page_of(&self, tab: Option<u32>) -> Seen {
        let seen = |is_kept_out: bool| if is_kept_out { Seen::KeptOut } else { Seen::LetIn };
        match tab.or(self.front) {
            Some(tab) => {
                let known = self.known.iter().find(|(known, _)| *known == tab);
                known.map_or(Seen::Unknown, |(_, is_kept_out)| seen(*is_kept_out))
            }
            None if self.known.is_empty() => Seen::Unknown,
            None => seen(self.known.iter().any(|(_, is_kept_out)| *is_kept_out)),
        }
    }

    /// Other rules hold: what was let in may be kept out now, and nobody remembers addresses to ask again.
    fn doubt(&mut self) {
        self.known.retain(|(_, is_kept_out)| *is_kept_out);
    }
}

/// The tabs of tracks that are being sent, in memory only: a segment goes on where the one before it ended.
#[derive(Default)]
pub(crate) struct RememberedTabs(Mutex<Remembered>);

#[derive(Default)]
struct Remembered {
    tracks: HashMap<TrackId, OfTrack>,
    uses: u64,
}

struct OfTrack {
    /// The number of the segment that was read last.
    last: u64,
    /// How it was before that, because it may come again.
    before: Tabs,
    after: Tabs,
    /// The rules it was read by.
    pages: Arc<Pages>,
    used: u64,
    /// How often [`RememberedTabs::tidy`] has found it unused.
    quiet: u8,
}

impl RememberedTabs {
    fn remembered(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tabs as they were when a segment began. Nothing is known of them where the segment before it was not read
    /// here, or too long ago.
    pub(crate) fn before(&self, track: TrackId, sequence: u64, pages: &Arc<Pages>) -> Tabs {
        let remembered = self.remembered();
        let Some(known) = remembered.tracks.get(&track) else { return Tabs::default() };
        let mut tabs = match sequence.checked_sub(known.last) {
            Some(0) => known.before.clone(),
            Some(1) => known.after.clone(),
            _ => return Tabs::default(),
        };
        if *known.pages != **pages {
            tabs.doubt();
        }
        tabs
    }

    /// A segment was read.
    pub(crate) fn read(
        &self,
        track: TrackId,
        sequence: u64,
        pages: &Arc<Pages>,
        (before, after): (Tabs, Tabs),
    ) {
        let mut remembered = self.remembered();
        if remembered.tracks.len() >= TRACKS && !remembered.tracks.contains_key(&track) {
            remembered.forget_oldest();
        }
        remembered.uses += 1;
        let used = remembered.uses;
        let pages = Arc::clone(pages);
        remembered.tracks.insert(track, OfTrack { last: sequence, before, after, pages, used, quiet: 0 });
    }

    /// Forgets tracks that were not used since this was called [`QUIET`] times.
    pub(crate) fn tidy(&self) {
        let mut remembered = self.remembered();
        remembered.tracks.retain(|_, one| {
            one.quiet += 1;
            one.quiet <= QUIET
        });
        remembered.tracks.shrink_to_fit();
    }

    pub(crate) fn forget(&self, track: TrackId) {
        self.remembered().tracks.remove(&track);
    }

    pub(crate) fn knows(&self, track: TrackId) -> bool {
        self.remembered().tracks.contains_key(&track)
    }
}

impl Remembered {
    /// Forgets the eighth of them that was not used for longest.
    fn forget_oldest(&mut self) {
        let mut uses: Vec<u64> = self.tracks.values().map(|one| one.used).collect();
        let (_, oldest, _) = uses.select_nth_unstable(TRACKS / 8);
        let oldest = *oldest;
        self.tracks.retain(|_, one| one.used > oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(out: &[&str], only: Option<&[&str]>) -> Arc<Pages> {
        let rules = |texts: &[&str]| texts.iter().filter_map(|text| PageRule::parse(text).ok()).collect();
        Arc::new(Pages { out: rules(out), only: only.map(rules) })
    }

    #[test]
    fn what_is_kept_out_is_kept_out_of_what_is_let_in() {
        let both = pages(&["https://work.example/salaries/**"], Some(&["*.work.example"]));
        for (address, is_kept_out) in [
            ("https://work.example/", false),
            ("https://a.work.example/salaries/1", false),
            ("https://work.example/salaries/1", true),
            ("view-source:https://work.example/salaries/1", true),
            ("https://other.example/", true),
            ("data:text/html,work.example", true),
        ] {
            assert_eq!(both.keeps_out(address), is_kept_out, "{address}");
        }
        assert!(!pages(&["*.bank.example"], None).keeps_out("about:blank"));
    }

    #[test]
    fn each_tab_is_on_its_own_page() {
        let mut tabs = Tabs::default();
        assert_eq!(tabs.page_of(Some(1)), Seen::Unknown);
        assert_eq!(tabs.page_of(None), Seen::Unknown);
        tabs.went(1, true);
        tabs.went(2, false);
        assert_eq!((tabs.page_of(Some(1)), tabs.page_of(Some(2))), (Seen::KeptOut, Seen::LetIn));
        assert_eq!(tabs.page_of(None), Seen::KeptOut, "nobody said which of them is in front");
        tabs.came_to_front(2);
        assert_eq!(tabs.page_of(None), Seen::LetIn);
        tabs.came_to_front(3);
        assert_eq!(tabs.page_of(None), Seen::Unknown);
        for tab in 10..10 + u32::try_from(TABS).unwrap_or_default() {
            tabs.went(tab, false);
        }
        assert_eq!((tabs.known.len(), tabs.page_of(Some(1))), (TABS, Seen::Unknown));
    }

    #[test]
    fn a_segment_goes_on_where_the_one_before_it_ended() {
        let (remembered, track) = (RememberedTabs::default(), TrackId::from_bytes([1; 16]));
        let rules = pages(&["bank.example"], None);
        let mut on_bank = Tabs::default();
        on_bank.went(1, true);
        on_bank.went(2, false);
        remembered.read(track, 3, &rules, (Tabs::default(), on_bank.clone()));
        assert_eq!(remembered.before(track, 4, &rules), on_bank);
        assert_eq!(remembered.before(track, 3, &rules), Tabs::default(), "it comes again");
        for other in [0, 2, 5] {
            assert_eq!(remembered.before(track, other, &rules), Tabs::default(), "{other}");
        }
        let stricter = remembered.before(track, 4, &pages(&["bank.example", "work.example"], None));
        assert_eq!((stricter.page_of(Some(1)), stricter.page_of(Some(2))), (Seen::KeptOut, Seen::Unknown));
        assert!(remembered.knows(track));
        remembered.forget(track);
        assert!(!remembered.knows(track));
    }

    #[test]
    fn no_more_is_remembered_than_there_is_room_for() {
        let (remembered, rules) = (RememberedTabs::default(), pages(&[], None));
        let track = |number: usize| {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&(number as u64).to_be_bytes());
            TrackId::from_bytes(id)
        };
        for number in 0..=TRACKS {
            remembered.read(track(number), 0, &rules, (Tabs::default(), Tabs::default()));
        }
        assert!(remembered.remembered().tracks.len() < TRACKS);
        assert!(remembered.knows(track(TRACKS)) && !remembered.knows(track(0)));
        for _ in 0..=QUIET {
            remembered.tidy();
        }
        assert!(!remembered.knows(track(TRACKS)));
    }
}
