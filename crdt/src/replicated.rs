//! A store together with its version: a CRDT that can be used.

use crate::removal_log::{Record, RemovalLog};
use crate::{
    limits, Change, Delta, Dot, DotRun, DotSet, DotStore, Interval, MergeError, Minute, Removals,
};
use crate::{ReplicaId, Stamp, VersionVector};

/// One copy of a CRDT: a store of live dots and the version that it has reached.
///
/// [`Doc`](crate::Doc) is this around a tree of containers; the small CRDTs can be used alone just so:
///
/// ```
/// use driftwood_crdt::{OrSet, ReplicaId, Replicated};
///
/// let mut here: Replicated<OrSet<&str>> = Replicated::new(ReplicaId::new(1));
/// let mut there: Replicated<OrSet<&str>> = Replicated::new(ReplicaId::new(2));
/// let (_, added) = here.edit(0, |set, change| set.add("milk", change));
/// there.merge(&added)?;
/// assert!(there.store().has(&"milk"));
/// # Ok::<(), driftwood_crdt::MergeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Replicated<S> {
    replica: ReplicaId,
    version: VersionVector,
    store: S,
    removals: RemovalLog,
    /// The last stamp that this replica used.
    stamp: Stamp,
    /// The last own change of which a delta was made: the next one starts there.
    committed: u64,
    /// Room for what the next edit removes.
    room: Vec<Record>,
    /// What of others was seen here that no own delta implies yet: the next one names it.
    news: VersionVector,
    /// The part of it that was seen after the last own change, which does not imply it either.
    late: VersionVector,
}

/// More than one edit ever takes.
const SEQ_ROOM: u64 = 1 << 40;

/// Records of removals for which room is held.
const ROOM_MAX: usize = 64;

impl<S: DotStore> Replicated<S> {
    /// An empty copy whose changes are named after `replica`.
    pub fn new(replica: ReplicaId) -> Self {
        Self {
            replica,
            version: VersionVector::new(),
            store: S::default(),
            removals: RemovalLog::default(),
            stamp: Stamp::default(),
            committed: 0,
            room: Vec::new(),
            news: VersionVector::new(),
            late: VersionVector::new(),
        }
    }

    /// Whose name this copy's changes bear.
    pub fn replica(&self) -> ReplicaId {
        self.replica
    }

    /// Goes on under another name, when this one is no longer this copy's alone. Gives the delta of
    /// what was still to be sent under the old one.
    pub fn set_replica(&mut self, replica: ReplicaId) -> Delta<S::Items> {
        let rest = self.commit();
        self.replica = replica;
        self.stamp = Stamp::default();
        self.committed = self.version.get(replica);
        // Nothing is implied by a change before: the first one under a name says all it has seen.
        let others = self.version.iter().filter(|&(other, _)| other != replica);
        self.news = others.collect();
        rest
    }

    /// How far this copy has come.
    pub fn version(&self) -> &VersionVector {
        &self.version
    }

    /// What is in it.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// The store for what is no state: handles, caches.
    pub(crate) fn store_mut(&mut self) -> &mut S {
        &mut self.store
    }

    /// Edits the store and gives the result with the delta to send. `now_ms` is the wall clock in
    /// milliseconds since 1970; it only ranks concurrent writes.
    pub fn edit<R>(
        &mut self,
        now_ms: u64,
        edit: impl FnOnce(&mut S, &mut Change) -> R,
    ) -> (R, Delta<S::Items>) {
        let mut change = self.begin(now_ms);
        let result = edit(&mut self.store, &mut change);
        self.end(&mut change);
        (result, self.commit())
    }

    #[inline]
    pub(crate) fn begin(&mut self, now_ms: u64) -> Change {
        self.stamp = self.stamp.next(now_ms);
        let last = self.version.get(self.replica);
        let room = std::mem::take(&mut self.room);
        let mut change = Change::new(self.replica, last, self.stamp, room);
        if last == 0 || last > limits::SEQ_MAX - SEQ_ROOM {
            change.full = self.full(last);
        }
        change
    }

    /// Which limit leaves no room for more changes, and its value.
    fn full(&self, last: u64) -> Option<(&'static str, u64)> {
        if last > 0 {
            return Some(("changes of one replica", limits::SEQ_MAX));
        }
        let is_full = self.version.len() >= limits::REPLICAS_MAX;
        is_full.then_some(("replicas of one document", limits::REPLICAS_MAX as u64))
    }

    /// Closes a change that [`Self::begin`] gave.
    #[inline]
    pub(crate) fn end(&mut self, change: &mut Change) {
        if !self.late.is_empty() && change.last() > self.version.get(self.replica) {
            self.late = VersionVector::new();
        }
        self.version.advance(self.replica, change.last());
        let mut removed = change.take_removals();
        if !removed.is_empty() {
            self.log(&removed);
        }
        self.trim();
        if removed.capacity() <= ROOM_MAX {
            removed.clear();
            self.room = removed;
        }
    }

