//! Texts and the marks on them: where they are, which a reader sees, and the edits.

use driftwood_crdt::ordered::BTreeMap;
use std::ops::Range;

use driftwood_crdt::{limits, Expand, Value};

use super::edit::{depth, Done, Edit, Refused};
use super::read::View;
use super::{Anchor, Dot, Holds, Mark, OpId, Place, Stamp, What};

/// A part of a text with the same marks all through: its characters, what it embeds, its marks.
pub(crate) type Segment = (String, Option<Value>, BTreeMap<String, Value>);

/// What decides which of several marks counts.
type Rank = (u32, (Stamp, Dot));

/// All of a text, and what marks it.
pub(super) struct Marked<'h> {
    /// Its characters, the deleted ones too.
    pub(super) order: Vec<OpId>,
    /// Those that are alive.
    pub(super) chars: Vec<OpId>,
    pub(super) marks: Vec<(OpId, &'h Mark)>,
    alive: Vec<bool>,
}

impl<'h> View<'h> {
    pub(super) fn marked(&self, text: Place) -> Marked<'h> {
        let order = self.walk(text);
        let alive: Vec<bool> = order.iter().map(|&op| self.living.contains(op)).collect();
        let chars = order.iter().zip(&alive).filter(|(_, alive)| **alive);
        let marks = self.inside(text).filter_map(|(op, what)| match what {
            What::Format(_, mark) => Some((op, mark)),
            _ => None,
        });
        Marked {
            chars: chars.map(|(&op, _)| op).collect(),
            marks: marks.collect(),
            order,
            alive,
        }
    }

    /// The text in parts. Of the marks of one name over a character the greatest level counts, then
    /// what was written last.
    pub(crate) fn segments(&self, text: Place) -> Vec<Segment> {
        let marked = self.marked(text);
        let spans: Vec<_> = marked
            .marks
            .iter()
            .map(|(op, mark)| {
                (
                    marked.offset(mark.start)..marked.offset(mark.end),
                    *op,
                    *mark,
                )
            })
            .collect();
        let mut segments: Vec<Segment> = Vec::new();
        for (at, &op) in marked.chars.iter().enumerate() {
            let Holds::Char(c) = *self.holds(op) else {
                unreachable!("a text holds characters")
            };
            let mut winners: BTreeMap<&str, (Rank, &Value)> = BTreeMap::new();
            for (_, op, mark) in spans.iter().filter(|(span, ..)| span.contains(&at)) {
                let rank = (mark.level, self.rank(*op));
                let winner = winners.entry(&mark.name).or_insert((rank, &mark.value));
                if rank > winner.0 {
                    *winner = (rank, &mark.value);
                }
            }
            let embed = winners.remove("").filter(|_| c == '\u{fffc}');
            let embed = embed.map(|(_, value)| value.clone());
            let winners = winners.into_iter();
            let marks: BTreeMap<String, Value> = winners
                .filter(|(_, (_, value))| **value != Value::Null)
                .map(|(name, (_, value))| (name.to_owned(), value.clone()))
                .collect();
            match segments.last_mut() {
                Some((text, None, before)) if embed.is_none() && *before == marks => text.push(c),
                _ => segments.push((c.to_string(), embed, marks)),
            }
        }
        segments
    }
}

