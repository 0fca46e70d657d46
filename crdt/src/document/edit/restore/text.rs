//! Bringing back the characters and the marks of a text.

use crate::ordered::{BTreeMap, BTreeSet};
use crate::plain::plain;

use super::Then;
use crate::container::text::{Expand, Segment, TextBody, EMBED};
use crate::container::{Body, ChangeKind};
use crate::document::edit::text::text;
use crate::document::edit::{NodeEdit, TextEdit};
use crate::sequence::content::Unit;
use crate::{DotRun, EditError, Value};

/// Where a mark is to say something, by its name: start, end, what.
type Differences = BTreeMap<String, Vec<(usize, usize, Value)>>;

impl NodeEdit<'_> {
    pub(super) fn restore_text(&mut self, then: Then<'_>) -> Result<(), EditError> {
        let nothing = TextBody::default();
        let then = match then.body() {
            Some(Body::Text(text)) => text,
            _ => &nothing,
        };
        self.restore_chars(then)?;
        for (name, ranges) in self.unlike(then) {
            self.restore_marks(then, &name, ranges)?;
        }
        Ok(())
    }

    fn restore_chars(&mut self, then: &TextBody) -> Result<(), EditError> {
        let now = &text(self).chars;
        // What is in both: where it was, where it is, how much.
        let mut both = Vec::new();
        let mut was_at = 0;
        for (start, chars) in then.chars.shown() {
            let len = chars.chars().count();
            let piece = DotRun {
                start,
                len: len as u64,
            };
            for run in now.alive_in(piece) {
                let is_at = now.offset_of(run.start).map_or(0, |at| at.chars);
                let within = (run.start.seq - start.seq) as usize;
                both.push((was_at + within, is_at, run.len as usize));
            }
            was_at += len;
        }
        both.push((was_at, now.extent().chars, 0));
        let mut differ = Vec::new();
        let (mut was, mut is) = (0, 0);
        for (was_at, is_at, len) in both {
            if was < was_at || is < is_at {
                differ.push((was..was_at, is..is_at));
            }
            (was, is) = (was_at + len, is_at + len);
        }
        for (was, is) in differ.into_iter().rev() {
            let (start, end) = then.chars.resolve_range(Unit::Chars, was)?;
            let old = then.chars.slice(start, end);
            let now = &text(self).chars;
            let (start, end) = now.resolve_range(Unit::Chars, is.clone())?;
            // It may have been brought back before, under other dots.
            let (old, at, end) = unlike(&old, &now.slice(start, end));
            TextEdit(self.again()).replace(is.start + at..is.start + end, old)?;
        }
        Ok(())
    }

    /// Where the marks do not say what they said then.
    fn unlike(&self, then: &TextBody) -> Differences {
        let (was, is) = (then.segments(), text(self).segments());
        let mut differences = Differences::new();
        let (was, is) = (ends(&was), ends(&is));
        let (mut was_next, mut is_next, mut start) = (0, 0, 0);
        while let (Some(&(was_end, was_segment)), Some(&(is_end, is_segment))) =
            (was.get(was_next), is.get(is_next))
        {
            let end = was_end.min(is_end);
            let names = names_of(was_segment).chain(names_of(is_segment));
            for name in names.collect::<BTreeSet<&str>>() {
                let value = says(was_segment, name);
                if value != says(is_segment, name) {
                    add(&mut differences, name, (start, end), value);
                }
            }
            was_next += usize::from(was_end == end);
            is_next += usize::from(is_end == end);
            start = end;
        }
        differences
    }

    fn restore_marks(
        &mut self,
        then: &TextBody,
        name: &str,
        ranges: Vec<(usize, usize, Value)>,
    ) -> Result<(), EditError> {
        let expands = then.expands(name);
        let usual = if name == EMBED {
            Expand::None
        } else {
            Expand::usual(name)
        };
        self.write(|body, change| {
            let Body::Text(text) = body else {
                unreachable!("this is a text")
            };
            let mut spans = text.placed_spans(name);
            for (start, end, value) in ranges {
                let range = text.chars.resolve_range(Unit::Chars, start..end)?;
                let expand = expands.get(&(start, end)).copied().unwrap_or(usual);
                text.mark_among(&mut spans, range, name, (value, expand), change);
            }
            Ok(((), ChangeKind::Text(Vec::new())))
        })
    }
}

/// Of the first text, without what both begin and end with, what is unlike the second, and where in
/// the second, in characters, that belongs.
fn unlike<'a>(then: &'a str, now: &str) -> (&'a str, usize, usize) {
    let same = then.chars().zip(now.chars()).take_while(|(a, b)| a == b);
    let (start, bytes) = same.fold((0, 0), |(n, bytes), (c, _)| (n + 1, bytes + c.len_utf8()));
    let (then, now) = (&then[bytes..], &now[bytes..]);
    let same = then.chars().rev().zip(now.chars().rev());
    let same = same.take_while(|(a, b)| a == b);
    let (end, bytes) = same.fold((0, 0), |(n, bytes), (c, _)| (n + 1, bytes + c.len_utf8()));
    let then = &then[..then.len() - bytes];
    (then, start, start + now.chars().count() - end)
}

/// The segments with where each ends.
fn ends(segments: &[Segment]) -> Vec<(usize, &Segment)> {
    let mut end = 0;
    let ends = segments.iter().map(|segment| {
        end += segment.text.chars().count();
        (end, segment)
    });
    ends.collect()
}

fn names_of(segment: &Segment) -> impl Iterator<Item = &str> {
    let embed = segment.embed.as_ref().map(|_| EMBED);
    plain(segment.marks.keys().map(String::as_str).chain(embed))
}

fn says(segment: &Segment, name: &str) -> Value {
    let value = if name == EMBED {
        segment.embed.as_ref()
    } else {
        segment.marks.get(name)
    };
    value.cloned().unwrap_or(Value::Null)
}

/// Adds a range, or makes the one before it longer.
fn add(differences: &mut Differences, name: &str, (start, end): (usize, usize), value: Value) {
    let ranges = differences.entry(name.to_owned()).or_default();
    match ranges.last_mut() {
        // Embeds are one character each, and each has its own.
        Some((_, last_end, last)) if *last_end == start && *last == value && name != EMBED => {
            *last_end = end;
        }
        _ => ranges.push((start, end, value)),
    }
}
