//! The removals of the near past, so that a copy that is a little behind can be told of them.

use std::collections::VecDeque;

use crate::id::{Agent, Agents, Id};
use crate::sorted::{Place, Sorted};
use crate::{Dot, DotRun, DotSet, Minute, Removal, Removals, ReplicaId, VersionVector};

/// A change and one run that it removed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    by: Dot,
    run: DotRun,
    minute: Minute,
}

impl Record {
    pub(crate) fn new(by: Dot, minute: Minute, run: DotRun) -> Self {
        Self { by, run, minute }
    }

    pub(crate) fn by(&self) -> Dot {
        self.by
    }

    pub(crate) fn run(&self) -> DotRun {
        self.run
    }
}

/// How what is in an entry lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    /// One change removed a run.
    Run,
    /// Each of the changes removed the dot after that of the one before.
    Up,
    /// Each removed the dot before.
    Down,
}

/// A record; or those of changes in a row that each removed one dot, these in a row too: what is typed away, counted on,
/// or set again and again in turn. In 32 bytes, as there are many.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The seq of the first change.
    by: u64,
    /// The seq of the first dot that it removed.
    start: u64,
    /// How many dots it removed, or how many changes there are, above two bits of way.
    many: u64,
    minute: Minute,
    /// Whose dots they are.
    whose: Agent,
}

impl Entry {
    fn new(record: &Record, whose: Agent) -> Self {
        let Record { by, run, minute } = *record;
        Self {
            by: by.seq,
            start: run.start.seq,
            many: run.len << 2 | Way::Run as u64,
            minute,
            whose,
        }
    }

    fn way(&self) -> Way {
        match self.many & 3 {
            0 => Way::Run,
            1 => Way::Up,
            _ => Way::Down,
        }
    }

    /// How many changes there are.
    fn count(&self) -> u64 {
        match self.way() {
            Way::Run => 1,
            Way::Up | Way::Down => self.many >> 2,
        }
    }

    /// The seq of the last change.
    fn last(&self) -> u64 {
        self.by + self.count() - 1
    }

    /// The seqs that the change after `i` others removed, the first and how many.
    fn nth(&self, i: u64) -> (u64, u64) {
        match self.way() {
            Way::Run => (self.start, self.many >> 2),
            Way::Up => (self.start + i, 1),
            Way::Down => (self.start - i, 1),
        }
    }

    /// Takes in that of the next change, if it goes on as this one.
    #[inline]
    fn extend(&mut self, next: &Self) -> bool {
        const ONE: u64 = 1 << 2 | Way::Run as u64;
        let count = self.count();
        if next.many != ONE
            || (self.minute, self.whose) != (next.minute, next.whose)
            || self.by + count != next.by
            || count >= COUNT_MAX
        {
            return false;
        }
        let (up, down) = (self.start + count, self.start.checked_sub(count));
        let way = match self.way() {
            Way::Run if self.many != ONE => return false,
            Way::Run | Way::Up if next.start == up => Way::Up,
            Way::Run | Way::Down if Some(next.start) == down => Way::Down,
            _ => return false,
        };
        self.many = (count + 1) << 2 | way as u64;
        true
    }
}

/// It is a cache, no part of the state: its oldest records are dropped when it grows, and whoever is
/// further behind gets the whole state, from which it sees what is gone.
#[derive(Clone, Debug, Default)]
pub(crate) struct RemovalLog {
    /// Who changed something, or is the author of what was removed.
    names: Agents,
    /// Of each the entries of its changes, in their order.
    entries: Vec<Sorted<Entry>>,
    /// How many entries there are.
    len: usize,
    /// The order in which they came, oldest first: of whom, and how many in a row. Those of one replica come in
    /// their order.
    order: VecDeque<(Agent, usize)>,
    /// Up to here, records may be missing.
    floor: VersionVector,
    /// The change whose record was to be dropped next, and had to be kept.
    kept: Option<Dot>,
    /// Where the last entry was put: it is asked for most, and mostly goes on.
    last: Option<(Agent, Place)>,
}

/// Records that are kept at most.
const RECORDS_MAX: usize = 4_096;

/// How many fewer are kept when there were too many.
const DROPPED: usize = 64;

/// Changes of one record: what is old goes by records, and should not take the new with it.
const COUNT_MAX: u64 = 256;

/// Former dots that an erasure names at most: it stays in the state.
const FORMER_MAX: usize = 1_024;

