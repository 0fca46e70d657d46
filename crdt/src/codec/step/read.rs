//! Steps read from bytes.

use super::{Made, Step, Who, CHARACTER, EPOCH, OTHERS, OTHER_BYTES, PLACE, REMOVED, THING};
use crate::codec::delta::Order;
use crate::codec::items::{kind_of, read_key};
use crate::codec::names::read_counter;
use crate::codec::runs::{self, LEFT, NEXT, TOP};
use crate::codec::value;
use crate::codec::varint::{DecodeError, Reader};
use crate::container::cell::{Cell, Cells};
use crate::container::text::TextItems;
use crate::container::BodyItems;
use crate::counter::Tally;
use crate::document::{self, Items, Key, Place};
use crate::map::MapItem;
use crate::sequence::content::{self, Chars, Content};
use crate::sequence::link::RunLink;
use crate::sequence::run::{PieceItem, RunItem};
use crate::sequence::stroke::Typed;
use crate::sequence::RunItems;
use crate::{limits, Delta, Dot, DotRun, Kind, Minute, Removal, Removals, ReplicaId, Sibling};
use crate::{Stamp, VersionVector};

impl Who {
    fn read_replica(&self, input: &mut Reader<'_>) -> Result<ReplicaId, DecodeError> {
        if self.others.is_empty() {
            return Ok(self.own);
        }
        let Some(number) = input.varint()?.checked_sub(1) else {
            return Ok(self.own);
        };
        let other = usize::try_from(number).ok();
        let other = other.and_then(|number| self.others.get(number));
        other.copied().ok_or_else(|| input.error("unknown replica"))
    }

    /// The dot of a replica that this number stands for.
    fn dot(&self, replica: ReplicaId, seq: u64, input: &Reader<'_>) -> Result<Dot, DecodeError> {
        let seq = if replica == self.own {
            self.seen.checked_sub(seq)
        } else {
            Some(seq)
        };
        let seq = seq.filter(|seq| (1..=limits::SEQ_MAX).contains(seq));
        let seq = seq.ok_or_else(|| input.error("seq out of range"))?;
        Ok(Dot::new(replica, seq))
    }

    fn read_dot(&self, input: &mut Reader<'_>) -> Result<Dot, DecodeError> {
        let replica = self.read_replica(input)?;
        let seq = input.varint()?;
        self.dot(replica, seq, input)
    }

    fn read_removed(&self, input: &mut Reader<'_>) -> Result<DotRun, DecodeError> {
        let replica = self.read_replica(input)?;
        let code = input.varint()?;
        let start = self.dot(replica, code >> 1, input)?;
        let len = if code & 1 == 0 {
            Some(1)
        } else {
            input.varint()?.checked_add(2)
        };
        let most = if replica == self.own {
            self.seen
        } else {
            limits::SEQ_MAX
        };
        let len = len.filter(|&len| len <= most + 1 - start.seq);
        let len = len.ok_or_else(|| input.error("impossible removal"))?;
        Ok(DotRun { start, len })
    }
}

fn read_stamp(input: &mut Reader<'_>, minute: Minute) -> Result<Stamp, DecodeError> {
    let within = u64::from(input.byte()?) | u64::from(input.byte()?) << 8;
    if within >= 60_000 {
        return Err(input.error("stamp in another minute"));
    }
    let counter = read_counter(input)?;
    Ok(Stamp::new(minute.millis() + within, counter))
}

/// What stands before the thing that is written.
pub(super) struct Head {
    pub(super) who: Who,
    pub(super) from: VersionVector,
    pub(super) minute: Minute,
    pub(super) removed: Option<DotRun>,
}

impl Head {
    /// The first dot.
    fn first(&self) -> Dot {
        Dot::new(self.who.own, self.who.seen + 1)
    }
}

/// Reads what follows the first byte.
pub(super) fn read_head(input: &mut Reader<'_>, flags: u8) -> Result<Head, DecodeError> {
    let own = ReplicaId::new(input.u64_le()?);
    let seen = input.varint()?;
    if seen >= limits::SEQ_MAX {
        return Err(input.error("seq out of range"));
    }
    let mut from = VersionVector::new();
    from.advance(own, seen);
    let others = if flags & OTHERS == 0 {
        Vec::new()
    } else {
        read_others(input, own, &mut from)?
    };
    let who = Who { own, seen, others };
    let minute = input.raw(3)?.iter().rev();
    let minute = minute.fold(0, |minute, &byte| minute << 8 | u32::from(byte));
    let minute = Minute::new(EPOCH + minute);
    let has_removed = flags & REMOVED != 0;
    let removed = has_removed.then(|| who.read_removed(input)).transpose()?;
    Ok(Head {
        who,
        from,
        minute,
        removed,
    })
}

