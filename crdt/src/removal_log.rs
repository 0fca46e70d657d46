//! The removals of the near past, so that a copy that is a little behind can be told of them.

use crate::plain::plain;
use std::collections::VecDeque;

use crate::sorted::{Place, Sorted};
use crate::{Dot, DotRun, DotSet, Minute, Removal, Removals, ReplicaId, VersionVector};

/// How what is in a record lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    /// One change removed a run.
    Run,
    /// Each of the changes removed the dot after that of the one before.
    Up,
    /// Each removed the dot before.
    Down,
}

/// A change and one run that it removed; or changes in a row that each removed one dot, these in a row
/// too: what is typed away, counted on, or set again and again in turn. In 48 bytes, as there are many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    /// The first change.
    by: Dot,
    /// The first dot that it removed.
    start: Dot,
    /// How many dots it removed, or how many changes there are, above two bits of way.
    many: u64,
    minute: Minute,
}

impl Record {
    pub(crate) fn new(by: Dot, minute: Minute, run: DotRun) -> Self {
        Self {
            by,
            start: run.start,
            many: run.len << 2 | Way::Run as u64,
            minute,
        }
    }

    pub(crate) fn by(&self) -> Dot {
        self.by
    }

    /// What the first change removed.
    pub(crate) fn run(&self) -> DotRun {
        let len = match self.way() {
            Way::Run => self.many >> 2,
            Way::Up | Way::Down => 1,
        };
        let start = self.start;
        DotRun { start, len }
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

    fn last(&self) -> Dot {
        self.by.plus(self.count() - 1)
    }

    /// The dot that the change after `i` others removed, if they go this way.
    fn nth(&self, i: u64, way: Way) -> Option<Dot> {
        let Dot { replica, seq } = self.start;
        let seq = match way {
            Way::Run => return None,
            Way::Up => seq.checked_add(i),
            Way::Down => seq.checked_sub(i),
        };
        Some(Dot::new(replica, seq?))
    }

    /// Takes in the record of the next change, if it goes on as this one.
    #[inline]
    fn extend(&mut self, next: &Record) -> bool {
        const ONE: u64 = 1 << 2 | Way::Run as u64;
        let count = self.count();
        if next.many != ONE
            || self.minute != next.minute
            || self.by.plus(count) != next.by
            || count >= COUNT_MAX
        {
            return false;
        }
        let goes = |way| self.nth(count, way) == Some(next.start);
        let way = match self.way() {
            Way::Run if self.many != ONE => return false,
            Way::Run if goes(Way::Up) => Way::Up,
            Way::Run => Way::Down,
            way => way,
        };
        if goes(way) {
            self.many = (count + 1) << 2 | way as u64;
            return true;
        }
        false
    }

    /// Those of its changes that are among these of their replica, with what each removed.
    fn each_in(self, changes: DotRun) -> impl Iterator<Item = (Dot, DotRun)> {
        let first = changes.start.seq.saturating_sub(self.by.seq);
        let end = (changes.end() - self.by.seq).min(self.count());
        plain((first..end).map(move |i| {
            let run = self.run();
            let start = self.nth(i, self.way()).unwrap_or(run.start);
            (self.by.plus(i), DotRun { start, ..run })
        }))
    }
}

/// It is a cache, no part of the state: its oldest records are dropped when it grows, and whoever is
/// further behind gets the whole state, from which it sees what is gone.
#[derive(Clone, Debug, Default)]
pub(crate) struct RemovalLog {
    /// In the order of their changes.
    records: Sorted<Record>,
    /// The order in which the records came, oldest first: of whom, and how many in a row. Those of one replica come in
    /// their order.
    order: VecDeque<(ReplicaId, usize)>,
    /// Up to here, records may be missing.
    floor: VersionVector,
    /// The change whose record was to be dropped next, and had to be kept.
    kept: Option<Dot>,
    /// Where the last record was put: it is asked for most, and mostly goes on.
    last: Option<Place>,
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
        self.records.is_empty()
    }

