//! The short form: one step of one replica that writes one thing, or removes one run, or both. A keystroke.

mod read;
mod stroke;

use super::items::kind_code;
use super::runs::{self, LEFT, RIGHT};
use super::value;
use super::varint::Writer;
use crate::container::cell::{Cell, Cells};
use crate::container::text::TextItems;
use crate::container::BodyItems;
use crate::counter::Tally;
use crate::document::{self, Key};
use crate::map::MapItem;
use crate::ordered;
use crate::plain::plain;
use crate::sequence::content::{Chars, Content};
use crate::sequence::run::{PieceItem, RunItem};
use crate::{Delta, Dot, DotRun, Kind, Minute, ReplicaId, Sibling, Stamp, Value};
pub(super) use read::read;
pub(crate) use stroke::Keystroke;

/// The first byte of a step; its other bits say what comes.
pub(super) const STEP: u8 = 0x80;
/// Other replicas are named.
const OTHERS: u8 = 0x40;
/// The last change removes a run.
const REMOVED: u8 = 0x20;
/// What is written: the kind of its container, counted from one, or a single character. The last two bits are its
/// place in a text or list.
const THING: u8 = 0x1c;
const CHARACTER: u8 = 0x1c;
const PLACE: u8 = 0x03;

/// 2020: minutes are counted from here in three bytes, which end in 2051.
const EPOCH: u32 = 26_297_280;
const MINUTES: u32 = 1 << 24;