/// Reads what follows the first byte.
pub(in crate::codec) fn read(input: &mut Reader<'_>, flags: u8) -> Result<Delta, DecodeError> {
    let head = read_head(input, flags)?;
    let (first, run) = (head.first(), head.removed);
    let mut items = Items::default();
    let mut last = first.seq;
    if flags & THING == 0 {
        if flags & (PLACE | REMOVED) != REMOVED {
            return Err(input.error("impossible step"));
        }
    } else {
        let kind = match flags & THING {
            CHARACTER => Kind::Text,
            thing => kind_of((thing >> 2) - 1, input)?,
        };
        let (path, made) = read_path(input, &head.who, kind)?;
        if made != 0 && run.is_some() {
            return Err(input.error("impossible step"));
        }
        let has_stamp = made != 0 || matches!(kind, Kind::Map | Kind::Set);
        let stamp = has_stamp
            .then(|| read_stamp(input, head.minute))
            .transpose()?;
        let stamp = stamp.unwrap_or(Stamp::new(head.minute.millis(), 0));
        let made = Made::new(made, stamp);
        let (body, len) = read_thing(input, &head, (kind, flags), stamp)?;
        let is_sequence = matches!(kind, Kind::Text | Kind::List);
        last = head.who.seen + len + made.len() + u64::from(is_sequence && run.is_some());
        if last > limits::SEQ_MAX {
            return Err(input.error("seq out of range"));
        }
        let marks = made.items(&path, Dot::new(head.who.own, last));
        items.bodies = marks.chain([(path.len() as u32, body)]).collect();
        items.table = path;
    }
    let Head {
        who, from, minute, ..
    } = head;
    let own = who.own;
    let mut removals = Removals::new();
    if let Some(run) = run {
        let runs = vec![run];
        removals.insert(Dot::new(own, last), Removal { minute, runs });
    }
    let mut to = VersionVector::new();
    to.advance(own, last);
    let delta = Delta {
        from,
        to,
        items,
        removals,
        complete: true,
    };
    if !who.others.is_empty() {
        let step = Step::of(&delta);
        if step.is_none_or(|step| step.who.others != who.others) {
            return Err(input.error("a replica is listed and not used"));
        }
    }
    Ok(delta)
}

fn read_others(
    input: &mut Reader<'_>,
    own: ReplicaId,
    from: &mut VersionVector,
) -> Result<Vec<ReplicaId>, DecodeError> {
    let max = 2 * limits::REPLICAS_MAX;
    let others = input.many(max, "too many replicas", OTHER_BYTES, |input, before| {
        let other = ReplicaId::new(input.u64_le()?);
        if before.last() >= Some(&other) || other == own {
            return Err(input.error("replicas out of order"));
        }
        let seen = input.varint()?;
        if seen > limits::SEQ_MAX {
            return Err(input.error("seq out of range"));
        }
        from.advance(other, seen);
        Ok(other)
    })?;
    if from.len() > limits::REPLICAS_MAX {
        return Err(input.over("too many replicas", limits::REPLICAS_MAX));
    }
    if others.is_empty() {
        return Err(input.error("no other replicas"));
    }
    Ok(others)
}

/// The containers from the top to the one that is written to, and a bit for each that is made.
fn read_path(
    input: &mut Reader<'_>,
    who: &Who,
    last: Kind,
) -> Result<(Vec<Place>, u64), DecodeError> {
    let mut order = Order::default();
    let (mut table, mut made) = (Vec::new(), 0u64);
    loop {
        let code = input.varint()?;
        let is_last = code & 1 == 0;
        // An element has no name.
        let key = if code & 2 == 0 || code > 3 {
            made |= (code >> 1 & 1).checked_shl(table.len() as u32).unwrap_or(0);
            let len = usize::try_from(code >> 2).unwrap_or(usize::MAX);
            let name = std::str::from_utf8(input.raw(len)?);
            let name = name.map_err(|_| input.error("text is not UTF-8"))?;
            if name.len() > limits::KEY_BYTES_MAX {
                return Err(input.over("key too long", limits::KEY_BYTES_MAX));
            }
            Key::from(name)
        } else {
            Key::Element(who.read_dot(input)?)
        };
        let kind = if is_last {
            last
        } else {
            let code = input.byte()?;
            kind_of(code, input)?
        };
        let place = Place {
            parent: table.len() as u32,
            step: document::Step { key, kind },
        };
        // A root container is in order wherever it stands alone.
        if is_last && table.is_empty() && matches!(place.step.key, Key::Name(_)) {
            return Ok((vec![place], made));
        }
        order.add(input, &table, &place, is_last)?;
        table.push(place);
        if is_last {
            return Ok((table, made));
        }
    }
}

