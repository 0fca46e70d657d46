//! A document's text: characters and the marks on them.
//!
//! A mark names a format, a value, and two ends, each beside a character; what is typed later between
//! the ends takes part. That is Peritext (Litt, Lim, Kleppmann, van Hardenberg, "Peritext: A CRDT for
//! Collaborative Rich Text Editing", CSCW 2022). Two departures: marks are live dots, so a mark that a
//! later one covers is removed; and which of several marks of one name counts is decided by *level*,
//! one more than that of every mark of the name that was seen overlapping, so that whoever has seen a
//! mark wins over it whatever the clocks say. Among equal levels the greatest (stamp, dot) counts.

use crate::ordered::{self, BTreeMap, BTreeSet};
use crate::plain::plain;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Range;

use super::anchors::Anchors;
use super::part::Part;
use super::TextPatch;
use crate::limits::MARKS_SHOWN_MAX;
use crate::map::MapItem;
use crate::sequence::content::{Chars, Content, Extent, Unit};
use crate::sequence::run::Side;
use crate::sequence::Patch;
use crate::sequence::{Built, RunItems};
use crate::{
    Change, Dot, DotRun, DotSet, DotStore, EditError, LwwMap, Stamp, Text, Value, VersionVector,
};

/// One end of a mark, or a place of a cursor: right before or right after a character.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub(crate) struct Anchor {
    /// The character; `None` is the start of the text or, on the right, its end.
    pub(crate) at: Option<Dot>,
    pub(crate) side: Side,
}

/// What a mark says, but its value.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Span {
    pub(crate) name: String,
    pub(crate) start: Anchor,
    pub(crate) end: Anchor,
    pub(crate) level: u32,
}

/// The name of the marks that make a character an embed; no other mark may have it.
pub(crate) const EMBED: &str = "";

/// The character that stands for an embed.
pub(crate) const EMBED_CHAR: &str = "\u{fffc}";

/// At which of its ends a mark takes in what is typed there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expand {
    /// At neither: links, comments.
    None,
    /// At its start.
    Before,
    /// At its end, as bold does in most editors.
    After,
    /// At both.
    Both,
}

impl Expand {
    /// What is usual for a mark of this name: links and comments (`link`, `comment`, `comment:7`) do
    /// not grow, all others grow at their end.
    pub fn usual(name: &str) -> Self {
        let kind = name.split(':').next().unwrap_or(name);
        if matches!(kind, "link" | "comment") {
            Self::None
        } else {
            Self::After
        }
    }
}

/// A part of a text with the same marks all through.
#[derive(Clone, PartialEq, Debug)]
pub struct Segment {
    /// Its characters.
    pub text: String,
    /// What the embed holds, if it is one.
    pub embed: Option<Value>,
    /// The marks by name: the first [`MARKS_SHOWN_MAX`] names, should there be more.
    pub marks: BTreeMap<String, Value>,
}

#[derive(Clone, Default, Debug)]
pub(crate) struct TextBody {
    pub(crate) chars: Text,
    pub(crate) marks: Part<LwwMap<Span, Value>>,
    /// The marks by the characters that they end beside.
    anchored: Anchors,
}

/// What a delta says of a text.
#[derive(Clone, PartialEq, Default, Debug)]
pub(crate) struct TextItems {
    pub(crate) runs: RunItems<Chars>,
    pub(crate) marks: Vec<MapItem<Span, Value>>,
}

impl crate::Rank for Span {}

impl TextItems {
    /// The characters that the marks are anchored on.
    pub(crate) fn anchors(&self) -> impl Iterator<Item = Dot> + '_ {
        plain(self.marks.iter().flat_map(|item| item.key.anchors()))
    }
}

impl Span {
    fn expand(&self) -> Expand {
        let before = (self.start.side == Side::Right) == self.start.at.is_some();
        let after = (self.end.side == Side::Left) == self.end.at.is_some();
        match (before, after) {
            (false, false) => Expand::None,
            (true, false) => Expand::Before,
            (false, true) => Expand::After,
            (true, true) => Expand::Both,
        }
    }

    pub(crate) fn anchors(&self) -> impl Iterator<Item = Dot> {
        plain(self.start.at.into_iter().chain(self.end.at))
    }
}

impl TextBody {
    pub(crate) fn live_len(&self) -> usize {
        self.chars.extent().chars + self.marks.live_len()
    }

