//! Exclude, mask or show: what the rules say about one element.

use super::{Media, Preset, Rules, Selector, UrlPattern, path_of};

/// An element as the rules see it. Cheap to clone: a reference or an index.
pub trait Element: Clone {
    /// The tag, in any case.
    fn tag(&self) -> &str;

    /// The value of an attribute. `name` comes in lower case and is compared without regard to ASCII case.
    fn attr(&self, name: &str) -> Option<&str>;

    /// The parent element inside the same tree; `None` at the root of a document or shadow tree. Selectors look no further.
    fn parent(&self) -> Option<Self>;

    /// At such a root: the shadow host or the frame the tree hangs in. Decisions are inherited from it.
    fn host(&self) -> Option<Self> {
        None
    }

    /// Whether this field has been a password field before. A page that turns dots into letters does not make it another field.
    fn was_password(&self) -> bool {
        false
    }

    /// The `id`.
    fn id(&self) -> Option<&str> {
        self.attr("id")
    }

    /// Whether `class` names this class, exactly.
    fn has_class(&self, class: &str) -> bool {
        self.attr("class").is_some_and(|classes| classes.split_ascii_whitespace().any(|one| one == class))
    }
}

/// What leaves the device of one element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Nothing but an empty box.
    Exclude,
    /// Its structure; text and values are replaced by [`super::MASK`].
    Mask,
    /// Its text and values too.
    Show,
}

/// What an element passes on to its children: the nearest decision, and what is final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Standing {
    nearest_shows: bool,
    excluded: bool,
    never_shown: bool,
}

impl Standing {
    /// Nothing is known: masked.
    pub const UNKNOWN: Self = Self { nearest_shows: false, excluded: false, never_shown: false };

    /// The decision itself.
    #[must_use]
    pub const fn decision(self) -> Decision {
        if self.excluded {
            Decision::Exclude
        } else if self.nearest_shows && !self.never_shown {
            Decision::Show
        } else {
            Decision::Mask
        }
    }

    /// Whether this is, or lies in, a field whose value never leaves the device.
    #[must_use]
    pub const fn never_shown(self) -> bool {
        self.never_shown
    }

    /// The same, but masked where it would show.
    #[must_use]
    pub const fn masked(mut self) -> Self {
        self.nearest_shows = false;
        self
    }
}

/// Rules ready to judge.
#[derive(Clone, Debug)]
pub struct Compiled {
    preset: Preset,
    media_allowed: bool,
    exclude: Vec<Selector>,
    mask: Vec<Selector>,
    unmask: Vec<Selector>,
    deny: Vec<UrlPattern>,
    allow: Vec<UrlPattern>,
    /// Sorted.
    attributes: Vec<String>,
}

impl Compiled {
    pub(super) fn new(rules: &Rules) -> Self {
        let lists = [rules.exclude_selectors(), rules.mask_selectors(), rules.unmask_selectors()];
        let tested = lists.into_iter().flatten().flat_map(Selector::attribute_names);
        let mut attributes: Vec<String> = tested
            .chain(["autocomplete", "class", "data-clerestory", "id", "type"])
            .map(str::to_owned)
            .collect();
        attributes.sort_unstable();
        attributes.dedup();
        Self {
            preset: rules.preset(),
            media_allowed: rules.media() == Media::Allowed,
            exclude: rules.exclude_selectors().to_vec(),
            mask: rules.mask_selectors().to_vec(),
            unmask: rules.unmask_selectors().to_vec(),
            deny: rules.deny_patterns().to_vec(),
            allow: rules.allow_patterns().to_vec(),
            attributes,
        }
    }

    /// Whether images and canvases may be captured.
    #[must_use]
    pub const fn media_allowed(&self) -> bool {
        self.media_allowed
    }

    /// Whether any selector could show something; `data-clerestory` may even where this is false.
    #[must_use]
    pub const fn has_unmask(&self) -> bool {
        !self.unmask.is_empty()
    }

