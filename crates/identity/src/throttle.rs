//! Slowing down those who guess.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use clerestory_seal::sha256;
use governor::clock::Clock as _;
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::people::lower_case;

/// Attempts for one address from one network: ten at once, then one every six seconds.
const ATTEMPTS: NonZeroU32 = NonZeroU32::new(10).expect("ten is not zero");
/// Attempts for one address from everywhere: three hundred at once, then five a second. It takes thirty networks that
/// never pause to keep somebody out, and they guess no faster than so.
const ADDRESS_ATTEMPTS: NonZeroU32 = NonZeroU32::new(5).expect("five is not zero");
const ADDRESS_BURST: NonZeroU32 = NonZeroU32::new(300).expect("three hundred is not zero");
/// Attempts from one network: thirty at once, then two a second.
const NETWORK_ATTEMPTS: NonZeroU32 = NonZeroU32::new(2).expect("two is not zero");
const NETWORK_BURST: NonZeroU32 = NonZeroU32::new(30).expect("thirty is not zero");
/// Mails about a forgotten password that one network can have sent to an address: three at once, then one every ten
/// minutes; and that all networks can: ten at once, then one every six minutes.
const RESET_EVERY: Duration = Duration::from_secs(600);
const RESETS: NonZeroU32 = NonZeroU32::new(3).expect("three is not zero");
const ADDRESS_RESET_EVERY: Duration = Duration::from_secs(360);
const ADDRESS_RESETS: NonZeroU32 = NonZeroU32::new(10).expect("ten is not zero");
/// Mails about forgotten passwords that everybody together can ask for: thirty at once, then two a second. Each is work
/// that goes on after whoever asked has been answered.
const ALL_RESETS: NonZeroU32 = NonZeroU32::new(2).expect("two is not zero");
const ALL_RESETS_BURST: NonZeroU32 = NonZeroU32::new(30).expect("thirty is not zero");
/// Attempts of everybody together: each costs 19 MiB for a while.
const ALL_ATTEMPTS: NonZeroU32 = NonZeroU32::new(20).expect("twenty is not zero");

/// An attempt is not looked at before this has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooSoon(pub(crate) Duration);

/// Slows down guessing; in memory, so a restart forgives.
pub(crate) struct Throttle {
    /// By the hash of an address and the network it is tried from.
    pairs: DefaultKeyedRateLimiter<([u8; 32], Option<IpAddr>)>,
    addresses: DefaultKeyedRateLimiter<[u8; 32]>,
    networks: DefaultKeyedRateLimiter<IpAddr>,
    /// The same for mails about a forgotten password.
    resets: DefaultKeyedRateLimiter<([u8; 32], Option<IpAddr>)>,
    address_resets: DefaultKeyedRateLimiter<[u8; 32]>,
    all_resets: DefaultDirectRateLimiter,
    all: DefaultDirectRateLimiter,
}

impl Throttle {
    pub(crate) fn new() -> Self {
        Self {
            pairs: RateLimiter::keyed(Quota::per_minute(ATTEMPTS)),
            addresses: RateLimiter::keyed(Quota::per_second(ADDRESS_ATTEMPTS).allow_burst(ADDRESS_BURST)),
            resets: RateLimiter::keyed(every(RESET_EVERY, RESETS)),
            address_resets: RateLimiter::keyed(every(ADDRESS_RESET_EVERY, ADDRESS_RESETS)),
            all_resets: RateLimiter::direct(Quota::per_second(ALL_RESETS).allow_burst(ALL_RESETS_BURST)),
            networks: RateLimiter::keyed(Quota::per_second(NETWORK_ATTEMPTS).allow_burst(NETWORK_BURST)),
            all: RateLimiter::direct(Quota::per_second(ALL_ATTEMPTS)),
        }
    }

    /// Forgets addresses nobody tried lately.
    pub(crate) fn tidy(&self) {
        self.pairs.retain_recent();
        self.pairs.shrink_to_fit();
        self.addresses.retain_recent();
        self.addresses.shrink_to_fit();
        self.networks.retain_recent();
        self.networks.shrink_to_fit();
        self.resets.retain_recent();
        self.resets.shrink_to_fit();
        self.address_resets.retain_recent();
        self.address_resets.shrink_to_fit();
    }