    /// Adds a record of a change that comes after all others of its replica.
    pub(crate) fn push(&mut self, record: Record) {
        if self.last.is_some_and(|last| self.goes_on(last, &record)) {
            return;
        }
        let place = self.records.seek(|other| other.by <= record.by);
        self.last = place.before();
        if !self.last.is_some_and(|last| self.goes_on(last, &record)) {
            self.last = Some(self.records.insert(place, record));
            match self.order.back_mut() {
                Some((replica, count)) if *replica == record.by.replica => *count += 1,
                _ => self.order.push_back((record.by.replica, 1)),
            }
        }
    }

    /// Makes a record longer, if the next one goes on as it.
    fn goes_on(&mut self, place: Place, next: &Record) -> bool {
        let record = self.records.get_mut(place);
        record.is_some_and(|record| record.extend(next))
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
        if self.records.len() > RECORDS_MAX && !self.kept.is_some_and(is_kept) {
            self.drop_oldest(is_kept);
        }
    }

    /// Drops some at once: those that lie together cost no more than one.
    fn drop_oldest(&mut self, is_kept: impl Fn(Dot) -> bool) {
        (self.kept, self.last) = (None, None);
        while let Some((replica, count)) = self.order.front_mut() {
            let (floor, kept) = (&mut self.floor, &mut self.kept);
            let place = self.records.seek(|record| record.by.replica < *replica);
            let too_many = self.records.len().saturating_sub(RECORDS_MAX - DROPPED);
            let mut left = too_many.min(*count);
            let dropped = self.records.remove_while(place, |record| {
                let last = record.last();
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

    /// What the changes of a run removed, as far as is remembered, with the minute of each.
    fn of(&self, changes: DotRun) -> impl Iterator<Item = (Dot, Minute, DotRun)> + '_ {
        let DotRun { start, len } = changes;
        let end = start.plus(len);
        // The last changes of records are in order as their first ones are.
        let from = self.records.seek(|record| record.last() < start);
        let records = self.records.iter_from(from);
        let records = records.take_while(move |record| record.by < end);
        plain(records.flat_map(move |record| {
            let each = record.each_in(changes);
            each.map(|(by, run)| (by, record.minute, run))
        }))
    }

    /// The record that was put last, if that is all that this change removed, of which there is one.
    fn last_of(&self, change: DotRun) -> Option<&Record> {
        let place = self.last?;
        let is_its = |record: &&Record| change.len == 1 && record.last() == change.start;
        let last = self.records.get(place).filter(is_its)?;
        // What a change removes besides has a record of its own, right before.
        let before = || self.records.get(place.before()?);
        let is_all = last.count() > 1 || before().is_some_and(|before| !is_its(&before));
        is_all.then_some(last)
    }

    /// Of what the changes of a run removed, the first two runs.
    pub(crate) fn first_of(&self, changes: DotRun) -> [Option<(Dot, Minute, DotRun)>; 2] {
        if let Some(record) = self.last_of(changes) {
            let mut each = record.each_in(changes);
            let first = each.next().map(|(by, run)| (by, record.minute, run));
            return [first, None];
        }
        let from = self.records.seek(|record| record.last() < changes.start);
        let next = self.records.get(from);
        let end = changes.start.plus(changes.len);
        if next.is_none_or(|record| record.by >= end) {
            return [None; 2];
        }
        let mut all = self.of(changes);
        [all.next(), all.next()]
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
        for (by, minute, run) in self.of(DotRun { start, len }) {
            let runs = Vec::new();
            let removal = removals.entry(by);
            removal.or_insert(Removal { minute, runs }).runs.push(run);
        }
    }

    /// The dots and those that they replaced, and so on: former values of a key say, as far as is
    /// remembered.
    pub(crate) fn with_former(&self, runs: &[DotRun]) -> DotSet {
        let mut all: DotSet = runs.iter().copied().collect();
        let mut open = runs.to_vec();
        let mut found = 0;
        while let Some(run) = open.pop().filter(|_| found < FORMER_MAX) {
            for (_, _, former) in self.of(run) {
                found += 1;
                open.push(former);
                all.insert_run(former);
            }
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
        let kept = log.records.len();
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