/// What a step writes.
#[derive(Clone, Copy)]
enum Thing<'a> {
    Nothing,
    Text(&'a RunItem<Chars>, &'a Chars),
    List(&'a RunItem<Cells>, &'a Cells),
    Value(&'a MapItem<String, Value>),
    Element(&'a MapItem<Value, ()>),
    Tally(&'a Tally),
}

/// A delta that can be written the short way. There is no other way to write it.
pub(super) struct Step<'a> {
    delta: &'a Delta,
    minute: Minute,
    removed: Option<DotRun>,
    thing: Thing<'a>,
    who: Who,
}

/// Whose step it is, and which other replicas it names.
struct Who {
    own: ReplicaId,
    /// The seq of the change before.
    seen: u64,
    others: Vec<ReplicaId>,
}

impl<'a> Step<'a> {
    /// The step that a delta is, if it is one.
    pub(super) fn of(delta: &'a Delta) -> Option<Self> {
        let mut to = delta.to.iter();
        let (own, last) = to.next()?;
        if to.next().is_some() || !delta.complete || !delta.items.erasures.is_empty() {
            return None;
        }
        let seen = delta.from.get(own);
        let first = Dot::new(own, seen + 1);
        let removal = match delta.removals.len() {
            0 => None,
            1 => Some(delta.removals.get(&Dot::new(own, last))?),
            _ => return None,
        };
        let removed = match removal.map(|removal| &removal.runs[..]) {
            None => None,
            Some([run]) => Some(*run),
            Some(_) => return None,
        };
        let table = &delta.items.table;
        let is_path = (0..).zip(table).all(|(above, place)| place.parent == above);
        let thing = match &delta.items.bodies[..] {
            [] if table.is_empty() => Thing::Nothing,
            [(number, items)]
                if is_path && !table.is_empty() && *number as usize == table.len() =>
            {
                Thing::of(items)?
            }
            _ => return None,
        };
        // The dots are taken one after the other.
        let (start, len, minute) = thing.dots()?;
        let after = match thing {
            Thing::Text(..) | Thing::List(..) => len + u64::from(removal.is_some()),
            _ => len,
        };
        let minute = minute.or(removal.map(|removal| removal.minute))?;
        let is_step = start.is_none_or(|start| start == first)
            && seen + after == last
            && removal.is_none_or(|removal| removal.minute == minute)
            && (EPOCH..EPOCH + MINUTES).contains(&minute.get());
        let mut step = Self {
            delta,
            minute,
            removed,
            thing,
            who: Who {
                own,
                seen,
                others: Vec::new(),
            },
        };
        if !is_step || !step.named().all(|dot| step.who.knows(dot)) {
            return None;
        }
        let others = step.others();
        step.who.others = others;
        Some(step)
    }

    /// The dots that it builds on, each the last of a run.
    fn named(&self) -> impl Iterator<Item = Dot> + '_ {
        let removed = self.removed.map(|run| run.start.plus(run.len - 1));
        let path = self.delta.items.table.iter();
        let elements = path.filter_map(|place| match &place.step.key {
            Key::Element(dot) => Some(*dot),
            Key::Name(_) => None,
        });
        plain(
            removed
                .into_iter()
                .chain(self.thing.parent())
                .chain(elements),
        )
    }

    fn others(&self) -> Vec<ReplicaId> {
        let from = self.delta.from.iter().map(|(replica, _)| replica);
        let named = self.named().map(|dot| dot.replica);
        let mut others: Vec<ReplicaId> = from
            .chain(named)
            .filter(|&replica| replica != self.who.own)
            .collect();
        ordered::sort(&mut others);
        others.dedup();
        others
    }

    pub(super) fn write(&self, out: &mut Writer) {
        let Self { who, thing, .. } = self;
        let flag = |flag: u8, is_set: bool| if is_set { flag } else { 0 };
        let flags = flag(OTHERS, !who.others.is_empty()) | flag(REMOVED, self.removed.is_some());
        out.byte(STEP | flags | thing.code());
        out.u64_le(who.own.get());
        out.varint(who.seen);
        if !who.others.is_empty() {
            out.count(who.others.len(), OTHER_BYTES);
            for &other in &who.others {
                out.u64_le(other.get());
                out.varint(self.delta.from.get(other));
            }
        }
        out.raw(&(self.minute.get() - EPOCH).to_le_bytes()[..3]);
        if let Some(run) = self.removed {
            who.write_removed(out, run);
        }
        for (at, place) in (1..).zip(&self.delta.items.table) {
            who.write_place(out, &place.step, at == self.delta.items.table.len());
        }
        self.write_thing(out);
    }

    fn write_thing(&self, out: &mut Writer) {
        if let Some(dot) = self.thing.parent() {
            self.who.write_dot(out, dot);
        }
        match self.thing {
            Thing::Nothing => {}
            Thing::Text(_, chars) if chars.extent().chars == 1 => {
                out.raw(chars.as_str().as_bytes());
            }
            Thing::Text(_, chars) => out.str(chars.as_str()),
            Thing::List(_, Cells(cells)) => {
                out.count(cells.len(), value::VALUE_BYTES);
                for cell in cells {
                    match cell {
                        Cell::Value(value) => value::write(out, value),
                        _ => unreachable!("a step of a list has values alone"),
                    }
                }
            }
            Thing::Value(item) => {
                write_stamp(out, item.sibling.stamp);
                out.str(&item.key);
                value::write(out, &item.sibling.value);
            }
            Thing::Element(item) => {
                write_stamp(out, item.sibling.stamp);
                value::write(out, &item.key);
            }
            Thing::Tally(tally) => {
                out.varint(tally.up);
                out.varint(tally.down);
            }
        }
    }
}

