//! The short form: one step of one replica that writes one thing, or removes one run, or both. A keystroke; or the
//! first thing in a container, which is made by that.

mod keystroke;
mod made;
mod read;

use super::items::kind_code;
use super::packed::PLAIN_MAX;
use super::runs::{self, LEFT, RIGHT};
use super::value;
use super::varint::Writer;
use crate::container::cell::Cell;
use crate::container::text::TextItems;
use crate::container::BodyItems;
use crate::counter::Tally;
use crate::document::{self, Key, Place};
use crate::ordered;
use crate::plain::plain;
use crate::sequence::content::Content;
use crate::sequence::link::RunLink;
use crate::sequence::run::{PieceItem, RunItem};
use crate::{Delta, Dot, DotRun, Kind, Minute, ReplicaId, Sibling, Stamp, Value, VersionVector};
pub(crate) use keystroke::Keystroke;
pub(crate) use made::Made;
pub(super) use read::read;

/// The first byte of a step; its other bits say what comes.
pub(super) const STEP: u8 = 0x80;
/// Other replicas are named.
const OTHERS: u8 = 0x40;
/// The last change removes a run.
const REMOVED: u8 = 0x20;
/// What is written: the kind of its container, counted from one, or a single character. The last two bits are its
/// place in a text or list.
const THING: u8 = 0x1c;
const TEXT: u8 = 0x0c;
const CHARACTER: u8 = 0x1c;
const PLACE: u8 = 0x03;

/// 2020: minutes are counted from here in three bytes, which end in 2051.
const EPOCH: u32 = 26_297_280;
const MINUTES: u32 = 1 << 24;

