//! Networks: an address, or all that begin alike.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// The fewest bits that addresses of a blocked network have in common: wider ones are half of a country.
const FEWEST_V4: u8 = 8;
const FEWEST_V6: u8 = 16;

/// All addresses whose first bits are these. IPv4 addresses that are written as IPv6 ones are IPv4 addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Its first address.
    first: IpAddr,
    /// How many bits they have in common.
    bits: u8,
}

/// Why a text is no network that can be blocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// It is neither an address nor an address and a number of bits.
    #[error(
        "a network is an address, or an address and how many bits of it count: 203.0.113.7, 203.0.113.0/24, 2001:db8::/48"
    )]
    Form,
    /// It would keep out far more than anybody means.
    #[error(
        "a network this wide is not blocked: give at least 8 bits of an IPv4 address, or 16 of an IPv6 one"
    )]
    TooWide,
}

impl Network {
    /// Whether this address is of it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(_), address @ IpAddr::V4(_)) | (IpAddr::V6(_), address @ IpAddr::V6(_)) => {
                first_of(address, self.bits) == self.first
            }
            _ => false,
        }
    }
}

fn first_of(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & mask))
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, bits) = match text.trim().split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text.trim(), None),
        };
        let written: IpAddr = address.parse().map_err(|_| NetworkError::Form)?;
        let whole = if written.is_ipv4() { 32 } else { 128 };
        let bits: u8 = match bits {
            Some(bits) => bits.parse().map_err(|_| NetworkError::Form)?,
            None => whole,
        };
        if bits > whole {
            return Err(NetworkError::Form);
        }
        let meant = written.to_canonical();
        // The first 96 bits of an IPv4 address that is written as an IPv6 one say only that it is one.
        let bits = match meant.is_ipv4() == written.is_ipv4() {
            true => bits,
            false => bits.checked_sub(96).ok_or(NetworkError::TooWide)?,
        };
        let fewest = if meant.is_ipv4() { FEWEST_V4 } else { FEWEST_V6 };
        if bits < fewest {
            return Err(NetworkError::TooWide);
        }
        Ok(Self { first: first_of(meant, bits), bits })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = if self.first.is_ipv4() { 32 } else { 128 };
        match self.bits == whole {
            true => write!(f, "{}", self.first),
            false => write!(f, "{}/{}", self.first, self.bits),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]
mod tests {
    use super::*;

    fn holds(network: &str, address: &str) -> bool {
        network.parse::<Network>().unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn an_address_is_of_the_networks_it_begins_like() {
        for (network, address, is) in [
            ("203.0.113.7", "203.0.113.7", true),
            ("203.0.113.7", "203.0.113.8", false),
            ("203.0.113.99/24", "203.0.113.7", true),
            ("203.0.113.0/25", "203.0.113.128", false),
            ("10.0.0.0/8", "10.255.255.255", true),
            ("203.0.113.0/24", "::ffff:203.0.113.7", true),
            ("::ffff:203.0.113.0/120", "203.0.113.7", true),
            ("::ffff:203.0.113.0/120", "203.0.114.7", false),
            ("2001:db8::/48", "2001:db8:0:ffff::1", true),
            ("2001:db8::/48", "2001:db8:1::1", false),
            ("2001:db8::1", "2001:db8::1", true),
            ("2001:db8::/48", "203.0.113.7", false),
        ] {
            assert_eq!(holds(network, address), is, "{network} {address}");
        }
    }

    #[test]
    fn a_network_is_told_by_its_first_address() {
        for (written, told) in [
            (" 203.0.113.99/24 ", "203.0.113.0/24"),
            ("203.0.113.7/32", "203.0.113.7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("2001:DB8::1/48", "2001:db8::/48"),
        ] {
            assert_eq!(written.parse::<Network>().unwrap().to_string(), told);
        }
    }

    #[test]
    fn what_is_no_network_or_half_the_world_is_refused() {
        for (written, why) in [
            ("", NetworkError::Form),
            ("example.org", NetworkError::Form),
            ("203.0.113.0/33", NetworkError::Form),
            ("203.0.113.0/-1", NetworkError::Form),
            ("2001:db8::/129", NetworkError::Form),
            ("0.0.0.0/0", NetworkError::TooWide),
            ("203.0.0.0/7", NetworkError::TooWide),
            ("::/0", NetworkError::TooWide),
            ("::ffff:0.0.0.0/90", NetworkError::TooWide),
        ] {
            assert_eq!(written.parse::<Network>(), Err(why), "{written}");
        }
    }
}