    /// Whether deciding reads this attribute (`name` in lower case): what a keeper of trees must remember of an element.
    #[must_use]
    pub fn reads_attribute(&self, name: &str) -> bool {
        self.attributes.binary_search_by(|own| own.as_str().cmp(name)).is_ok()
    }

    /// What the preset says where no rule does: the standing of a document.
    #[must_use]
    pub const fn root(&self) -> Standing {
        match self.preset {
            Preset::Private => Standing { nearest_shows: false, excluded: false, never_shown: false },
        }
    }

    /// The standing of `element`, whose parent (or host) has the standing `above`.
    pub fn step<E: Element>(&self, above: Standing, element: &E) -> Standing {
        if above.excluded {
            return above;
        }
        let mut here = above;
        here.never_shown |= element.was_password() || never_shown(element);
        match self.own(element) {
            Some(Decision::Exclude) => here.excluded = true,
            Some(Decision::Mask) => here.nearest_shows = false,
            Some(Decision::Show) => here.nearest_shows = true,
            None => {}
        }
        here
    }

    /// What the rules say about `element`, its ancestors included. `element` must reach up to the document; where it does not,
    /// use [`Compiled::step`] with what is known, or [`Standing::UNKNOWN`].
    pub fn decision<E: Element>(&self, element: &E) -> Decision {
        let mut chain = vec![element.clone()];
        let up = |from: &E| from.parent().or_else(|| from.host());
        let mut next = up(element);
        while let Some(ancestor) = next {
            next = up(&ancestor);
            chain.push(ancestor);
        }
        chain.iter().rev().fold(self.root(), |above, one| self.step(above, one)).decision()
    }

    /// Whether pages at this URL (or path) are captured at all.
    #[must_use]
    pub fn captures(&self, url: &str) -> bool {
        let path = path_of(url);
        !self.deny.iter().any(|pattern| pattern.matches(path))
            && (self.allow.is_empty() || self.allow.iter().any(|pattern| pattern.matches(path)))
    }

    /// Whether any rule says which pages are captured.
    #[must_use]
    pub const fn judges_pages(&self) -> bool {
        !self.deny.is_empty() || !self.allow.is_empty()
    }

    /// The strongest rule on the element itself.
    fn own<E: Element>(&self, element: &E) -> Option<Decision> {
        let attribute = element.attr("data-clerestory").map(|value| {
            let value = value.trim_ascii();
            if value.eq_ignore_ascii_case("exclude") || value.eq_ignore_ascii_case("excluded") {
                Decision::Exclude
            } else if value.eq_ignore_ascii_case("unmask") {
                Decision::Show
            } else {
                // A word we do not know was meant to protect something.
                Decision::Mask
            }
        });
        let any = |list: &[Selector]| list.iter().any(|selector| selector.matches(element));
        if attribute == Some(Decision::Exclude) || any(&self.exclude) {
            Some(Decision::Exclude)
        } else if attribute == Some(Decision::Mask) || any(&self.mask) {
            Some(Decision::Mask)
        } else if attribute == Some(Decision::Show) || any(&self.unmask) {
            Some(Decision::Show)
        } else {
            None
        }
    }
}

/// Whether the value of this field never leaves the device, in any mode.
///
/// Source: the field names of the HTML standard, "Autofill", for payment cards, one-time codes and passwords.
pub fn never_shown<E: Element>(element: &E) -> bool {
    let by_type = element.tag().eq_ignore_ascii_case("input")
        && element.attr("type").is_some_and(|kind| {
            let kind = kind.trim_ascii();
            ["password", "hidden", "file"].iter().any(|one| kind.eq_ignore_ascii_case(one))
        });
    by_type
        || element.attr("autocomplete").is_some_and(|tokens| {
            tokens.split_ascii_whitespace().any(|token| {
                token.get(..3).is_some_and(|prefix| prefix.eq_ignore_ascii_case("cc-"))
                    || ["one-time-code", "current-password", "new-password"]
                        .iter()
                        .any(|one| token.eq_ignore_ascii_case(one))
            })
        })
}
