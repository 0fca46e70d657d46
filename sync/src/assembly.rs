//! Deltas that come in parts, put together.
//!
//! What is announced is not reserved: only bytes that came take room. What a broken link left behind
//! is kept for a while, so that the next link goes on where it stopped, and given up first when room
//! is short.

use driftwood_crdt::ordered::BTreeMap;
use std::collections::VecDeque;

use crate::document::Key;
use crate::{DocumentName, Limits, LinkId, Time};

/// Which delta it is: the document, a hash of all its bytes, and how many there are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Subject {
    pub(crate) document: DocumentName,
    pub(crate) hash: u64,
    pub(crate) total: u64,
}

/// What to do after a part came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Ask for what follows these bytes.
    Continue { held: u64 },
    /// All is here.
    Whole(Vec<u8>),
    /// All is here, and it is not what was announced.
    Damaged,
    /// There is no room now, or another link is bringing it: ask again later.
    Wait,
    /// A part that does not follow what is held: it was given up meanwhile.
    Stray,
}

/// All deltas that are being put together.
#[derive(Debug, Default)]
pub(crate) struct Assembly {
    partials: BTreeMap<Subject, Partial>,
    /// Who was told nothing, for want of room.
    waiting: VecDeque<(LinkId, Key)>,
}

#[derive(Debug)]
struct Partial {
    bytes: Vec<u8>,
    /// Who brings it; none when that link broke.
    link: Option<LinkId>,
    /// When the last part came.
    touched: Time,
}

impl Assembly {
    /// Takes in a part. The caller has made sure that it lies within the total.
    pub(crate) fn take(
        &mut self,
        subject: &Subject,
        link: LinkId,
        (offset, bytes): (u64, &[u8]),
        now: Time,
        limits: &Limits,
    ) -> Step {
        if offset > 0 && !self.partials.contains_key(subject) {
            return Step::Stray;
        }
        let fresh = || Partial {
            bytes: Vec::new(),
            link: Some(link),
            touched: now,
        };
        let partial = self.partials.entry(subject.clone()).or_insert_with(fresh);
        if partial.link.is_some_and(|other| other != link) {
            return Step::Wait;
        }
        partial.link = Some(link);
        partial.touched = now;
        let held = partial.bytes.len() as u64;
        if offset > held {
            return Step::Stray;
        }
        let known = (held - offset).min(bytes.len() as u64) as usize;
        partial.bytes.extend_from_slice(&bytes[known..]);
        let held = partial.bytes.len() as u64;
        if held < subject.total {
            if self.make_room(subject, link, limits) {
                return Step::Continue { held };
            }
            self.partials.remove(subject);
            return Step::Wait;
        }
        let partial = self.partials.remove(subject).expect("it was just added to");
        if hash(&partial.bytes) == subject.hash {
            Step::Whole(partial.bytes)
        } else {
            Step::Damaged
        }
    }

    /// Whether everything fits, after giving up what broken links left if need be.
    fn make_room(&mut self, subject: &Subject, link: LinkId, limits: &Limits) -> bool {
        if self.bytes(|partial| partial.link == Some(link)) > limits.delta_bytes {
            return false;
        }
        if self.bytes(|_| true) > limits.assembly_bytes {
            self.partials
                .retain(|known, partial| known == subject || partial.link.is_some());
        }
        self.bytes(|_| true) <= limits.assembly_bytes
    }

    fn bytes(&self, counts: impl Fn(&Partial) -> bool) -> usize {
        let counted = self.partials.values().filter(|partial| counts(partial));
        counted.map(|partial| partial.bytes.len()).sum()
    }

    /// Remembers somebody who has to be asked again.
    pub(crate) fn wait(&mut self, link: LinkId, key: Key) {
        if !self.waiting.contains(&(link, key)) {
            self.waiting.push_back((link, key));
        }
    }

    /// All who have to be asked again, now that there is room.
    pub(crate) fn waiting(&mut self) -> VecDeque<(LinkId, Key)> {
        std::mem::take(&mut self.waiting)
    }

    /// A link no longer brings anything for this document. True if it did.
    pub(crate) fn lose(&mut self, link: LinkId, document: &DocumentName, key: Key) -> bool {
        self.waiting.retain(|&waiting| waiting != (link, key));
        let mut lost = false;
        for (subject, partial) in &mut self.partials {
            if partial.link == Some(link) && subject.document == *document {
                partial.link = None;
                lost = true;
            }
        }
        lost
    }

    /// Gives up all that came for a document.
    pub(crate) fn forget(&mut self, document: &DocumentName) {
        self.partials
            .retain(|subject, _| subject.document != *document);
    }

    /// Gives up what nobody has gone on with for too long.
    pub(crate) fn expire(&mut self, now: Time, limits: &Limits) {
        let old = |partial: &Partial| now >= partial.touched + limits.assembly_time;
        self.partials
            .retain(|_, partial| partial.link.is_some() || !old(partial));
    }

