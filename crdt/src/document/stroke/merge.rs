//! A keystroke of another copy, merged; or a value written, an element, a count. Containers may be made by it that
//! somebody else made too.

use crate::codec::Made;
use crate::container::cell::Cells;
use crate::container::{Body, BodyItems, ChangeKind, Changes, TextPatch, Touched};
use crate::counter::Tally;
use crate::document::items::Place;
use crate::document::path::{Key, Step};
use crate::document::tree::{ContainerId, Noted, Tree, ROOT};
use crate::document::Doc;
use crate::map::MapItem;
use crate::sequence::content::{Chars, Content, Extent};
use crate::sequence::run::RunItem;
use crate::sequence::stroke::{Struck, Typed};
use crate::{limits, Delta, Dot, DotRun, Sibling, Value};

/// The one thing that is new.
#[derive(Clone, Copy)]
enum New<'a> {
    Text(&'a RunItem<Chars>, &'a Chars),
    List(&'a RunItem<Cells>, &'a Cells),
    Value(&'a MapItem<String, Value>),
    Element(&'a MapItem<Value, ()>),
    Tally(&'a Tally),
}

/// What a keystroke does.
struct Stroke<'a> {
    removed: Option<DotRun>,
    /// The way to the container, and what is new there.
    new: Option<(&'a [Place], New<'a>)>,
    /// The containers on that way that are made.
    made: Made,
}

impl<'a> Stroke<'a> {
    /// The keystroke that a delta of the next changes of one replica is, if it is one.
    fn of(delta: &'a Delta) -> Option<Self> {
        if !delta.complete || !delta.items.erasures.is_empty() || delta.removals.len() > 1 {
            return None;
        }
        let removed = match delta.removals.values().next() {
            Some(removal) => match removal.runs[..] {
                [run] => Some(run),
                _ => return None,
            },
            None => None,
        };
        let table = &delta.items.table[..];
        let (new, made) = match &delta.items.bodies[..] {
            [] => (None, Made::default()),
            [marks @ .., (number, items)] if *number as usize == table.len() => {
                let new = New::of(items, delta)?;
                let DotRun { start, len } = new.dots();
                let made = Made::of(marks, table, start.plus(len))?;
                (Some((table, new)), made)
            }
            _ => return None,
        };
        Some(Self { removed, new, made })
    }
}

impl<'a> New<'a> {
    fn of(items: &'a BodyItems, delta: &Delta) -> Option<Self> {
        let new = match items {
            BodyItems::Text(text) if text.marks.is_empty() => {
                let (run, chars) = lone(text.runs.lone())?;
                Self::Text(run, chars)
            }
            BodyItems::List(runs) => {
                let (run, cells) = lone(runs.lone())?;
                Self::List(run, cells)
            }
            BodyItems::Map { values, children } => match (&values[..], &children[..]) {
                ([item], []) => Self::Value(item),
                _ => return None,
            },
            BodyItems::Set(items) => match &items[..] {
                [item] => Self::Element(item),
                _ => return None,
            },
            BodyItems::Counter(tallies) => match &tallies[..] {
                [tally] => Self::Tally(tally),
                _ => return None,
            },
            BodyItems::Text(_) | BodyItems::Tree(_) => return None,
        };
        let Dot { replica, seq } = new.dots().start;
        let before = Dot::new(replica, seq - 1);
        let is_next = delta.from.contains(before) && delta.from.get(replica) < seq;
        is_next.then_some(new)
    }

    fn dots(self) -> DotRun {
        let one = |start| DotRun { start, len: 1 };
        match self {
            Self::Text(run, _) => run.dots(),
            Self::List(run, _) => run.dots(),
            Self::Value(item) => one(item.sibling.dot),
            Self::Element(item) => one(item.sibling.dot),
            Self::Tally(tally) => one(tally.dot),
        }
    }
}

/// The run and its content, if it is one that is all alive.
fn lone<C: Content>(runs: &[RunItem<C>]) -> Option<(&RunItem<C>, &C)> {
    let [run] = runs else { return None };
    Some((run, run.lone()?))
}

impl Doc {
    /// What [`Self::merge`] does with a keystroke of another copy, the very next of its changes. `None`,
    /// with nothing done, if the delta is anything else. O(log n).
    pub(in crate::document) fn merge_stroke(&mut self, delta: &Delta) -> Option<Changes> {
        if !self.inner.is_next(delta) {
            return None;
        }
        let stroke = Stroke::of(delta)?;
        let mut noted = Noted::default();
        let (id, change) = self.inner.store_mut().strike(&stroke, &mut noted)?;
        self.inner.note_merged(delta);
        let changes = self.inner.store().report_with(noted, id, change);
        self.inner.store_mut().sweep();
        Some(changes)
    }
}

impl Tree {
    /// Does what a keystroke says, if all of it is in one container; gives which, and what a reader sees of
    /// it there. Else `None`, with nothing done.
    fn strike(
        &mut self,
        stroke: &Stroke<'_>,
        noted: &mut Noted,
    ) -> Option<(ContainerId, ChangeKind)> {
        let named = match stroke.new {
            Some((path, _)) => Some(self.named_by(path)?),
            None => None,
        };
        let id = self.only_home(stroke.removed, named)?;
        if stroke.made.len() > 0 && !self.has_room_for_marks(id) {
            return None;
        }
        let before = self.get(id).body.live_len();
        let new = stroke.new.map(|(_, new)| new);
        let change = self.body_mut(id).strike(stroke.removed, new)?;
        self.loosen_touched(id, &change);
        if let Some(gone) = stroke.removed.filter(|_| !self.get(id).body.is_sequence()) {
            self.homes.cut_out(gone);
        }
        self.homes.settle(id, new.map(New::dots));
        self.recount(id, before, noted);
        if let Some((path, new)) = stroke.new {
            let DotRun { start, len } = new.dots();
            self.mark_made(id, stroke.made, path.len(), start.plus(len), noted);
        }
        Some((id, change))
    }

    /// The one container in which all lies that is removed, and that is named if one is.
    pub(super) fn only_home(
        &self,
        removed: Option<DotRun>,
        named: Option<ContainerId>,
    ) -> Option<ContainerId> {
        let Some(run) = removed else { return named };
        let (part, home) = self.homes.first_of(run)?;
        let is_all = part == run && named.is_none_or(|named| named == home);
        is_all.then_some(home)
    }

    /// Whether another copy can say too that this container, and what it is in, is there.
    fn has_room_for_marks(&self, mut id: ContainerId) -> bool {
        while let (
            parent,
            Some(Step {
                key: Key::Name(name),
                kind,
            }),
        ) = (self.get(id).parent, &self.get(id).step)
        {
            let map = self.map_body(parent);
            let marks = map.and_then(|map| map.children.register(&(name.to_string(), *kind)));
            if marks.is_some_and(|marks| marks.siblings().len() >= limits::SIBLINGS_MAX) {
                return false;
            }
            id = parent;
        }
        true
    }

    /// Takes in the marks of those that are made of the containers from this one up, of which there are `depth`;
    /// the first mark has the dot `dot`.
    fn mark_made(
        &mut self,
        mut id: ContainerId,
        made: Made,
        depth: usize,
        mut dot: Dot,
        noted: &mut Noted,
    ) {
        let Some(stamp) = made.stamp() else { return };
        for at in (0..depth).rev() {
            let parent = self.get(id).parent;
            let inside = std::mem::replace(&mut id, parent);
            let key = match &self.get(inside).step {
                Some(Step {
                    key: Key::Name(name),
                    kind,
                }) if made.has(at) => (name.to_string(), *kind),
                _ => continue,
            };
            let before = self.get(id).body.live_len();
            let Body::Map(map) = self.body_mut(id) else {
                unreachable!("only maps have names for containers")
            };
            let item = MapItem {
                key,
                sibling: Sibling {
                    dot,
                    stamp,
                    value: (),
                },
            };
            let taken = map.children.strike(None, &item);
            debug_assert!(taken.is_some(), "there was room");
            self.note(id, ChangeKind::Map(Touched::one(item.key.0)), noted);
            self.homes.settle(id, [DotRun { start: dot, len: 1 }]);
            self.recount(id, before, noted);
            dot = dot.plus(1);
        }
    }

    /// The container at the end of a path of names, if it is known.
    fn named_by(&mut self, path: &[Place]) -> Option<ContainerId> {
        let mut id = ROOT;
        for (above, Place { parent, step }) in (0..).zip(path) {
            if *parent != above || !matches!(step.key, Key::Name(_)) {
                return None;
            }
            id = self.child_if_named(id, step)?;
        }
        Some(id)
    }
}

impl Body {
    /// Removes a run and takes in what is new; what a reader sees of it. `None`, with nothing done, where
    /// that is not as simple.
    fn strike(&mut self, removed: Option<DotRun>, new: Option<New<'_>>) -> Option<ChangeKind> {
        let one = match removed {
            Some(run) if run.len == 1 => Some(run.start),
            _ => None,
        };
        if removed.is_some() && one.is_none() && !self.is_sequence() {
            return None;
        }
        Some(match (self, new) {
            (Self::Text(text), None) => {
                ChangeKind::Text(text_patches(&text.chars.strike(removed, None)?, ""))
            }
            (Self::Text(text), Some(New::Text(run, chars))) => {
                let typed = Typed {
                    link: run.link(),
                    content: chars.as_str(),
                    extent: chars.extent(),
                };
                let struck = text.chars.strike(removed, Some(&typed))?;
                ChangeKind::Text(text_patches(&struck, chars.as_str()))
            }
            (Self::List(list), Some(New::List(run, cells))) if removed.is_none() => {
                ChangeKind::List(vec![list.strike(run, cells)?])
            }
            (Self::Map(map), Some(New::Value(item))) => {
                map.values.strike(one, item)?;
                ChangeKind::Map(Touched::one(item.key.clone()))
            }
            (Self::Set(set), Some(New::Element(item))) => {
                set.strike(one, item)?;
                ChangeKind::Set
            }
            (Self::Counter(counter), Some(New::Tally(tally))) => {
                counter.strike(one, tally)?;
                ChangeKind::Counter
            }
            _ => return None,
        })
    }
}

pub(super) fn text_patches(struck: &Struck, typed: &str) -> Vec<TextPatch> {
    let gone = struck.gone.map(|(at, deleted)| TextPatch {
        at,
        deleted,
        inserted: String::new(),
    });
    let came = struck.came.map(|at| TextPatch {
        at,
        deleted: Extent::default(),
        inserted: typed.to_owned(),
    });
    gone.into_iter().chain(came).collect()
}
