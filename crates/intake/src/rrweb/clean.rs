//! Events, made harmless and held to the policy.
//!
//! Recordings are hostile: anyone can send events with a public site key. And clients may be wrong: what the policy excludes
//! must not be stored even if a recorder sent it. Both are done in one walk, as both must know what an event is about.

use clerestory_settings::capture::{Compiled, Decision, MASK, bare_url};

use foldhash::{HashMap, HashMapExt};

use super::clean_tree::{Hangs, lower, needs_mask};
use super::css::{self, Use};
use super::event::{
    AddedRule, Canvas, Custom, Event, EventKind, Font, Incremental, Mutation, NodeKind, Nodes,
    SelectionRange, StyleDeclaration, StyleRule, Text, Value,
};
use super::json::{Reader, Unknown};
use super::names::{self, Role};
use super::report::{CleanReport, SanitiseReport, ScrubReport};
use super::segment::Segment;
use super::tree::{Known, Place, TreeState};
use super::write::plain;

impl Segment<'_> {
    /// Takes out whatever could run, fetch or navigate in a player, and what would make one fail: see the reasons in
    /// [`SanitiseReport`]. Elements that must not be there are hollowed out (an empty `noscript`, which players hide), so that
    /// their neighbours stay where they are. Links keep their address as `rr_href`, which no browser follows. Done twice it
    /// changes nothing more.
    pub fn sanitise(&mut self) -> SanitiseReport {
        self.walk(None, &mut TreeState::new()).sanitised
    }

    /// Sanitises, and holds the segment to the policy once more, as the recorder should have: texts and values masked,
    /// attributes dropped, excluded elements emptied, media taken out, denied pages left out. `tree` is the track's; see
    /// [`TreeState`] for what happens without one.
    ///
    /// A selector that tests an attribute the recorder does not send (`name`, `data-*`, `aria-*`) cannot be judged here. Where
    /// it would have shown something, the recorder's `data-clerestory="unmask"` on the element says so.
    ///
    /// No event may be left afterwards ([`Segment::events`]).
    pub fn scrub(&mut self, rules: &Compiled, tree: &mut TreeState) -> ScrubReport {
        self.clean(rules, tree).scrubbed
    }

    /// [`Segment::sanitise`] and [`Segment::scrub`] in one walk, with both reports.
    pub fn clean(&mut self, rules: &Compiled, tree: &mut TreeState) -> CleanReport {
        self.walk(Some(rules), tree)
    }

    fn walk(&mut self, rules: Option<&Compiled>, tree: &mut TreeState) -> CleanReport {
        tree.begin();
        let images = rules.is_none_or(Compiled::media_allowed);
        let mut cleaner =
            Cleaner { rules, images, tree, nodes: &mut self.nodes, report: CleanReport::default() };
        self.events.retain_mut(|event| cleaner.event(event));
        cleaner.report
    }
}

/// One walk over a segment.
pub(super) struct Cleaner<'c, 'a> {
    pub(super) rules: Option<&'c Compiled>,
    /// Inlined images may stay.
    pub(super) images: bool,
    pub(super) tree: &'c mut TreeState,
    pub(super) nodes: &'c mut Nodes<'a>,
    pub(super) report: CleanReport,
}

