//! The policy held once more: what a recorder should not have sent is not stored.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests may panic")]

use clerestory_intake::rrweb::{CleanReport, Limits, Segment, TreeState};
use clerestory_settings::capture::{Compiled, MASK, Rules};
use serde_json::{Value, json};

const T0: i64 = 1_764_000_000_000;

fn rules(change: &Value) -> Compiled {
    let mut document = serde_json::to_value(Rules::default()).unwrap();
    for (name, value) in change.as_object().unwrap() {
        document[name] = value.clone();
    }
    Rules::from_value(&document).unwrap().compile()
}

fn clean(events: &Value, rules: &Compiled, tree: &mut TreeState) -> (Value, CleanReport) {
    let bytes = serde_json::to_vec(events).unwrap();
    let mut segment =
        Segment::parse(&bytes, &Limits::default()).unwrap_or_else(|e| panic!("{e} in {events}"));
    let report = segment.clean(rules, tree);
    let mut out = Vec::new();
    segment.to_json(&mut out);
    (serde_json::from_slice(&out).unwrap(), report)
}

fn element(id: i64, tag: &str, attributes: Value, children: Value) -> Value {
    json!({"type": 2, "tagName": tag, "attributes": attributes, "childNodes": children, "id": id})
}

fn text(id: i64, text: &str) -> Value {
    json!({"type": 3, "textContent": text, "id": id})
}

/// Document 1, html 2, body 3 with what is given.
fn page(body: Value) -> Value {
    let html = element(2, "html", json!({}), json!([element(3, "body", json!({}), body)]));
    let document = json!({"type": 0, "childNodes": [html], "id": 1});
    json!({"type": 2, "data": {"node": document, "initialOffset": {"top": 0, "left": 0}}, "timestamp": T0})
}

fn change(source: i64, mut fields: Value) -> Value {
    fields["source"] = json!(source);
    json!({"type": 3, "data": fields, "timestamp": T0 + 1})
}

fn mutation(fields: Value) -> Value {
    let mut all = json!({"texts": [], "attributes": [], "removes": [], "adds": []});
    for (name, value) in fields.as_object().unwrap() {
        all[name] = value.clone();
    }
    change(0, all)
}

fn add(parent: i64, node: Value) -> Value {
    mutation(json!({"adds": [{"parentId": parent, "nextId": null, "node": node}]}))
}

fn text_change(id: i64, value: &str) -> Value {
    mutation(json!({"texts": [{"id": id, "value": value}]}))
}

fn attribute_change(id: i64, attributes: Value) -> Value {
    mutation(json!({"attributes": [{"id": id, "attributes": attributes}]}))
}

fn input(id: i64, value: &str) -> Value {
    change(5, json!({"id": id, "text": value, "isChecked": true}))
}

#[test]
fn a_recorder_that_follows_the_policy_changes_nothing() {
    let sent = json!([
        page(json!([
            element(
                4,
                "p",
                json!({"class": "x", "style": "color: red"}),
                json!([text(5, MASK), text(6, "\n  ")])
            ),
            element(
                7,
                "div",
                json!({"rr_width": "12px", "rr_height": "3px", "data-clerestory": "excluded"}),
                json!([])
            ),
            element(
                8,
                "img",
                json!({"rr_width": "12px", "rr_height": "3px", "data-clerestory": "blocked"}),
                json!([])
            ),
            element(9, "input", json!({"type": "text", "value": MASK}), json!([])),
            element(10, "style", json!({"_cssText": ".a { color: red; }"}), json!([text(11, "")])),
        ])),
        text_change(5, MASK),
        change(5, json!({"id": 9, "text": MASK, "isChecked": false})),
        change(14, json!({"ranges": [{"start": 5, "startOffset": 0, "end": 5, "endOffset": 5}]})),
    ]);
    let (left, report) = clean(&sent, &rules(&json!({})), &mut TreeState::new());
    assert_eq!(report, CleanReport::default());
    assert_eq!(left, sent);
}

#[test]
fn a_placeholder_in_a_shown_region_keeps_what_may_be_shown() {
    let sent = json!([page(json!([element(
        4,
        "img",
        json!({"alt": "A hat", "data-clerestory": "blocked"}),
        json!([])
    )]))]);
    let (_, report) = clean(&sent, &rules(&json!({"unmask": ["body"]})), &mut TreeState::new());
    assert_eq!(report, CleanReport::default());
}

