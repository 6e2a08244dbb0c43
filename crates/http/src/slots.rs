//! Places for connections: so many in all, so many per address.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::stats::Stats;

/// Whom a cap applies to: an IPv4 address, or the /64 an IPv6 address lies in, because one
/// visitor usually holds a whole /64 (RFC 6177).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Holder {
    V4([u8; 4]),
    V6([u16; 4]),
}

impl From<IpAddr> for Holder {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self::V4(v4.octets()),
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                Self::V6([a, b, c, d])
            }
        }
    }
}

/// The places of one server, shared by its listeners.
#[derive(Debug)]
pub(crate) struct Slots {
    total: usize,
    per_address: usize,
    taken: Mutex<Taken>,
    stats: Arc<Stats>,
}

#[derive(Debug, Default)]
struct Taken {
    total: usize,
    by_holder: HashMap<Holder, usize>,
}

impl Slots {
    pub(crate) fn new(total: usize, per_address: usize, stats: Arc<Stats>) -> Arc<Self> {
        Arc::new(Self { total, per_address, taken: Mutex::default(), stats })
    }

    /// Takes a place, or counts the refusal. With `of: None` only the total applies.
    pub(crate) fn take(self: &Arc<Self>, of: Option<IpAddr>) -> Option<Slot> {
        let holder = of.map(Holder::from);
        let granted = {
            let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
            taken.grant(self.total, self.per_address, holder)
        };
        if granted {
            self.stats.opened();
            Some(Slot { slots: Arc::clone(self), holder })
        } else {
            self.stats.count_refused();
            None
        }
    }
}

impl Taken {
    fn grant(&mut self, total: usize, per_address: usize, holder: Option<Holder>) -> bool {
        if self.total >= total {
            return false;
        }
        if let Some(holder) = holder {
            let mine = self.by_holder.get(&holder).copied().unwrap_or(0);
            if mine >= per_address {
                return false;
            }
            self.by_holder.insert(holder, mine + 1);
        }
        self.total += 1;
        true
    }

    fn give_back(&mut self, holder: Option<Holder>) {
        self.total -= 1;
        if let Some(holder) = holder
            && let Entry::Occupied(mut entry) = self.by_holder.entry(holder)
        {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

/// One taken place; dropping it gives the place back.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Arc<Slots>,
    holder: Option<Holder>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.taken.lock().unwrap_or_else(PoisonError::into_inner).give_back(self.holder);
        self.slots.stats.closed();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn an_address_has_its_own_cap_and_gives_places_back() {
        let stats = Arc::new(Stats::default());
        let slots = Slots::new(10, 2, Arc::clone(&stats));
        let first = slots.take(ip("192.0.2.1")).unwrap();
        let _second = slots.take(ip("192.0.2.1")).unwrap();
        assert!(slots.take(ip("192.0.2.1")).is_none());
        // The same address, written the IPv6 way, is no way around the cap.
        assert!(slots.take(ip("::ffff:192.0.2.1")).is_none());
        assert!(slots.take(ip("192.0.2.2")).is_some());
        drop(first);
        assert!(slots.take(ip("192.0.2.1")).is_some());
        assert_eq!((stats.refused(), stats.open()), (2, 1));
    }

    #[test]
    fn an_ipv6_network_counts_as_one() {
        let slots = Slots::new(10, 1, Arc::default());
        let _one = slots.take(ip("2001:db8:0:1::1")).unwrap();
        assert!(slots.take(ip("2001:db8:0:1:ffff::9")).is_none());
        assert!(slots.take(ip("2001:db8:0:2::1")).is_some());
    }

    #[test]
    fn the_total_holds_for_everybody() {
        let slots = Slots::new(2, 2, Arc::default());
        let held = [slots.take(None).unwrap(), slots.take(ip("192.0.2.1")).unwrap()];
        assert!(slots.take(None).is_none());
        assert!(slots.take(ip("192.0.2.2")).is_none());
        drop(held);
        assert!(slots.taken.lock().unwrap().by_holder.is_empty(), "no address is remembered after it left");
    }
}