impl<'a> Cleaner<'_, 'a> {
    /// Cleans an event; says whether it stays.
    fn event(&mut self, event: &mut Event<'a>) -> bool {
        match &mut event.kind {
            EventKind::Meta { href, .. } => {
                self.page(href);
                self.allowed_page()
            }
            EventKind::Custom(Custom::Page { url, title }) => {
                self.page(url);
                if let Some(title) = title {
                    self.title(title);
                }
                self.allowed_page()
            }
            // What was not captured may be told of any page.
            EventKind::Custom(Custom::Gap { .. } | Custom::Excluded { .. }) => true,
            EventKind::Plugin { .. } => self.refuse_event("plugin"),
            EventKind::DomContentLoaded | EventKind::Load => self.allowed_page(),
            EventKind::FullSnapshot { root, .. } => {
                self.tree.forget();
                if !self.allowed_page() {
                    return false;
                }
                let standing = self.rules.map_or(Place::UNKNOWN.standing, Compiled::root);
                let place = Place { standing, hollow: false, known: true };
                self.tree(*root, Hangs { parent: 0, place, parent_role: None, parent_is_document: false })
            }
            EventKind::Incremental(change) => self.allowed_page() && self.change(change),
        }
    }

    fn refuse_event(&mut self, reason: &'static str) -> bool {
        self.report.sanitised.count(reason);
        false
    }

    /// Cuts a page's URL to what may be stored and asks the policy about it.
    fn page(&mut self, url: &mut Text<'a>) {
        let bare = bare_url(url).map(std::borrow::Cow::into_owned);
        match bare {
            Some(bare) if bare == **url => {}
            Some(bare) => {
                self.report.scrubbed.attributes += 1;
                *url = Text::Owned(bare);
            }
            None => {
                self.report.scrubbed.attributes += 1;
                *url = plain("about:blank");
            }
        }
        self.tree.denied = self.rules.is_some_and(|rules| !rules.captures(url));
    }

    /// Whether the policy allows the page the track is on.
    fn allowed_page(&mut self) -> bool {
        self.report.scrubbed.events += u64::from(self.tree.denied);
        !self.tree.denied
    }

    /// A title is shown where the element is that holds it.
    fn title(&mut self, title: &mut Text<'a>) {
        let shown = self.tree.title.is_some_and(|id| self.place(id).standing.decision() == Decision::Show);
        if self.rules.is_some() && !shown && needs_mask(title) {
            *title = plain(MASK);
            self.report.scrubbed.texts += 1;
        }
    }

    fn place(&self, id: i64) -> Place {
        self.tree.place(id, self.rules)
    }

    /// Whether events about a node may stay: not about what is excluded or hollowed out.
    fn is_about_something(&mut self, place: Place) -> bool {
        if place.hollow {
            return self.refuse_event("hollow_element");
        }
        if self.rules.is_some() && place.standing.decision() == Decision::Exclude {
            self.report.scrubbed.events += 1;
            return false;
        }
        true
    }

    /// How far a field is scrolled tells how much is in it.
    fn tells_of_a_masked_field(&mut self, id: i64, place: Place) -> bool {
        let tag = self.tree.tag(id).unwrap_or_default();
        let field = ["input", "textarea", "select"].iter().any(|one| tag.eq_ignore_ascii_case(one));
        let masked = self.rules.is_some() && field && place.standing.decision() != Decision::Show;
        self.report.scrubbed.events += u64::from(masked);
        masked
    }

    fn change(&mut self, change: &mut Incremental<'a>) -> bool {
        match change {
            Incremental::Mutation(mutation) => {
                self.mutation(mutation);
                !(mutation.texts.is_empty()
                    && mutation.attributes.is_empty()
                    && mutation.removes.is_empty()
                    && mutation.adds.is_empty())
            }
            Incremental::Input { id, text, is_checked, .. } => {
                let place = self.place(*id);
                if !self.is_about_something(place) {
                    return false;
                }
                let shows = place.standing.decision() == Decision::Show && !place.standing.never_shown();
                if self.rules.is_some() && !shows {
                    let masked = !text.is_empty() && text != MASK;
                    if masked {
                        *text = plain(MASK);
                    }
                    self.report.scrubbed.values += u64::from(masked || *is_checked);
                    *is_checked = false;
                }
                true
            }
            Incremental::Scroll { id, .. } => {
                let place = self.place(*id);
                self.is_about_something(place) && !self.tells_of_a_masked_field(*id, place)
            }
            // Where something excluded lies on the screen says too much of it.
            Incremental::Interaction { id, .. } => {
                let place = self.place(*id);
                self.is_about_something(place)
            }
            Incremental::Move { positions, .. } => {
                positions.retain(|position| {
                    let place = self.place(position.id);
                    self.is_about_something(place)
                });
                !positions.is_empty()
            }
            Incremental::Selection { ranges } => {
                let before = ranges.len();
                ranges.retain_mut(|range| self.range(range));
                self.report.scrubbed.events += (before - ranges.len()) as u64;
                true
            }
            Incremental::StyleRule(rule) => {
                self.style_rule(rule);
                true
            }
            Incremental::StyleDeclaration(declaration) => self.style_declaration(declaration),
            Incremental::AdoptedStyles(adopted) => {
                for (_, rules) in adopted.styles.iter_mut().flatten() {
                    self.added_rules(rules);
                }
                true
            }
            Incremental::Canvas(canvas) => self.canvas(canvas),
            Incremental::Font(font) => self.font(font),
            Incremental::Log { .. } => self.refuse_event("log"),
            Incremental::CustomElement { name } => {
                name.as_ref().is_some_and(|name| names::is_custom_name(name))
                    || self.refuse_event("custom_element")
            }
            Incremental::Resize { .. } | Incremental::Media(_) => true,
        }
    }

    /// In the player's order: removes, adds, texts, attributes.
    fn mutation(&mut self, mutation: &mut Mutation<'a>) {
        mutation.removes.retain(|removal| {
            let place = self.place(removal.parent);
            let stays = self.is_about_something(place);
            self.tree.remove(removal.id);
            stays
        });
        self.additions(mutation);
        let mut texts = std::mem::take(&mut mutation.texts);
        texts.retain_mut(|(id, value)| self.text_change(*id, value));
        mutation.texts = texts;
        let mut changes = std::mem::take(&mut mutation.attributes);
        changes.retain(|change| self.attribute_change(change.id, change.attributes));
        mutation.attributes = changes;
    }

    fn additions(&mut self, mutation: &mut Mutation<'a>) {
        let attach = mutation.is_attach_iframe == Some(true);
        let order = self.parents_first(mutation);
        let mut stays = vec![false; mutation.adds.len()];
        for index in order {
            let Some((parent, root)) =
                mutation.adds.get(index).map(|addition| (addition.parent, addition.node))
            else {
                continue;
            };
            if let Some(stay) = stays.get_mut(index) {
                *stay = self.addition(parent, root, attach);
            }
        }
        let mut stays = stays.into_iter();
        mutation.adds.retain(|_| stays.next().unwrap_or_default());
    }

    fn addition(&mut self, parent: i64, root: u32, attach: bool) -> bool {
        let place = self.place(parent);
        let is_document = matches!(
            self.nodes.list.get(root as usize).map(|node| &node.kind),
            Some(NodeKind::Document { .. })
        );
        let parent_role = self.tree.role(parent);
        let parent_is_document =
            matches!(self.tree.get(parent).map(|known| &known.kind), Some(Known::Document));
        let hangs = Hangs { parent, place, parent_role, parent_is_document };
        if is_document && !(attach && matches!(parent_role, None | Some(Role::Frame)) && !parent_is_document)
        {
            // Anywhere else a document would replace the one that is played. It is walked to be remembered, not to be counted.
            let report = std::mem::take(&mut self.report);
            self.tree(root, hangs);
            self.report = report;
            return self.refuse_event("document");
        }
        // What hangs in something hollow or excluded is walked, too, but nothing of it is cleaned.
        self.tree(root, hangs) && self.is_about_something(place)
    }

    /// The order in which each addition comes after the one it hangs in. Recorders send them so; others need not.
    fn parents_first(&self, mutation: &Mutation<'a>) -> Vec<usize> {
        let all = 0..mutation.adds.len();
        let unknown = mutation.adds.iter().any(|addition| self.tree.get(addition.parent).is_none());
        if !unknown {
            return all.collect();
        }
        let mut homes: HashMap<i64, usize> = HashMap::new();
        for (index, addition) in mutation.adds.iter().enumerate() {
            for node in super::segment::subtree(self.nodes, addition.node) {
                homes.insert(node.id, index);
            }
        }
        let mut placed = vec![false; mutation.adds.len()];
        let mut order = Vec::with_capacity(mutation.adds.len());
        for start in all {
            let mut way = Vec::new();
            let mut next = Some(start);
            while let Some(at) = next.filter(|at| placed.get(*at) == Some(&false)) {
                if let Some(mark) = placed.get_mut(at) {
                    *mark = true;
                }
                way.push(at);
                next = mutation.adds.get(at).and_then(|addition| homes.get(&addition.parent)).copied();
            }
            order.extend(way.into_iter().rev());
        }
        order
    }

    fn text_change(&mut self, id: i64, value: &mut Option<Text<'a>>) -> bool {
        let place = self.place(id);
        if !self.is_about_something(place) {
            return false;
        }
        let Some(text) = value else { return true };
        let node = self.tree.get(id);
        let known = node.map(|node| &node.kind);
        let own = matches!(known, Some(Known::Element { .. }));
        let of = if own { self.tree.role(id) } else { node.and_then(|node| self.tree.role(node.parent)) };
        if matches!(known, Some(Known::Other)) {
            // A comment; and no document type has a text.
            if !text.is_empty() {
                *text = plain("");
                self.report.sanitised.count("comment");
            }
            return true;
        }
        self.text(text, of == Some(Role::Style), of.is_none(), place.standing);
        true
    }

    fn attribute_change(&mut self, id: i64, span: super::event::Span) -> bool {
        if self.tree.get(id).is_some_and(|node| !matches!(node.kind, Known::Element { .. })) {
            // A player sets attributes without asking what it has there.
            return self.refuse_event("misplaced");
        }
        let place = self.place(id);
        if !self.is_about_something(place) {
            return false;
        }
        for index in span.start..span.end {
            let Some(one) = self.nodes.attributes.get(index as usize) else { break };
            let value = match &one.value {
                Value::Text(text) => Some(&**text),
                Value::Number(number) => Some(*number),
                Value::Bool(true) => Some(""),
                Value::Bool(false) | Value::Null | Value::Style(_) => None,
            };
            self.tree.set_attribute(id, &lower(&one.name), value, self.rules);
        }
        // With its new attributes the element may be excluded, or be a field that is never shown.
        let place = self.place(id);
        if !self.is_about_something(place) {
            return false;
        }
        if place.standing.never_shown() {
            self.tree.keep_secret(id);
        }
        let tag = self.tree.tag(id).map(str::to_owned);
        self.attributes(span, tag.as_deref(), place.standing);
        self.nodes.attributes_of(span).iter().any(|one| !one.dropped)
    }

    /// Offsets into a masked text would tell how long it was: they end where the mask ends.
    fn range(&mut self, range: &mut SelectionRange) -> bool {
        if self.rules.is_none() {
            return true;
        }
        for (id, offset) in [(range.start, &mut range.start_offset), (range.end, &mut range.end_offset)] {
            let place = self.place(id);
            let is_text = matches!(self.tree.get(id).map(|node| &node.kind), Some(Known::Text) | None);
            if place.hollow || place.standing.decision() == Decision::Exclude || !place.known {
                return false;
            }
            if is_text && place.standing.decision() == Decision::Mask {
                *offset = (*offset).clamp(0, MASK.chars().count() as i64);
            }
        }
        true
    }

    fn added_rules(&mut self, rules: &mut [AddedRule<'a>]) {
        for added in rules {
            let cleaned = css::clean(&added.rule, Use::Alone, self.images);
            self.css(&mut added.rule, cleaned);
        }
    }

    fn style_rule(&mut self, rule: &mut StyleRule<'a>) {
        if let Some(adds) = &mut rule.adds {
            self.added_rules(adds);
        }
        for text in [&mut rule.replace, &mut rule.replace_sync].into_iter().flatten() {
            let cleaned = css::clean(text, Use::Alone, self.images);
            self.css(text, cleaned);
        }
    }

    fn style_declaration(&mut self, declaration: &mut StyleDeclaration<'a>) -> bool {
        if declaration.remove.as_ref().is_some_and(|property| !names::is_property(property)) {
            declaration.remove = None;
            self.report.sanitised.count("css");
        }
        if let Some(set) = &mut declaration.set {
            if names::is_property(&set.property) {
                if let Some(Value::Text(value)) = &mut set.value {
                    let cleaned = css::clean(value, Use::Alone, self.images);
                    self.css(value, cleaned);
                }
                if set
                    .priority
                    .as_ref()
                    .is_some_and(|priority| !priority.is_empty() && priority != "important")
                {
                    set.priority = None;
                }
            } else {
                declaration.set = None;
                self.report.sanitised.count("css");
            }
        }
        declaration.set.is_some() || declaration.remove.is_some()
    }

    /// Only what the recorder sends when it samples a canvas as pictures: clear, then draw an inlined image.
    fn canvas(&mut self, canvas: &mut Canvas<'a>) -> bool {
        if !self.images {
            self.report.scrubbed.media += 1;
            return false;
        }
        let before = canvas.commands.len();
        let is_2d = canvas.kind == 0;
        canvas.commands.retain(|command| {
            let known = match &*command.property {
                "clearRect" => are_numbers(command.args),
                "drawImage" => is_inlined_image(command.args),
                _ => false,
            };
            is_2d && !command.setter && known
        });
        self.report.sanitised.add("canvas", (before - canvas.commands.len()) as u64);
        !canvas.commands.is_empty()
    }

    /// Fonts stay only where the recording holds them.
    fn font(&mut self, font: &Font<'a>) -> bool {
        let held = font.buffer
            && font.source.bytes().all(|b| b.is_ascii_digit() || matches!(b, b',' | b'[' | b']' | b' '));
        held || self.refuse_event("font")
    }
}

