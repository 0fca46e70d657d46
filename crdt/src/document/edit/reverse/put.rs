//! Bringing back what was removed from a container, kind by kind.

use crate::ordered::{BTreeMap, BTreeSet};

use crate::container::cell::{Cell, Moved};
use crate::container::list::ListBody;
use crate::container::text::{Anchor, Span, TextBody};
use crate::container::tree::TreeBody;
use crate::container::{Body, ChangeKind, ListPatch, MapBody, TextPatch};
use crate::map::MapItem;
use crate::sequence::content::{Chars, Content, Extent};
use crate::sequence::Sequence;
use crate::undo::names::Names;
use crate::undo::write::{Lost, LostEntry, Part, Slot, Spot};
use crate::{Change, Dot, DotRun, DotSet, OrSet, Value};

/// So many values that were concurrent may come back at one key; of more, the one that was shown.
const SIBLINGS_MAX: usize = 16;

/// Brings back what a write removed; `made` is what is alive of what it made. Gives what a reader
/// sees of it.
pub(super) fn back(
    body: &mut Body,
    part: &Part,
    made: &DotSet,
    names: &mut Names,
    change: &mut Change,
) -> ChangeKind {
    match (body, &part.lost) {
        (Body::Map(map), Lost::Map(entries)) => ChangeKind::Map(
            entries_back(map, entries, made, names, change)
                .into_iter()
                .collect(),
        ),
        (Body::List(list), Lost::Cells(cells)) => {
            ChangeKind::List(elements_back(list, cells, made, names, change))
        }
        (Body::Tree(tree), lost) => {
            let mut nodes = match lost {
                Lost::Cells(cells) => nodes_back(tree, cells, made, names, change),
                _ => BTreeSet::new(),
            };
            nodes.extend(homes_back(tree, made, names, change));
            ChangeKind::Tree(nodes.into_iter().collect())
        }
        (Body::Text(text), Lost::Text { pieces, marks }) => {
            let patches = pieces_back(text, pieces, names, change);
            self::marks(text, marks, names, change);
            ChangeKind::Text(patches)
        }
        (Body::Set(set), Lost::Set(values)) => {
            values_back(set, values, made, names, change);
            ChangeKind::Set
        }
        (body, _) => ChangeKind::none(body.kind()),
    }
}

/// Where nothing is but what the write itself put there.
fn entries_back(
    map: &mut MapBody,
    entries: &[LostEntry],
    made: &DotSet,
    names: &mut Names,
    change: &mut Change,
) -> BTreeSet<String> {
    let mut by_key: BTreeMap<&str, Vec<&LostEntry>> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| !names.has(entry.dot)) {
        by_key.entry(&entry.key).or_default().push(entry);
    }
    let mut keys = BTreeSet::new();
    for (key, entries) in by_key {
        // To take a write back is to replace it, beside what others wrote concurrently; to take a
        // deletion back is to write where nothing has been written since.
        let beside = entries.iter().flat_map(|entry| &entry.beside);
        let beside: BTreeSet<Dot> = beside.map(|&dot| names.now(dot)).collect();
        let is_new = |dot: Dot| !beside.contains(&dot);
        if made.is_empty() && map.dots_at(key).any(is_new) {
            continue;
        }
        let first = entries.len().saturating_sub(SIBLINGS_MAX);
        for LostEntry {
            dot, what, stamp, ..
        } in &entries[first..]
        {
            let new = match what {
                Slot::Value(value) => map.values.add(key, value.clone(), *stamp, change),
                Slot::Child(kind) => map
                    .children
                    .add(&(key.to_owned(), *kind), (), *stamp, change),
            };
            names.add(*dot, new);
        }
        keys.insert(key.to_owned());
    }
    keys
}

fn values_back(
    set: &mut OrSet<Value>,
    values: &[(Dot, Value)],
    made: &DotSet,
    names: &mut Names,
    change: &mut Change,
) {
    for (dot, value) in values {
        let there = set.elements().dots_at(value).any(|dot| !made.contains(dot));
        if !there && !names.has(*dot) {
            names.add(*dot, set.add_beside(value, change));
        }
    }
}