/// What a step writes.
#[derive(Clone, Copy)]
pub(crate) enum Thing<'a> {
    /// It only removes.
    Nothing,
    Text(RunLink, &'a str),
    List(RunLink, &'a [Cell]),
    Value(&'a str, &'a Sibling<Value>),
    Element(&'a Value, &'a Sibling<()>),
    Tally(&'a Tally),
}

/// What can be written the short way. There is no other way to write it.
pub(crate) struct Step<'a> {
    who: Who,
    minute: Minute,
    removed: Option<DotRun>,
    thing: Thing<'a>,
    made: Made,
}

/// Whose step it is, and which other replicas it names.
struct Who {
    own: ReplicaId,
    /// The seq of the change before.
    seen: u64,
    others: Vec<ReplicaId>,
}

impl<'a> Step<'a> {
    /// The step of a replica from the dot `first` to the one with seq `last`, which may remove a run, or make
    /// containers on its way; `None` if these are not all of its dots, or it does not fit otherwise.
    pub(crate) fn new(
        first: Dot,
        last: u64,
        removal: Option<(Minute, DotRun)>,
        (thing, made): (Thing<'a>, Made),
    ) -> Option<Self> {
        // The dots are taken one after the other.
        let (start, len, minute) = thing.dots()?;
        let after = match thing {
            Thing::Text(..) | Thing::List(..) => len + u64::from(removal.is_some()),
            _ => len,
        };
        if let Some(stamp) = made.stamp() {
            let with = thing.stamp().is_none_or(|other| other == stamp);
            if !with || minute != Some(Minute::from(stamp)) || removal.is_some() {
                return None;
            }
        }
        let minute = minute.or(removal.map(|(minute, _)| minute))?;
        let seen = first.seq - 1;
        let is_step = start.is_none_or(|start| start == first)
            && seen + after + made.len() == last
            && removal.is_none_or(|(of_removal, _)| of_removal == minute)
            && (EPOCH..EPOCH + MINUTES).contains(&minute.get());
        is_step.then_some(Self {
            who: Who {
                own: first.replica,
                seen,
                others: Vec::new(),
            },
            minute,
            removed: removal.map(|(_, run)| run),
            thing,
            made,
        })
    }

    /// The step that a delta is, if it is one.
    pub(super) fn of(delta: &'a Delta) -> Option<Self> {
        let mut to = delta.to.iter();
        let (own, last) = to.next()?;
        if to.next().is_some() || !delta.complete || !delta.items.erasures.is_empty() {
            return None;
        }
        let removal = match delta.removals.len() {
            0 => None,
            1 => Some(delta.removals.get(&Dot::new(own, last))?),
            _ => return None,
        };
        let removal = match removal {
            None => None,
            Some(removal) => match removal.runs[..] {
                [run] => Some((removal.minute, run)),
                _ => return None,
            },
        };
        let table = &delta.items.table;
        let is_path = (0..).zip(table).all(|(above, place)| place.parent == above);
        let first = Dot::new(own, delta.from.get(own) + 1);
        let thing = match &delta.items.bodies[..] {
            [] if table.is_empty() => (Thing::Nothing, Made::default()),
            [marks @ .., (number, items)]
                if is_path && !table.is_empty() && *number as usize == table.len() =>
            {
                let thing = Thing::of(items)?;
                let (_, len, _) = thing.dots()?;
                (thing, Made::of(marks, table, first.plus(len))?)
            }
            _ => return None,
        };
        let mut step = Self::new(first, last, removal, thing)?;
        if !step.named(table).all(|dot| step.who.knows(dot)) {
            return None;
        }
        step.who.others = step.others(&delta.from, table);
        Some(step)
    }

    /// Writes the step that the delta is.
    pub(super) fn write(&self, delta: &Delta, out: &mut Writer) {
        let table = &delta.items.table;
        self.write_head(&delta.from, out);
        for (at, place) in table.iter().enumerate() {
            self.write_place(&place.step, at, at + 1 == table.len(), out);
        }
        self.write_thing(out);
    }

    /// The dots that it builds on, each the last of a run, but those on the way to it.
    fn built_on(&self) -> impl Iterator<Item = Dot> {
        let removed = self.removed.map(|run| run.start.plus(run.len - 1));
        plain(removed.into_iter().chain(self.thing.parent()))
    }

    fn named<'p>(&self, path: &'p [Place]) -> impl Iterator<Item = Dot> + 'p {
        let elements = path.iter().filter_map(|place| match &place.step.key {
            Key::Element(dot) => Some(*dot),
            Key::Name(_) => None,
        });
        plain(self.built_on().chain(elements))
    }

    /// Whether it makes containers.
    pub(super) fn makes(&self) -> bool {
        self.made.len() > 0
    }

    /// Names the other replicas that it builds on, and those of which `from` says what was seen; whether it can
    /// be written so. Its path has no elements.
    pub(crate) fn name_others(&mut self, from: &VersionVector) -> bool {
        let own = self.who.own;
        if !from.is_empty() || self.built_on().any(|dot| dot.replica != own) {
            self.who.others = self.others(from, &[]);
        }
        self.built_on().all(|dot| self.who.knows(dot))
    }

    fn others(&self, from: &VersionVector, path: &[Place]) -> Vec<ReplicaId> {
        let from = from.iter().map(|(replica, _)| replica);
        let named = self.named(path).map(|dot| dot.replica);
        let mut others: Vec<ReplicaId> = from
            .chain(named)
            .filter(|&replica| replica != self.who.own)
            .collect();
        if others.len() > 1 {
            ordered::sort(&mut others);
            others.dedup();
        }
        others
    }

    /// Whether so many bytes are never compressed.
    pub(crate) fn fits(len: usize) -> bool {
        len <= PLAIN_MAX
    }

    /// Writes all up to the path; of others it has seen `from`.
    pub(crate) fn write_head(&self, from: &VersionVector, out: &mut Writer) {
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
                out.varint(from.get(other));
            }
        }
        out.raw(&(self.minute.get() - EPOCH).to_le_bytes()[..3]);
        if let Some(run) = self.removed {
            who.write_removed(out, run);
        }
    }

    /// Writes the container at a place of the path, from 0.
    pub(crate) fn write_place(
        &self,
        step: &document::Step,
        at: usize,
        is_last: bool,
        out: &mut Writer,
    ) {
        let more = u64::from(!is_last);
        match &step.key {
            Key::Name(name) => {
                let made = u64::from(self.made.has(at)) << 1;
                out.varint((name.len() as u64) << 2 | made | more);
                out.raw(name.as_bytes());
            }
            Key::Element(dot) => {
                out.varint(2 | more);
                self.who.write_dot(out, *dot);
            }
        }
        if !is_last {
            out.byte(kind_code(step.kind));
        }
    }

    /// Writes what follows the path.
    pub(crate) fn write_thing(&self, out: &mut Writer) {
        if let (Some(stamp), None) = (self.made.stamp(), self.thing.stamp()) {
            write_stamp(out, stamp);
        }
        if let Some(dot) = self.thing.parent() {
            self.who.write_dot(out, dot);
        }
        match self.thing {
            Thing::Nothing => {}
            Thing::Text(_, text) if is_one(text) => out.raw(text.as_bytes()),
            Thing::Text(_, text) => out.str(text),
            Thing::List(_, cells) => {
                out.count(cells.len(), value::VALUE_BYTES);
                for cell in cells {
                    match cell {
                        Cell::Value(value) => value::write(out, value),
                        _ => unreachable!("a step of a list has values alone"),
                    }
                }
            }
            Thing::Value(key, sibling) => {
                write_stamp(out, sibling.stamp);
                out.str(key);
                value::write(out, &sibling.value);
            }
            Thing::Element(element, sibling) => {
                write_stamp(out, sibling.stamp);
                value::write(out, element);
            }
            Thing::Tally(tally) => {
                out.varint(tally.up);
                out.varint(tally.down);
            }
        }
    }
}

