//! Bringing back the elements of a list and their order.

use crate::ordered::BTreeSet;

use super::{rising, Then};
use crate::container::cell::Cell;
use crate::container::list::{Element, ListBody};
use crate::container::{Body, ChangeKind, ListPatch};
use crate::document::edit::{ListEdit, NodeEdit};
use crate::document::path::Step;
use crate::{Dot, EditError, Kind};

/// How far to look for an equal element under another name.
const LOOK_AHEAD: usize = 16;

/// An element that is to be there, and whether it is.
struct Wanted {
    then: Dot,
    cell: Cell,
    now: Option<Dot>,
    /// Whether others are to be moved, not this one.
    stays: bool,
}

impl NodeEdit<'_> {
    pub(super) fn restore_list(&mut self, then: Then<'_>) -> Result<(), EditError> {
        let mut wanted = self.wanted(then);
        self.find_equal(then, &mut wanted);
        self.delete_unwanted(&wanted)?;
        let list = list(self.now());
        let places = wanted
            .iter()
            .filter_map(|wanted| list?.index_of(wanted.now?));
        let stay = rising(&places.collect::<Vec<_>>());
        let there = wanted.iter_mut().filter(|wanted| wanted.now.is_some());
        there
            .zip(stay)
            .for_each(|(wanted, stays)| wanted.stays = stays);
        self.put_in_order(&mut wanted)?;
        for wanted in wanted {
            let (Cell::Child(kind), Some(now)) = (wanted.cell, wanted.now) else {
                continue;
            };
            let key = wanted.then.into();
            self.child(now.into(), kind)
                .restore(then.child(&Step { key, kind }))?;
        }
        Ok(())
    }

    fn wanted(&self, then: Then<'_>) -> Vec<Wanted> {
        let elements = list(then).into_iter().flat_map(ListBody::elements);
        let wanted = elements.map(|(dot, element)| {
            let (cell, kind) = match element {
                Element::Value(value) => (Cell::Value(value.clone()), None),
                Element::Child(kind) => (Cell::Child(kind), Some(kind)),
            };
            Wanted {
                then: dot,
                cell,
                now: self.is_same(then, dot, kind).then_some(dot),
                stays: false,
            }
        });
        wanted.collect()
    }

    /// What was brought back before, under another name, is there as well.
    fn find_equal(&self, then: Then<'_>, wanted: &mut [Wanted]) {
        let kept: BTreeSet<Dot> = wanted.iter().filter_map(|wanted| wanted.now).collect();
        let Some(list) = list(self.now()) else {
            return;
        };
        let others = list.elements().filter(|(dot, _)| !kept.contains(dot));
        let others: Vec<_> = others.filter(|(dot, _)| list.is_alive(*dot)).collect();
        let mut others = others.as_slice();
        for wanted in wanted.iter_mut().filter(|wanted| wanted.now.is_none()) {
            let equal = |&(dot, element): &(Dot, Element<'_>)| match (element, &wanted.cell) {
                (Element::Value(now), Cell::Value(then)) => now == then,
                (Element::Child(kind), Cell::Child(then_kind)) if kind == *then_kind => {
                    let step = |key: Dot| Step {
                        key: key.into(),
                        kind,
                    };
                    let was = then.child(&step(wanted.then)).to_value();
                    self.now().child(&step(dot)).to_value() == was
                }
                _ => false,
            };
            // Only the next few are looked at: this is to spare, not to be the shortest way.
            let found = others.iter().take(LOOK_AHEAD).position(equal);
            if let Some(found) = found {
                wanted.now = Some(others[found].0);
                others = &others[found + 1..];
            }
        }
    }

    /// Whether the element is there and can be made what it was. One that is only shown for what
    /// survived in it cannot be changed: it would go from sight.
    fn is_same(&self, then: Then<'_>, element: Dot, kind: Option<Kind>) -> bool {
        let Some(now) = list(self.now()) else {
            return false;
        };
        let same_kind = match (now.by_dot(element), kind) {
            (Some(Element::Child(now)), Some(then)) => now == then,
            (Some(Element::Value(_)), None) => true,
            _ => false,
        };
        let there = same_kind && now.index_of(element).is_some();
        let kept = |kind| {
            let key = element.into();
            let step = Step { key, kind };
            let was_kept = list(then).is_some_and(|list| list.is_kept(element));
            was_kept && self.now().child(&step).to_value() == then.child(&step).to_value()
        };
        there && (now.is_alive(element) || kind.is_some_and(kept))
    }

    fn delete_unwanted(&mut self, wanted: &[Wanted]) -> Result<(), EditError> {
        let kept: BTreeSet<Dot> = wanted.iter().filter_map(|wanted| wanted.now).collect();
        let Some(list) = list(self.now()) else {
            return Ok(());
        };
        let elements = list.elements().map(|(dot, _)| kept.contains(&dot));
        let elements: Vec<bool> = elements.collect();
        let mut edit = ListEdit(self.again());
        let mut end = elements.len();
        while let Some(last) = elements[..end].iter().rposition(|keep| !keep) {
            let start = elements[..last].iter().rposition(|keep| *keep);
            let start = start.map_or(0, |keep| keep + 1);
            edit.delete(start..last + 1)?;
            end = start;
        }
        Ok(())
    }

    /// From the last to the first, each before the one that follows.
    fn put_in_order(&mut self, wanted: &mut [Wanted]) -> Result<(), EditError> {
        let mut next: Option<Dot> = None;
        let mut end = wanted.len();
        while let Some(last) = end.checked_sub(1) {
            let place = |node: &Self, dot: Option<Dot>| {
                let list = list(node.now());
                list.map_or(0, |list| {
                    dot.and_then(|dot| list.index_of(dot)).unwrap_or(list.len())
                })
            };
            let before = place(self, next);
            match wanted[last].now {
                Some(_) if wanted[last].stays => {}
                Some(dot) => {
                    let from = place(self, Some(dot));
                    let to = if from < before { before - 1 } else { before };
                    ListEdit(self.again()).move_to(from, to)?;
                }
                None => {
                    let start = wanted[..end]
                        .iter()
                        .rposition(|wanted| wanted.now.is_some());
                    let start = start.map_or(0, |there| there + 1);
                    self.insert_all(before, &mut wanted[start..end])?;
                    end = start + 1;
                }
            }
            end -= 1;
            next = wanted[end].now;
        }
        Ok(())
    }

    fn insert_all(&mut self, at: usize, wanted: &mut [Wanted]) -> Result<(), EditError> {
        let cells: Vec<Cell> = wanted.iter().map(|wanted| wanted.cell.clone()).collect();
        let patch = ListPatch {
            at,
            deleted: 0,
            inserted: cells.len(),
        };
        let first = self.write(|body, change| {
            let Body::List(list) = body else {
                unreachable!("this is a list")
            };
            let first = list.insert(at, cells, change);
            Ok((first, ChangeKind::List(vec![patch])))
        })?;
        for (wanted, new) in wanted.iter_mut().zip(0..) {
            wanted.now = Some(first.plus(new));
        }
        Ok(())
    }
}

fn list(of: Then<'_>) -> Option<&ListBody> {
    match of.body()? {
        Body::List(list) => Some(list),
        _ => None,
    }
}