fn are_numbers(args: &str) -> bool {
    let mut reader = Reader::new(args, Unknown::Refuse);
    reader.list(Reader::number).is_ok_and(|numbers| numbers.len() <= 9)
}

/// `[{"rr_type":"ImageBitmap","args":[{"rr_type":"Blob","data":[{"rr_type":"ArrayBuffer","base64":…}],"type":"image/…"}]}, numbers…]`
fn is_inlined_image(args: &str) -> bool {
    let mut reader = Reader::new(args, Unknown::Refuse);
    let mut items = 0;
    let read = reader.list(|reader| {
        items += 1;
        if items > 1 {
            return reader.number().map(|_| ());
        }
        typed(reader, "ImageBitmap", &mut |reader, key| match key {
            "args" => {
                let blobs = reader.list(|reader| typed(reader, "Blob", &mut blob_field))?;
                if blobs.len() == 1 { Ok(true) } else { reader.fault("one image is expected") }
            }
            _ => Ok(false),
        })
    });
    read.is_ok() && (2..=9).contains(&items)
}

fn blob_field(reader: &mut Reader<'_>, key: &str) -> super::json::Read<bool> {
    match key {
        "data" => {
            reader.list(|reader| {
                typed(reader, "ArrayBuffer", &mut |reader, key| match key {
                    "base64" => reader.string().map(|_| true),
                    _ => Ok(false),
                })
            })?;
            Ok(true)
        }
        "type" => {
            let kind = reader.string()?;
            let known =
                ["image/png", "image/jpeg", "image/webp", "image/avif", "image/gif"].contains(&&*kind);
            if known { Ok(true) } else { reader.fault("an image is expected") }
        }
        _ => Ok(false),
    }
}

/// An object whose `rr_type` is `wanted`.
fn typed<'r>(
    reader: &mut Reader<'r>,
    wanted: &str,
    field: &mut dyn FnMut(&mut Reader<'r>, &str) -> super::json::Read<bool>,
) -> super::json::Read<()> {
    let mut seen = false;
    reader.object(|reader, key| {
        if key == "rr_type" {
            seen = reader.string()? == wanted;
            return Ok(true);
        }
        field(reader, key)
    })?;
    if seen { Ok(()) } else { reader.fault("another type is expected") }
}
