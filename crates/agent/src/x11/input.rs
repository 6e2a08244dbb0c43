//! Counting what is typed and pointed.

use clerestory_activity::Counts;
use x11rb::connection::Connection;
use x11rb::errors::{ConnectionError, ReplyError, ReplyOrIdError};
use x11rb::protocol::Event;
use x11rb::protocol::xinput::{
    ConnectionExt, Device, EventMask, KeyEventFlags, RawButtonPressEvent, RawMotionEvent, XIEventMask,
};
use x11rb::protocol::xproto::Window;

/// Buttons that stand for steps of a wheel, in four directions.
const WHEEL: std::ops::RangeInclusive<u32> = 4..=7;
/// The version of XInput with raw events that need neither focus nor a grab.
const VERSION: (u16, u16) = (2, 2);

/// Why input cannot be counted.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// The server has no XInput 2.2.
    #[error("the X server has XInput {0}.{1}, and 2.2 is needed")]
    TooOld(u16, u16),
    /// The server refused, or is gone.
    #[error("the X server: {0}")]
    Server(String),
}

macro_rules! from_server {
    ($($error:ty),*) => {$(
        impl From<$error> for InputError {
            fn from(error: $error) -> Self {
                Self::Server(error.to_string())
            }
        }
    )*};
}
from_server!(ConnectionError, ReplyError, ReplyOrIdError);

/// Asks the server to tell of every key, button and movement, wherever it goes to.
///
/// # Errors
/// [`InputError`].
pub(crate) fn listen(connection: &impl Connection, root: Window) -> Result<(), InputError> {
    let has = connection.xinput_xi_query_version(VERSION.0, VERSION.1)?.reply()?;
    if (has.major_version, has.minor_version) < VERSION {
        return Err(InputError::TooOld(has.major_version, has.minor_version));
    }
    let wanted = XIEventMask::RAW_KEY_PRESS | XIEventMask::RAW_BUTTON_PRESS | XIEventMask::RAW_MOTION;
    // Of masters alone: of the devices below them each would be told of once more.
    let masks = [EventMask { deviceid: Device::ALL_MASTER.into(), mask: vec![wanted] }];
    connection.xinput_xi_select_events(root, &masks)?.check()?;
    Ok(())
}

/// Adds an event to what was counted; whether it is one that somebody made.
pub(crate) fn count(counts: &mut Counts, event: &Event) -> bool {
    match event {
        // A key that is held down repeats by itself.
        Event::XinputRawKeyPress(key) => {
            let is_pressed = !key.flags.contains(KeyEventFlags::KEY_REPEAT);
            counts.keys = counts.keys.saturating_add(u32::from(is_pressed));
            is_pressed
        }
        Event::XinputRawButtonPress(RawButtonPressEvent { detail, .. }) => {
            let sum = if WHEEL.contains(detail) { &mut counts.scrolls } else { &mut counts.clicks };
            *sum = sum.saturating_add(1);
            true
        }
        Event::XinputRawMotion(motion) => {
            let moved = distance(motion);
            counts.distance += moved;
            moved > 0.0
        }
        _ => false,
    }
}

/// How far a movement went, by the first two valuators, which are across and down. What a wheel moves stands behind them.
fn distance(motion: &RawMotionEvent) -> f64 {
    let mut across_and_down = [0.0; 2];
    let (mask, mut values) =
        (motion.valuator_mask.first().copied().unwrap_or_default(), motion.axisvalues.iter());
    for (number, axis) in across_and_down.iter_mut().enumerate() {
        if mask & (1 << number) != 0
            && let Some(value) = values.next()
        {
            *axis = f64::from(value.integral) + f64::from(value.frac) / f64::from(u32::MAX);
        }
    }
    across_and_down[0].hypot(across_and_down[1])
}
