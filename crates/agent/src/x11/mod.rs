//! What the X server tells.

mod deaf;
mod input;
mod stream;

use clerestory_activity::Counts;
use x11rb::connection::Connection;
use x11rb::errors::ConnectError;
use x11rb::protocol::xproto::Window;
use x11rb::rust_connection::RustConnection;

pub use input::InputError;
use stream::DeafStream;

/// Why the X server tells nothing.
#[derive(Debug, thiserror::Error)]
pub enum XError {
    /// There is none, or it does not let us.
    #[error("no X server could be reached: {0}")]
    Unreachable(#[from] ConnectError),
    /// It has no screen of that number.
    #[error("the X server has no screen {0}")]
    NoScreen(usize),
    /// It does not say what is typed and pointed.
    #[error(transparent)]
    Input(#[from] InputError),
    /// It is gone.
    #[error("the X server went away: {0}")]
    Gone(#[from] x11rb::errors::ConnectionError),
}

/// Hears how often somebody types and points.
pub struct Ears {
    connection: RustConnection<DeafStream>,
    root: Window,
}

impl Ears {
    /// Listens on `display`, or on `DISPLAY` without one.
    ///
    /// # Errors
    /// [`XError`].
    pub fn open(display: Option<&str>) -> Result<Self, XError> {
        let (connection, number) = stream::connect(display)?;
        let root = connection.setup().roots.get(number).ok_or(XError::NoScreen(number))?.root;
        input::listen(&connection, root)?;
        Ok(Self { connection, root })
    }

    /// What was typed and pointed since the last look, and whether anything was.
    ///
    /// # Errors
    /// [`XError::Gone`].
    pub fn look(&self) -> Result<(Counts, bool), XError> {
        let (mut counts, mut any) = (Counts::default(), false);
        while let Some(event) = self.connection.poll_for_event()? {
            any |= input::count(&mut counts, &event);
        }
        Ok((counts, any))
    }

    /// The window of which every other is a part.
    #[must_use]
    pub const fn root(&self) -> Window {
        self.root
    }
}
