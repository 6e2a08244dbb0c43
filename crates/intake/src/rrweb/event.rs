//! The events of `@rrweb/record` 2.1.6 as types.
//!
//! Shapes are those of `@rrweb/types` 2.1.6 and of what the recorder really sends; where the two differ, the recorder wins.
//! Text borrows from the segment it was read from. Node trees lie in one arena ([`Nodes`]) in document order, so that walking
//! them needs no recursion however deep they are.

pub use clerestory_model::GapReason;

use std::borrow::Cow;

/// Text of an event. Borrowed text holds nothing JSON would escape.
pub type Text<'a> = Cow<'a, str>;

/// A number as it was written.
pub type Number<'a> = &'a str;

/// One event.
#[derive(Clone, Debug)]
pub struct Event<'a> {
    /// Milliseconds since 1970 by the client's clock.
    pub timestamp_ms: i64,
    /// What happened.
    pub kind: EventKind<'a>,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum EventKind<'a> {
    /// 0: the document was parsed.
    DomContentLoaded,
    /// 1: the page was loaded.
    Load,
    /// 2: a keyframe.
    FullSnapshot {
        /// Index of the root in [`Nodes`].
        root: u32,
        /// How far the page was scrolled.
        top: Number<'a>,
        /// How far the page was scrolled sideways.
        left: Number<'a>,
    },
    /// 3: a change.
    Incremental(Incremental<'a>),
    /// 4: a page and its viewport.
    Meta {
        /// Its URL.
        href: Text<'a>,
        /// Viewport width in CSS pixels.
        width: Number<'a>,
        /// Viewport height in CSS pixels.
        height: Number<'a>,
    },
    /// 5: what our recorder says beside rrweb.
    Custom(Custom<'a>),
    /// 6: a plugin's; always dropped by the sanitiser.
    Plugin {
        /// Its name.
        plugin: Text<'a>,
        /// Its payload as it was written.
        payload: &'a str,
    },
}

/// Events of our own.
#[derive(Clone, Debug)]
pub enum Custom<'a> {
    /// `clerestory.gap`: nothing was captured for a while.
    Gap {
        /// Why.
        reason: GapReason,
        /// From, in milliseconds of the client's clock.
        from_ms: i64,
        /// Until.
        to_ms: i64,
    },
    /// `clerestory.page`: another page, or another title.
    Page {
        /// URL without query and fragment.
        url: Text<'a>,
        /// Title, if there is one.
        title: Option<Text<'a>>,
    },
    /// `clerestory.excluded`: how many elements are excluded.
    Excluded {
        /// How many.
        count: i64,
    },
}

/// A change between keyframes. Sources 1, 6 and 12 are pointer moves.
#[derive(Clone, Debug)]
pub enum Incremental<'a> {
    /// 0
    Mutation(Box<Mutation<'a>>),
    /// 1 (mouse), 6 (touch) or 12 (drag)
    Move {
        /// 1, 6 or 12.
        source: u8,
        /// Where it went.
        positions: Vec<Position<'a>>,
    },
    /// 2
    Interaction {
        /// 0 to 10 (`MouseInteractions`).
        kind: u8,
        /// On what.
        id: i64,
        /// Where; absent for focus and blur.
        x: Option<Number<'a>>,
        /// Where.
        y: Option<Number<'a>>,
        /// 0 mouse, 1 pen, 2 touch.
        pointer: Option<u8>,
    },
    /// 3
    Scroll {
        /// What was scrolled.
        id: i64,
        /// To where.
        x: Number<'a>,
        /// To where.
        y: Number<'a>,
    },
    /// 4
    Resize {
        /// Viewport width in CSS pixels.
        width: Number<'a>,
        /// Viewport height in CSS pixels.
        height: Number<'a>,
    },
    /// 5
    Input {
        /// Which field.
        id: i64,
        /// Its value.
        text: Text<'a>,
        /// Whether it is checked.
        is_checked: bool,
        /// Whether a person did it.
        user_triggered: Option<bool>,
    },
    /// 7
    Media(Box<Media<'a>>),
    /// 8
    StyleRule(Box<StyleRule<'a>>),
    /// 9
    Canvas(Box<Canvas<'a>>),
    /// 10
    Font(Box<Font<'a>>),
    /// 11: of rrweb 0.9; always dropped by the sanitiser.
    Log {
        /// Console level.
        level: Text<'a>,
        /// The other fields as they were written.
        rest: Vec<(&'static str, &'a str)>,
    },
    /// 13
    StyleDeclaration(Box<StyleDeclaration<'a>>),
    /// 14
    Selection {
        /// What is selected.
        ranges: Vec<SelectionRange>,
    },
    /// 15
    AdoptedStyles(Box<AdoptedStyles<'a>>),
    /// 16
    CustomElement {
        /// The name that was defined.
        name: Option<Text<'a>>,
    },
}

/// Source 0.
#[derive(Clone, Debug, Default)]
pub struct Mutation<'a> {
    /// Texts that changed; `None` is no text at all.
    pub texts: Vec<(i64, Option<Text<'a>>)>,
    /// Elements whose attributes changed.
    pub attributes: Vec<AttributeChange>,
    /// What was taken out.
    pub removes: Vec<Removal>,
    /// What was put in.
    pub adds: Vec<Addition>,
    /// The document of a frame arrived.
    pub is_attach_iframe: Option<bool>,
}

/// Attributes of one element that changed.
#[derive(Clone, Debug)]
pub struct AttributeChange {
    /// The element.
    pub id: i64,
    /// Their new values, in [`Nodes`]; null removes one.
    pub attributes: Span,
}

/// A node that was taken out.
#[derive(Clone, Debug)]
pub struct Removal {
    /// Where it was.
    pub parent: i64,
    /// The node.
    pub id: i64,
    /// Whether it hung in a shadow root.
    pub is_shadow: Option<bool>,
}

/// A node that was put in.
#[derive(Clone, Debug)]
pub struct Addition {
    /// Where.
    pub parent: i64,
    /// Behind which, as older recorders say.
    pub previous: Option<Option<i64>>,
    /// Before which.
    pub next: Option<i64>,
    /// Index of the node in [`Nodes`].
    pub node: u32,
}

/// One point of a pointer's way.
#[derive(Clone, Debug)]
pub struct Position<'a> {
    /// CSS pixels.
    pub x: Number<'a>,
    /// CSS pixels.
    pub y: Number<'a>,
    /// What lies under it.
    pub id: i64,
    /// Milliseconds, relative to the event.
    pub time_offset: Number<'a>,
}

/// Source 7.
#[derive(Clone, Debug, Default)]
pub struct Media<'a> {
    /// 0 to 4 (`MediaInteractions`).
    pub kind: u8,
    /// The element.
    pub id: i64,
    /// Numbers by field name.
    pub numbers: Vec<(&'static str, Number<'a>)>,
    /// Switches by field name.
    pub switches: Vec<(&'static str, bool)>,
}

/// Where in a sheet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleIndex {
    /// At the top level.
    One(i64),
    /// Inside grouping rules.
    Nested(Vec<i64>),
}

/// A rule put into a sheet.
#[derive(Clone, Debug)]
pub struct AddedRule<'a> {
    /// Its text.
    pub rule: Text<'a>,
    /// Where.
    pub index: Option<RuleIndex>,
}

/// Source 8.
#[derive(Clone, Debug, Default)]
pub struct StyleRule<'a> {
    /// Owner of the sheet.
    pub id: Option<i64>,
    /// A constructed sheet.
    pub style_id: Option<i64>,
    /// Rules put in.
    pub adds: Option<Vec<AddedRule<'a>>>,
    /// Rules taken out.
    pub removes: Option<Vec<RuleIndex>>,
    /// The whole sheet anew.
    pub replace: Option<Text<'a>>,
    /// The same, at once.
    pub replace_sync: Option<Text<'a>>,
}

/// Source 9.
#[derive(Clone, Debug, Default)]
pub struct Canvas<'a> {
    /// The canvas.
    pub id: i64,
    /// 0 2D, 1 WebGL, 2 WebGL2.
    pub kind: u8,
    /// What was drawn.
    pub commands: Vec<CanvasCommand<'a>>,
    /// Written as one command instead of a list.
    pub single: bool,
}

/// One call or assignment.
#[derive(Clone, Debug)]
pub struct CanvasCommand<'a> {
    /// Method or property.
    pub property: Text<'a>,
    /// Arguments as they were written, a list.
    pub args: &'a str,
    /// Whether it is an assignment.
    pub setter: bool,
}

/// Source 10.
#[derive(Clone, Debug, Default)]
pub struct Font<'a> {
    /// Family name.
    pub family: Text<'a>,
    /// CSS source, or with `buffer` a JSON list of bytes.
    pub source: Text<'a>,
    /// Whether `source` holds the font itself.
    pub buffer: bool,
    /// Descriptors.
    pub descriptors: Option<Vec<(Text<'a>, Text<'a>)>>,
}

