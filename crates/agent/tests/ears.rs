//! What is counted of what somebody types and points, on an X server of the test's own.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use clerestory_activity::Counts;
use clerestory_agent::x11::Ears;
use x11rb::connection::Connection;
use x11rb::protocol::xproto;
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;

struct Server {
    child: Child,
    display: String,
}

impl Server {
    /// An X server that draws into memory, on a display that is free.
    fn start() -> Self {
        let mut child = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "1280x720x24", "-nolisten", "tcp"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb; on Debian: apt-get install xvfb");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, display: format!(":{}", line.trim()) }
    }

    fn hands(&self) -> Hands {
        let (connection, screen) = RustConnection::connect(Some(&self.display)).unwrap();
        let root = connection.setup().roots[screen].root;
        Hands { connection, root }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Types and points.
struct Hands {
    connection: RustConnection,
    root: u32,
}

impl Hands {
    fn fake(&self, kind: u8, detail: u8, at: (i16, i16)) {
        self.connection.xtest_fake_input(kind, detail, 0, self.root, at.0, at.1, 0).unwrap().check().unwrap();
    }

    fn press(&self, code: u8) {
        self.fake(xproto::KEY_PRESS_EVENT, code, (0, 0));
        self.fake(xproto::KEY_RELEASE_EVENT, code, (0, 0));
    }

    fn click(&self, button: u8) {
        self.fake(xproto::BUTTON_PRESS_EVENT, button, (0, 0));
        self.fake(xproto::BUTTON_RELEASE_EVENT, button, (0, 0));
    }

    /// By so much.
    fn move_by(&self, across: i16, down: i16) {
        self.fake(xproto::MOTION_NOTIFY_EVENT, 1, (across, down));
    }
}

/// All that comes until nothing comes any more.
fn heard(ears: &Ears) -> Counts {
    let mut sum = Counts::default();
    for _ in 0..20 {
        std::thread::sleep(Duration::from_millis(10));
        let (more, _) = ears.look().unwrap();
        sum.keys += more.keys;
        sum.clicks += more.clicks;
        sum.scrolls += more.scrolls;
        sum.distance += more.distance;
    }
    sum
}

#[test]
fn what_is_typed_and_pointed_is_counted_exactly() {
    let server = Server::start();
    let ears = Ears::open(Some(&server.display)).unwrap();
    let hands = server.hands();
    for number in 0..250_u8 {
        hands.press(24 + number % 20);
    }
    for _ in 0..20 {
        hands.click(1);
    }
    for _ in 0..7 {
        hands.click(4);
        hands.click(5);
    }
    for number in 0..100 {
        hands.move_by(if number % 2 == 0 { 3 } else { -3 }, 4);
    }
    let counts = heard(&ears);
    assert_eq!((counts.keys, counts.clicks, counts.scrolls), (250, 20, 14));
    assert!((counts.distance - 500.0).abs() < 1.0, "{}", counts.distance);
}

/// A window that paints itself, as large as the screen's left half.
fn painted(hands: &Hands, colour: u32, class: &[u8]) -> u32 {
    use x11rb::protocol::xproto::{AtomEnum, ConnectionExt, CreateWindowAux, PropMode, WindowClass};
    use x11rb::wrapper::ConnectionExt as _;
    let window = hands.connection.generate_id().unwrap();
    let aux = CreateWindowAux::new().background_pixel(colour).override_redirect(1);
    let (root, copy) = (hands.root, x11rb::COPY_FROM_PARENT);
    hands
        .connection
        .create_window(0, window, root, 0, 0, 640, 720, 0, WindowClass::INPUT_OUTPUT, copy, &aux)
        .unwrap()
        .check()
        .unwrap();
    let connection = &hands.connection;
    connection
        .change_property8(PropMode::REPLACE, window, AtomEnum::WM_CLASS, AtomEnum::STRING, class)
        .unwrap()
        .check()
        .unwrap();
    connection.map_window(window).unwrap().check().unwrap();
    connection.sync().unwrap();
    window
}

#[test]
fn a_picture_shows_what_is_on_the_screen() {
    let server = Server::start();
    let ears = Ears::open(Some(&server.display)).unwrap();
    let hands = server.hands();
    painted(&hands, 0x00ff_00aa, b"paint\0Paint\0");
    std::thread::sleep(Duration::from_millis(100));
    let monitors = ears.monitors().unwrap();
    assert_eq!(monitors.len(), 1);
    let picture = ears.picture(monitors[0]).unwrap();
    assert_eq!((picture.width, picture.height), (1280, 720));
    let pixel = |row: usize, column: usize| &picture.rgb[(row * 1280 + column) * 3..][..3];
    assert_eq!((pixel(0, 0), pixel(719, 639)), (&[255, 0, 0xaa][..], &[255, 0, 0xaa][..]));
    assert_ne!(pixel(100, 700), [255, 0, 0xaa]);
}

#[test]
fn what_is_in_front_is_told_by_its_class_and_what_nobody_tells_of_is_not_known() {
    use x11rb::protocol::xproto::{AtomEnum, ConnectionExt, PropMode};
    use x11rb::wrapper::ConnectionExt as _;
    let server = Server::start();
    let ears = Ears::open(Some(&server.display)).unwrap();
    let hands = server.hands();
    assert_eq!(ears.in_front().unwrap(), None);
    assert_eq!(ears.all().unwrap(), None, "without a window manager nobody says which windows there are");
    let window = painted(&hands, 0, b"editor\0Editor\0");
    let atom =
        |name: &str| hands.connection.intern_atom(false, name.as_bytes()).unwrap().reply().unwrap().atom;
    let title = "Brief \u{1b}an\nOlive";
    let (name, utf8) = (atom("_NET_WM_NAME"), atom("UTF8_STRING"));
    hands.connection.change_property8(PropMode::REPLACE, window, name, utf8, title.as_bytes()).unwrap();
    for property in ["_NET_ACTIVE_WINDOW", "_NET_CLIENT_LIST_STACKING"] {
        let kind = AtomEnum::WINDOW;
        let set = hands.connection.change_property32(
            PropMode::REPLACE,
            hands.root,
            atom(property),
            kind,
            &[window],
        );
        set.unwrap().check().unwrap();
    }
    let seen = ears.in_front().unwrap().unwrap();
    assert_eq!((seen.class.as_deref(), seen.title.as_deref()), (Some("Editor"), Some("Brief anOlive")));
    assert_eq!(ears.all().unwrap(), Some(vec![seen]));
    hands.connection.destroy_window(window).unwrap().check().unwrap();
    assert_eq!(ears.in_front().unwrap().and_then(|seen| seen.class), None);
}