    /// When to look again for what nobody goes on with.
    pub(crate) fn deadline(&self, limits: &Limits) -> Option<Time> {
        let orphans = self
            .partials
            .values()
            .filter(|partial| partial.link.is_none());
        orphans
            .map(|partial| partial.touched + limits.assembly_time)
            .min()
    }

    /// How much of the largest delta for a document has come, and how much there is.
    pub(crate) fn progress(&self, document: &DocumentName) -> Option<(u64, u64)> {
        let here = self
            .partials
            .iter()
            .filter(|(subject, _)| subject.document == *document);
        here.map(|(subject, partial)| (partial.bytes.len() as u64, subject.total))
            .max_by_key(|&(_, total)| total)
    }
}

/// FNV-1a in 64 bits (Fowler, Noll, Vo): names the bytes, and is no protection against somebody who
/// wants two to have one name. Those are told apart by the delta's own decoder.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const NOW: Time = Time::from_millis(1_000);

    fn subject(bytes: &[u8]) -> Subject {
        let document = DocumentName::new("a").expect("a short name");
        Subject {
            document,
            hash: hash(bytes),
            total: bytes.len() as u64,
        }
    }

    #[test]
    fn parts_make_the_whole_and_repeated_ones_do_no_harm() {
        let (mut assembly, limits) = (Assembly::default(), Limits::default());
        let bytes: Vec<u8> = (0..100).collect();
        let mut take = |from: usize, to: usize| {
            let part = (from as u64, &bytes[from..to]);
            assembly.take(&subject(&bytes), LinkId(1), part, NOW, &limits)
        };
        assert_eq!(take(10, 20), Step::Stray);
        assert_eq!(take(0, 40), Step::Continue { held: 40 });
        assert_eq!(take(10, 30), Step::Continue { held: 40 });
        assert_eq!(take(60, 80), Step::Stray);
        assert_eq!(take(30, 99), Step::Continue { held: 99 });
        assert_eq!(take(99, 100), Step::Whole(bytes.clone()));
        assert_eq!(take(99, 100), Step::Stray);
    }

    #[test]
    fn another_link_waits_until_the_first_one_breaks_and_then_goes_on() {
        let (mut assembly, limits) = (Assembly::default(), Limits::default());
        let bytes = [7; 100];
        let name = subject(&bytes).document;
        let take = |assembly: &mut Assembly, link: u64, count: usize| {
            assembly.take(
                &subject(&bytes),
                LinkId(link),
                (0, &bytes[..count]),
                NOW,
                &limits,
            )
        };
        assert_eq!(take(&mut assembly, 1, 50), Step::Continue { held: 50 });
        assert_eq!(take(&mut assembly, 2, 50), Step::Wait);
        assert!(assembly.lose(LinkId(1), &name, 1));
        assert_eq!(assembly.progress(&name), Some((50, 100)));
        let step = take(&mut assembly, 2, 10);
        assert_eq!(
            step,
            Step::Continue { held: 50 },
            "what came before is still here"
        );
        assembly.lose(LinkId(2), &name, 1);
        assert_eq!(assembly.deadline(&limits), Some(NOW + limits.assembly_time));
        assembly.expire(NOW + limits.assembly_time, &limits);
        assert_eq!(assembly.progress(&name), None);
    }

    #[test]
    fn room_is_bounded_and_leftovers_go_first() {
        let limits = Limits {
            delta_bytes: 100,
            assembly_bytes: 150,
            ..Limits::default()
        };
        let mut assembly = Assembly::default();
        let take = |assembly: &mut Assembly, seed: u8, link: u64, count: usize| {
            let bytes = [seed; 100];
            assembly.take(
                &subject(&bytes),
                LinkId(link),
                (0, &bytes[..count]),
                NOW,
                &limits,
            )
        };
        assert_eq!(take(&mut assembly, 1, 1, 90), Step::Continue { held: 90 });
        assert_eq!(
            take(&mut assembly, 2, 1, 20),
            Step::Wait,
            "the link has its share"
        );
        assert_eq!(
            take(&mut assembly, 3, 2, 80),
            Step::Wait,
            "all links together have"
        );
        assert!(assembly.lose(LinkId(1), &subject(&[1; 100]).document, 1));
        assert_eq!(take(&mut assembly, 3, 2, 80), Step::Continue { held: 80 });
        assert_eq!(
            take(&mut assembly, 1, 3, 10),
            Step::Continue { held: 10 },
            "anew"
        );
    }

    #[test]
    fn bytes_that_are_not_what_was_announced_are_damaged() {
        let (mut assembly, limits) = (Assembly::default(), Limits::default());
        let wrong = Subject {
            hash: 1,
            ..subject(&[7; 10])
        };
        let step = assembly.take(&wrong, LinkId(1), (0, &[7; 10]), NOW, &limits);
        assert_eq!(step, Step::Damaged);
    }
}
