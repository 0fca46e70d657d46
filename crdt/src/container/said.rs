//! What is to be written of a container, wherever it lies: in a delta or in the store.

use std::borrow::Cow;

use super::cell::Cells;
use super::text::{Span, TextItems};
use super::{Body, BodyItems};
use crate::counter::Tally;
use crate::map::{Entry, MapItem};
use crate::sequence::content::{Chars, Content};
use crate::sequence::run::{PieceItem, RunItem};
use crate::sequence::table::{Head, Piece, Sink, Table};
use crate::sequence::RunItems;
use crate::{DotStore, Interval, Kind, Minute, ReplicaId, Sequence, Value};

/// Entries in order of key and dot.
pub(crate) type Entries<'a, K, V> = Vec<Entry<'a, K, V>>;

/// What a delta says of a container, without a copy of what it says it of.
pub(crate) enum Said<'a> {
    Map {
        values: Entries<'a, String, Value>,
        children: Entries<'a, (String, Kind), ()>,
    },
    List(Runs<'a, Cells>),
    Text {
        runs: Runs<'a, Chars>,
        marks: Entries<'a, Span, Value>,
    },
    Set(Entries<'a, Value, ()>),
    Counter(Cow<'a, [Tally]>),
    Tree(Runs<'a, Cells>),
}

/// The runs of a sequence, in order of dot.
pub(crate) enum Runs<'a, C: Content> {
    Lone(&'a [RunItem<C>]),
    Table(&'a Table<C>),
    /// All of a sequence that is in the interval, which is all.
    Stored(&'a Sequence<C>, Interval<'a>),
}

impl<'a, C: Content> From<&'a RunItems<C>> for Runs<'a, C> {
    fn from(runs: &'a RunItems<C>) -> Self {
        match runs.many() {
            Some(table) => Self::Table(table),
            None => Self::Lone(runs.lone()),
        }
    }
}

impl<C: Content> Runs<'_, C> {
    /// Whether there are so many at least.
    fn has(&self, count: usize) -> bool {
        match self {
            Self::Lone(runs) => runs.len() >= count,
            Self::Table(table) => table.heads().len() >= count,
            Self::Stored(sequence, _) => sequence.has_runs(count),
        }
    }

    /// When the first was inserted.
    pub(crate) fn first_minute(&self) -> Option<Minute> {
        match self {
            Self::Lone(runs) => runs.first().map(|run| run.minute),
            Self::Table(table) => table.heads().iter().map(|head| head.minute).min(),
            Self::Stored(sequence, _) => sequence.first_minute(),
        }
    }

    /// Calls back with all replicas that they name, more than once.
    pub(crate) fn for_each_replica(&self, mut each: impl FnMut(ReplicaId)) {
        match self {
            Self::Lone(runs) => {
                let dots = runs.iter().flat_map(|run| [Some(run.start), run.parent]);
                dots.flatten().for_each(|dot| each(dot.replica));
            }
            Self::Table(table) => {
                let heads = table.heads();
                for head in heads {
                    each(head.start.replica);
                }
                let parents = heads.iter().filter_map(Head::parent);
                parents.for_each(|parent| each(parent.replica));
            }
            // What hangs on what is all there.
            Self::Stored(sequence, _) => sequence.replicas().for_each(each),
        }
    }

    /// Calls back with all that is alive.
    pub(crate) fn for_each_content(&self, each: impl FnMut(&C)) {
        match self {
            Self::Lone(runs) => {
                let pieces = runs.iter().flat_map(|run| run.pieces.iter());
                let contents = pieces.filter_map(|piece| piece.content.as_ref());
                contents.for_each(each);
            }
            Self::Table(table) => std::iter::once(table.content()).for_each(each),
            Self::Stored(sequence, _) => sequence.all_contents().for_each(each),
        }
    }

    /// Gives them out.
    pub(crate) fn give(&self, sink: &mut dyn Sink<C>) {
        match self {
            Self::Lone(runs) => give_each(runs, sink),
            Self::Table(table) => table.give(sink),
            Self::Stored(sequence, all) => sequence.give(*all, sink),
        }
    }
}

fn give_each<C: Content>(runs: &[RunItem<C>], sink: &mut dyn Sink<C>) {
    let mut views = Vec::new();
    for run in runs {
        let mut pieces = Vec::with_capacity(run.pieces.len());
        for PieceItem { len, content } in run.pieces.iter() {
            pieces.push(Piece::new(*len, content.is_some()));
            views.extend(content.as_ref().map(|all| all.view(0..*len as usize)));
        }
        sink.run(&run.link(), &pieces, 0);
    }
    sink.content(&views);
}

fn entries<K, V>(items: &[MapItem<K, V>]) -> Entries<'_, K, V> {
    items.iter().map(Entry::from).collect()
}

impl<'a> From<&'a BodyItems> for Said<'a> {
    fn from(items: &'a BodyItems) -> Self {
        match items {
            BodyItems::Map { values, children } => Self::Map {
                values: entries(values),
                children: entries(children),
            },
            BodyItems::List(runs) => Self::List(runs.into()),
            BodyItems::Text(TextItems { runs, marks }) => Self::Text {
                runs: runs.into(),
                marks: entries(marks),
            },
            BodyItems::Set(items) => Self::Set(entries(items)),
            BodyItems::Counter(tallies) => Self::Counter(Cow::Borrowed(tallies)),
            BodyItems::Tree(runs) => Self::Tree(runs.into()),
        }
    }
}

impl Body {
    /// All of it.
    pub(crate) fn said<'a>(&'a self, all: Interval<'a>) -> Said<'a> {
        match self {
            Self::Map(map) => Said::Map {
                values: map.values.entries(),
                children: map.children.entries(),
            },
            Self::List(list) => Said::List(Runs::Stored(&list.cells, all)),
            Self::Text(text) => Said::Text {
                runs: Runs::Stored(&text.chars, all),
                marks: text.marks.entries(),
            },
            Self::Set(set) => Said::Set(set.elements().entries()),
            Self::Counter(counter) => Said::Counter(Cow::Owned(counter.collect(all))),
            Self::Tree(tree) => Said::Tree(Runs::Stored(&tree.cells, all)),
        }
    }
}

impl Said<'_> {
    /// Whether it says so many things at least.
    pub(crate) fn has(&self, count: usize) -> bool {
        match self {
            Self::Map { values, children } => values.len() + children.len() >= count,
            Self::List(runs) | Self::Tree(runs) => runs.has(count),
            Self::Text { runs, marks } => runs.has(count) || marks.len() >= count,
            Self::Set(items) => items.len() >= count,
            Self::Counter(tallies) => tallies.len() >= count,
        }
    }
}
