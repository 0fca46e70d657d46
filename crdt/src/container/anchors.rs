//! Beside which characters the marks of a text end.

use super::text::Span;
use crate::sorted::{Place, Sorted};
use crate::{Dot, DotRun};

/// The marks by the characters that their ends are beside; at `None` those at the start or the end of the
/// text. A mark is named by its dot, which is a quarter of what it says.
#[derive(Clone, Default, Debug)]
pub(super) struct Anchors {
    /// Characters with marks, in order.
    ends: Sorted<(Option<Dot>, Dot)>,
}

impl Anchors {
    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    fn place(&self, end: (Option<Dot>, Dot)) -> Place {
        self.ends.seek(|other| *other < end)
    }

    /// Notes a mark at both of its ends.
    pub(super) fn insert(&mut self, span: &Span, mark: Dot) {
        for end in [(span.start.at, mark), (span.end.at, mark)] {
            let place = self.place(end);
            if self.ends.get(place) != Some(&end) {
                self.ends.insert(place, end);
            }
        }
    }

    /// Forgets a mark.
    pub(super) fn remove(&mut self, span: &Span, mark: Dot) {
        for end in [(span.start.at, mark), (span.end.at, mark)] {
            let place = self.place(end);
            if self.ends.get(place) == Some(&end) {
                self.ends.remove(place);
            }
        }
    }

    /// The marks that end beside a character, or at the start or end of the text.
    pub(super) fn beside(&self, at: Option<Dot>) -> impl Iterator<Item = Dot> + '_ {
        let from = self.ends.seek(|&(other, _)| other < at);
        let ends = self.ends.iter_from(from);
        ends.take_while(move |&&(other, _)| other == at)
            .map(|&(_, mark)| mark)
    }

    /// The characters of a run that marks end beside, in order.
    pub(super) fn within(&self, run: DotRun) -> impl Iterator<Item = Dot> + '_ {
        let from = self.ends.seek(|&(at, _)| at < Some(run.start));
        let ends = self.ends.iter_from(from).map_while(|&(at, _)| at);
        let mut last = None;
        ends.take_while(move |&at| run.contains(at))
            .filter(move |&at| last.replace(at) != Some(at))
    }

    /// All of them, in order.
    #[cfg(any(test, debug_assertions))]
    pub(super) fn iter(&self) -> impl Iterator<Item = (Option<Dot>, Dot)> + '_ {
        self.ends.iter().copied()
    }
}