    /// The characters, if no marks are on them.
    pub(crate) fn unmarked(&mut self) -> Option<&mut Text> {
        self.anchored.is_empty().then_some(&mut self.chars)
    }

    /// Puts text in the place of a range; gives the start and the length of what went. What is
    /// typed where a mark ends that does not grow comes after that end, even when the characters
    /// beside it are deleted.
    pub(crate) fn replace(
        &mut self,
        unit: Unit,
        range: Range<usize>,
        text: &str,
        change: &mut Change,
    ) -> Result<(Extent, Extent), EditError> {
        if self.anchored.is_empty() {
            return self.chars.replace(unit, range, text, change);
        }
        let (start, end) = self.chars.resolve_range(unit, range)?;
        let chars = Chars::from(text);
        let inserted = chars.extent().chars;
        if inserted > 0 {
            let (left, right) = self.gap(start.chars);
            self.chars.insert_between(left, right, chars, change);
        }
        if start != end {
            let by = change.dot();
            let (at, len) = (start.chars + inserted, end.chars - start.chars);
            self.chars.delete_at(at, len, by, change);
            self.drop_marks(self.empty_marks(at), by, change);
        }
        Ok((start, end - start))
    }

    /// The neighbours of what is inserted at an offset: characters that are shown, or deleted ones
    /// that marks are anchored on.
    fn gap(&self, offset: usize) -> (Option<Dot>, Option<Dot>) {
        let mut left = offset
            .checked_sub(1)
            .and_then(|before| self.chars.dot_at(before));
        let mut right = self.chars.dot_at(offset);
        let anchored = self.anchored_in_gap(left);
        let ends_here = |dot: &Dot| {
            let end = Anchor {
                at: Some(*dot),
                side: Side::Right,
            };
            self.spans_beside(Some(*dot)).any(|span| span.end == end)
        };
        let split = anchored
            .iter()
            .rposition(ends_here)
            .map_or(0, |last| last + 1);
        left = anchored[..split].last().copied().or(left);
        right = anchored.get(split).copied().or(right);
        (left, right)
    }

    /// The deleted characters between two that are shown on which marks are anchored, in order.
    fn anchored_in_gap(&self, left: Option<Dot>) -> Vec<Dot> {
        let runs = self.chars.gap_after(left);
        runs.flat_map(|run| self.anchored.within(run)).collect()
    }

    /// The spans of the marks that end beside a character, or at the start or end of the text.
    fn spans_beside(&self, at: Option<Dot>) -> impl Iterator<Item = &Span> {
        let marks = self.anchored.beside(at);
        marks.filter_map(|mark| self.marks.key_of(mark))
    }

    /// The marks that cover nothing, after what stood at an offset was deleted.
    fn empty_marks(&self, offset: usize) -> Vec<Span> {
        if self.anchored.is_empty() {
            return Vec::new();
        }
        let left = offset
            .checked_sub(1)
            .and_then(|before| self.chars.dot_at(before));
        let mut near = self
            .anchored_in_gap(left)
            .into_iter()
            .map(Some)
            .collect::<Vec<_>>();
        near.extend([left, self.chars.dot_at(offset), None]);
        let spans = near.iter().flat_map(|&dot| self.spans_beside(dot));
        let empty = spans.filter(|span| {
            let (start, end) = (self.resolve(span.start), self.resolve(span.end));
            start.zip(end).is_some_and(|(start, end)| start >= end)
        });
        empty
            .cloned()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
    }

    fn drop_marks(&mut self, spans: Vec<Span>, by: Dot, change: &mut Change) {
        for span in spans {
            if let (Some(record), Some(register)) = (&mut change.record, self.marks.register(&span))
            {
                let siblings = register.siblings().iter().cloned();
                record.marks.extend(siblings.map(|sibling| MapItem {
                    key: span.clone(),
                    sibling,
                }));
            }
            let dots = self.marks.take(&span);
            for mark in dots.iter().flat_map(|run| run.dots()) {
                self.anchored.remove(&span, mark);
            }
            change.removed(by, dots);
        }
    }

    /// The characters of a range; none if it is not inside of the text.
    pub(crate) fn dots_in(&self, unit: Unit, range: Range<usize>) -> DotSet {
        let mut dots = DotSet::new();
        let Ok((start, end)) = self.chars.resolve_range(unit, range) else {
            return dots;
        };
        let mut at = start.chars;
        while at < end.chars {
            let part = self.chars.part_at(at, end.chars - at);
            let (run, _) = part.expect("the range is inside");
            dots.insert_run(run);
            at += run.len as usize;
        }
        dots
    }

