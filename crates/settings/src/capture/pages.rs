//! Which pages are kept out of recordings of screens: rules over whole addresses.
//!
//! `https://bank.example/**` names pages of a site, `*.bank.example` a host and all below it, `*` any host; without a scheme
//! either, without a port any, without a path every page. What begins with `/` or `**` names pages of any site by their
//! path alone. Paths are [`UrlPattern`]s; a site and `/*` means the whole site. The extension judges by the same rules.

use super::UrlPattern;
use super::urls::{normal, path_of};

/// Characters of a rule at most.
const LONGEST: usize = 300;

/// Why a text is no rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a rule is an address such as https://bank.example/**, a host such as *.bank.example, or a path such as /account/**"
)]
pub struct PageRuleError;

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRule {
    scheme: Option<String>,
    host: Host,
    port: Option<u16>,
    path: UrlPattern,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Any,
    /// This one.
    Exactly(String),
    /// This one and those below it.
    Below(String),
}

/// The parts of an address that rules are about: parsed once, however many rules are asked about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    scheme: String,
    host: String,
    port: Option<u16>,
    /// As patterns compare it.
    path: String,
}

impl PageRule {
    /// Reads a rule.
    ///
    /// # Errors
    /// [`PageRuleError`].
    pub fn parse(text: &str) -> Result<Self, PageRuleError> {
        if text.chars().count() > LONGEST {
            return Err(PageRuleError);
        }
        let path = |text: &str| UrlPattern::parse(text).map_err(|_| PageRuleError);
        if text.starts_with('/') || text.starts_with("**") {
            return Ok(Self { scheme: None, host: Host::Any, port: None, path: path(text)? });
        }
        let (scheme, rest) = match text.split_once("://") {
            Some(("*", rest)) => (None, rest),
            Some((scheme @ ("http" | "https"), rest)) => (Some(scheme.to_owned()), rest),
            Some(_) => return Err(PageRuleError),
            None => (None, text),
        };
        let (site, tail) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = match port_of(site) {
            Some((host, port)) => (host, Some(port.parse().map_err(|_| PageRuleError)?)),
            None => (site, None),
        };
        let tail = match tail {
            "" => "/**".to_owned(),
            whole if whole.ends_with("/*") => format!("{whole}*"),
            other => other.to_owned(),
        };
        Ok(Self { scheme, host: Host::parse(host)?, port, path: path(&tail)? })
    }

    /// Whether it names this page.
    #[must_use]
    pub fn names(&self, page: &Page) -> bool {
        let usual = if page.scheme == "http" { 80 } else { 443 };
        self.scheme.as_ref().is_none_or(|scheme| *scheme == page.scheme)
            && self.host.is(&page.host)
            && self.port.is_none_or(|port| port == page.port.unwrap_or(usual))
            && self.path.matches_normal(&page.path)
    }
}

impl Host {
    fn parse(text: &str) -> Result<Self, PageRuleError> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let (below, name) = match text.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, text),
        };
        let is_label = |label: &str| {
            !label.is_empty() && label.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        };
        let inside = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let is_number =
            |digits: &str| digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b':'));
        let is_host = match inside {
            Some(digits) => !below && !digits.is_empty() && is_number(digits),
            None => name.split('.').all(is_label),
        };
        match (is_host, below) {
            (false, _) => Err(PageRuleError),
            (true, true) => Ok(Self::Below(name.to_owned())),
            (true, false) => Ok(Self::Exactly(name.to_owned())),
        }
    }

    fn is(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(name) => name == host,
            Self::Below(name) => {
                host == name || host.strip_suffix(name.as_str()).is_some_and(|rest| rest.ends_with('.'))
            }
        }
    }
}

/// A site's host and port, where it names one.
fn port_of(site: &str) -> Option<(&str, &str)> {
    let (host, port) = site.rsplit_once(':')?;
    let within = host.starts_with('[') && !host.ends_with(']');
    (!within && !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())).then_some((host, port))
}

impl Page {
    /// The page with this address, as a browser writes it; `None` where no rule can name it. Of addresses that only show
    /// another, its source or a blob made of it, the one within.
    #[must_use]
    pub fn parse(address: &str) -> Option<Self> {
        let mut address = address;
        while let Some(inner) =
            ["view-source:", "blob:", "filesystem:"].iter().find_map(|around| address.strip_prefix(around))
        {
            address = inner;
        }
        let path = normal(path_of(address));
        let (scheme, rest) = address.split_once("://")?;
        let authority = rest.split(['/', '?', '#', '\\']).next()?;
        let site = authority.rsplit('@').next()?.to_ascii_lowercase();
        let (host, port) = match port_of(&site) {
            Some((host, port)) => (host, port.parse().ok()),
            None => (site.as_str(), None),
        };
        let host = host.strip_suffix('.').unwrap_or(host).to_owned();
        Some(Self { scheme: scheme.to_ascii_lowercase(), host, port, path })
    }
}

