//! What is kept of a run, and where it hangs.

use std::cmp::Ordering;

use crate::id::{Agent, Agents, Id};
use crate::sequence::run::Side;
use crate::{Dot, DotRun, Minute};

/// A run, or the part of one that was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunLink {
    pub(crate) dots: DotRun,
    pub(crate) parent: Option<Dot>,
    pub(crate) side: Side,
    pub(crate) minute: Minute,
}

impl RunLink {
    /// The part of it after seq `seen`; `None` when there is none.
    pub(super) fn after(self, seen: u64) -> Option<Self> {
        let start = self.dots.start;
        if seen < start.seq {
            return Some(self);
        }
        let skip = seen + 1 - start.seq;
        let len = self.dots.len.checked_sub(skip).filter(|&len| len > 0)?;
        let start = start.plus(skip);
        Some(Self {
            dots: DotRun { start, len },
            parent: Some(Dot::new(start.replica, start.seq - 1)),
            side: Side::Right,
            minute: self.minute,
        })
    }
}

/// No replica: that of the parent of what hangs on the sequence itself.
const NOBODY: Agent = Agent::MAX;

pub(super) fn packed(parent: Option<Id>) -> Id {
    parent.unwrap_or(Id {
        agent: NOBODY,
        seq: 0,
    })
}

pub(super) fn unpacked(parent: Id) -> Option<Id> {
    (parent.agent != NOBODY).then_some(parent)
}

/// A run of one replica's elements.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Run {
    pub(super) seq: u64,
    pub(super) len: u64,
    parent_seq: u64,
    pub(super) minute: Minute,
    parent_agent: Agent,
    pub(super) side: Side,
    /// Whether another run hangs on it, or did.
    pub(super) is_parent: bool,
}

impl Run {
    pub(super) fn new(seq: u64, len: u64, parent: Option<Id>, side: Side, minute: Minute) -> Self {
        let parent = packed(parent);
        Self {
            seq,
            len,
            parent_seq: parent.seq,
            minute,
            parent_agent: parent.agent,
            side,
            is_parent: false,
        }
    }

    pub(super) fn parent(&self) -> Option<Id> {
        unpacked(Id {
            agent: self.parent_agent,
            seq: self.parent_seq,
        })
    }

    pub(super) fn end(&self) -> u64 {
        self.seq + self.len
    }
}

/// A run among those that hang on an element. Within a run each element's next one is a right child
/// too, and is not listed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Listed {
    parent_seq: u64,
    child_seq: u64,
    pub(super) slot: Slot,
    parent_agent: Agent,
    child_agent: Agent,
}

impl Listed {
    pub(super) fn new(slot: Slot, parent: Option<Id>, child: Id) -> Self {
        let parent = packed(parent);
        Self {
            parent_seq: parent.seq,
            child_seq: child.seq,
            slot,
            parent_agent: parent.agent,
            child_agent: child.agent,
        }
    }

    pub(super) fn child(&self) -> Id {
        Id {
            agent: self.child_agent,
            seq: self.child_seq,
        }
    }

    pub(super) fn parent(&self) -> Id {
        Id {
            agent: self.parent_agent,
            seq: self.parent_seq,
        }
    }

    pub(super) fn place(&self) -> Hook {
        packed_hook(self.slot, self.parent())
    }
}

/// Where under which element children hang: a [`Slot`], an agent and a seq in one number, as it is compared
/// most of all.
pub(super) type Hook = u128;

pub(super) fn hook(slot: Slot, parent: Option<Id>) -> Hook {
    packed_hook(slot, packed(parent))
}

fn packed_hook(slot: Slot, parent: Id) -> Hook {
    u128::from((slot as u64) << 16 | u64::from(parent.agent)) << 64 | u128::from(parent.seq)
}

/// Where under its parent a run hangs: what is on the right is before or after the place of the
/// parent's next dot. Those after it are kept apart, so that the way to the last element of a run's
/// tree is found without looking at all that hangs on the run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Slot {
    Left,
    Before,
    After,
}

impl Agents {
    /// The order of dots.
    pub(super) fn compare(&self, a: Id, b: Id) -> Ordering {
        if a.agent == b.agent {
            return a.seq.cmp(&b.seq);
        }
        self.replica(a.agent).cmp(&self.replica(b.agent))
    }

    pub(super) fn slot_of(&self, side: Side, parent: Option<Id>, start: Id) -> Slot {
        match (side, parent) {
            (Side::Left, _) => Slot::Left,
            (Side::Right, Some(parent)) if self.compare(start, parent.plus(1)).is_lt() => {
                Slot::Before
            }
            (Side::Right, _) => Slot::After,
        }
    }
}