/// What is typed into a text.
pub(super) fn read_typed<'a>(
    input: &mut Reader<'a>,
    head: &Head,
    flags: u8,
) -> Result<Typed<'a, Chars>, DecodeError> {
    let (start, place) = (head.first(), flags & PLACE);
    let parent = read_parent(input, &head.who, start, place)?;
    let is_one = flags & THING == CHARACTER;
    let text = if is_one {
        let text = std::str::from_utf8(input.rest());
        text.map_err(|_| input.error("text is not UTF-8"))?
    } else {
        input.str()?
    };
    let extent = content::extent(text);
    let len = extent.chars as u64;
    if is_one != (len == 1) {
        return Err(input.error("text is not as long as it says"));
    }
    if len == 0 {
        return Err(input.error("empty run"));
    }
    Ok(Typed {
        link: RunLink {
            dots: DotRun { start, len },
            parent,
            side: runs::side(place),
            minute: head.minute,
        },
        content: text,
        extent,
    })
}

/// What is written, and how many dots it takes.
fn read_thing(
    input: &mut Reader<'_>,
    head: &Head,
    (kind, flags): (Kind, u8),
    stamp: Stamp,
) -> Result<(BodyItems, u64), DecodeError> {
    let (who, dot, minute) = (&head.who, head.first(), head.minute);
    let place = flags & PLACE;
    if place != 0 && !matches!(kind, Kind::Text | Kind::List) {
        return Err(input.error("impossible step"));
    }
    let body = match kind {
        Kind::Text => {
            let typed = read_typed(input, head, flags)?;
            let len = typed.link.dots.len;
            let chars = (len, Chars::from(typed.content));
            let run = run(input, (dot, typed.link.parent, place), minute, chars)?;
            let runs = RunItems::from(run);
            let marks = Vec::new();
            return Ok((BodyItems::Text(TextItems { runs, marks }), len));
        }
        Kind::List => {
            let parent = read_parent(input, who, dot, place)?;
            let (max, each) = (usize::MAX, value::VALUE_BYTES);
            let cells = input.many(max, "too many elements", each, |input, _| {
                value::read(input).map(Cell::Value)
            })?;
            let len = cells.len() as u64;
            let run = run(input, (dot, parent, place), minute, (len, Cells(cells)))?;
            return Ok((BodyItems::List(RunItems::from(run)), len));
        }
        Kind::Map => {
            let key = read_key(input)?.to_owned();
            let value = value::read(input)?;
            let sibling = Sibling { dot, stamp, value };
            BodyItems::Map {
                values: vec![MapItem { key, sibling }],
                children: Vec::new(),
            }
        }
        Kind::Set => {
            let key = value::read(input)?;
            let value = ();
            let sibling = Sibling { dot, stamp, value };
            BodyItems::Set(vec![MapItem { key, sibling }])
        }
        Kind::Counter => {
            let (up, down) = (input.varint()?, input.varint()?);
            if up.max(down) > limits::COUNTER_MAX {
                return Err(input.over("counter too large", limits::COUNTER_MAX));
            }
            BodyItems::Counter(vec![Tally {
                dot,
                minute,
                up,
                down,
            }])
        }
        Kind::Tree => return Err(input.error("impossible step")),
    };
    Ok((body, 1))
}

fn run<C: Content>(
    input: &Reader<'_>,
    (start, parent, place): (Dot, Option<Dot>, u8),
    minute: Minute,
    (len, content): (u64, C),
) -> Result<RunItem<C>, DecodeError> {
    if len == 0 {
        return Err(input.error("empty run"));
    }
    let content = Some(content);
    Ok(RunItem {
        start,
        parent,
        side: runs::side(place),
        minute,
        pieces: PieceItem { len, content }.into(),
    })
}

fn read_parent(
    input: &mut Reader<'_>,
    who: &Who,
    start: Dot,
    place: u8,
) -> Result<Option<Dot>, DecodeError> {
    let before = Dot::new(who.own, start.seq - 1);
    let parent = match place {
        TOP => return Ok(None),
        NEXT => Some(before).filter(|before| before.seq > 0),
        _ => Some(who.read_dot(input)?).filter(|&parent| place == LEFT || parent != before),
    };
    parent
        .map(Some)
        .ok_or_else(|| input.error("impossible parent"))
}