/// Hosts that nobody is recorded on unless an organisation says otherwise: by what they are for.
pub const PRESETS: [(&str, &[&str]); 3] = [
    (
        "banks",
        &[
            "*.paypal.com",
            "*.wise.com",
            "*.revolut.com",
            "*.chase.com",
            "*.bankofamerica.com",
            "*.wellsfargo.com",
            "*.citi.com",
            "*.hsbc.com",
            "*.barclays.co.uk",
            "*.lloydsbank.co.uk",
            "*.natwest.com",
            "*.santander.com",
            "*.bbva.com",
            "*.ing.com",
            "*.deutsche-bank.de",
            "*.commerzbank.de",
            "*.sparkasse.de",
            "*.n26.com",
            "*.bnpparibas",
            "*.credit-agricole.fr",
            "*.societegenerale.fr",
            "*.nordea.fi",
            "*.nordea.com",
            "*.op.fi",
            "*.danskebank.fi",
            "*.danskebank.com",
            "*.seb.se",
            "*.swedbank.se",
            "*.handelsbanken.se",
            "*.dnb.no",
            "*.ubs.com",
        ],
    ),
    (
        "health",
        &[
            "*.mychart.com",
            "*.mychart.org",
            "*.kaiserpermanente.org",
            "*.nhs.uk",
            "*.doctolib.fr",
            "*.doctolib.de",
            "*.omakanta.fi",
            "*.kanta.fi",
            "*.mehilainen.fi",
            "*.terveystalo.com",
            "*.1177.se",
            "*.helsenorge.no",
            "*.sundhed.dk",
            "*.ameli.fr",
            "*.tk.de",
            "*.zocdoc.com",
        ],
    ),
    (
        "mail",
        &[
            "mail.google.com",
            "*.outlook.com",
            "outlook.live.com",
            "outlook.office.com",
            "outlook.office365.com",
            "mail.yahoo.com",
            "*.mail.yahoo.com",
            "mail.proton.me",
            "*.fastmail.com",
            "*.gmx.net",
            "*.web.de",
            "*.icloud.com",
            "mail.zoho.com",
            "mail.aol.com",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn names(rule: &str, address: &str) -> bool {
        let rule = PageRule::parse(rule).unwrap_or_else(|_| panic!("{rule}"));
        Page::parse(address).is_some_and(|page| rule.names(&page))
    }

    #[test]
    fn rules_name_sites_hosts_and_paths() {
        for (rule, yes, no) in [
            ("https://bank.example/**", "https://bank.example/a/b?x#y", "http://bank.example/"),
            ("https://bank.example/*", "https://bank.example/a/b/c", "https://www.bank.example/"),
            ("*.bank.example", "https://bank.example", "https://notbank.example/"),
            ("*.bank.example", "http://a.b.bank.example:8080/x", "https://bank.example.evil.example/"),
            ("bank.example:8443/admin/**", "https://bank.example:8443/admin", "https://bank.example/admin"),
            ("bank.example:443", "https://bank.example/", "http://bank.example/"),
            ("*/account/**", "https://any.example/account/1", "https://any.example/accounts"),
            ("/account/**", "https://any.example/%61ccount/1", "https://any.example/"),
            ("**/secret", "https://any.example/a/secret", "https://any.example/secrets"),
            ("https://[::1]:3000", "https://[::1]:3000/x", "https://[::2]:3000/x"),
            ("bank.example", "https://BANK.example./", "https://user:bank.example@other.example/"),
            ("bank.example", "view-source:https://bank.example/", "about:blank"),
            ("bank.example", "blob:https://bank.example/1-2-3", "data:text/html,bank.example"),
        ] {
            assert!(names(rule, yes), "{rule} {yes}");
            assert!(!names(rule, no), "{rule} {no}");
        }
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for text in [
            "",
            "ftp://x.example",
            "https://",
            "https:///x",
            "Bank.example",
            "bank..example",
            "*.*.example",
            "b*nk.example",
            "bank.example:99999",
            "bank.example/a?b",
            "//x",
            "https://x.example/***",
            "user@bank.example",
            "[::1",
        ] {
            assert_eq!(PageRule::parse(text), Err(PageRuleError), "{text}");
        }
    }

    #[test]
    fn presets_are_rules() {
        for (_, rules) in PRESETS {
            assert!(rules.iter().all(|rule| PageRule::parse(rule).is_ok()));
        }
    }
}
