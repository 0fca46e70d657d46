//! What happened since a version: who did what, and when.

use crate::ordered::{self, BTreeMap};

use super::departed::Departure;
use super::read::{Item, NodeRef};
use super::tree::{ContainerId, Tree, ROOT};
use super::{Doc, Path};
use crate::container::cell::Cell;
use crate::container::text::TextBody;
use crate::container::{Body, MapBody};
use crate::map::MapItem;
use crate::sequence::content::Extent;
use crate::VersionVector;
use crate::{Dot, DotRun, DotStore, Interval, Minute, Removal, ReplicaId, Stamp, Value};

/// What happened to a document since a version, as far as its present state tells: what was written
/// and overwritten since, or inserted and deleted, is not in it.
#[derive(Clone, PartialEq, Debug)]
pub struct ChangesSince {
    /// Whether all deletions are in it. They are remembered for a while only, and not saved.
    pub complete: bool,
    /// The containers in which something happened, in the order of their paths.
    pub containers: Vec<(Path, Vec<Difference>)>,
}

/// One thing that happened in a container. Offsets and indexes are those of now.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Difference {
    /// Map: something was written to a key.
    Set {
        /// The key.
        key: String,
        /// What.
        item: Item,
        /// Whether it is what a read shows; else it is a conflict that lost.
        shown: bool,
        /// Who.
        by: ReplicaId,
        /// When.
        stamp: Stamp,
    },
    /// Map: a key was deleted, and nothing is there now.
    Deleted {
        /// The key.
        key: String,
        /// Who.
        by: ReplicaId,
        /// When.
        minute: Minute,
    },
    /// Text: characters were inserted and are still there.
    TextInserted {
        /// Where they start.
        start: Extent,
        /// What.
        text: String,
        /// Who.
        by: ReplicaId,
        /// When.
        minute: Minute,
    },
    /// Text or list: what was there at that version was deleted.
    Removed {
        /// Where it was: the gap that it left.
        at: Extent,
        /// How many characters or elements.
        count: u64,
        /// Who.
        by: ReplicaId,
        /// When.
        minute: Minute,
    },
    /// Text: a range was marked, or, with [`Value::Null`], a mark taken away.
    Marked {
        /// Where it starts.
        start: Extent,
        /// Where it ends.
        end: Extent,
        /// The mark.
        name: String,
        /// What it says.
        value: Value,
        /// Who.
        by: ReplicaId,
        /// When.
        stamp: Stamp,
    },
    /// List: an element was inserted and is still there.
    Inserted {
        /// Where.
        index: usize,
        /// What.
        item: Item,
        /// Who.
        by: ReplicaId,
        /// When.
        minute: Minute,
    },
    /// List: an element was moved to where it is.
    Moved {
        /// Where it is.
        index: usize,
        /// Who.
        by: ReplicaId,
        /// When.
        stamp: Stamp,
    },
    /// Set: an element was added, or added again.
    Added {
        /// Which.
        value: Value,
        /// Who.
        by: ReplicaId,
        /// When.
        stamp: Stamp,
    },
    /// Set: an element was taken out, and is not in it now.
    TakenOut {
        /// Which.
        value: Value,
        /// Who.
        by: ReplicaId,
        /// When.
        minute: Minute,
    },
    /// Counter: somebody added to it.
    Counted {
        /// Who.
        by: ReplicaId,
        /// When, the last time.
        minute: Minute,
    },
    /// Tree: a node was made and is still there.
    NodeCreated {
        /// Which.
        node: Dot,
        /// Who.
        by: ReplicaId,
        /// When.
        minute: Minute,
    },
    /// Tree: a node was moved.
    NodeMoved {
        /// Which.
        node: Dot,
        /// Who.
        by: ReplicaId,
        /// When.
        stamp: Stamp,
    },
    /// Tree: a node was deleted.
    NodeDeleted {
        /// Which.
        node: Dot,
        /// Who.
        by: ReplicaId,
        /// When.
        minute: Minute,
    },
}