/// Source 13.
#[derive(Clone, Debug, Default)]
pub struct StyleDeclaration<'a> {
    /// Owner of the sheet.
    pub id: Option<i64>,
    /// A constructed sheet.
    pub style_id: Option<i64>,
    /// Which rule.
    pub index: Vec<i64>,
    /// A property that was set.
    pub set: Option<SetProperty<'a>>,
    /// A property that was taken out.
    pub remove: Option<Text<'a>>,
}

/// A property that was set.
#[derive(Clone, Debug, Default)]
pub struct SetProperty<'a> {
    /// Its name.
    pub property: Text<'a>,
    /// Its value; pages pass numbers too.
    pub value: Option<Value<'a>>,
    /// `important` or nothing.
    pub priority: Option<Text<'a>>,
}

/// One range of a selection; -1 is a node nobody numbered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectionRange {
    /// Where it begins.
    pub start: i64,
    /// At which character or child.
    pub start_offset: i64,
    /// Where it ends.
    pub end: i64,
    /// At which character or child.
    pub end_offset: i64,
}

/// Source 15.
#[derive(Clone, Debug, Default)]
pub struct AdoptedStyles<'a> {
    /// Document or shadow host.
    pub id: i64,
    /// Sheets that are new: their id and rules.
    pub styles: Option<Vec<(i64, Vec<AddedRule<'a>>)>>,
    /// All sheets, in order.
    pub style_ids: Vec<i64>,
}

