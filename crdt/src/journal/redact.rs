//! Taking what was erased out of recorded deltas.

use crate::ordered::BTreeSet;

use crate::container::BodyItems;
use crate::document::{Items, Key, Path, Place};
use crate::map::MapItem;
use crate::sequence::content::Content;
use crate::sequence::RunItems;
use crate::{Delta, Doc, Dot, DotRun, DotSet, DotStore, Kind, Value};

/// What is to go. An erasure names the dots that were known when it was made. Those of former values
/// of an erased key are not among them, so for maps and sets it is the key or the value that goes.
#[derive(Debug, Default)]
pub(super) struct Redaction {
    dots: DotSet,
    /// Keys of maps; `None` is everything at the key.
    keys: BTreeSet<(Path, String, Option<Kind>)>,
    /// Values of sets.
    values: BTreeSet<(Path, Value)>,
    /// What is alive now was written later, or by somebody who did not know, and stays.
    alive: DotSet,
    /// The containers that are there now, if only as what others may hang something on.
    there: BTreeSet<Path>,
}

impl Redaction {
    pub(super) fn of(dots: DotSet) -> Self {
        Self {
            dots,
            ..Self::default()
        }
    }

    /// Looks for the keys and values that the erased dots stand for.
    pub(super) fn look_at(&mut self, delta: &Delta) {
        let paths = paths(&delta.items);
        for (number, body) in &delta.items.bodies {
            let path = &paths[*number as usize];
            match body {
                BodyItems::Map { values, children } => {
                    let values = values.iter().filter(|item| self.is_erased(item));
                    let values = values.map(|item| (path.clone(), item.key.clone(), None));
                    let marks = children.iter().filter(|item| self.is_erased(item));
                    let marks = marks.map(|item| {
                        let (name, kind) = item.key.clone();
                        // At the top, containers of one name have nothing to do with each other.
                        (path.clone(), name, path.steps().is_empty().then_some(kind))
                    });
                    let keys: Vec<_> = values.chain(marks).collect();
                    self.keys.extend(keys);
                }
                BodyItems::Set(items) => {
                    let erased = items.iter().filter(|item| self.is_erased(item));
                    let values: Vec<_> = erased
                        .map(|item| (path.clone(), item.key.clone()))
                        .collect();
                    self.values.extend(values);
                }
                _ => {}
            }
        }
    }

    /// What is alive in a document stays, even if it is at an erased key.
    pub(super) fn spare(&mut self, now: &Doc) {
        let whole = now.whole();
        self.alive = crate::document::Tree::dots_of(&whole.items);
        let paths = paths(&whole.items);
        for (number, body) in &whole.items.bodies {
            if let BodyItems::Map { children, .. } = body {
                let path = &paths[*number as usize];
                let marked = children.iter().map(|item| {
                    let (name, kind) = &item.key;
                    path.key(name, *kind)
                });
                self.there.extend(marked);
            }
        }
        self.there.extend(paths);
    }

    /// Takes what is to go out of a delta; whether there was anything.
    pub(super) fn redact(&self, delta: &mut Delta) -> bool {
        let before = delta.items.clone();
        let paths = paths(&delta.items);
        let gone = self.gone(&delta.items, &paths);
        for (number, body) in &mut delta.items.bodies {
            let (path, gone) = (&paths[*number as usize], gone[*number as usize]);
            if gone && !self.there.contains(path) {
                // Nothing hangs on its skeleton: the name need not stay.
                *body = BodyItems::none(body.kind());
                continue;
            }
            let goes = |dot| self.dots.contains(dot) || gone && !self.alive.contains(dot);
            match body {
                BodyItems::Map { values, children } => {
                    values.retain(|MapItem { key, sibling }| {
                        !goes(sibling.dot) && !self.is_key_gone(path, key, None, sibling.dot)
                    });
                    children.retain(
                        |MapItem {
                             key: (name, kind),
                             sibling,
                         }| {
                            let dot = sibling.dot;
                            !goes(dot) && !self.is_key_gone(path, name, Some(*kind), dot)
                        },
                    );
                }
                BodyItems::Set(items) => items.retain(|MapItem { key, sibling }| {
                    let former = self.values.contains(&(path.clone(), key.clone()));
                    !goes(sibling.dot) && (!former || self.alive.contains(sibling.dot))
                }),
                BodyItems::Counter(tallies) => tallies.retain(|tally| !goes(tally.dot)),
                BodyItems::List(runs) | BodyItems::Tree(runs) => bury(runs, goes),
                BodyItems::Text(text) => {
                    bury(&mut text.runs, goes);
                    text.marks.retain(|MapItem { key, sibling }| {
                        // Former marks of what was erased are about it.
                        let former = key.anchors().any(|dot| self.dots.contains(dot));
                        !goes(sibling.dot) && (!former || self.alive.contains(sibling.dot))
                    });
                }
            }
        }
        delta.items.tidy();
        delta.items != before
    }

    /// The containers, by number, that lie in something erased.
    fn gone(&self, items: &Items, paths: &[Path]) -> Vec<bool> {
        let mut gone = vec![false];
        for Place { parent, step } in &items.table {
            let parent = *parent as usize;
            let is_gone = match &step.key {
                Key::Name(name) => self.has_key(&paths[parent], name, Some(step.kind)),
                Key::Element(element) => self.dots.contains(*element),
            };
            gone.push(gone[parent] || is_gone);
        }
        gone
    }

    fn is_key_gone(&self, map: &Path, key: &str, kind: Option<Kind>, dot: Dot) -> bool {
        !self.alive.contains(dot) && self.has_key(map, key, kind)
    }

    fn has_key(&self, map: &Path, key: &str, kind: Option<Kind>) -> bool {
        !self.keys.is_empty()
            && [None, kind]
                .into_iter()
                .any(|kind| self.keys.contains(&(map.clone(), key.to_owned(), kind)))
    }

    fn is_erased<K, V>(&self, item: &MapItem<K, V>) -> bool {
        self.dots.contains(item.sibling.dot)
    }
}

/// Adds the dots of what a delta has at a key.
pub(super) fn dots_at(delta: &Delta, map: &Path, key: &str, dots: &mut DotSet) {
    let paths = paths(&delta.items);
    for (number, body) in &delta.items.bodies {
        let path = &paths[*number as usize];
        let step = path.steps().get(map.steps().len());
        let inside = step.is_some_and(|step| step.key == Key::from(key)) && map.contains(path);
        match body {
            _ if inside => body.for_each_run(|run| dots.insert_run(run)),
            BodyItems::Map { values, children } if path == map => {
                let values = values.iter().filter(|item| item.key == key);
                values.for_each(|item| dots.insert(item.sibling.dot));
                let marks = children.iter().filter(|item| item.key.0 == key);
                marks.for_each(|item| dots.insert(item.sibling.dot));
            }
            _ => {}
        }
    }
}

/// The paths of the containers, by number.
fn paths(items: &Items) -> Vec<Path> {
    let mut paths = vec![Path::from_steps(Vec::new())];
    for Place { parent, step } in &items.table {
        paths.push(paths[*parent as usize].child(step.clone()));
    }
    paths
}

/// Makes elements deleted ones.
fn bury<C: Content>(runs: &mut RunItems<C>, goes: impl Fn(Dot) -> bool) {
    let is_hit = |live: DotRun| live.dots().any(&goes);
    if !runs.live().any(is_hit) {
        return;
    }
    runs.change(|runs| {
        for run in runs {
            if run.live().any(is_hit) {
                *run = run.without(&goes);
            }
        }
    });
}