impl Marked<'_> {
    fn index(&self, op: OpId) -> usize {
        let at = self.order.iter().position(|&other| other == op);
        at.expect("what a mark is anchored on is known")
    }

    /// How many living characters are before an anchor.
    pub(super) fn offset(&self, anchor: Anchor) -> usize {
        let end = match anchor.at {
            None if anchor.after => self.order.len(),
            None => 0,
            Some(op) => self.index(op) + usize::from(anchor.after),
        };
        self.alive[..end].iter().filter(|alive| **alive).count()
    }

    /// A number by which anchors are in order, deleted characters counted.
    pub(super) fn position(&self, anchor: Anchor) -> usize {
        match anchor.at {
            None if anchor.after => usize::MAX,
            None => 0,
            Some(op) => 1 + 2 * self.index(op) + usize::from(anchor.after),
        }
    }

    /// The anchor at an offset: after the character before it, or before the one after it.
    pub(super) fn anchor(&self, offset: usize, after: bool) -> Anchor {
        if after {
            let at = offset.checked_sub(1).map(|before| self.chars[before]);
            let after = at.is_some();
            Anchor { at, after }
        } else {
            let at = self.chars.get(offset).copied();
            let after = at.is_none();
            Anchor { at, after }
        }
    }

    /// The living characters around an offset.
    fn around(&self, offset: usize) -> (Option<OpId>, Option<OpId>) {
        let left = offset.checked_sub(1).map(|before| self.chars[before]);
        (left, self.chars.get(offset).copied())
    }

    /// The deleted characters at an offset on which marks are anchored.
    fn anchored_at(&self, offset: usize) -> Vec<OpId> {
        let (left, right) = self.around(offset);
        let start = left.map_or(0, |left| self.index(left) + 1);
        let end = right.map_or(self.order.len(), |right| self.index(right));
        let ends = |op: OpId| {
            let on = |end: Anchor| end.at == Some(op);
            self.marks.iter().any(|(_, m)| on(m.start) || on(m.end))
        };
        let between = self.order[start..end].iter().copied();
        between.filter(|&op| ends(op)).collect()
    }

    /// Between which characters something typed at an offset goes: after the last end of a mark there
    /// that does not grow.
    pub(super) fn gap(&self, offset: usize) -> (Option<OpId>, Option<OpId>) {
        let (left, right) = self.around(offset);
        let anchored = self.anchored_at(offset);
        let ends = |&op: &OpId| {
            let end = Anchor {
                at: Some(op),
                after: true,
            };
            self.marks.iter().any(|(_, mark)| mark.end == end)
        };
        let split = anchored.iter().rposition(ends).map_or(0, |last| last + 1);
        let (before, after) = anchored.split_at(split);
        let left = before.last().copied().or(left);
        (left, after.first().copied().or(right))
    }

    /// The marks with an end at or beside an offset that cover nothing.
    pub(super) fn empty_at(&self, offset: usize) -> Vec<OpId> {
        let (left, right) = self.around(offset);
        let mut near: Vec<Option<OpId>> = self.anchored_at(offset).into_iter().map(Some).collect();
        near.extend([left, right, None]);
        let marks = self.marks.iter();
        let near = marks.filter(|(_, m)| near.contains(&m.start.at) || near.contains(&m.end.at));
        near.filter(|(_, m)| self.offset(m.start) >= self.offset(m.end))
            .map(|(op, _)| *op)
            .collect()
    }
}

impl Edit<'_> {
    /// Replaces a range of a text, in characters: the new text comes before what it replaces.
    pub(crate) fn replace(&mut self, text: Place, range: Range<usize>, new: &str) -> Done {
        let marked = self.view().marked(text);
        if range.start > range.end || range.end > marked.chars.len() {
            return Err(Refused);
        }
        if range.is_empty() && new.is_empty() {
            return Ok(());
        }
        self.check_writable(text)?;
        let old = marked.chars[range.clone()].to_vec();
        if !new.is_empty() {
            let (left, right) = marked.gap(range.start);
            self.insert_all(text, left, right, new.chars().map(Holds::Char).collect());
        }
        if !old.is_empty() {
            let by = self.note(What::Nothing, old);
            let at = range.start + new.chars().count();
            let empty = self.view().marked(text).empty_at(at);
            self.also_removes(by, empty);
        }
        self.mark(text);
        Ok(())
    }

    /// Marks a range of a text, in characters; null takes the mark away.
    pub(crate) fn format(
        &mut self,
        text: Place,
        range: Range<usize>,
        name: &str,
        value: Value,
        expand: Expand,
    ) -> Done {
        let marked = self.view().marked(text);
        let is_bad = name.len() > limits::KEY_BYTES_MAX || depth(&value) > limits::DEPTH_MAX;
        if is_bad || range.start > range.end || range.end > marked.chars.len() {
            return Err(Refused);
        }
        self.check_writable(text)?;
        if range.is_empty() {
            return Ok(());
        }
        let start = marked.anchor(range.start, matches!(expand, Expand::Before | Expand::Both));
        let end = marked.anchor(range.end, !matches!(expand, Expand::After | Expand::Both));
        let at = |end| marked.position(end);
        let touched: Vec<(OpId, &Mark)> = marked
            .marks
            .iter()
            .copied()
            .filter(|(_, m)| m.name == name && at(start) <= at(m.end) && at(m.start) <= at(end))
            .collect();
        let level = touched.iter().map(|(_, m)| m.level + 1).max().unwrap_or(0);
        let covered = |m: &Mark| at(start) <= at(m.start) && at(m.end) <= at(end);
        let beyond = touched.iter().any(|(_, m)| !covered(m));
        let covered = touched.iter().filter(|(_, m)| covered(m));
        let covered: Vec<OpId> = covered.map(|(op, _)| *op).collect();
        if value != Value::Null || beyond {
            let mark = Mark {
                name: name.to_owned(),
                start,
                end,
                level,
                value,
            };
            self.note(What::Format(text, mark), covered);
        } else if !covered.is_empty() {
            self.note(What::Nothing, covered);
        }
        self.mark(text);
        Ok(())
    }

    pub(crate) fn embed(&mut self, text: Place, at: usize, value: Value) -> Done {
        self.replace(text, at..at, "\u{fffc}")?;
        self.format(text, at..at + 1, "", value, Expand::None)
    }
}