/// A run of attributes in [`Nodes`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
}

/// The nodes and attributes of a segment.
#[derive(Clone, Debug, Default)]
pub struct Nodes<'a> {
    pub(super) list: Vec<Node<'a>>,
    pub(super) attributes: Vec<Attribute<'a>>,
}

impl<'a> Nodes<'a> {
    /// How many nodes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn attributes_of(&self, span: Span) -> &[Attribute<'a>] {
        self.attributes.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    pub(super) fn attributes_of_mut(&mut self, span: Span) -> &mut [Attribute<'a>] {
        self.attributes.get_mut(span.start as usize..span.end as usize).unwrap_or_default()
    }
}

/// A node and, behind it in the arena, what it contains.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    /// Its number, at least 1.
    pub id: i64,
    /// The number of the frame document it belongs to; 0 for the main one.
    pub root_id: i64,
    /// The index behind its last descendant.
    pub end: u32,
    /// Whether it hangs in a shadow root, and the like.
    pub flags: Flags,
    /// Left out when written, with all it contains.
    pub dropped: bool,
    /// What it is.
    pub kind: NodeKind<'a>,
}

/// What a node is besides its kind. `None` was not given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// Drawn in the SVG namespace.
    pub is_svg: Option<bool>,
    /// A custom element was defined for it.
    pub is_custom: Option<bool>,
    /// Blocked by rrweb.
    pub need_block: Option<bool>,
    /// Has a shadow root.
    pub is_shadow_host: Option<bool>,
    /// Hangs in one.
    pub is_shadow: Option<bool>,
    /// Text of a style sheet, in older recordings.
    pub is_style: Option<bool>,
}

/// What a node is.
#[derive(Clone, Debug)]
pub enum NodeKind<'a> {
    /// 0
    Document {
        /// `BackCompat` in quirks mode.
        compat_mode: Option<Text<'a>>,
    },
    /// 1
    DocumentType(Box<DocumentType<'a>>),
    /// 2
    Element {
        /// Tag, lower case in HTML.
        tag: Text<'a>,
        /// Attributes.
        attributes: Span,
    },
    /// 3
    Text(Text<'a>),
    /// 4
    Cdata(Text<'a>),
    /// 5
    Comment(Text<'a>),
}

/// Kind 1.
#[derive(Clone, Debug, Default)]
pub struct DocumentType<'a> {
    /// `html`.
    pub name: Text<'a>,
    /// Public identifier.
    pub public_id: Text<'a>,
    /// System identifier.
    pub system_id: Text<'a>,
}

/// An attribute.
#[derive(Clone, Debug)]
pub struct Attribute<'a> {
    /// Its name.
    pub name: Text<'a>,
    /// Its value.
    pub value: Value<'a>,
    /// Left out when written.
    pub dropped: bool,
}

/// The value of an attribute.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// Text.
    Text(Text<'a>),
    /// A number.
    Number(Number<'a>),
    /// A switch.
    Bool(bool),
    /// Nothing.
    Null,
    /// Parts of a style that changed.
    Style(Vec<(Text<'a>, StylePart<'a>)>),
}

/// A property of a style that changed.
#[derive(Clone, Debug)]
pub enum StylePart<'a> {
    /// Its value.
    Value(Text<'a>),
    /// Value and priority.
    Priority(Text<'a>, Text<'a>),
    /// It is gone.
    Gone,
}