impl RemovalLog {
    /// Whether nothing that was removed is remembered.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The number of a replica, which the document knows: there is room for all of them.
    #[inline]
    fn number(&mut self, replica: ReplicaId) -> Agent {
        let known = self.names.find(replica);
        known.unwrap_or_else(|| self.names.add(replica))
    }

    /// Adds a record of a change that comes after all others of its replica.
    pub(crate) fn push(&mut self, record: Record) {
        let whose = self.number(record.run.start.replica);
        let agent = self.number(record.by.replica);
        let entry = Entry::new(&record, whose);
        let last = self.last.filter(|&(last, _)| last == agent);
        if last.is_some_and(|(_, place)| self.goes_on(agent, place, &entry)) {
            return;
        }
        let count = usize::from(agent) + 1;
        if self.entries.len() < count {
            if self.entries.is_empty() {
                // Most documents are of one.
                self.entries.reserve_exact(count);
            }
            self.entries.resize_with(count, Sorted::default);
        }
        let entries = &mut self.entries[usize::from(agent)];
        let place = entries.seek(|other| other.by <= entry.by);
        let before = place.before();
        if before.is_some_and(|before| self.goes_on(agent, before, &entry)) {
            self.last = before.map(|before| (agent, before));
            return;
        }
        let place = self.entries[usize::from(agent)].insert(place, entry);
        self.last = Some((agent, place));
        self.len += 1;
        match self.order.back_mut() {
            Some((same, count)) if *same == agent => *count += 1,
            _ => self.order.push_back((agent, 1)),
        }
    }

    /// Makes an entry longer, if the next one goes on as it.
    #[inline]
    fn goes_on(&mut self, agent: Agent, place: Place, next: &Entry) -> bool {
        let entry = self.entries[usize::from(agent)].get_mut(place);
        entry.is_some_and(|entry| entry.extend(next))
    }

    /// Adds the records of changes that are not in `seen`; the others came before, or never will.
    pub(crate) fn extend(&mut self, removals: &Removals, seen: &VersionVector) {
        for (&by, removal) in removals.iter().filter(|(&by, _)| !seen.contains(by)) {
            for &run in &removal.runs {
                self.push(Record::new(by, removal.minute, run));
            }
        }
    }

    /// Drops the oldest records where there are too many, but none after `kept` of its replica.
    #[inline]
    pub(crate) fn trim(&mut self, kept: Dot) {
        let is_kept = |last: Dot| last.replica == kept.replica && last.seq > kept.seq;
        if self.len > RECORDS_MAX && !self.kept.is_some_and(is_kept) {
            self.drop_oldest(is_kept);
        }
    }

    /// Drops some at once: those that lie together cost no more than one.
    fn drop_oldest(&mut self, is_kept: impl Fn(Dot) -> bool) {
        (self.kept, self.last) = (None, None);
        while let Some((agent, count)) = self.order.front_mut() {
            let (floor, kept) = (&mut self.floor, &mut self.kept);
            let replica = self.names.replica(*agent);
            let mut left = self.len.saturating_sub(RECORDS_MAX - DROPPED).min(*count);
            let entries = &mut self.entries[usize::from(*agent)];
            let dropped = entries.remove_while(Place::default(), |entry| {
                let last = Dot::new(replica, entry.last());
                if left == 0 {
                    return false;
                }
                if is_kept(last) {
                    *kept = Some(last);
                    return false;
                }
                left -= 1;
                floor.advance(last.replica, last.seq);
                true
            });
            self.len -= dropped;
            *count -= dropped;
            if *count == 0 {
                self.order.pop_front();
            }
            if dropped == 0 || self.kept.is_some() {
                return;
            }
        }
    }

    /// Notes that what was removed up to `version` was not said.
    pub(crate) fn raise_floor(&mut self, version: &VersionVector) {
        self.floor.merge(version);
    }

    /// The entries of a replica.
    fn entries_of(&self, replica: ReplicaId) -> Option<&Sorted<Entry>> {
        self.entries.get(usize::from(self.names.find(replica)?))
    }

