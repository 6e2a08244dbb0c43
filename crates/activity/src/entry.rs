//! What a list of activity holds.

use serde::{Deserialize, Serialize};

/// A stretch of the agent's clock, in milliseconds since 1970; `to` is the first that does not belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stretch {
    /// Where it begins.
    pub from: i64,
    /// Where it ends.
    pub to: i64,
}

impl Stretch {
    /// Its length in milliseconds.
    #[must_use]
    pub const fn length_ms(self) -> i64 {
        self.to.saturating_sub(self.from)
    }
}

/// One entry. Nothing in it says what was typed, read or drawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Entry {
    /// How much was typed and pointed during an interval.
    Input {
        /// The interval.
        at: Stretch,
        /// The counts.
        count: Input,
    },
    /// Which application was in front.
    Application {
        /// For how long.
        at: Stretch,
        /// Which.
        of: Application,
    },
    /// Nobody typed or pointed.
    Idle {
        /// For how long.
        at: Stretch,
    },
    /// What ran during an interval, by what it took of the processor.
    Processes {
        /// The interval.
        at: Stretch,
        /// At most [`Process::MOST`], the busiest first.
        list: Vec<Process>,
    },
    /// How busy and how full the machine was.
    Load {
        /// The interval.
        at: Stretch,
        /// What was measured.
        of: Load,
    },
    /// What the machine is. Told when the agent begins, and when it changes.
    Machine {
        /// When, with no length.
        at: Stretch,
        /// What.
        is: Machine,
    },
    /// A screenshot that was due, and what became of it.
    Shot {
        /// When, with no length.
        at: Stretch,
        /// What became of it.
        was: Shot,
    },
    /// Nothing was told of, and why.
    Gap {
        /// For how long.
        at: Stretch,
        /// Why.
        why: Why,
        /// What the person said of a pause, where they were asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        said: Option<String>,
    },
}

impl Entry {
    /// When it was.
    #[must_use]
    pub const fn at(&self) -> Stretch {
        match self {
            Self::Input { at, .. }
            | Self::Application { at, .. }
            | Self::Idle { at }
            | Self::Processes { at, .. }
            | Self::Load { at, .. }
            | Self::Machine { at, .. }
            | Self::Shot { at, .. }
            | Self::Gap { at, .. } => *at,
        }
    }
}

/// Counts of an interval. Keys and buttons count when they go down, and once however long they are held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Keys that went down.
    pub keys: u32,
    /// Buttons of a pointer that went down.
    pub clicks: u32,
    /// Steps of a wheel.
    pub scrolls: u32,
    /// How far the pointer went, in pixels, rounded down to tens.
    pub distance: u32,
}

/// An application, by the name that its window gives.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// The class of its window, as `firefox`.
    pub name: String,
    /// The title of its window, where the settings let it be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// A program, all of whose processes are told as one: its name, without arguments or path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Process {
    /// The name.
    pub name: String,
    /// Thousandths of one core, over the interval.
    pub cpu: u32,
    /// Mebibytes in memory at its end.
    pub memory: u32,
}

impl Process {
    /// Programs that an entry tells of at most.
    pub const MOST: usize = 40;
}

/// How busy and how full the machine was at the end of an interval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// Thousandths of all cores together, over the interval.
    pub cpu: u32,
    /// Mebibytes of memory in use.
    pub memory: u32,
    /// Volumes, at most [`Disk::MOST`].
    pub disks: Vec<Disk>,
}

/// A volume, by a name that means nothing elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disk {
    /// Eight hexadecimal digits that the agent makes of where it is mounted, with a secret of its own.
    pub id: String,
    /// Mebibytes of it.
    pub total: u64,
    /// Mebibytes that are free.
    pub free: u64,
}

impl Disk {
    /// Volumes that an entry tells of at most.
    pub const MOST: usize = 16;
}

/// What a machine is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// What it calls itself, or a pseudonym that stays the same, as the settings say.
    pub name: String,
    /// The system, as `Debian GNU/Linux 12`.
    pub system: String,
    /// The kernel's release.
    pub kernel: String,
    /// The processor's model.
    pub processor: String,
    /// Its cores.
    pub cores: u32,
    /// Mebibytes of memory.
    pub memory: u32,
    /// Seconds that its clock is ahead of UTC, now.
    pub zone: i32,
}

/// What became of a screenshot that was due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shot {
    /// It was taken, and is sent on its own.
    Taken,
    /// An application that is excluded could be seen.
    Excluded,
    /// A window that says it is private could be seen, or one that says nothing.
    Private,
    /// The screen was locked.
    Locked,
    /// Nobody was there.
    Idle,
    /// The screen could not be read.
    Failed,
    /// There was no room for it.
    Full,
}

/// Why nothing was told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Why {
    /// The person paused it.
    Paused,
    /// The person is in private mode.
    Private,
    /// The screen was locked.
    Locked,
    /// It is not the time at which anything is captured.
    Schedule,
    /// The organisation switched it off.
    Off,
    /// The rules could not be believed, or were too old.
    Policy,
    /// Nothing was to be seen that says so: no icon, no window.
    Unseen,
    /// The machine slept, or its clock was put forward.
    Asleep,
    /// The agent did not run, or what it had was lost.
    Lost,
    /// The agent was stopped.
    Stopped,
}