    /// The characters of a deleted run that marks are anchored on.
    pub(crate) fn anchored_of(&self, run: DotRun) -> Vec<Dot> {
        self.anchored.within(run).collect()
    }

    /// Puts characters after one that is shown or kept; gives the first one's dot.
    pub(crate) fn put_after(
        &mut self,
        left: Option<Dot>,
        chars: Chars,
        kept: &BTreeSet<Dot>,
        change: &mut Change,
    ) -> Dot {
        let kept = |run| self.kept_of(run, kept);
        let right = self.chars.needed_after(left, &kept);
        self.chars.insert_between(left, right, chars, change)
    }

    /// The characters of a deleted run that marks are anchored on, or will be, in order.
    pub(crate) fn kept_of(&self, run: DotRun, more: &BTreeSet<Dot>) -> Vec<Dot> {
        let mut kept = self.anchored_of(run);
        if !more.is_empty() {
            kept.extend(more.range(run.start..=run.start.plus(run.len - 1)));
            ordered::sort(&mut kept);
        }
        kept
    }

    /// Adds a mark beside those of the same span, as of this time.
    pub(crate) fn put_mark(
        &mut self,
        span: &Span,
        value: Value,
        stamp: Stamp,
        change: &mut Change,
    ) -> Dot {
        let mark = self.marks.add(span, value, stamp, change);
        self.anchored.insert(span, mark);
        mark
    }

    /// The marks that have an end beside one of these deleted characters.
    pub(crate) fn marks_beside(&self, dots: impl Iterator<Item = Dot>) -> DotSet {
        dots.flat_map(|dot| self.anchored.beside(Some(dot)))
            .collect()
    }

    /// Marks a range; [`Value::Null`] takes the mark away. Nothing is written where nothing would
    /// change by it.
    pub(crate) fn mark(
        &mut self,
        range: (Extent, Extent),
        name: &str,
        value: Value,
        expand: Expand,
        change: &mut Change,
    ) {
        let mut spans = self.placed_spans(name);
        self.mark_among(&mut spans, range, name, (value, expand), change);
    }

    /// As [`Self::mark`], with the spans of the name, which are kept up to date.
    pub(crate) fn mark_among(
        &mut self,
        spans: &mut Vec<PlacedSpan>,
        range: (Extent, Extent),
        name: &str,
        (value, expand): (Value, Expand),
        change: &mut Change,
    ) {
        let (start, end) = range;
        let start = match expand {
            Expand::Before | Expand::Both => self.anchor_at(start.chars, Side::Left),
            Expand::None | Expand::After => self.anchor_at(start.chars, Side::Right),
        };
        let end = match expand {
            Expand::After | Expand::Both => self.anchor_at(end.chars, Side::Right),
            Expand::None | Expand::Before => self.anchor_at(end.chars, Side::Left),
        };
        let mut level = 0;
        let (mut covered, mut beyond) = (Vec::new(), false);
        let (starts, ends) = (range.0.chars, range.1.chars);
        // Deleted characters decide only where the offsets do not.
        let order = |(at, a): (usize, Anchor), (other, b): (usize, Anchor)| {
            at.cmp(&other).then_with(|| self.compare(a, b))
        };
        let mut stay = Vec::with_capacity(spans.len() + 1);
        for placed in spans.drain(..) {
            let span = &placed.span;
            let (from, to) = ((placed.start, span.start), (placed.end, span.end));
            if order(to, (starts, start)).is_lt() || order((ends, end), from).is_lt() {
                stay.push(placed);
                continue;
            }
            level = level.max(span.level.saturating_add(1));
            if order((starts, start), from).is_le() && order(to, (ends, end)).is_le() {
                covered.push(placed.span);
            } else {
                beyond = true;
                stay.push(placed);
            }
        }
        *spans = stay;
        if value != Value::Null || beyond {
            let span = Span {
                name: name.to_owned(),
                start,
                end,
                level,
            };
            spans.push(PlacedSpan {
                start: starts,
                end: ends,
                span: span.clone(),
            });
            // Levels have an end: a hostile mark may have the very span.
            covered.retain(|other| *other != span);
            let old: Vec<Dot> = self.marks.dots_at(&span).collect();
            for mark in old {
                self.anchored.remove(&span, mark);
            }
            let by = self.marks.set(span.clone(), value, change);
            self.anchored.insert(&span, by);
            self.drop_marks(covered, by, change);
        } else if !covered.is_empty() {
            // All that is seen of the mark goes: no need to say that it is not there.
            let by = change.dot();
            self.drop_marks(covered, by, change);
        }
    }