    /// Counts an attempt from a network, whatever it is for.
    pub(crate) fn check_network(&self, network: IpAddr) -> Result<(), TooSoon> {
        let checked = self.networks.check_key(&network);
        checked.map_err(|not_yet| TooSoon(not_yet.wait_time_from(self.networks.clock().now())))
    }

    /// Counts a mail that somebody wants sent to an address, whether anybody has it or not.
    pub(crate) fn check_reset(&self, email: &str, network: Option<IpAddr>) -> Result<(), TooSoon> {
        let address = sha256(lower_case(email).as_bytes());
        let pair = self.resets.check_key(&(address, network));
        pair.map_err(|not_yet| TooSoon(not_yet.wait_time_from(self.resets.clock().now())))?;
        let everywhere = self.address_resets.check_key(&address);
        everywhere.map_err(|not_yet| TooSoon(not_yet.wait_time_from(self.address_resets.clock().now())))?;
        self.all_resets.check().map_err(|_| TooSoon(Duration::from_secs(1)))
    }

    /// Counts an attempt. What one network spends on an address it spends of its own share first, and what is refused
    /// there costs nobody else anything: the shares of all come last.
    pub(crate) fn check(&self, email: &str, network: Option<IpAddr>) -> Result<(), TooSoon> {
        let address = sha256(lower_case(email).as_bytes());
        let pair = self.pairs.check_key(&(address, network));
        pair.map_err(|not_yet| TooSoon(not_yet.wait_time_from(self.pairs.clock().now())))?;
        let everywhere = self.addresses.check_key(&address);
        everywhere.map_err(|not_yet| TooSoon(not_yet.wait_time_from(self.addresses.clock().now())))?;
        self.all.check().map_err(|_| TooSoon(Duration::from_secs(1)))
    }
}

/// So many at once, then one after each period.
fn every(period: Duration, burst: NonZeroU32) -> Quota {
    Quota::with_period(period).unwrap_or(Quota::per_hour(burst)).allow_burst(burst)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: &str = "admin@example.org";

    fn network(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([198, 51, 100, last]))
    }

    /// One network never uses up what others may try, for the same address or at all.
    #[test]
    fn a_network_spends_its_own_attempts_first() {
        let throttle = Throttle::new();
        let tried: Vec<bool> = (0..200).map(|_| throttle.check(ADDRESS, network(1)).is_ok()).collect();
        assert_eq!(tried.iter().filter(|taken| **taken).count(), 10);
        throttle.check(" Admin@Example.org", network(2)).unwrap();
        throttle.check("somebody-else@example.org", network(1)).unwrap();
    }

    /// Nobody fills somebody's mailbox, and whoever tries keeps them from one mail of many, not from signing in.
    #[test]
    fn mails_about_forgotten_passwords_have_an_end() {
        let throttle = Throttle::new();
        let sent = |last: u8| (0..9).filter(|_| throttle.check_reset(ADDRESS, network(last)).is_ok()).count();
        assert_eq!([sent(1), sent(2), sent(3), sent(4), sent(5)], [3, 3, 3, 1, 0]);
        throttle.check_reset("somebody-else@example.org", network(1)).unwrap();
        throttle.check(ADDRESS, network(5)).unwrap();
    }

    /// An address for each request, a network for each: the work they start has an end all the same.
    #[test]
    fn mails_to_everybody_have_an_end() {
        let throttle = Throttle::new();
        let asked = (0..200_u8).map(|last| (format!("{last}@example.org"), network(last)));
        let taken = asked.filter(|(email, from)| throttle.check_reset(email, *from).is_ok()).count();
        assert!((30..60).contains(&taken), "{taken}");
    }

    /// From however many networks they come, guesses at one address have an end.
    #[test]
    fn all_networks_together_have_a_limit_for_an_address() {
        let throttle =
            Throttle { all: RateLimiter::direct(Quota::per_second(NonZeroU32::MAX)), ..Throttle::new() };
        let taken = (0..100_u8).flat_map(|last| [last; 10]);
        let taken = taken.filter(|last| throttle.check(ADDRESS, network(*last)).is_ok()).count();
        assert!((300..400).contains(&taken), "{taken}");
        throttle.check("somebody-else@example.org", network(1)).unwrap();
    }
}