impl<'a> Thing<'a> {
    /// The one thing that the items are.
    fn of(items: &'a BodyItems) -> Option<Self> {
        Some(match items {
            BodyItems::Text(TextItems { runs, marks }) if marks.is_empty() => {
                let (run, chars) = lone(runs)?;
                Self::Text(run, chars)
            }
            BodyItems::List(runs) => {
                let (run, cells) = lone(runs)?;
                let plain = cells.0.iter().all(|cell| matches!(cell, Cell::Value(_)));
                plain.then_some(Self::List(run, cells))?
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
        })
    }

    /// Its first dot, how many it has, and when it was written; a removal alone has one.
    fn dots(self) -> Option<(Option<Dot>, u64, Option<Minute>)> {
        fn of_run<C: Content>(run: &RunItem<C>) -> (Option<Dot>, u64, Option<Minute>) {
            (Some(run.start), run.len(), Some(run.minute))
        }
        fn of_stamp<V>(sibling: &Sibling<V>) -> Option<(Option<Dot>, u64, Option<Minute>)> {
            // A minute that does not fit is no place to count from.
            let minute = Minute::from(sibling.stamp);
            let fits = minute.get() < u32::MAX;
            fits.then_some((Some(sibling.dot), 1, Some(minute)))
        }
        match self {
            Self::Nothing => Some((None, 1, None)),
            Self::Text(run, _) => Some(of_run(run)),
            Self::List(run, _) => Some(of_run(run)),
            Self::Value(item) => of_stamp(&item.sibling),
            Self::Element(item) => of_stamp(&item.sibling),
            Self::Tally(tally) => Some((Some(tally.dot), 1, Some(tally.minute))),
        }
    }

    fn code(self) -> u8 {
        let (kind, place) = match self {
            Self::Nothing => return 0,
            Self::Text(run, chars) if chars.extent().chars == 1 => {
                return CHARACTER | runs::place(run);
            }
            Self::Text(run, _) => (Kind::Text, runs::place(run)),
            Self::List(run, _) => (Kind::List, runs::place(run)),
            Self::Value(_) => (Kind::Map, 0),
            Self::Element(_) => (Kind::Set, 0),
            Self::Tally(_) => (Kind::Counter, 0),
        };
        (kind_code(kind) + 1) << 2 | place
    }

    /// What its first element hangs on, where that must be said.
    fn parent(self) -> Option<Dot> {
        let (parent, place) = match self {
            Self::Text(run, _) => (run.parent, runs::place(run)),
            Self::List(run, _) => (run.parent, runs::place(run)),
            _ => return None,
        };
        parent.filter(|_| place == LEFT || place == RIGHT)
    }
}

/// A run of one living piece.
fn lone<C>(runs: &[RunItem<C>]) -> Option<(&RunItem<C>, &C)> {
    match runs {
        [run] => match &run.pieces[..] {
            [PieceItem {
                content: Some(content),
                ..
            }] => Some((run, content)),
            _ => None,
        },
        _ => None,
    }
}

/// The fewest bytes of another replica: its id, and what was seen of it.
const OTHER_BYTES: usize = 9;

impl Who {
    /// Whether a dot can be named: of its own replica those before the step can.
    fn knows(&self, dot: Dot) -> bool {
        dot.replica != self.own || dot.seq <= self.seen
    }

    /// The number of the replica, and the seq, which is counted back from the step if the dot is the own one's.
    fn short(&self, dot: Dot) -> (u64, u64) {
        if dot.replica == self.own {
            return (0, self.seen - dot.seq);
        }
        let number = self.others.binary_search(&dot.replica);
        let number = number.expect("all that is named was listed");
        (number as u64 + 1, dot.seq)
    }

    fn write_replica(&self, out: &mut Writer, number: u64) {
        if !self.others.is_empty() {
            out.varint(number);
        }
    }

    fn write_dot(&self, out: &mut Writer, dot: Dot) {
        let (number, seq) = self.short(dot);
        self.write_replica(out, number);
        out.varint(seq);
    }

    fn write_removed(&self, out: &mut Writer, run: DotRun) {
        let (replica, seq) = self.short(run.start);
        self.write_replica(out, replica);
        out.varint(seq << 1 | u64::from(run.len > 1));
        if run.len > 1 {
            out.varint(run.len - 2);
        }
    }

    fn write_place(&self, out: &mut Writer, step: &document::Step, is_last: bool) {
        let more = u64::from(!is_last);
        match &step.key {
            Key::Name(name) => {
                out.varint((name.len() as u64) << 2 | more);
                out.raw(name.as_bytes());
            }
            Key::Element(dot) => {
                out.varint(2 | more);
                self.write_dot(out, *dot);
            }
        }
        if !is_last {
            out.byte(kind_code(step.kind));
        }
    }
}

/// The part of a stamp after its minute.
fn write_stamp(out: &mut Writer, stamp: Stamp) {
    let within = stamp.millis() % 60_000;
    out.raw(&within.to_le_bytes()[..2]);
    out.varint(u64::from(stamp.counter()));
}