impl Doc {
    /// What happened since `since`, a version that this copy has held: who inserted, deleted and set
    /// what, and when. It is the view of "what happened while I was away".
    ///
    /// O(replicas + what is new, and a logarithm for each piece).
    ///
    /// ```
    /// use driftwood_crdt::{Difference, Doc, ReplicaId};
    /// let (mut ann, mut ben) = (Doc::new(ReplicaId::new(1)), Doc::new(ReplicaId::new(2)));
    /// let mut edit = ann.edit(60_000);
    /// edit.text("body").insert(0, "Pack the tent")?;
    /// ben.merge(&edit.commit())?;
    /// let left = ann.version().clone(); // Ann closes her laptop
    ///
    /// let mut edit = ben.edit(120_000);
    /// edit.text("body").insert(9, "big ")?;
    /// ann.merge(&edit.commit())?;
    /// let news = ann.changes_since(&left);
    /// let (path, what) = &news.containers[0];
    /// assert_eq!(path.to_string(), "body");
    /// assert!(matches!(&what[0], Difference::TextInserted { text, by, .. }
    ///     if text == "big " && *by == ben.replica()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn changes_since(&self, since: &VersionVector) -> ChangesSince {
        let removals = self.inner.removals_since(since);
        let tree = self.inner.store();
        let interval = Interval {
            from: since,
            to: self.version(),
        };
        let mut found: BTreeMap<ContainerId, Vec<Difference>> = BTreeMap::new();
        for id in tree.containers_in(interval) {
            let differences = tree.new_in(id, interval);
            found.entry(id).or_default().extend(differences);
        }
        for (by, removal) in removals.iter().flatten() {
            tree.gone_by(*by, removal, since, &mut found);
        }
        found.remove(&ROOT);
        let mut containers: Vec<(Path, Vec<Difference>)> = found
            .into_iter()
            .filter(|(_, differences)| !differences.is_empty())
            .map(|(id, differences)| (tree.path(id), differences))
            .collect();
        ordered::sort_by(&mut containers, |(a, _), (b, _)| a.cmp(b));
        ChangesSince {
            complete: removals.is_some(),
            containers,
        }
    }
}

impl Tree {
    /// What is alive in a container and new.
    fn new_in(&self, id: ContainerId, interval: Interval<'_>) -> Vec<Difference> {
        match &self.get(id).body {
            Body::Map(map) => self.new_keys(id, map, interval),
            Body::Text(text) => new_in_text(text, interval),
            Body::Set(set) => {
                let new = set.collect(interval).into_iter();
                let new = new.map(|MapItem { key, sibling }| Difference::Added {
                    value: key,
                    by: sibling.dot.replica,
                    stamp: sibling.stamp,
                });
                new.collect()
            }
            Body::Counter(counter) => {
                let new = counter.collect(interval).into_iter();
                let new = new.map(|tally| Difference::Counted {
                    by: tally.dot.replica,
                    minute: tally.minute,
                });
                new.collect()
            }
            Body::List(list) => {
                let cells = list.cells.collect(interval);
                let new = cells.inserted_cells();
                let new = new.filter_map(|(minute, (dot, cell))| {
                    let by = dot.replica;
                    let index = |dot| list.index_of(dot);
                    Some(match cell {
                        Cell::Value(value) => Difference::Inserted {
                            index: index(dot)?,
                            item: Item::Value(value.clone()),
                            by,
                            minute,
                        },
                        Cell::Child(kind) => Difference::Inserted {
                            index: index(dot)?,
                            item: Item::Container(*kind),
                            by,
                            minute,
                        },
                        Cell::Place(moved) => Difference::Moved {
                            index: list.cells.offset_of(dot)?.chars,
                            by,
                            stamp: moved.stamp,
                        },
                        Cell::Node { .. } => return None,
                    })
                });
                new.collect()
            }
            Body::Tree(tree) => {
                let cells = tree.cells.collect(interval);
                let new = cells.inserted_cells();
                let new = new.filter_map(|(minute, (dot, cell))| {
                    let by = dot.replica;
                    Some(match cell {
                        Cell::Node { .. } => Difference::NodeCreated {
                            node: dot,
                            by,
                            minute,
                        },
                        Cell::Place(moved) if tree.shape().has(moved.of) => Difference::NodeMoved {
                            node: moved.of,
                            by,
                            stamp: moved.stamp,
                        },
                        _ => return None,
                    })
                });
                new.collect()
            }
        }
    }

    fn new_keys(&self, id: ContainerId, map: &MapBody, interval: Interval<'_>) -> Vec<Difference> {
        let shown = |key: &str, item: &Item| {
            let node = NodeRef::at_id(self, Some(id));
            node.as_map().get(key).as_ref() == Some(item)
        };
        let values = map.values.collect(interval).into_iter();
        let values = values.map(|MapItem { key, sibling }| {
            (key, Item::Value(sibling.value), sibling.dot, sibling.stamp)
        });
        let children = map.children.collect(interval).into_iter();
        let children = children.map(
            |MapItem {
                 key: (key, kind),
                 sibling,
             }| { (key, Item::Container(kind), sibling.dot, sibling.stamp) },
        );
        let new = values.chain(children);
        new.map(|(key, item, dot, stamp)| Difference::Set {
            shown: shown(&key, &item),
            key,
            item,
            by: dot.replica,
            stamp,
        })
        .collect()
    }

