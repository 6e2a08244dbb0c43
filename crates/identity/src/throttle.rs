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
    all: DefaultDirectRateLimiter,
}

impl Throttle {
    pub(crate) fn new() -> Self {
        Self {
            pairs: RateLimiter::keyed(Quota::per_minute(ATTEMPTS)),
            addresses: RateLimiter::keyed(Quota::per_second(ADDRESS_ATTEMPTS).allow_burst(ADDRESS_BURST)),
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
    }

    /// Counts an attempt from a network, whatever it is for.
    pub(crate) fn check_network(&self, network: IpAddr) -> Result<(), TooSoon> {
        let checked = self.networks.check_key(&network);
        checked.map_err(|not_yet| TooSoon(not_yet.wait_time_from(self.networks.clock().now())))
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
