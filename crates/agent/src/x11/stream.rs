//! A connection to the X server that passes through [`Deaf`].

use std::io::{IoSlice, Result};
use std::sync::{Mutex, PoisonError};

use x11rb::errors::ConnectError;
use x11rb::rust_connection::{DefaultStream, PollMode, RustConnection, Stream};
use x11rb::utils::RawFdContainer;
use x11rb_protocol::parse_display::parse_display;
use x11rb_protocol::xauth::get_auth;

use super::deaf::Deaf;

/// A stream of which nobody reads which key went down.
#[derive(Debug)]
pub(crate) struct DeafStream {
    inner: DefaultStream,
    deaf: Mutex<Deaf>,
}

impl Stream for DeafStream {
    fn poll(&self, mode: PollMode) -> Result<()> {
        self.inner.poll(mode)
    }

    fn read(&self, buffer: &mut [u8], files: &mut Vec<RawFdContainer>) -> Result<usize> {
        // Held while it is read: what comes first goes by first.
        let mut deaf = self.deaf.lock().unwrap_or_else(PoisonError::into_inner);
        let count = self.inner.read(buffer, files)?;
        if let Some(bytes) = buffer.get_mut(..count) {
            deaf.pass(bytes);
        }
        Ok(count)
    }

    fn write(&self, buffer: &[u8], files: &mut Vec<RawFdContainer>) -> Result<usize> {
        self.inner.write(buffer, files)
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>], files: &mut Vec<RawFdContainer>) -> Result<usize> {
        self.inner.write_vectored(buffers, files)
    }
}

/// A connection to the server of `display`, or of `DISPLAY` without one, and the number of its screen.
///
/// # Errors
/// As a plain connection: there is no such server, or it does not let us.
pub(crate) fn connect(
    display: Option<&str>,
) -> std::result::Result<(RustConnection<DeafStream>, usize), ConnectError> {
    let parsed = parse_display(display)?;
    let screen = usize::from(parsed.screen);
    let mut last = None;
    for address in parsed.connect_instruction() {
        match DefaultStream::connect(&address) {
            Ok((inner, (family, address))) => {
                // Without a right of its own it is tried all the same: the server says whether it needs one.
                let known = get_auth(family, &address, parsed.display).ok().flatten().unwrap_or_default();
                let stream = DeafStream { inner, deaf: Mutex::default() };
                let connection =
                    RustConnection::connect_to_stream_with_auth_info(stream, screen, known.0, known.1)?;
                return Ok((connection, screen));
            }
            Err(error) => last = Some(error),
        }
    }
    Err(last.map_or(ConnectError::UnknownError, ConnectError::IoError))
}
