//! Where a request comes from: the address it was sent from, and the browser that sent it.

use std::net::IpAddr;

/// What of a browser's own words is kept.
const BROWSER_CHARS: usize = 200;

/// Browsers and systems by what stands in their words, the more special before those whose words they borrow.
const BROWSERS: [(&str, &str); 5] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];
const SYSTEMS: [(&str, &str); 6] = [
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
];

/// Where a request comes from, as far as the server can tell.
#[derive(Clone, Debug, Default)]
pub struct Whence {
    /// The address it was sent from, as a named proxy in front of us says it.
    pub address: Option<IpAddr>,
    /// The hash of the token by which a browser that signed in is known again.
    pub device: Option<[u8; 32]>,
    /// What the browser says it is.
    pub browser: String,
}

impl Whence {
    /// What the browser says it is, as far as it is kept.
    pub(crate) fn trimmed(&self) -> String {
        self.browser.chars().filter(|c| !c.is_control()).take(BROWSER_CHARS).collect()
    }

    /// The same in words for a mail. Nothing of what the browser says stands in them: whoever asks could write anything
    /// there, for somebody else to read.
    pub(crate) fn in_words(&self) -> String {
        let known = |list: &[(&str, &'static str)]| {
            list.iter().find(|(part, _)| self.browser.contains(part)).map(|(_, name)| *name)
        };
        let browser = match (known(&BROWSERS), known(&SYSTEMS)) {
            (Some(browser), Some(system)) => format!("{browser} on {system}"),
            (Some(name), None) | (None, Some(name)) => name.to_owned(),
            (None, None) => "a program that does not say what it is".to_owned(),
        };
        match self.address {
            Some(address) => format!("the address {address}, with {browser}"),
            None => format!("this machine itself, with {browser}"),
        }
    }
}

/// What a device is called where people see it: the beginning of the hash it is known by.
pub(crate) fn device_name(hash: &[u8; 32]) -> String {
    hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_names_a_browser_and_repeats_nothing_it_says() {
        let from = |browser: &str| Whence { browser: browser.to_owned(), ..Whence::default() }.in_words();
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0";
        assert_eq!(from(edge), "this machine itself, with Edge on Windows");
        let phone = "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36";
        assert_eq!(from(phone), "this machine itself, with Chrome on Android");
        let lure = from("Your account is locked: open https://evil.example");
        assert_eq!(lure, "this machine itself, with a program that does not say what it is");
    }
}