    fn log(&mut self, removed: &[Record]) {
        for record in removed {
            self.removals.push(*record);
        }
    }

    /// Forgets old removals, but for those that are still to be sent.
    fn trim(&mut self) {
        self.removals.trim(Dot::new(self.replica, self.committed));
    }

    /// The dots and those that they replaced, as far as is remembered.
    pub(crate) fn with_former(&self, runs: &[crate::DotRun]) -> DotSet {
        self.removals.with_former(runs)
    }

    /// The delta of all local changes since the last one.
    pub(crate) fn commit(&mut self) -> Delta<S::Items> {
        let own = self.replica;
        let (before, last) = (self.committed, self.version.get(own));
        if before == last {
            return Delta::empty();
        }
        // Of its own changes a delta follows on the one before. Of the others' it names what was
        // seen since then; the rest is implied, so that a keystroke need not carry a whole vector.
        let mut from = std::mem::replace(&mut self.news, self.late.clone());
        from.advance(own, before);
        let to: VersionVector = [(own, last)].into_iter().collect();
        self.committed = last;
        Delta {
            items: self.store.collect(Interval {
                from: &from,
                to: &to,
            }),
            from,
            to,
            removals: self.removals.between(own, before, last),
            complete: true,
        }
    }

    /// The changes of which [`Self::commit`] would make a delta, if there are any.
    pub(crate) fn to_commit(&self) -> Option<DotRun> {
        let len = self.version.get(self.replica) - self.committed;
        let start = Dot::new(self.replica, self.committed + 1);
        (len > 0).then_some(DotRun { start, len })
    }

    /// What that delta would name of others.
    pub(crate) fn news(&self) -> &VersionVector {
        &self.news
    }

    /// Whether there are changes of which no delta was made yet.
    pub(crate) fn has_uncommitted(&self) -> bool {
        self.version.get(self.replica) > self.committed
    }

    /// Notes that the delta of [`Self::to_commit`] was made.
    pub(crate) fn set_committed(&mut self) {
        self.committed = self.version.get(self.replica);
        if !self.news.is_empty() {
            self.news = self.late.clone();
        }
    }

    pub(crate) fn removals(&self) -> &RemovalLog {
        &self.removals
    }

    /// What was removed by the changes after `since`, while that is remembered.
    pub(crate) fn removals_since(&self, since: &VersionVector) -> Option<Removals> {
        self.removals.since(since, &self.version)
    }

    /// What a copy at `since` lacks of this one.
    ///
    /// O(replicas + result) while the removals since then are remembered; else the whole state, from
    /// which the other copy sees for itself what is gone.
    pub fn delta_since(&self, since: &VersionVector) -> Delta<S::Items> {
        let mut delta = self.head_since(since);
        if !delta.to.is_empty() {
            delta.items = self.store.collect(delta.interval());
        }
        delta
    }

    /// The same without the items.
    pub(crate) fn head_since(&self, since: &VersionVector) -> Delta<S::Items> {
        if since.includes(&self.version) {
            return Delta::empty();
        }
        // Who has nothing need not be told what went, so that is not looked for.
        let untold = since.is_empty() && !self.removals.is_empty();
        let removals = (!untold).then(|| self.removals.since(since, &self.version));
        let (from, removals) = match removals.flatten() {
            Some(removals) => {
                let held = self
                    .version
                    .iter()
                    .map(|(r, seq)| (r, seq.min(since.get(r))));
                (held.collect(), Some(removals))
            }
            None => (VersionVector::new(), None),
        };
        let to: VersionVector = self
            .version
            .iter()
            .filter(|&(replica, seq)| seq > from.get(replica))
            .collect();
        Delta {
            items: S::Items::default(),
            from,
            to,
            complete: removals.is_some(),
            removals: removals.unwrap_or_default(),
        }
    }

    /// Joins a delta into this copy: idempotent, commutative and associative, whole or not at all.
    ///
    /// # Errors
    /// [`MergeError::Gap`] when something before the delta is missing here; the others when it
    /// contradicts itself or what is here. The copy is then unchanged.
    pub fn merge(&mut self, delta: &Delta<S::Items>) -> Result<S::Effects, MergeError> {
        self.merge_noting(delta, S::Effects::default())
    }

    /// As [`Self::merge`], with what takes up the effects.
    pub(crate) fn merge_noting(
        &mut self,
        delta: &Delta<S::Items>,
        mut effects: S::Effects,
    ) -> Result<S::Effects, MergeError> {
        if let Some(plan) = self.prepare(delta, &mut effects)? {
            self.store
                .join(&delta.items, plan, &self.version, &mut effects);
            self.note_merged(delta);
        }
        Ok(effects)
    }