    /// What one change removed of what was there at `since`.
    fn gone_by(
        &self,
        by: Dot,
        removal: &Removal,
        since: &VersionVector,
        found: &mut BTreeMap<ContainerId, Vec<Difference>>,
    ) {
        let (by, minute) = (by.replica, removal.minute);
        for run in &removal.runs {
            let seen = since.get(run.start.replica);
            let Some(len) = (seen + 1).checked_sub(run.start.seq).filter(|&len| len > 0) else {
                continue;
            };
            let run = DotRun {
                len: run.len.min(len),
                ..*run
            };
            for (dot, id, what) in self.departed.of(run) {
                let gone = self.gone_name(id, what, by, minute);
                let of_container = found.entry(id).or_default();
                // A key with several values departs once.
                if gone
                    .as_ref()
                    .is_some_and(|gone| !of_container.contains(gone))
                {
                    of_container.extend(gone);
                }
                debug_assert!(run.contains(dot), "only what was asked for is found");
            }
            for (part, id) in self.homes.of(run) {
                let gone = self.gone_elements(id, part, by, minute);
                found.entry(id).or_default().extend(gone);
            }
        }
    }

    fn gone_name(
        &self,
        id: ContainerId,
        what: &Departure,
        by: ReplicaId,
        minute: Minute,
    ) -> Option<Difference> {
        let node = NodeRef::at_id(self, Some(id));
        match what {
            Departure::Key(key) if !node.as_map().has(key) => Some(Difference::Deleted {
                key: key.clone(),
                by,
                minute,
            }),
            Departure::Element(value) if !node.as_set().has(value) => Some(Difference::TakenOut {
                value: value.clone(),
                by,
                minute,
            }),
            _ => None,
        }
    }

    /// Deleted elements of a sequence, in pieces that stood in one gap.
    fn gone_elements(
        &self,
        id: ContainerId,
        run: DotRun,
        by: ReplicaId,
        minute: Minute,
    ) -> Vec<Difference> {
        let mut gone: Vec<Difference> = Vec::new();
        let mut add = |at: Option<Extent>, len: u64| {
            let Some(at) = at else { return };
            match gone.last_mut() {
                Some(Difference::Removed {
                    at: last, count, ..
                }) if *last == at => *count += len,
                _ => gone.push(Difference::Removed {
                    at,
                    count: len,
                    by,
                    minute,
                }),
            }
        };
        match &self.get(id).body {
            Body::Text(text) => {
                for part in text.chars.dead_in(run) {
                    add(text.chars.span_of(part.start).map(|(at, _)| at), part.len);
                }
            }
            Body::List(list) => {
                for part in list.cells.dead_in(run) {
                    add(list.cells.span_of(part.start).map(|(at, _)| at), part.len);
                }
            }
            Body::Tree(tree) => {
                let dead = tree.cells.dead_in(run).into_iter().flat_map(DotRun::dots);
                let dead = dead.filter(|&node| !tree.shape().has(node));
                return dead
                    .map(|node| Difference::NodeDeleted { node, by, minute })
                    .collect();
            }
            Body::Map(_) | Body::Set(_) | Body::Counter(_) => {}
        }
        gone
    }
}

fn new_in_text(text: &TextBody, interval: Interval<'_>) -> Vec<Difference> {
    let mut new = Vec::new();
    for run in text.chars.live_in(interval).runs() {
        for (start, piece) in text.chars.shown_in(run) {
            let at = text.chars.offset_of(start);
            let minute = text.chars.minute_of(start);
            let (at, minute) = at.zip(minute).expect("what is shown has a place");
            new.push(Difference::TextInserted {
                start: at,
                text: piece.to_owned(),
                by: start.replica,
                minute,
            });
        }
    }
    ordered::sort_by_key(&mut new, |difference| match difference {
        Difference::TextInserted { start, .. } => *start,
        _ => Extent::default(),
    });
    for mark in text.placed_marks() {
        let (_, stamp, dot) = mark.rank;
        if interval.contains(dot) {
            new.push(Difference::Marked {
                start: mark.start,
                end: mark.end,
                name: mark.name.to_owned(),
                value: mark.value.clone(),
                by: dot.replica,
                stamp,
            });
        }
    }
    new
}

impl ChangesSince {
    /// Whether nothing happened.
    pub fn is_empty(&self) -> bool {
        self.containers.is_empty()
    }

    /// What happened in one container.
    pub fn of(&self, path: &Path) -> &[Difference] {
        let place = self
            .containers
            .binary_search_by(|(other, _)| other.cmp(path));
        place.map_or(&[], |place| self.containers[place].1.as_slice())
    }
}