    /// Calls back with what the changes of a run removed, as far as is remembered, and with the minute of each, until that
    /// says no.
    fn each_of(&self, changes: DotRun, each: &mut dyn FnMut(Dot, Minute, DotRun) -> bool) {
        let Some(entries) = self.entries_of(changes.start.replica) else {
            return;
        };
        let from = entries.seek(|entry| entry.last() < changes.start.seq);
        for entry in entries.iter_from(from) {
            // What one change removed may be in several.
            if entry.by >= changes.end() {
                return;
            }
            let end = changes.end().min(entry.last() + 1);
            for seq in changes.start.seq.max(entry.by)..end {
                let by = Dot::new(changes.start.replica, seq);
                if !each(by, entry.minute, self.removed_by(entry, seq)) {
                    return;
                }
            }
        }
    }

    /// What one change of an entry removed.
    fn removed_by(&self, entry: &Entry, by: u64) -> DotRun {
        let (seq, len) = entry.nth(by - entry.by);
        let agent = entry.whose;
        let start = self.names.dot(Id { agent, seq });
        DotRun { start, len }
    }

    /// Of what the changes of a run removed, the first two runs.
    pub(crate) fn first_of(&self, changes: DotRun) -> [Option<(Dot, Minute, DotRun)>; 2] {
        if let Some((entries, place, last)) = self.last_of(changes.start.replica) {
            if last.last() < changes.start.seq {
                return [None; 2];
            }
            // What a change removes besides has an entry of its own, right before.
            let before = || entries.get(place.before()?);
            let is_its = changes.len == 1 && last.last() == changes.start.seq;
            let is_alone = || before().is_some_and(|before| before.last() < changes.start.seq);
            if is_its && (last.count() > 1 || is_alone()) {
                let run = self.removed_by(&last, changes.start.seq);
                return [Some((changes.start, last.minute, run)), None];
            }
        }
        let mut first = [None; 2];
        self.each_of(changes, &mut |by, minute, run| {
            let next = usize::from(first[0].is_some());
            first[next] = Some((by, minute, run));
            next == 0
        });
        first
    }

    /// The entry that was put last, and where, if it is of this replica; none of that comes after it.
    fn last_of(&self, replica: ReplicaId) -> Option<(&Sorted<Entry>, Place, Entry)> {
        let (agent, place) = self.last?;
        let entries = &self.entries[usize::from(agent)];
        let is_its = self.names.replica(agent) == replica;
        Some((entries, place, *entries.get(place).filter(|_| is_its)?))
    }

    /// What the changes of a replica after the `after`-th up to the `last`-th removed.
    pub(crate) fn between(&self, replica: ReplicaId, after: u64, last: u64) -> Removals {
        let mut removals = Removals::new();
        self.add_between(replica, after, last, &mut removals);
        removals
    }

    fn add_between(&self, replica: ReplicaId, after: u64, last: u64, removals: &mut Removals) {
        let start = Dot::new(replica, after + 1);
        let len = last.saturating_sub(after);
        self.each_of(DotRun { start, len }, &mut |by, minute, run| {
            let runs = Vec::new();
            let removal = removals.entry(by);
            removal.or_insert(Removal { minute, runs }).runs.push(run);
            true
        });
    }

    /// The dots and those that they replaced, and so on: former values of a key say, as far as is
    /// remembered.
    pub(crate) fn with_former(&self, runs: &[DotRun]) -> DotSet {
        let mut all: DotSet = runs.iter().copied().collect();
        let mut open = runs.to_vec();
        let mut found = 0;
        while let Some(run) = open.pop().filter(|_| found < FORMER_MAX) {
            self.each_of(run, &mut |_, _, former| {
                found += 1;
                open.push(former);
                all.insert_run(former);
                true
            });
        }
        all
    }