    /// As [`Self::merge_noting`], of a delta that nobody else needs.
    pub(crate) fn take_noting(
        &mut self,
        mut delta: Delta<S::Items>,
        mut effects: S::Effects,
    ) -> Result<S::Effects, MergeError> {
        if let Some(plan) = self.prepare(&delta, &mut effects)? {
            let stamp = S::max_stamp(&delta.items, Some(self.replica));
            let items = std::mem::take(&mut delta.items);
            self.store.take(items, plan, &self.version, &mut effects);
            self.note_seen(&delta, stamp);
        }
        Ok(effects)
    }

    /// Makes sure that a delta can be joined, and removes what it removes; `None` if nothing is new.
    fn prepare(
        &mut self,
        delta: &Delta<S::Items>,
        effects: &mut S::Effects,
    ) -> Result<Option<S::Plan>, MergeError> {
        if self.version.includes(&delta.to) {
            return Ok(None);
        }
        if !self.version.includes(&delta.from) {
            return Err(MergeError::Gap {
                have: self.version.clone(),
            });
        }
        let new = delta.to.iter().filter(|&(r, _)| self.version.get(r) == 0);
        if self.version.len() + new.count() > limits::REPLICAS_MAX {
            let max = limits::REPLICAS_MAX as u64;
            return Err(MergeError::Limit {
                what: "replicas of one document",
                max,
            });
        }
        let mut removed = DotSet::new();
        for run in delta.removals.values().flat_map(|removal| &removal.runs) {
            // A deletion of what is yet to be written would swallow it when it comes.
            let (replica, last) = (run.start.replica, run.start.seq + run.len - 1);
            if last > self.version.get(replica).max(delta.to.get(replica)) {
                return Err(MergeError::Gap {
                    have: self.version.clone(),
                });
            }
            removed.insert_run(*run);
        }
        let plan = self.store.check(&delta.items, &self.version)?;
        self.add_missing_from(delta, &mut removed);
        self.store.remove(&removed, effects);
        Ok(Some(plan))
    }

    /// Whether a delta is of the very next changes of one other replica, and of those alone.
    pub(crate) fn is_next(&self, delta: &Delta<S::Items>) -> bool {
        let mut to = delta.to.iter();
        let (Some((replica, _)), None) = (to.next(), to.next()) else {
            return false;
        };
        let seen = self.version.get(replica);
        replica != self.replica
            && (seen > 0 || self.version.len() < limits::REPLICAS_MAX)
            && delta.from.get(replica) == seen
            && self.version.includes(&delta.from)
    }

    /// Notes that the store has all of a delta.
    pub(crate) fn note_merged(&mut self, delta: &Delta<S::Items>) {
        self.note_seen(delta, S::max_stamp(&delta.items, Some(self.replica)));
    }

    /// The same, with the greatest stamp of this replica among what it brought.
    fn note_seen(&mut self, delta: &Delta<S::Items>, stamp: Option<Stamp>) {
        let own = self.replica;
        if self.committed == self.version.get(own) {
            self.committed = self.committed.max(delta.to.get(own));
        }
        // After a reload its stamps go on from its own last one. Those of others are never taken over.
        if let Some(stamp) = stamp {
            self.stamp = self.stamp.max(stamp);
        }
        for (replica, seq) in delta.to.iter().filter(|&(replica, _)| replica != own) {
            if seq > self.version.get(replica) {
                self.news.advance(replica, seq);
                self.late.advance(replica, seq);
            }
        }
        if delta.complete {
            self.removals.extend(&delta.removals, &self.version);
            self.trim();
        } else {
            self.removals.raise_floor(&delta.to);
        }
        self.version.merge(&delta.to);
    }

    /// As [`Self::note_merged`], of a delta of the very next changes of another replica that is known, up to
    /// `last`, which may have removed a run; no stamp of this copy is in it.
    pub(crate) fn note_next(&mut self, last: Dot, removed: Option<(Minute, DotRun)>) {
        let Dot { replica, seq } = last;
        self.news.advance(replica, seq);
        self.late.advance(replica, seq);
        if let Some((minute, run)) = removed {
            self.removals.push(Record::new(last, minute, run));
            self.trim();
        }
        self.version.advance(replica, seq);
    }

    /// Adds the live dots that the delta speaks of and does not have: they were removed there.
    fn add_missing_from(&self, delta: &Delta<S::Items>, removed: &mut DotSet) {
        let overlap: VersionVector = delta
            .to
            .iter()
            .map(|(r, seq)| (r, seq.min(self.version.get(r))))
            .collect();
        let overlap = Interval {
            from: &delta.from,
            to: &overlap,
        };
        if overlap.spans().next().is_none() {
            return;
        }
        let alive_there = S::dots_of(&delta.items);
        for dot in self.store.live_in(overlap).dots() {
            if !alive_there.contains(dot) {
                removed.insert(dot);
            }
        }
    }
}
