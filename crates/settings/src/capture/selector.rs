//! The selectors rules are written in: a subset of CSS small enough to be judged alike everywhere.
//!
//! Grammar and meaning are in `policies/vectors/README.md`. The server matches a recorded tree, not a live page, and the recorder
//! must come to the same answer; so both have a matcher of their own instead of the browser's, whose answers depend on quirks
//! mode, on the kind of document and on the browser.

use std::fmt;

use super::{Element, LONGEST_RULE};

/// Why a text is not a selector of the subset. The message names the place in code points, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// Nothing but white space, or nothing between two commas.
    #[error("a selector is missing")]
    Empty,
    /// More than [`LONGEST_RULE`] code points.
    #[error("the selector has more than {LONGEST_RULE} characters")]
    TooLong,
    /// Pseudo classes and pseudo elements.
    #[error("`:` at character {at}: pseudo classes and pseudo elements cannot be used")]
    Pseudo {
        /// Place of the colon.
        at: usize,
    },
    /// A combinator with nothing on one of its sides.
    #[error("a combinator at character {at} has nothing on one side")]
    Combinator {
        /// Place of the combinator, or the end of the selector.
        at: usize,
    },
    /// A tag or `*` behind another part of the same compound.
    #[error("the tag at character {at} must stand first, before `#`, `.` and `[`")]
    TagNotFirst {
        /// Place of the tag.
        at: usize,
    },
    /// An attribute test that is not `[name]` or `[name=value]`.
    #[error("the attribute test at character {at} must be [name], [name=value] or [name=\"value\"]")]
    Attribute {
        /// Place where reading it failed.
        at: usize,
    },
    /// A name was expected.
    #[error("a name is missing at character {at}")]
    Name {
        /// Place where the name should begin.
        at: usize,
    },
    /// A character that has no meaning here.
    #[error("`{found}` at character {at} cannot be used")]
    Unexpected {
        /// The character.
        found: char,
        /// Its place.
        at: usize,
    },
}

/// A comma list of complex selectors.
///
/// [`fmt::Display`] writes the normal form, which parses back to an equal selector.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Selector {
    parts: Vec<Complex>,
}

/// Compounds from the subject leftwards; `child` says that the next compound must match the parent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Complex {
    compounds: Vec<Compound>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Compound {
    /// In lower case; `*` for the universal selector.
    tag: Option<String>,
    tests: Vec<Test>,
    child: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Test {
    Id(String),
    Class(String),
    Present(String),
    Equals(String, String),
}

impl Selector {
    /// Reads a selector.
    ///
    /// # Errors
    /// [`SelectorError`] with the first thing that does not belong to the subset.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let chars: Vec<char> = text.chars().collect();
        if chars.len() > LONGEST_RULE {
            return Err(SelectorError::TooLong);
        }
        Reader { chars: &chars, at: 0 }.list()
    }

    /// Whether any of the list's selectors matches `element`.
    pub fn matches<E: Element>(&self, element: &E) -> bool {
        self.parts.iter().any(|part| part.matches(element))
    }

    /// The names of the attributes it tests by name (not those of `#` and `.`), in lower case.
    pub fn attribute_names(&self) -> impl Iterator<Item = &str> {
        let compounds = self.parts.iter().flat_map(|part| &part.compounds);
        compounds.flat_map(|compound| &compound.tests).filter_map(|test| match test {
            Test::Present(name) | Test::Equals(name, _) => Some(name.as_str()),
            Test::Id(_) | Test::Class(_) => None,
        })
    }

    /// The normal forms of the list's selectors, in order.
    pub fn normal_parts(&self) -> impl Iterator<Item = String> + '_ {
        self.parts.iter().map(ToString::to_string)
    }
}

impl Complex {
    /// Runs of compounds joined by `>` are matched as one; between runs the nearest match further up is taken. As in a glob,
    /// the nearest one never hides a later one, so no other choice needs trying: the cost is depth times compounds.
    fn matches<E: Element>(&self, element: &E) -> bool {
        let mut runs = self.compounds.split_inclusive(|compound| !compound.child);
        let Some(first) = runs.next() else {
            return false;
        };
        let Some(mut above) = run_matches(first, element) else {
            return false;
        };
        'runs: for run in runs {
            let mut start = above;
            while let Some(candidate) = start {
                if let Some(next) = run_matches(run, &candidate) {
                    above = next;
                    continue 'runs;
                }
                start = candidate.parent();
            }
            return false;
        }
        true
    }
}

/// The parent of the last element the run consumed (itself maybe absent), or `None` when it does not match here.
fn run_matches<E: Element>(run: &[Compound], element: &E) -> Option<Option<E>> {
    let mut at = Some(element.clone());
    for compound in run {
        let here = at?;
        if !compound.matches(&here) {
            return None;
        }
        at = here.parent();
    }
    Some(at)
}

