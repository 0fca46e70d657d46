//! Making a document what an older state of it was, by as little as it takes.
//!
//! What is alive in both states stays untouched: it is told by its dots. What came since then is
//! deleted; what went is written again, under new dots, at its place.

mod list;
mod text;
mod tree;

use crate::ordered::BTreeSet;

use super::{CounterEdit, Edit, MapEdit, NodeEdit, SetEdit};
use crate::container::Body;
use crate::document::path::{Kind, Path, Step};
use crate::document::read::NodeRef;
use crate::document::tree::{ContainerId, Seen, Tree, ROOT};
use crate::{limits, Delta, Doc, EditError, Value};

impl Doc {
    /// Makes the content equal to that of an older state of this document, from a
    /// [`Journal`](crate::Journal) or a copy, as one new change; gives the delta to send. Elements of
    /// lists and nodes of trees that had been deleted come back under new names. Costs a walk over
    /// both; only what differs takes dots.
    ///
    /// # Errors
    /// [`EditError::Limit`] where a counter's sum would go too far. What was brought back before that
    /// stays, and its delta comes with the next commit.
    pub fn revert_to(&mut self, old: &Doc, now_ms: u64) -> Result<Delta, EditError> {
        let mut edit = self.edit(now_ms);
        edit.restore(old)?;
        Ok(edit.commit())
    }
}

impl Edit<'_> {
    /// As [`Doc::revert_to`], as a part of an edit.
    ///
    /// # Errors
    /// As [`Doc::revert_to`].
    pub fn restore(&mut self, old: &Doc) -> Result<(), EditError> {
        let then = Then {
            tree: old.inner.store(),
            at: Some(ROOT),
        };
        self.at(&Path::top()).restore(then)
    }
}

/// A container as it was; one that was not there was empty.
#[derive(Clone, Copy)]
struct Then<'a> {
    tree: &'a Tree,
    at: Option<ContainerId>,
}

impl<'a> Then<'a> {
    fn body(self) -> Option<&'a Body> {
        Some(&self.tree.get(self.at?).body)
    }

    fn child(self, step: &Step) -> Self {
        let at = self.at.and_then(|at| self.tree.child(at, step));
        Self { at, ..self }
    }

    fn seen_at(self, key: &str) -> Option<Seen<'a>> {
        self.tree.seen_at(self.at?, key)
    }

    fn has(self, step: &Step) -> bool {
        self.at.is_some_and(|at| self.tree.has_slot(at, step))
    }

    fn to_value(self) -> Value {
        NodeRef::at_id(self.tree, self.at).to_value()
    }
}

impl NodeEdit<'_> {
    /// As deep as containers may be.
    fn restore(&mut self, then: Then<'_>) -> Result<(), EditError> {
        match self.tree.get(self.at).body.kind() {
            Kind::Map => self.restore_map(then),
            Kind::List => self.restore_list(then),
            Kind::Text => self.restore_text(then),
            Kind::Set => self.restore_set(then),
            Kind::Counter => self.restore_counter(then),
            Kind::Tree => self.restore_tree(then),
        }
    }

    fn now(&self) -> Then<'_> {
        Then {
            tree: self.tree,
            at: Some(self.at),
        }
    }

    fn restore_map(&mut self, then: Then<'_>) -> Result<(), EditError> {
        let keys = then.at.map(|at| then.tree.keys(at)).unwrap_or_default();
        let keys = keys.into_iter().chain(self.tree.keys(self.at));
        let keys: BTreeSet<String> = keys.map(str::to_owned).collect();
        keys.iter().try_for_each(|key| self.restore_key(key, then))
    }

    fn restore_key(&mut self, key: &str, then: Then<'_>) -> Result<(), EditError> {
        let wanted = match then.seen_at(key) {
            None => {
                let there = self.now().seen_at(key).is_some();
                return if there {
                    MapEdit(self.again()).delete(key).map(drop)
                } else {
                    Ok(())
                };
            }
            Some(Seen::Value(value)) => {
                let same =
                    matches!(self.now().seen_at(key), Some(Seen::Value(now)) if now == value);
                return if same {
                    Ok(())
                } else {
                    MapEdit(self.again()).set(key, value.clone())
                };
            }
            Some(Seen::Container(id)) => then.tree.get(id).body.kind(),
        };
        for kind in Kind::ALL {
            let step = Step {
                key: key.into(),
                kind,
            };
            if then.has(&step) {
                self.child(key.into(), kind).restore(then.child(&step))?;
                if !self.now().has(&step) {
                    MapEdit(self.again()).create(key, kind)?;
                }
            } else if self.now().has(&step) {
                self.delete_slot(key, kind)?;
            }
        }
        self.show(key, wanted);
        Ok(())
    }

    /// Makes sure that of all that is at a key the container of this kind is seen.
    fn show(&mut self, key: &str, wanted: Kind) {
        let steps = Kind::ALL.map(|kind| Step {
            key: key.into(),
            kind,
        });
        let (wanted, others): (Vec<Step>, _) =
            steps.into_iter().partition(|step| step.kind == wanted);
        let is_seen = |node: &Self| match node.now().seen_at(key) {
            Some(Seen::Container(id)) => node.tree.get(id).step.as_ref() == wanted.first(),
            _ => false,
        };
        if is_seen(self) {
            return;
        }
        for step in &wanted {
            self.mark(self.at, step.clone());
        }
        if is_seen(self) {
            return;
        }
        // Another one has a stamp from a clock that is ahead: all get new ones, this one the last.
        let marked = others.into_iter().filter(|step| self.now().has(step));
        let marked: Vec<Step> = marked.collect();
        for step in marked.into_iter().chain(wanted) {
            self.mark(self.at, step);
        }
    }

    fn restore_set(&mut self, then: Then<'_>) -> Result<(), EditError> {
        fn values(of: Then<'_>) -> BTreeSet<Value> {
            match of.body() {
                Some(Body::Set(set)) => set.iter().cloned().collect(),
                _ => BTreeSet::new(),
            }
        }
        let (now, then) = (values(self.now()), values(then));
        let mut set = SetEdit(self.again());
        for value in now.difference(&then) {
            set.delete(value)?;
        }
        for value in then.difference(&now) {
            set.add(value.clone())?;
        }
        Ok(())
    }

    fn restore_counter(&mut self, then: Then<'_>) -> Result<(), EditError> {
        let sum = |of: Then<'_>| match of.body() {
            Some(Body::Counter(counter)) => counter.value(),
            _ => 0,
        };
        match i64::try_from(sum(then) - sum(self.now())) {
            Ok(0) => Ok(()),
            Ok(by) => CounterEdit(self.again()).add(by),
            Err(_) => Err(EditError::Limit {
                what: "sum of a counter",
                max: limits::COUNTER_MAX,
            }),
        }
    }
}

/// Which of the numbers to leave where they are, so that the fewest are to be moved to bring them in
/// rising order; O(n log n).
fn rising(numbers: &[usize]) -> Vec<bool> {
    // The last of the best chain of each length, and what comes before each number in its chain.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(numbers.len());
    for (at, &number) in numbers.iter().enumerate() {
        let len = ends.partition_point(|&end| numbers[end] < number);
        before.push(len.checked_sub(1).map(|last| ends[last]));
        match ends.get_mut(len) {
            Some(end) => *end = at,
            None => ends.push(at),
        }
    }
    let mut stay = vec![false; numbers.len()];
    let mut next = ends.last().copied();
    while let Some(at) = next {
        stay[at] = true;
        next = before[at];
    }
    stay
}