#[test]
fn nothing_about_an_excluded_element_is_kept() {
    let rules = rules(&json!({"exclude": [".x"], "unmask": ["body"]}));
    let mut tree = TreeState::new();
    let inner = element(6, "input", json!({"value": "Canary"}), json!([]));
    let sent = json!([page(json!([
        element(
            4,
            "div",
            json!({"class": "x", "title": "Canary", "rr_width": "9px"}),
            json!([text(5, "Canary"), inner])
        ),
        element(7, "p", json!({}), json!([text(8, "Shown")])),
    ]))]);
    let (left, report) = clean(&sent, &rules, &mut tree);
    assert_eq!(report.scrubbed.elements, 1);
    assert!(!left.to_string().contains("Canary") && left.to_string().contains("Shown"));

    for about in [
        text_change(5, "Canary"),
        add(4, text(20, "Canary")),
        add(6, text(21, "Canary")),
        add(4, element(22, "p", json!({"title": "Canary"}), json!([text(23, "Canary")]))),
        attribute_change(4, json!({"title": "Canary", "class": "x y"})),
        attribute_change(6, json!({"class": "Canary"})),
        input(6, "Canary"),
        change(3, json!({"id": 4, "x": 0, "y": 1})),
        change(2, json!({"type": 2, "id": 6, "x": 10, "y": 20})),
        change(1, json!({"positions": [{"x": 10, "y": 20, "id": 6, "timeOffset": 0}]})),
        change(12, json!({"positions": [{"x": 10, "y": 20, "id": 4, "timeOffset": 0}]})),
        mutation(json!({"removes": [{"parentId": 4, "id": 5}]})),
    ] {
        let (left, report) = clean(&json!([about]), &rules, &mut tree);
        assert_eq!(left, json!([]), "{about}");
        assert!(report.scrubbed.events > 0, "{about}");
    }
    let selected = change(14, json!({"ranges": [{"start": 5, "startOffset": 0, "end": 8, "endOffset": 2}]}));
    let (left, _) = clean(&json!([selected]), &rules, &mut tree);
    assert!(left.to_string().contains("\"ranges\":[]"));
}

#[test]
fn an_element_may_become_excluded_later() {
    let rules = rules(&json!({"exclude": [".x"], "unmask": ["body"]}));
    let sent = json!([
        page(json!([element(4, "p", json!({}), json!([text(5, "Before")]))])),
        text_change(5, "Still"),
        attribute_change(4, json!({"class": "x"})),
        text_change(5, "Canary"),
        attribute_change(4, json!({"class": null})),
        text_change(5, "Again"),
    ]);
    let left = clean(&sent, &rules, &mut TreeState::new()).0.to_string();
    assert!(left.contains("Before") && left.contains("Still") && !left.contains("Canary"), "{left}");
}

#[test]
fn fields_that_are_never_shown_stay_masked_and_sticky() {
    let rules = rules(&json!({"unmask": ["html"]}));
    let mut tree = TreeState::new();
    let sent = json!([page(json!([
        element(4, "input", json!({"type": "password", "value": "Canary"}), json!([])),
        element(5, "input", json!({"type": "hidden", "value": "Canary"}), json!([])),
        element(6, "input", json!({"autocomplete": "billing cc-number", "value": "Canary"}), json!([])),
        element(
            7,
            "select",
            json!({"autocomplete": "cc-exp-month"}),
            json!([element(
                8,
                "option",
                json!({"value": "Canary", "selected": true}),
                json!([text(9, "Canary")])
            )])
        ),
        element(10, "input", json!({"type": "text", "value": "Shown"}), json!([])),
    ]))]);
    let (left, _) = clean(&sent, &rules, &mut tree);
    assert!(!left.to_string().contains("Canary") && left.to_string().contains("Shown"), "{left}");
    assert!(!left.to_string().contains("selected"));

    // The eye beside a password makes it a text; it stays a password.
    let later = json!([
        attribute_change(4, json!({"type": "text"})),
        input(4, "Canary"),
        attribute_change(4, json!({"value": "Canary", "type": "text"})),
        input(6, "Canary"),
        input(10, "Typed"),
        attribute_change(10, json!({"type": "password", "value": "Canary"})),
        input(10, "Canary"),
        attribute_change(10, json!({"type": "text"})),
        input(10, "Canary"),
    ]);
    let (left, _) = clean(&later, &rules, &mut tree);
    assert!(!left.to_string().contains("Canary") && left.to_string().contains("Typed"), "{left}");
}