impl<'a> Thing<'a> {
    /// Elements of a list, if all are plain values.
    pub(crate) fn list(link: RunLink, cells: &'a [Cell]) -> Option<Self> {
        let plain = cells.iter().all(|cell| matches!(cell, Cell::Value(_)));
        plain.then_some(Self::List(link, cells))
    }

    /// The one thing that the items are.
    fn of(items: &'a BodyItems) -> Option<Self> {
        Some(match items {
            BodyItems::Text(TextItems { runs, marks }) if marks.is_empty() => {
                let (link, chars) = lone(runs.lone())?;
                Self::Text(link, chars.as_str())
            }
            BodyItems::List(runs) => {
                let (link, cells) = lone(runs.lone())?;
                Self::list(link, &cells.0)?
            }
            BodyItems::Map { values, children } => match (&values[..], &children[..]) {
                ([item], []) => Self::Value(&item.key, &item.sibling),
                _ => return None,
            },
            BodyItems::Set(items) => match &items[..] {
                [item] => Self::Element(&item.key, &item.sibling),
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
        fn of_stamp<V>(sibling: &Sibling<V>) -> Option<(Option<Dot>, u64, Option<Minute>)> {
            // A minute that does not fit is no place to count from.
            let minute = Minute::from(sibling.stamp);
            let fits = minute.get() < u32::MAX;
            fits.then_some((Some(sibling.dot), 1, Some(minute)))
        }
        match self {
            Self::Nothing => Some((None, 1, None)),
            Self::Text(link, _) | Self::List(link, _) => {
                Some((Some(link.dots.start), link.dots.len, Some(link.minute)))
            }
            Self::Value(_, sibling) => of_stamp(sibling),
            Self::Element(_, sibling) => of_stamp(sibling),
            Self::Tally(tally) => Some((Some(tally.dot), 1, Some(tally.minute))),
        }
    }

    /// Its stamp, if it has one.
    fn stamp(self) -> Option<Stamp> {
        match self {
            Self::Value(_, sibling) => Some(sibling.stamp),
            Self::Element(_, sibling) => Some(sibling.stamp),
            _ => None,
        }
    }

    fn code(self) -> u8 {
        let (kind, place) = match self {
            Self::Nothing => return 0,
            Self::Text(link, text) if is_one(text) => return CHARACTER | place(&link),
            Self::Text(link, _) => (Kind::Text, place(&link)),
            Self::List(link, _) => (Kind::List, place(&link)),
            Self::Value(..) => (Kind::Map, 0),
            Self::Element(..) => (Kind::Set, 0),
            Self::Tally(_) => (Kind::Counter, 0),
        };
        (kind_code(kind) + 1) << 2 | place
    }

    /// What its first element hangs on, where that must be said.
    fn parent(self) -> Option<Dot> {
        let (Self::Text(link, _) | Self::List(link, _)) = self else {
            return None;
        };
        let place = place(&link);
        link.parent.filter(|_| place == LEFT || place == RIGHT)
    }
}

fn place(link: &RunLink) -> u8 {
    runs::place(link.dots.start, link.parent, link.side)
}

/// A run of one living piece.
fn lone<C: Content>(runs: &[RunItem<C>]) -> Option<(RunLink, &C)> {
    match runs {
        [run] => match &run.pieces[..] {
            [PieceItem {
                content: Some(content),
                ..
            }] => Some((run.link(), content)),
            _ => None,
        },
        _ => None,
    }
}

fn is_one(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some() && chars.next().is_none()
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
}

/// The part of a stamp after its minute.
fn write_stamp(out: &mut Writer, stamp: Stamp) {
    let within = stamp.millis() % 60_000;
    out.raw(&within.to_le_bytes()[..2]);
    out.varint(u64::from(stamp.counter()));
}
