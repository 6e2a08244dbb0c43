//! What a setting says at a node: the values on the chain above it, merged.

use super::{Lock, Merge, Node, Said, Setting, Strict, Value, Values};

/// What a setting says at a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// The value.
    pub value: Value,
    /// Something on the chain could not be read, so that this may be stricter than what was meant. What cannot be undone
    /// is not to be done on it.
    pub doubtful: bool,
}

/// What became of what a node of the chain says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is what holds from here on.
    Holds,
    /// It was merged with what is said above.
    Merged,
    /// A lock above keeps it within bounds.
    Bounded,
    /// A lock above lets nobody below say anything.
    Overruled,
    /// It cannot be read: what is safe holds, and is locked.
    Unreadable,
    /// Nobody of this level may say it.
    NotHere,
}

/// One step of an explanation: what a node says, and what it leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The node.
    pub node: Node,
    /// What it says.
    pub said: Said,
    /// What became of that.
    pub outcome: Outcome,
    /// What holds from here on.
    pub after: Value,
}

/// What holds while the chain is walked down, and what those below may not leave.
struct Standing<'s> {
    setting: &'s Setting,
    value: Value,
    said: bool,
    doubtful: bool,
    least: Option<Value>,
    most: Option<Value>,
    fixed: bool,
}

impl<'s> Standing<'s> {
    fn at_default(setting: &'s Setting) -> Self {
        let value = setting.default.clone();
        Self { setting, value, said: false, doubtful: false, least: None, most: None, fixed: false }
    }

    fn take(&mut self, node: Node, said: &Said) -> Outcome {
        if !self.setting.levels.contains(&node.level) {
            return Outcome::NotHere;
        }
        match said {
            Said::Unreadable => {
                self.take_unreadable();
                Outcome::Unreadable
            }
            Said::Value { .. } if self.fixed => Outcome::Overruled,
            Said::Value { value, lock } => {
                let within = self.within_bounds(value);
                let bounded = within != *value;
                let merged = self.merge(&within);
                let outcome = if bounded {
                    Outcome::Bounded
                } else if merged != within {
                    Outcome::Merged
                } else {
                    Outcome::Holds
                };
                self.value = merged;
                self.said = true;
                self.lock(*lock);
                outcome
            }
        }
    }

    /// Nobody knows what was said, nor how it was locked: what is safe, or what is stricter above, and nothing looser
    /// below.
    fn take_unreadable(&mut self) {
        let safe = self.setting.safe();
        self.value = match self.setting.strict() {
            None if self.fixed => self.value.clone(),
            None => self.within_bounds(safe),
            Some(Strict::Lower) => self.setting.kind.lower(&self.value, safe),
            Some(Strict::Higher) => self.setting.kind.higher(&self.value, safe),
        };
        self.said = true;
        self.doubtful = true;
        self.lock(Lock::Fixed);
    }

    fn within_bounds(&self, value: &Value) -> Value {
        let kind = self.setting.kind;
        let raised = self.least.as_ref().map_or_else(|| value.clone(), |least| kind.higher(value, least));
        self.most.as_ref().map_or_else(|| raised.clone(), |most| kind.lower(&raised, most))
    }

    fn merge(&self, value: &Value) -> Value {
        let kind = self.setting.kind;
        match self.setting.merge {
            Merge::Near => value.clone(),
            Merge::Union => kind.higher(&self.value, value),
            _ if !self.said => value.clone(),
            Merge::Min | Merge::Inter | Merge::And => kind.lower(&self.value, value),
            Merge::Max => kind.higher(&self.value, value),
        }
    }

    /// A lock is about what holds where it is set, which may be stricter than what was said there. Of a setting that
    /// protects, every lock keeps those below from protecting less, and none from protecting better: that is also how
    /// one of the deployment can only protect.
    fn lock(&mut self, lock: Lock) {
        let lock = match (lock, self.setting.protecting_lock()) {
            (Lock::None, _) => return,
            (Lock::Fixed, Some(protecting)) => protecting,
            (lock, Some(protecting)) if lock != protecting => return,
            (lock, _) => lock,
        };
        match lock {
            Lock::Floor => self.least = Some(self.value.clone()),
            Lock::Ceiling => self.most = Some(self.value.clone()),
            Lock::Fixed | Lock::None => self.fixed = true,
        }
    }
}

/// What `setting` says at the last node of `chain`, which begins at the top.
#[must_use]
pub fn resolve(setting: &Setting, values: &Values, chain: &[Node]) -> Effective {
    let mut standing = Standing::at_default(setting);
    for node in chain {
        if let Some(said) = values.of(*node, &setting.key) {
            standing.take(*node, said);
        }
    }
    Effective { value: standing.value, doubtful: standing.doubtful }
}

/// As [`resolve`], with every node of the chain that says something.
#[must_use]
pub fn explain(setting: &Setting, values: &Values, chain: &[Node]) -> (Effective, Vec<Step>) {
    let mut standing = Standing::at_default(setting);
    let mut steps = Vec::new();
    for node in chain {
        if let Some(said) = values.of(*node, &setting.key) {
            let outcome = standing.take(*node, said);
            steps.push(Step { node: *node, said: said.clone(), outcome, after: standing.value.clone() });
        }
    }
    (Effective { value: standing.value, doubtful: standing.doubtful }, steps)
}