impl Compound {
    fn matches<E: Element>(&self, element: &E) -> bool {
        self.tag.as_deref().is_none_or(|tag| tag == "*" || tag.eq_ignore_ascii_case(element.tag()))
            && self.tests.iter().all(|test| match test {
                Test::Id(id) => element.id() == Some(id),
                Test::Class(class) => element.has_class(class),
                Test::Present(name) => element.attr(name).is_some(),
                Test::Equals(name, value) => element.attr(name) == Some(value),
            })
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.parts.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            part.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Complex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, compound) in self.compounds.iter().rev().enumerate() {
            if index > 0 {
                f.write_str(if compound_child(&self.compounds, index) { " > " } else { " " })?;
            }
            f.write_str(compound.tag.as_deref().unwrap_or_default())?;
            for test in &compound.tests {
                match test {
                    Test::Id(id) => write!(f, "#{id}")?,
                    Test::Class(class) => write!(f, ".{class}")?,
                    Test::Present(name) => write!(f, "[{name}]")?,
                    Test::Equals(name, value) => {
                        let quote = if value.contains('"') { '\'' } else { '"' };
                        write!(f, "[{name}={quote}{value}{quote}]")?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Whether the `index`th compound from the left hangs on its left neighbour by `>`.
fn compound_child(compounds: &[Compound], index: usize) -> bool {
    compounds.iter().rev().nth(index).is_some_and(|compound| compound.child)
}

struct Reader<'a> {
    chars: &'a [char],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    /// The place for a message, counted from 1.
    const fn place(&self) -> usize {
        self.at + 1
    }

    fn space(&mut self) -> bool {
        let from = self.at;
        while matches!(self.peek(), Some(' ' | '\t' | '\n' | '\u{c}' | '\r')) {
            self.at += 1;
        }
        self.at > from
    }

    fn list(mut self) -> Result<Selector, SelectorError> {
        let mut parts = Vec::new();
        loop {
            self.space();
            if matches!(self.peek(), None | Some(',')) {
                return Err(SelectorError::Empty);
            }
            parts.push(self.complex()?);
            match self.peek() {
                None => return Ok(Selector { parts }),
                // `complex` stops only at a comma or at the end.
                Some(_) => self.at += 1,
            }
        }
    }

    fn complex(&mut self) -> Result<Complex, SelectorError> {
        let mut compounds = Vec::new();
        let mut child = false;
        loop {
            let mut compound = self.compound()?;
            compound.child = child;
            compounds.push(compound);
            let spaced = self.space();
            match self.peek() {
                None | Some(',') => break,
                Some('>') => {
                    self.at += 1;
                    self.space();
                    if matches!(self.peek(), None | Some(',' | '>')) {
                        return Err(SelectorError::Combinator { at: self.place() });
                    }
                    child = true;
                }
                Some(_) if spaced => child = false,
                Some(found) => return Err(self.stray(found)),
            }
        }
        compounds.reverse();
        Ok(Complex { compounds })
    }

    fn stray(&self, found: char) -> SelectorError {
        match found {
            ':' => SelectorError::Pseudo { at: self.place() },
            '>' => SelectorError::Combinator { at: self.place() },
            _ => SelectorError::Unexpected { found, at: self.place() },
        }
    }

    fn compound(&mut self) -> Result<Compound, SelectorError> {
        let mut compound = Compound::default();
        let from = self.at;
        loop {
            match self.peek() {
                Some('*') if self.at == from => {
                    self.at += 1;
                    compound.tag = Some("*".to_owned());
                }
                Some('#') => {
                    self.at += 1;
                    compound.tests.push(Test::Id(self.name()?));
                }
                Some('.') => {
                    self.at += 1;
                    compound.tests.push(Test::Class(self.name()?));
                }
                Some('[') => compound.tests.push(self.attribute()?),
                Some(c) if c == '*' || begins_name(c) || c == '-' => {
                    if self.at > from {
                        return Err(SelectorError::TagNotFirst { at: self.place() });
                    }
                    compound.tag = Some(self.name()?.to_ascii_lowercase());
                }
                Some(found) if self.at == from => return Err(self.stray(found)),
                None if self.at == from => return Err(SelectorError::Empty),
                _ => return Ok(compound),
            }
        }
    }

    /// An identifier (CSS Syntax 3, section 4.3.9, without escapes).
    fn name(&mut self) -> Result<String, SelectorError> {
        let start = self.place();
        let mut name = String::new();
        while let Some(c) = self.peek().filter(|&c| begins_name(c) || c == '-' || c.is_ascii_digit()) {
            name.push(c);
            self.at += 1;
        }
        let mut chars = name.chars();
        let begun = match chars.next() {
            Some('-') => chars.next().is_some_and(|c| c == '-' || begins_name(c)),
            Some(c) => begins_name(c),
            None => false,
        };
        if begun { Ok(name) } else { Err(SelectorError::Name { at: start }) }
    }

    fn attribute(&mut self) -> Result<Test, SelectorError> {
        self.at += 1;
        self.space();
        let name = self.name()?.to_ascii_lowercase();
        self.space();
        if self.take(']') {
            return Ok(Test::Present(name));
        }
        if !self.take('=') {
            return Err(SelectorError::Attribute { at: self.place() });
        }
        self.space();
        let value = match self.peek() {
            Some(quote @ ('"' | '\'')) => self.quoted(quote)?,
            _ => self.name()?,
        };
        self.space();
        if !self.take(']') {
            return Err(SelectorError::Attribute { at: self.place() });
        }
        Ok(Test::Equals(name, value))
    }

    fn quoted(&mut self, quote: char) -> Result<String, SelectorError> {
        self.at += 1;
        let mut value = String::new();
        loop {
            match self.peek() {
                Some(c) if c == quote => {
                    self.at += 1;
                    return Ok(value);
                }
                None | Some('\\' | '\u{0}'..='\u{1f}') => {
                    return Err(SelectorError::Attribute { at: self.place() });
                }
                Some(c) => {
                    value.push(c);
                    self.at += 1;
                }
            }
        }
    }
}

const fn begins_name(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || c as u32 >= 0x80
}