#[test]
fn decisions_are_inherited_into_shadow_roots_and_frames_but_selectors_do_not_reach() {
    let rules = rules(&json!({"unmask": [".open"], "mask": [".open p"], "exclude": ["body .secret"]}));
    let mut shadow_text = element(6, "p", json!({}), json!([text(7, "In shadow")]));
    shadow_text["isShadow"] = json!(true);
    let mut host = element(
        5,
        "div",
        json!({"class": "open"}),
        json!([shadow_text, element(8, "p", json!({}), json!([text(9, "Light")]))]),
    );
    host["isShadowHost"] = json!(true);
    let sent = json!([
        page(json!([host, element(10, "iframe", json!({"class": "open"}), json!([]))])),
        {"type": 3, "timestamp": T0 + 1, "data": {"source": 0, "texts": [], "attributes": [], "removes": [], "isAttachIframe": true,
            "adds": [{"parentId": 10, "nextId": null, "node": {"type": 0, "id": 11, "childNodes": [
                element(12, "html", json!({}), json!([element(13, "main", json!({}), json!([text(14, "In frame"),
                    element(15, "p", json!({"class": "secret"}), json!([text(16, "No body here")]))]))]))]}}]}},
    ]);
    let left = clean(&sent, &rules, &mut TreeState::new()).0.to_string();
    assert!(left.contains("In shadow"), "`.open p` does not reach into the shadow root");
    assert!(!left.contains("Light"), "in the light it does");
    assert!(
        left.contains("In frame") && left.contains("No body here"),
        "the frame is open, and its body is not ours"
    );
}

#[test]
fn what_is_unknown_is_masked_whatever_it_says_of_itself() {
    let rules = rules(&json!({"unmask": ["*"], "media": "allowed"}));
    let mut tree = TreeState::new();
    let sent = json!([
        text_change(5, "Canary"),
        add(
            4,
            element(
                6,
                "p",
                json!({"title": "Canary", "data-clerestory": "unmask"}),
                json!([text(7, "Canary")])
            )
        ),
        text_change(7, "Canary"),
        attribute_change(9, json!({"value": "Canary", "title": "Canary", "checked": true})),
        input(9, "Canary"),
        change(14, json!({"ranges": [{"start": 5, "startOffset": 3, "end": 5, "endOffset": 77}]})),
    ]);
    let (left, _) = clean(&sent, &rules, &mut tree);
    let left = left.to_string();
    assert!(!left.contains("Canary") && !left.contains("checked") && !left.contains("77"), "{left}");
    assert!(left.contains(MASK));
}

#[test]
fn additions_are_judged_however_they_are_ordered() {
    let rules = rules(&json!({"exclude": [".x"], "unmask": ["body"]}));
    let inner = |id, parent, node: Value| {
        let mut node = node;
        node["id"] = json!(id);
        json!({"parentId": parent, "nextId": null, "node": node})
    };
    let sent = json!([
        page(json!([])),
        mutation(json!({"adds": [
            inner(22, 21, text(0, "Canary")),
            inner(21, 20, element(0, "p", json!({}), json!([]))),
            inner(20, 3, element(0, "div", json!({"class": "x"}), json!([]))),
            inner(23, 3, text(0, "Shown")),
        ]})),
    ]);
    let left = clean(&sent, &rules, &mut TreeState::new()).0.to_string();
    assert!(!left.contains("Canary") && left.contains("Shown"), "{left}");
}