    /// The spans of a name, in order.
    fn spans_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Span> {
        let nowhere = Anchor {
            at: None,
            side: Side::Left,
        };
        let first = Span {
            name: name.to_owned(),
            start: nowhere,
            end: nowhere,
            level: 0,
        };
        let spans = self.marks.iter_from(&first).map(|(span, _)| span);
        plain(spans.take_while(move |span| span.name == name))
    }

    /// The spans of a name and where each is.
    pub(crate) fn placed_spans(&self, name: &str) -> Vec<PlacedSpan> {
        let spans = self.spans_named(name).filter_map(|span| {
            let (start, end) = (self.resolve(span.start)?, self.resolve(span.end)?);
            Some(PlacedSpan {
                start: start.chars,
                end: end.chars,
                span: span.clone(),
            })
        });
        spans.collect()
    }

    /// How the mark of this name grows that covers just the characters from a start to an end.
    pub(crate) fn expands(&self, name: &str) -> BTreeMap<(usize, usize), Expand> {
        let mut expands = BTreeMap::new();
        for PlacedSpan { start, end, span } in self.placed_spans(name) {
            expands.entry((start, end)).or_insert(span.expand());
        }
        expands
    }

    /// The anchor at an offset that hangs on the character before it (left) or after it (right).
    pub(crate) fn anchor_at(&self, offset: usize, side: Side) -> Anchor {
        match side {
            Side::Left => Anchor {
                at: offset
                    .checked_sub(1)
                    .and_then(|before| self.chars.dot_at(before)),
                side: if offset == 0 { Side::Left } else { Side::Right },
            },
            Side::Right => {
                let at = self.chars.dot_at(offset);
                let side = if at.is_some() {
                    Side::Left
                } else {
                    Side::Right
                };
                Anchor { at, side }
            }
        }
    }

    /// Where an anchor is; `None` when its character is unknown.
    pub(crate) fn resolve(&self, anchor: Anchor) -> Option<Extent> {
        match (anchor.at, anchor.side) {
            (None, Side::Left) => Some(Extent::default()),
            (None, Side::Right) => Some(self.chars.extent()),
            (Some(dot), Side::Left) => Some(self.chars.span_of(dot)?.0),
            (Some(dot), Side::Right) => Some(self.chars.span_of(dot)?.1),
        }
    }