fn pieces_back(
    text: &mut TextBody,
    pieces: &[(Spot, Chars)],
    names: &mut Names,
    change: &mut Change,
) -> Vec<TextPatch> {
    let mut patches = Vec::new();
    // Beside what comes again, marks will end where it is then.
    let runs = pieces.iter().map(|(spot, chars)| DotRun {
        start: spot.dot,
        len: chars.extent().chars as u64,
    });
    let coming: Vec<Dot> = runs.flat_map(|run| names.take_ends(run)).collect();
    for (spot, piece) in pieces {
        if names.has(spot.dot) {
            continue;
        }
        let len = piece.extent().chars as u64;
        let mut left = spot.left.map(|left| names.now(left));
        let right = spot.right.map(|right| names.now(right));
        let last = spot.dot.plus(len - 1);
        // What somebody else typed between the characters stays between them.
        let kept = |run| text.kept_of(run, names.ends());
        let before = |dot| text.chars.needed_before(dot, &kept);
        let together = before(spot.dot) == before(last);
        let parts: Vec<(u64, Chars)> = if together {
            vec![(0, piece.clone())]
        } else {
            let chars = piece.as_str().chars().map(|c| Chars::from(c.to_string()));
            (0..).zip(chars).collect()
        };
        for (at, chars) in parts {
            let old = spot.dot.plus(at);
            let len = chars.extent().chars as u64;
            let kept = |run| text.kept_of(run, names.ends());
            let place = text.chars.left_of_lost(old, left, right, &kept);
            let inserted = chars.as_str().to_owned();
            let new = text.put_after(place, chars, names.ends(), change);
            (0..len).for_each(|i| names.add(old.plus(i), new.plus(i)));
            left = Some(new.plus(len - 1));
            let at = text.chars.offset_of(new);
            patches.push(TextPatch {
                at: at.expect("the characters were just put there"),
                deleted: Extent::default(),
                inserted,
            });
        }
    }
    names.add_ends(coming);
    patches
}

/// Puts marks again, between the characters as they are named now.
pub(super) fn marks(
    text: &mut TextBody,
    marks: &[MapItem<Span, Value>],
    names: &mut Names,
    change: &mut Change,
) {
    for MapItem { key, sibling } in marks {
        if names.has(sibling.dot) {
            continue;
        }
        let now = |anchor: Anchor| Anchor {
            at: anchor.at.map(|dot| names.now(dot)),
            side: anchor.side,
        };
        let span = Span {
            start: now(key.start),
            end: now(key.end),
            ..key.clone()
        };
        let ends = [span.start.at, span.end.at];
        if ends.into_iter().flatten().all(|dot| text.chars.knows(dot)) {
            let new = text.put_mark(&span, sibling.value.clone(), sibling.stamp, change);
            names.add(sibling.dot, new);
        }
    }
}

/// The cells as they are to come again, with the names that they will have.
fn cells_again<'a>(
    cells: &'a [(Spot, Cell)],
    is_there: impl Fn(Dot) -> bool,
    may_move: impl Fn(Dot, Option<Dot>) -> bool,
    names: &mut Names,
    change: &Change,
) -> Vec<(&'a Spot, Cell)> {
    let mut again: Vec<(&Spot, &Cell)> = Vec::new();
    let made = |cell: &Cell| !matches!(cell, Cell::Place(_));
    let made: BTreeSet<Dot> = cells
        .iter()
        .filter(|(spot, cell)| made(cell) && !names.has(spot.dot))
        .map(|(spot, _)| spot.dot)
        .collect();
    for (spot, cell) in cells.iter().filter(|(spot, _)| !names.has(spot.dot)) {
        let comes = match cell {
            Cell::Place(moved) if made.contains(&moved.of) => true,
            Cell::Place(moved) => {
                let (of, under) = (names.now(moved.of), moved.under);
                is_there(of) && may_move(of, under.map(|under| names.now(under)))
            }
            _ => true,
        };
        if comes {
            again.push((spot, cell));
        }
    }
    // One dot each: their names are known before they are there, for those that speak of them.
    let next = Dot::new(change.replica(), change.last() + 1);
    for ((spot, _), i) in again.iter().zip(0..) {
        names.add(spot.dot, next.plus(i));
    }
    // Of several places of one that which counted counts again.
    let now = change.stamp();
    let again = again.into_iter().map(|(spot, cell)| {
        let cell = match cell {
            Cell::Place(moved) => Cell::Place(Box::new(Moved {
                of: names.now(moved.of),
                under: moved.under.map(|under| names.now(under)),
                stamp: moved.stamp.min(now),
            })),
            Cell::Node { under } => Cell::Node {
                under: under.map(|under| names.now(under)),
            },
            other => other.clone(),
        };
        (spot, cell)
    });
    again.collect()
}

