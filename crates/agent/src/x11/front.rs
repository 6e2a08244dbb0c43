//! Which application is in front, and what can be seen besides.
//!
//! Names of properties: Extended Window Manager Hints 1.5, Inter-Client Communication Conventions Manual 2.0.

use x11rb::connection::Connection;
use x11rb::errors::{ConnectionError, ReplyError};
use x11rb::protocol::xproto::{Atom, AtomEnum, ConnectionExt, MapState, Window};

/// Bytes of a class or a title that are read at most.
const TEXT_BYTES: u32 = 1024;
/// Windows that are looked at in one list at most.
const MOST_WINDOWS: u32 = 1024;

x11rb::atom_manager! {
    /// Properties that window managers and applications set.
    pub(crate) Atoms:
    AtomsCookie {
        _NET_ACTIVE_WINDOW,
        _NET_CLIENT_LIST_STACKING,
        _NET_WM_NAME,
        _NET_WM_STATE,
        _NET_WM_STATE_HIDDEN,
        _NET_WM_PID,
        UTF8_STRING,
    }
}

/// A window as far as we look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The class of its application; none where it says none.
    pub class: Option<String>,
    /// Its title; none where it says none.
    pub title: Option<String>,
}

/// The window in front; none where there is none, or none that the window manager knows.
///
/// # Errors
/// Only where the server is gone: a window that closes while it is looked at is none.
pub(crate) fn in_front(
    connection: &impl Connection,
    root: Window,
    atoms: &Atoms,
) -> Result<Option<Seen>, ConnectionError> {
    let windows = longs(connection, (root, atoms._NET_ACTIVE_WINDOW, AtomEnum::WINDOW.into()), 1)?;
    match windows.and_then(|windows| windows.first().copied()).filter(|window| *window != x11rb::NONE) {
        Some(window) => look(connection, window, atoms),
        None => Ok(None),
    }
}

/// Every window that may be seen, whatever covers it; `None` where nobody says which there are.
///
/// # Errors
/// As [`in_front`].
pub(crate) fn all(
    connection: &impl Connection,
    root: Window,
    atoms: &Atoms,
) -> Result<Option<Vec<Seen>>, ConnectionError> {
    let of = (root, atoms._NET_CLIENT_LIST_STACKING, AtomEnum::WINDOW.into());
    let Some(windows) = longs(connection, of, MOST_WINDOWS)? else { return Ok(None) };
    let mut seen = Vec::with_capacity(windows.len());
    for window in windows {
        if is_hidden(connection, window, atoms)? {
            continue;
        }
        seen.extend(look(connection, window, atoms)?);
    }
    Ok(Some(seen))
}

/// Whether nothing of a window is drawn: it was put away, or is on another desktop.
fn is_hidden(connection: &impl Connection, window: Window, atoms: &Atoms) -> Result<bool, ConnectionError> {
    let state = longs(connection, (window, atoms._NET_WM_STATE, AtomEnum::ATOM.into()), 32)?;
    if state.is_some_and(|state| state.contains(&atoms._NET_WM_STATE_HIDDEN)) {
        return Ok(true);
    }
    match connection.get_window_attributes(window)?.reply() {
        Ok(attributes) => Ok(attributes.map_state != MapState::VIEWABLE),
        Err(error) => gone(error).map(|()| true),
    }
}

fn look(
    connection: &impl Connection,
    window: Window,
    atoms: &Atoms,
) -> Result<Option<Seen>, ConnectionError> {
    // Two texts that end with a zero each: the instance, and the class.
    let class = text(connection, (window, AtomEnum::WM_CLASS.into(), AtomEnum::STRING.into()))?;
    let class = class.as_deref().map(|both| both.split(|byte| *byte == 0));
    let class = class.and_then(|mut parts| parts.nth(1)).map(readable).filter(|class| !class.is_empty());
    let title = match text(connection, (window, atoms._NET_WM_NAME, atoms.UTF8_STRING))? {
        Some(title) => Some(title),
        None => text(connection, (window, AtomEnum::WM_NAME.into(), AtomEnum::STRING.into()))?,
    };
    Ok(Some(Seen { class, title: title.as_deref().map(readable).filter(|title| !title.is_empty()) }))
}

/// What of it is text, on one line.
fn readable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars().filter(|letter| !letter.is_control()).take(200).collect::<String>().trim().to_owned()
}

type Property = (Window, Atom, Atom);

fn text(connection: &impl Connection, of: Property) -> Result<Option<Vec<u8>>, ConnectionError> {
    let (window, property, kind) = of;
    match connection.get_property(false, window, property, kind, 0, TEXT_BYTES / 4)?.reply() {
        Ok(reply) if reply.format == 8 => Ok(Some(reply.value)),
        Ok(_) => Ok(None),
        Err(error) => gone(error).map(|()| None),
    }
}

fn longs(connection: &impl Connection, of: Property, most: u32) -> Result<Option<Vec<u32>>, ConnectionError> {
    let (window, property, kind) = of;
    match connection.get_property(false, window, property, kind, 0, most)?.reply() {
        Ok(reply) => Ok(reply.value32().map(Iterator::collect)),
        Err(error) => gone(error).map(|()| None),
    }
}

/// A window that is not there any more is none; a server that is not is an error.
fn gone(error: ReplyError) -> Result<(), ConnectionError> {
    match error {
        ReplyError::X11Error(_) => Ok(()),
        ReplyError::ConnectionError(error) => Err(error),
    }
}