    /// Which of two anchors comes first, deleted characters counted.
    fn compare(&self, a: Anchor, b: Anchor) -> Ordering {
        match (a.at, b.at) {
            (Some(x), Some(y)) => {
                let characters = self.chars.compare(x, y);
                characters
                    .unwrap_or(Ordering::Equal)
                    .then(a.side.cmp(&b.side))
            }
            (Some(_), None) if b.side == Side::Left => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) if a.side == Side::Left => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => a.side.cmp(&b.side),
        }
    }

    /// The marks and where each is: its start and its end, the value, and what decides among those
    /// of one name. Only those that cover something.
    pub(crate) fn placed_marks(&self) -> Vec<PlacedMark<'_>> {
        let spans = self.marks.iter().filter_map(|(span, register)| {
            let (start, end) = (self.resolve(span.start)?, self.resolve(span.end)?);
            (start.chars < end.chars).then_some((span, register, start, end))
        });
        let marks = spans.flat_map(|(span, register, start, end)| {
            register.siblings().iter().map(move |sibling| PlacedMark {
                name: &span.name,
                start,
                end,
                rank: (span.level, sibling.stamp, sibling.dot),
                value: &sibling.value,
            })
        });
        marks.collect()
    }

    /// The text as pieces with the same marks all through; O(text + marks · log marks + result).
    pub(crate) fn segments(&self) -> Vec<Segment> {
        let marks = self.placed_marks();
        let mut cuts: BTreeMap<usize, Vec<(bool, usize)>> = BTreeMap::new();
        for (number, mark) in marks.iter().enumerate() {
            cuts.entry(mark.start.chars)
                .or_default()
                .push((true, number));
            cuts.entry(mark.end.chars)
                .or_default()
                .push((false, number));
        }
        cuts.entry(self.chars.extent().chars).or_default();
        let mut open: BTreeMap<&str, BTreeSet<(Rank, usize)>> = BTreeMap::new();
        let mut shown: BTreeMap<&str, &Value> = BTreeMap::new();
        let mut segments = Vec::new();
        let text = self.chars.to_string();
        let mut rest = text.chars();
        let mut at = 0;
        for (cut, events) in cuts {
            let text: String = rest.by_ref().take(cut - at).collect();
            at = cut;
            if !text.is_empty() {
                // Each piece names all of its marks: without a limit few bytes make very many names.
                let shown = shown.iter().take(MARKS_SHOWN_MAX);
                let shown = shown.map(|(&name, &value)| (name.to_owned(), value.clone()));
                push_segment(&mut segments, text, shown.collect());
            }
            for (opens, number) in events {
                let mark = &marks[number];
                let of_name = open.entry(mark.name).or_default();
                if opens {
                    of_name.insert((mark.rank, number));
                } else {
                    of_name.remove(&(mark.rank, number));
                }
                let winner = of_name.last().map(|&(_, winner)| marks[winner].value);
                match winner.filter(|value| mark.name == EMBED || **value != Value::Null) {
                    Some(value) => shown.insert(mark.name, value),
                    None => shown.remove(mark.name),
                };
            }
        }
        segments
    }

    /// Takes in what is new; gives what a reader sees of it.
    pub(crate) fn join(
        &mut self,
        items: &TextItems,
        built: Option<Built<Chars>>,
        (seen, is_told): (&VersionVector, bool),
    ) -> Vec<TextPatch> {
        let mut patches = Vec::new();
        let told = is_told.then_some(&mut patches);
        self.chars
            .join_with(&items.runs, built, items.anchors(), seen, told);
        let new = items
            .marks
            .iter()
            .filter(|item| !seen.contains(item.sibling.dot));
        for MapItem { key, sibling } in new {
            self.anchored.insert(key, sibling.dot);
        }
        self.marks.take_in(Cow::Borrowed(&items.marks), seen);
        patches.into_iter().map(TextPatch::from).collect()
    }

    /// Removes those of the dots that are alive.
    pub(crate) fn remove(&mut self, dots: &DotSet) -> Vec<TextPatch> {
        let mut patches: Vec<Patch<Chars>> = Vec::new();
        self.chars.remove(dots, &mut patches);
        if !self.marks.is_empty() {
            for (mark, span) in self.marks.named(dots) {
                self.anchored.remove(span, mark);
            }
            self.marks.remove(dots, &mut BTreeSet::new());
        }
        patches.into_iter().map(TextPatch::from).collect()
    }

    #[cfg(any(test, debug_assertions))]
    pub(crate) fn assert_invariants(&self) {
        self.chars.assert_invariants();
        let mut anchored: BTreeSet<(Option<Dot>, Dot)> = BTreeSet::new();
        for (span, register) in self.marks.iter() {
            for end in [span.start, span.end] {
                let marks = register.siblings().iter().map(|sibling| sibling.dot);
                anchored.extend(marks.map(|mark| (end.at, mark)));
                assert!(
                    end.at.is_none_or(|dot| self.chars.knows(dot)),
                    "an anchor is known"
                );
            }
        }
        assert!(
            anchored.into_iter().eq(self.anchored.iter()),
            "the anchors are kept right"
        );
    }
}

/// What decides which of several marks of one name counts.
type Rank = (u32, Stamp, Dot);

/// A span of marks, and where it starts and ends in characters.
#[derive(Debug)]
pub(crate) struct PlacedSpan {
    start: usize,
    end: usize,
    span: Span,
}

/// A mark and where it is.
#[derive(Clone, Debug)]
pub(crate) struct PlacedMark<'a> {
    pub(crate) name: &'a str,
    pub(crate) start: Extent,
    pub(crate) end: Extent,
    pub(crate) rank: Rank,
    pub(crate) value: &'a Value,
}

fn push_segment(segments: &mut Vec<Segment>, text: String, mut marks: BTreeMap<String, Value>) {
    let embed = marks.remove(EMBED).filter(|_| text == EMBED_CHAR);
    match segments.last_mut() {
        Some(last) if last.marks == marks && last.embed.is_none() && embed.is_none() => {
            last.text.push_str(&text);
        }
        _ => segments.push(Segment { text, embed, marks }),
    }
}
