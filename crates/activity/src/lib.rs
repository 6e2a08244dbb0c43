//! What a desktop agent tells of a person's day: how often, for how long, and in which application; never what.
//!
//! A segment of activity is a JSON list of [`Entry`]s in the order in which they begin. The agent writes it, the server reads
//! it strictly: what is not among these fields is refused as a whole, so that neither can carry more than these types say.
//! There is no field for a key, a coordinate, an argument of a program or a path of a file.
//!
//! Two stretches in which the same number of keys was pressed, of the same length and in the same application, are the same
//! bytes: nothing of the rhythm of typing is told, and nothing below an interval's length.

mod entry;
mod merge;
mod read;
mod slots;

pub use entry::{Application, Disk, Entry, Input, Load, Machine, Process, Shot, Stretch, Why};
pub use merge::Merged;
pub use read::{Fault, LIST_BYTES, MOST_ENTRIES, read, write};
pub use slots::{Counts, SlotLength, Slots};