fn left_of<C: Content>(sequence: &Sequence<C>, spot: &Spot, names: &Names) -> Option<Dot> {
    let left = spot.left.map(|left| names.now(left));
    let right = spot.right.map(|right| names.now(right));
    sequence.left_of_lost(spot.dot, left, right, &|_| Vec::new())
}

fn elements_back(
    list: &mut ListBody,
    cells: &[(Spot, Cell)],
    made: &DotSet,
    names: &mut Names,
    change: &mut Change,
) -> Vec<ListPatch> {
    let is_there = |element| list.by_dot(element).is_some();
    let may_move = |element, _| includes(made, &list.places_of(Some(element)));
    let again = cells_again(cells, is_there, may_move, names, change);
    let mut patches = Vec::new();
    for (spot, cell) in again {
        let left = left_of(&list.cells, spot, names);
        patches.extend(list.put_after(left, cell, change));
    }
    patches
}

fn nodes_back(
    tree: &mut TreeBody,
    cells: &[(Spot, Cell)],
    made: &DotSet,
    names: &mut Names,
    change: &mut Change,
) -> BTreeSet<Dot> {
    let shape = tree.shape();
    let is_there = |node| shape.has(node);
    let may_move =
        |node, under| includes(made, &tree.places_of(node)) && !shape.is_within(under, node);
    let again = cells_again(cells, is_there, may_move, names, change);
    let mut nodes = BTreeSet::new();
    for (spot, cell) in again {
        let left = left_of(&tree.cells, spot, names);
        nodes.extend(tree.put_after(left, &cell, change));
    }
    nodes
}

/// A node whose moves are taken back goes to where it was made. If it was made under one that was
/// deleted since, and came back under another name, it is moved there.
fn homes_back(
    tree: &mut TreeBody,
    made: &DotSet,
    names: &Names,
    change: &mut Change,
) -> BTreeSet<Dot> {
    let moved = made.dots().filter_map(|dot| match tree.cells.cell(dot) {
        Some(Cell::Place(moved)) => Some(moved.of),
        _ => None,
    });
    let moved: BTreeSet<Dot> = moved.collect();
    let goes_home = |&node: &Dot| includes(made, &tree.places_of(node));
    let homes = moved.into_iter().filter(goes_home).filter_map(|node| {
        let Some(&Cell::Node { under: Some(home) }) = tree.cells.cell(node) else {
            return None;
        };
        let now = names.now(home);
        let fits = now != home && !tree.shape().is_within(Some(now), node);
        fits.then_some((node, now))
    });
    let homes: Vec<(Dot, Dot)> = homes.collect();
    for &(of, home) in &homes {
        let place = Cell::Place(Box::new(Moved {
            of,
            under: Some(home),
            stamp: change.stamp(),
        }));
        tree.put_after(Some(of), &place, change);
    }
    homes.into_iter().map(|(node, _)| node).collect()
}

fn includes(all: &DotSet, some: &DotSet) -> bool {
    some.dots().all(|dot| all.contains(dot))
}
