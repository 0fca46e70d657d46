//! What took how long, for whoever runs the relay: noted where it happens, sent by `otlp`.
//!
//! Where nobody asked for it, nothing is noted. Else a change does not cost a span: each kind has so many a
//! second, and beyond that only what took long. Never content or tokens; names of documents where logs have
//! them.

mod underway;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use driftwood_sync::LinkId;
use tokio::sync::Notify;

pub(crate) use self::underway::Underway;
use crate::clock::unix_nanos;
use crate::peers::random;

/// As many wait to be sent; what comes then is lost.
pub(crate) const SPANS_MAX: usize = 2048;

/// What takes this long is looked at by somebody.
const SLOW: Duration = Duration::from_millis(100);

/// As many of those are noted a second, of each kind.
const SLOW_MAX: u32 = 50;

/// What is noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// A connection, from its first to its last byte.
    Connection,
    /// A token that was looked at.
    Login,
    /// Changes that were stored together.
    Commit,
    /// The sync of the disk among that.
    Fsync,
    /// A document, or a piece of it, read for somebody who lacks it.
    Load,
    /// What has changed was asked of another relay.
    Gossip,
    /// All that is held was compared with another relay.
    Survey,
    /// A request that came.
    Request,
    /// A request to the webhook.
    Webhook,
}

/// How many there are.
const KINDS: usize = What::Webhook as usize + 1;

impl What {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Login => "login",
            Self::Commit => "commit",
            Self::Fsync => "fsync",
            Self::Load => "load",
            Self::Gossip => "gossip",
            Self::Survey => "survey",
            Self::Request => "request",
            Self::Webhook => "webhook",
        }
    }

    /// As many are noted in a second.
    fn per_second(self) -> u32 {
        match self {
            // There are two hundred a second where people type.
            Self::Commit => 1,
            // Only that of a commit that is noted.
            Self::Fsync => 1 + SLOW_MAX,
            _ => 20,
        }
    }
}

/// What is said of a span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    Number(u64),
    Is(bool),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<bool> for Value {
    fn from(is: bool) -> Self {
        Self::Is(is)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Self::Number(number as u64)
    }
}

/// What it is named, and what it is.
pub(crate) type Attribute = (&'static str, Value);

/// Which span, of which trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SpanId {
    pub(crate) trace: u128,
    pub(crate) span: u64,
}

/// What a span is part of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Within {
    /// Nothing: it begins a trace.
    Nothing,
    /// The connection, whose own span comes when it ends.
    Link(LinkId),
    /// Another one.
    Span(SpanId),
}

/// Something that took its time.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    pub(crate) what: What,
    pub(crate) id: SpanId,
    pub(crate) parent: Option<u64>,
    /// In nanoseconds since 1970.
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) failed: bool,
    pub(crate) attributes: Vec<Attribute>,
}

/// When something began, how long it took, and whether it went well.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Course {
    begun: Instant,
    lasted: Duration,
    failed: bool,
}

impl Course {
    /// It ends now, and went well.
    pub(crate) fn since(begun: Instant) -> Self {
        Self::of(begun, begun.elapsed())
    }

    pub(crate) fn of(begun: Instant, lasted: Duration) -> Self {
        Self {
            begun,
            lasted,
            failed: false,
        }
    }

    pub(crate) fn lasted(&self) -> Duration {
        self.lasted
    }

    pub(crate) fn failed(self, failed: bool) -> Self {
        Self { failed, ..self }
    }
}

/// Where spans are noted; clones are the same. The default notes nothing.
#[derive(Clone, Default)]
pub(crate) struct Traces(Option<Arc<Shared>>);

struct Shared {
    /// Another for each process.
    seed: u64,
    next: AtomicU64,
    begun: Instant,
    noted: Mutex<Noted>,
    news: Notify,
}

#[derive(Default)]
struct Noted {
    spans: VecDeque<Span>,
    /// What was noted of each kind in this second, slow ones and others.
    counts: [(u64, u32, u32); KINDS],
    lost: u64,
}

impl Noted {
    /// Whether there is room for one more this second.
    fn admits(&mut self, what: What, is_slow: bool, second: u64) -> bool {
        let (at, others, slow) = &mut self.counts[what as usize];
        if *at != second {
            (*at, *others, *slow) = (second, 0, 0);
        }
        let (count, max) = if is_slow {
            (slow, SLOW_MAX)
        } else {
            (others, what.per_second())
        };
        *count += 1;
        *count <= max
    }
}

impl Traces {
    /// Notes what happens.
    pub(crate) fn wanted() -> Self {
        Self(Some(Arc::new(Shared {
            seed: random(),
            next: AtomicU64::new(0),
            begun: Instant::now(),
            noted: Mutex::default(),
            news: Notify::new(),
        })))
    }

    pub(crate) fn are_wanted(&self) -> bool {
        self.0.is_some()
    }