    /// All that was removed by the changes after `since`, or `None` where the log does not reach
    /// back so far; O(replicas + result).
    pub(crate) fn since(&self, since: &VersionVector, now: &VersionVector) -> Option<Removals> {
        if !since.includes(&self.floor) {
            return None;
        }
        let mut removals = Removals::new();
        for (replica, last) in now.iter() {
            self.add_between(replica, since.get(replica), last, &mut removals);
        }
        Some(removals)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn dot(replica: u64, seq: u64) -> Dot {
        Dot::new(ReplicaId::new(replica), seq)
    }

    proptest! {
        /// Each step is (replica, changes that remove nothing first, what it removes and whether on and on).
        #[test]
        fn says_what_it_was_told(
            steps in prop::collection::vec((0..2u64, 0..3u64, 1..40u64, 1..3u64, 0..3u64, 1..9u64, 0..2u32), 0..40),
            looks in prop::collection::vec((0..200u64, 0..200u64), 8),
        ) {
            let (mut log, mut model) = (RemovalLog::default(), Removals::new());
            let mut version = VersionVector::new();
            for (replica, skip, seq, len, way, times, minute) in steps {
                let mut last = version.get(ReplicaId::new(replica)) + skip;
                let minute = Minute::new(minute);
                for i in 0..times {
                    last += 1;
                    let seq = match way {
                        0 => seq + i,
                        1 => (seq + 8) - i,
                        _ => seq,
                    };
                    let runs = [DotRun { start: dot(1 - replica, seq), len }, DotRun { start: dot(replica, seq), len: 1 }];
                    let runs = runs[usize::from(len == 1)..].to_vec();
                    let one = Removals::from([(dot(replica, last), Removal { minute, runs })]);
                    log.extend(&one, &version);
                    log.extend(&one, &VersionVector::from_iter([(ReplicaId::new(replica), last)]));
                    model.extend(one);
                }
                version.advance(ReplicaId::new(replica), last);
            }
            prop_assert_eq!(log.since(&VersionVector::new(), &version), Some(model.clone()));
            for (after, last) in looks {
                let replica = ReplicaId::new(after % 2);
                let mut part = model.clone();
                part.retain(|by, _| by.replica == replica && by.seq > after && by.seq <= last);
                prop_assert_eq!(log.between(replica, after, last), part);
            }
        }
    }

    #[test]
    fn forgets_the_oldest_but_what_is_kept() {
        let mut log = RemovalLog::default();
        let all = 2 * RECORDS_MAX as u64;
        for seq in 1..=all {
            // Every other dot, so that each is a record of its own.
            let run = DotRun {
                start: dot(2, 2 * seq),
                len: 1,
            };
            log.push(Record::new(dot(1, seq), Minute::default(), run));
            log.trim(dot(1, 10));
        }
        let now = VersionVector::from_iter([(ReplicaId::new(1), all)]);
        let since = |seq| log.since(&VersionVector::from_iter([(ReplicaId::new(1), seq)]), &now);
        assert_eq!(since(9), None);
        assert_eq!(
            since(10).map(|removals| removals.len() as u64),
            Some(all - 10)
        );
        log.trim(dot(1, all));
        let kept = (RECORDS_MAX - DROPPED) as u64;
        let since = |seq| log.since(&VersionVector::from_iter([(ReplicaId::new(1), seq)]), &now);
        assert_eq!(since(all - kept - 1), None);
        let left = since(all - kept).map(|removals| removals.len() as u64);
        assert_eq!(left, Some(kept));
    }

    /// The oldest go first, whoever they are of.
    #[test]
    fn forgets_in_the_order_in_which_it_heard() {
        let mut log = RemovalLog::default();
        let mut heard = Vec::new();
        let mut now = VersionVector::new();
        for i in 0..2 * RECORDS_MAX as u64 {
            // A few of one, then a few of another.
            let replica = 1 + i / 5 % 3;
            let by = dot(replica, now.get(ReplicaId::new(replica)) + 1);
            now.advance(by.replica, by.seq);
            let run = DotRun {
                start: dot(9, 2 * i + 1),
                len: 1 + i % 2,
            };
            log.push(Record::new(by, Minute::default(), run));
            log.trim(dot(9, 0));
            heard.push((by, run));
        }
        let kept = log.len;
        assert!((RECORDS_MAX - DROPPED..=RECORDS_MAX).contains(&kept));
        let (forgotten, left) = heard.split_at(heard.len() - kept);
        let floor: VersionVector = forgotten
            .iter()
            .map(|(by, _)| (by.replica, by.seq))
            .collect();
        let since = log.since(&floor, &now).expect("all since then is there");
        let said: Vec<_> = since
            .iter()
            .map(|(&by, removal)| (by, removal.runs[0]))
            .collect();
        let mut left = left.to_vec();
        left.sort_unstable_by_key(|&(by, _)| by);
        assert_eq!(said, left);
        for (forgotten, _) in floor.iter() {
            let one_less = floor
                .iter()
                .map(|(replica, seq)| (replica, seq - u64::from(replica == forgotten)));
            let before = one_less.collect();
            assert_eq!(log.since(&before, &now), None, "one more is forgotten");
        }
    }
}
