//! Taking writes back.
//!
//! Every write makes dots and removes some. It is taken back by a new write that removes those of its
//! dots that are still alive, and brings back, under new dots, what it removed. That is a write like
//! any other: to take it back is to redo the first. What somebody else has written since is no part of
//! it and stays.

mod counter;
mod put;

use super::{Edit, NodeEdit};
use crate::container::{Body, ChangeKind};
use crate::document::path::Step;
use crate::sequence::content::{Chars, Content};
use crate::undo::names::Names;
use crate::undo::write::{Lost, LostEntry, Part, Slot, Spot, Write};
use crate::DotSet;

/// What came of bringing back what a write removed.
struct Restored {
    /// The dots under which it came.
    new: DotSet,
    /// The dots of the write that are to go now.
    gone: DotSet,
    /// Of a counter: what this replaced.
    replaced: Lost,
}

impl Edit<'_> {
    /// Takes a write back and gives the write that this was; `None` if there is nothing left of it.
    pub(crate) fn reverse(&mut self, write: &Write, names: &mut Names) -> Option<Write> {
        // What things are in comes before them, and goes after them.
        let mut done: Vec<Option<Restored>> = Vec::new();
        for part in &write.parts {
            let restored = self.at(&names.path(&part.at)).put_back(part, names);
            if restored.is_none() && done.is_empty() {
                return None;
            }
            done.push(restored);
        }
        let mut parts: Vec<Part> = Vec::new();
        for (part, restored) in write.parts.iter().zip(done).rev() {
            let at = names.path(&part.at);
            let Some(Restored {
                new,
                gone,
                replaced,
            }) = restored
            else {
                continue;
            };
            let taken = self.at(&at).take_away(&gone);
            let lost = if replaced.is_empty() { taken } else { replaced };
            let made = new;
            parts.push(Part { at, made, lost });
        }
        parts.reverse();
        let done = parts.iter().any(|part| !part.is_empty());
        done.then_some(Write { parts })
    }
}

impl NodeEdit<'_> {
    /// Brings back what a write removed. `None` if somebody else has written over what was written
    /// then, or the container is gone.
    fn put_back(&mut self, part: &Part, names: &mut Names) -> Option<Restored> {
        self.check_writable().ok()?;
        if !self.tree.is_there(self.at) {
            return None;
        }
        let replica = self.change.replica();
        let body = &self.tree.get(self.at).body;
        if let Body::Counter(counter) = body {
            let plan = counter::Plan::new(counter, part, replica, names)?;
            return Some(self.put_back_in_counter(plan, names));
        }
        let mut gone = body.alive_of(&names.dots(&part.made));
        let overwritten = gone.is_empty() && !part.made.is_empty();
        match (body, &part.lost) {
            (Body::Map(_) | Body::Set(_), _) if overwritten => return None,
            (Body::Text(_), Lost::Text { pieces, marks })
                if overwritten && pieces.is_empty() && !marks.is_empty() =>
            {
                return None;
            }
            (Body::List(list), _) => gone = list.movable_back(&gone),
            (Body::Tree(tree), _) => gone = tree.movable_back(&gone),
            _ => {}
        }
        let written = self.write_at(self.at, |body, change| {
            Ok(put::back(body, part, &gone, names, change))
        });
        let (seen, new) = written.expect("what was there once can be there again");
        self.tree.note(self.at, seen, self.noted);
        match &part.lost {
            Lost::Text { pieces, .. } => self.move_marks(pieces, names),
            Lost::Map(entries) => self.name_children(entries),
            _ => {}
        }
        Some(Restored {
            new: new.into(),
            gone,
            replaced: Lost::Nothing,
        })
    }

    fn put_back_in_counter(&mut self, plan: counter::Plan, names: &mut Names) -> Restored {
        let written = self.write_at(self.at, |body, change| {
            let Body::Counter(counter) = body else {
                unreachable!("this is a counter")
            };
            plan.write(counter, names, change);
            Ok(ChangeKind::Counter)
        });
        let (seen, new) = written.expect("a tally can be written anew");
        self.tree.note(self.at, seen, self.noted);
        Restored {
            new: new.into(),
            gone: plan.gone,
            replaced: plan.replaced,
        }
    }

    /// Names the containers that are there again, even those that stay empty.
    fn name_children(&mut self, entries: &[LostEntry]) {
        for entry in entries {
            if let Slot::Child(kind) = entry.what {
                let key = entry.key.as_str().into();
                self.tree.child_named(self.at, Step { key, kind });
            }
        }
    }

    /// Moves the ends of marks from characters that came back to where these are now.
    fn move_marks(&mut self, pieces: &[(Spot, Chars)], names: &mut Names) {
        let Body::Text(text) = &self.tree.get(self.at).body else {
            return;
        };
        let chars = pieces
            .iter()
            .flat_map(|(spot, chars)| (0..chars.extent().chars as u64).map(|i| spot.dot.plus(i)));
        let old = text.marks_beside(chars);
        if old.is_empty() {
            return;
        }
        let marks = text.marks.items_of(&old);
        let written = self.write_at(self.at, |body, change| {
            let Body::Text(text) = body else {
                unreachable!("this is a text")
            };
            put::marks(text, &marks, names, change);
            let by = change.dot();
            change.removed(by, old.runs());
            text.remove(&old);
            Ok(())
        });
        written.expect("marks can be moved");
    }

    /// Removes what a write made and gives it.
    fn take_away(&mut self, made: &DotSet) -> Lost {
        let body = &self.tree.get(self.at).body;
        let mut dots = body.alive_of(made);
        match body {
            Body::List(list) => dots.extend(&list.places_with(&dots)),
            Body::Tree(tree) => dots.extend(&tree.places_with(&dots)),
            _ => {}
        }
        let lost = Lost::capture(body, &dots);
        if dots.is_empty() {
            return lost;
        }
        let written = self.write_at(self.at, |body, change| {
            let by = change.dot();
            change.removed(by, dots.runs());
            Ok(body.remove(&dots))
        });
        let (seen, _) = written.expect("what is there can be removed");
        self.tree.note(self.at, seen, self.noted);
        lost
    }
}