    /// Notes one that has ended; none if there were enough of its kind.
    pub(crate) fn note<const N: usize>(
        &self,
        what: What,
        within: Within,
        course: Course,
        attributes: impl FnOnce() -> [Attribute; N],
    ) -> Option<SpanId> {
        let shared = self.0.as_ref()?;
        let second = shared.begun.elapsed().as_secs();
        let mut noted = shared.noted();
        if !noted.admits(what, course.lasted >= SLOW, second) {
            return None;
        }
        if noted.spans.len() >= SPANS_MAX {
            noted.lost += 1;
            return None;
        }
        let (id, parent) = shared.place(what, within);
        let start = unix_nanos().saturating_sub(nanos(course.begun.elapsed()));
        noted.spans.push_back(Span {
            what,
            id,
            parent,
            start,
            end: start + nanos(course.lasted),
            failed: course.failed,
            attributes: attributes().into(),
        });
        drop(noted);
        shared.news.notify_one();
        Some(id)
    }

    /// The oldest so many.
    pub(crate) fn take(&self, max: usize) -> Vec<Span> {
        let Some(shared) = &self.0 else {
            return Vec::new();
        };
        let mut noted = shared.noted();
        let count = noted.spans.len().min(max);
        noted.spans.drain(..count).collect()
    }

    /// These could not be sent either.
    pub(crate) fn lose(&self, count: usize) {
        if let Some(shared) = &self.0 {
            shared.noted().lost += count as u64;
        }
    }

    /// How many were lost since this was last asked.
    pub(crate) fn take_lost(&self) -> u64 {
        let shared = self.0.as_ref();
        shared.map_or(0, |shared| std::mem::take(&mut shared.noted().lost))
    }

    /// Waits until something is noted.
    pub(crate) async fn news(&self) {
        match &self.0 {
            Some(shared) => shared.news.notified().await,
            None => std::future::pending().await,
        }
    }
}

impl Shared {
    fn noted(&self) -> MutexGuard<'_, Noted> {
        // Nothing panics between two writes.
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The id of a span, and what it is part of. A connection's is known before it is noted.
    fn place(&self, what: What, within: Within) -> (SpanId, Option<u64>) {
        if let (What::Connection, Within::Link(link)) = (what, within) {
            return (self.of_link(link), None);
        }
        let span = self.draw(1, self.next.fetch_add(1, Ordering::Relaxed));
        let parent = match within {
            Within::Nothing => {
                let trace = self.trace(self.draw(2, span));
                return (SpanId { trace, span }, None);
            }
            Within::Link(link) => self.of_link(link),
            Within::Span(id) => id,
        };
        let trace = parent.trace;
        (SpanId { trace, span }, Some(parent.span))
    }

    fn of_link(&self, link: LinkId) -> SpanId {
        SpanId {
            trace: self.trace(self.draw(3, link.0)),
            span: self.draw(4, link.0),
        }
    }

    fn trace(&self, low: u64) -> u128 {
        u128::from(self.seed) << 64 | u128::from(low)
    }

    /// A number that is not 0, another for each place and number (`SplitMix64`).
    fn draw(&self, place: u64, number: u64) -> u64 {
        let seed = self.seed.wrapping_add(place << 60).wrapping_add(number);
        let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)).max(1)
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quick() -> Course {
        Course::of(Instant::now(), Duration::ZERO)
    }

    #[test]
    fn there_are_so_many_a_second_and_slow_ones_beside_them() {
        let mut noted = Noted::default();
        let mut count = |slow, second| {
            let tried = (0..1_000).filter(|_| noted.admits(What::Commit, slow, second));
            tried.count()
        };
        assert_eq!(count(false, 7), 1);
        assert_eq!(count(true, 7), SLOW_MAX as usize);
        assert_eq!(count(false, 8), 1);
    }

    #[test]
    fn what_nobody_takes_is_lost_beyond_a_bound() {
        let traces = Traces::wanted();
        let shared = traces.0.as_ref().expect("it is wanted");
        let mut noted = 0;
        while noted < SPANS_MAX {
            // As if a second had gone by.
            shared.noted().counts = Default::default();
            noted += usize::from(
                traces
                    .note(What::Load, Within::Nothing, quick(), || [])
                    .is_some(),
            );
        }
        shared.noted().counts = Default::default();
        assert_eq!(
            traces.note(What::Load, Within::Nothing, quick(), || []),
            None
        );
        assert_eq!((traces.take_lost(), traces.take_lost()), (1, 0));
        assert_eq!(traces.take(10).len(), 10);
        assert_eq!(traces.take(usize::MAX).len(), SPANS_MAX - 10);
    }

    #[test]
    fn what_a_connection_does_is_part_of_it() {
        let traces = Traces::wanted();
        let link = Within::Link(LinkId(3));
        let login = traces.note(What::Login, link, quick(), || []);
        let own = traces.note(What::Connection, link, quick(), || []);
        let other = traces.note(What::Connection, Within::Link(LinkId(4)), quick(), || []);
        let [login, own, other] = [login, own, other].map(|id| id.expect("there is room"));
        assert_eq!(login.trace, own.trace);
        assert_ne!(own.trace, other.trace);
        let parents: Vec<_> = traces.take(2).into_iter().map(|it| it.parent).collect();
        assert_eq!(parents, [Some(own.span), None]);
    }

    #[test]
    fn where_nobody_wants_it_nothing_is_noted() {
        let traces = Traces::default();
        let attributes = || -> [Attribute; 0] { panic!("nobody looks at these") };
        assert!(traces
            .note(What::Load, Within::Nothing, quick(), attributes)
            .is_none());
    }
}