#[test]
fn denied_pages_are_left_out_until_an_allowed_one() {
    let rules = rules(&json!({"urls": {"deny": ["/account/**"], "allow": []}}));
    let meta =
        |href: &str| json!({"type": 4, "data": {"href": href, "width": 8, "height": 6}, "timestamp": T0});
    let gap = json!({"type": 5, "timestamp": T0, "data": {"tag": "clerestory.gap", "payload": {"reason": "url_denied", "from": T0, "to": T0}}});
    let mut tree = TreeState::new();
    let sent = json!([meta("https://shop.test/account/orders?x=1"), page(json!([])), input(5, "x"), gap]);
    let (left, report) = clean(&sent, &rules, &mut tree);
    assert_eq!(left.as_array().unwrap().len(), 1, "{left}");
    assert_eq!(report.scrubbed.events, 3);
    // The next segment of the track is still on that page.
    assert_eq!(clean(&json!([input(5, "x")]), &rules, &mut tree).0, json!([]));
    let (left, _) = clean(&json!([meta("https://shop.test/shop?x=1#y"), page(json!([]))]), &rules, &mut tree);
    assert_eq!(left.as_array().unwrap().len(), 2);
    assert!(left.to_string().contains("\"https://shop.test/shop\""), "query and fragment are cut: {left}");
}

#[test]
fn a_segment_keeps_its_time_even_if_nothing_is_left() {
    let rules = rules(&json!({"urls": {"deny": ["/**"], "allow": []}}));
    let bytes = serde_json::to_vec(&json!([
        {"type": 4, "data": {"href": "https://shop.test/", "width": 8, "height": 6}, "timestamp": T0},
        {"type": 1, "data": {}, "timestamp": T0 + 70},
    ]))
    .unwrap();
    let mut segment = Segment::parse(&bytes, &Limits::default()).unwrap();
    segment.clean(&rules, &mut TreeState::new());
    let summary = segment.summary();
    assert!(segment.events().is_empty());
    assert_eq!((summary.first_ms, summary.last_ms), (T0, T0 + 70));
}

#[test]
fn the_title_is_shown_only_where_its_element_is() {
    let titled = |rules: &Compiled| {
        let head = element(
            4,
            "head",
            json!({}),
            json!([element(5, "title", json!({}), json!([text(6, "Canary")]))]),
        );
        let event = json!({"type": 5, "timestamp": T0, "data": {"tag": "clerestory.page", "payload": {"url": "https://shop.test/a", "title": "Canary"}}});
        clean(&json!([page(json!([head])), event]), rules, &mut TreeState::new())
            .0
            .to_string()
            .matches("Canary")
            .count()
    };
    assert_eq!(titled(&rules(&json!({}))), 0);
    assert_eq!(titled(&rules(&json!({"unmask": ["body p"]}))), 0);
    assert_eq!(titled(&rules(&json!({"unmask": ["title"]}))), 2);
}

#[test]
fn a_text_moved_or_put_back_is_judged_by_where_it_hangs_now() {
    let rules = rules(&json!({"unmask": [".open"]}));
    let sent = json!([
        page(json!([
            element(
                4,
                "div",
                json!({"class": "open"}),
                json!([element(5, "p", json!({}), json!([text(6, "Open")]))])
            ),
            element(7, "div", json!({}), json!([])),
        ])),
        mutation(json!({"removes": [{"parentId": 4, "id": 5}], "adds": [
            {"parentId": 7, "nextId": null, "node": element(5, "p", json!({}), json!([]))},
            {"parentId": 5, "nextId": null, "node": text(6, "Canary")},
        ]})),
        text_change(6, "Canary"),
    ]);
    let left = clean(&sent, &rules, &mut TreeState::new()).0.to_string();
    assert!(left.contains("Open") && !left.contains("Canary"), "{left}");
}

#[test]
fn texts_of_style_elements_stay_and_their_pictures_go() {
    let sent = json!([
        page(json!([element(
            4,
            "style",
            json!({}),
            json!([text(5, ".a{background:url(data:image/png;base64,AA==)}.b{color:red}")])
        )])),
        text_change(5, ".c{color:blue}"),
        add(4, text(6, ".d{color:green}")),
    ]);
    let (left, report) = clean(&sent, &rules(&json!({})), &mut TreeState::new());
    let left = left.to_string();
    assert!(
        left.contains(".b{color:red}") && left.contains(".c{color:blue}") && left.contains(".d{color:green}")
    );
    assert!(!left.contains("base64"));
    assert_eq!((report.scrubbed.media, report.sanitised.total()), (1, 0));
}
