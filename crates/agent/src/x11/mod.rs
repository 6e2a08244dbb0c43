//! What the X server tells.

mod deaf;
mod front;
mod input;
mod picture;
mod stream;

use clerestory_activity::Counts;
use x11rb::connection::Connection;
use x11rb::errors::ConnectError;
use x11rb::protocol::xproto::Window;
use x11rb::rust_connection::RustConnection;

use front::Atoms;
pub use front::Seen;
pub use input::InputError;
pub use picture::{Monitor, Picture, PictureError};
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
    atoms: Atoms,
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
        let atoms = Atoms::new(&connection)?.reply().map_err(InputError::from)?;
        Ok(Self { connection, root, atoms })
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

    /// The window in front, if there is one.
    ///
    /// # Errors
    /// [`XError::Gone`].
    pub fn in_front(&self) -> Result<Option<Seen>, XError> {
        Ok(front::in_front(&self.connection, self.root, &self.atoms)?)
    }

    /// Every window of which something may be seen; nothing where nobody says which there are.
    ///
    /// # Errors
    /// [`XError::Gone`].
    pub fn all(&self) -> Result<Option<Vec<Seen>>, XError> {
        Ok(front::all(&self.connection, self.root, &self.atoms)?)
    }

    /// The monitors that show something.
    ///
    /// # Errors
    /// [`PictureError`].
    pub fn monitors(&self) -> Result<Vec<Monitor>, PictureError> {
        picture::monitors(&self.connection, self.root)
    }

    /// What a monitor shows now.
    ///
    /// # Errors
    /// [`PictureError`].
    pub fn picture(&self, monitor: Monitor) -> Result<Picture, PictureError> {
        picture::take(&self.connection, self.root, monitor)
    }

    /// The window of which every other is a part.
    #[must_use]
    pub const fn root(&self) -> Window {
        self.root
    }
}
