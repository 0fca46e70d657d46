//! Group commit: everything that arrived while the disk was syncing is appended together and synced
//! once.
//!
//! Four threads, for the store blocks: one appends and syncs, one reads, one makes checkpoints, one gets
//! rid of what was purged. An
//! answer comes only after the sync that makes it true; so what was read waits for the group that may
//! be part of it. Else a power cut could leave with readers what the relay itself has lost.

mod recent;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{mpsc as blocking, Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use driftwood_crdt::{Doc, Dot, ReplicaId, VersionVector};
use driftwood_sync::{DocumentName, ErrorCode, LinkId, Mark, MarkId};
use tokio::sync::mpsc;

use self::recent::Recent;
use crate::metrics::Metrics;
use crate::store::{Store, StoreError};
use crate::traces::{Course, What, Within};

/// As many deltas are appended before a sync at most.
const GROUP_MAX: usize = 4096;

/// A sync begins no sooner than this after the one before: what comes meanwhile shares it. What comes
/// after a rest does not wait.
const SYNC_PERIOD: Duration = Duration::from_millis(5);

/// As much is read for one load; the node asks again for what follows, when the link can take it.
const LOAD_BYTES: usize = 128 << 10;

/// A purge that found no room is tried again after this.
const SCRUB_AGAIN: Duration = Duration::from_secs(10);

/// As much is read before one wait for the sync; what is asked for meanwhile shares the next.
const LOADS_BYTES: usize = 4 << 20;

/// What the store is asked to do. Done in this order.
pub(crate) enum Task {
    /// Keep a delta.
    Append {
        document: DocumentName,
        delta: Arc<[u8]>,
        from: VersionVector,
        to: VersionVector,
        taken: Instant,
    },
    /// Remember whose a replica id is.
    Bind {
        document: DocumentName,
        replica: ReplicaId,
        principal: Arc<str>,
    },
    /// Remember what became of a document that was purged.
    Mark { mark: Mark },
    /// Delete these, so that nothing is left.
    Purge { ids: Vec<MarkId> },
    /// Read what a link lacks.
    Load {
        link: LinkId,
        document: DocumentName,
        since: VersionVector,
        /// See [`driftwood_sync::Output::Load`].
        anchors: Vec<Dot>,
    },
}

/// What the store has done.
pub(crate) enum Done {
    /// These versions are on disk. `bytes` of deltas, refused ones included, are off the queue. What
    /// was kept came at these moments.
    Flushed {
        versions: Vec<(DocumentName, VersionVector)>,
        bytes: usize,
        taken: Vec<Instant>,
    },
    /// A delta could not be kept.
    Failed {
        document: DocumentName,
        code: ErrorCode,
    },
    /// A document is damaged, and is begun anew.
    Lost { document: DocumentName },
    /// The answer to [`Task::Load`].
    Loaded {
        link: LinkId,
        document: DocumentName,
        deltas: Vec<Arc<[u8]>>,
    },
    /// Nothing is left of these, and all loads that were asked for before were answered.
    Purged { ids: Vec<MarkId> },
    /// The store cannot go on. Nothing more is acknowledged.
    Broken(StoreError),
}

type Body = Box<dyn FnOnce(&dyn Store, &Results) + Send>;

type Results = mpsc::UnboundedSender<Done>;

/// The threads around a store.
pub(crate) struct Committer {
    tasks: Option<blocking::Sender<Task>>,
    threads: Vec<JoinHandle<()>>,
    stopping: Arc<AtomicBool>,
}

impl Committer {
    /// Starts the threads. What they have done comes out of the receiver, which ends with them.
    pub(crate) fn start(
        store: &Arc<dyn Store>,
        metrics: &Arc<Metrics>,
    ) -> std::io::Result<(Self, mpsc::UnboundedReceiver<Done>)> {
        let (done, results) = mpsc::unbounded_channel();
        let (tasks, to_append) = blocking::channel();
        let (loads, to_load) = blocking::channel();
        let (wake, woken) = blocking::sync_channel(1);
        let (scrubs, to_scrub) = blocking::channel();
        let stopping = Arc::new(AtomicBool::new(false));
        let groups = Arc::new(Groups::default());
        let recent = Arc::new(Recent::default());
        let mut threads = Vec::new();
        let mut spawn = |name: &str, body: Body| {
            let (store, done) = (Arc::clone(store), done.clone());
            let body = move || {
                // The engine asserts what it finds in its files.
                let ended = catch_unwind(AssertUnwindSafe(|| body(&*store, &done)));
                if ended.is_err() {
                    let reason = "the storage engine panicked".to_owned();
                    let _ = done.send(Done::Broken(StoreError::Engine(reason)));
                }
            };
            threads.push(thread::Builder::new().name(name.into()).spawn(body)?);
            Ok::<(), std::io::Error>(())
        };
        let metrics = Arc::clone(metrics);
        let (synced, known) = (Arc::clone(&groups), Arc::clone(&recent));
        spawn(
            "store-append",
            Box::new(move |store, done| {
                // However this ends, nobody waits for it any longer.
                let groups = Ending(&groups);
                append(
                    (store, &recent),
                    &to_append,
                    &loads,
                    &wake,
                    (done, &metrics, groups.0),
                );
            }),
        )?;
        spawn(
            "store-load",
            Box::new(move |store, done| load((store, &known), &to_load, &synced, &scrubs, done)),
        )?;
        spawn(
            "store-purge",
            Box::new(move |store, done| scrub(store, &to_scrub, done)),
        )?;
        let stop = Arc::clone(&stopping);
        spawn(
            "store-checkpoint",
            Box::new(move |store, _| checkpoint(store, &woken, &stop)),
        )?;
        Ok((
            Self {
                tasks: Some(tasks),
                threads,
                stopping,
            },
            results,
        ))
    }

    /// Queues a task.
    pub(crate) fn ask(&self, task: Task) {
        if let Some(tasks) = &self.tasks {
            // Fails only when the store is broken, which has been said.
            let _ = tasks.send(task);
        }
    }

    /// No further tasks: what is queued is done, then the results end.
    pub(crate) fn finish(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.tasks = None;
    }

    /// Waits for the threads, so that the store is let go of. Blocks.
    pub(crate) fn join(mut self) {
        self.finish();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the store panicked");
            }
        }
    }
}

/// Which groups are on disk.
#[derive(Default)]
struct Groups {
    counts: Mutex<Counts>,
    moved: Condvar,
}

#[derive(Default)]
struct Counts {
    begun: u64,
    synced: u64,
    ended: bool,
}

impl Groups {
    fn change(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner));
        self.moved.notify_all();
    }

    /// Waits until all that could be read before the call is on disk; `false` if it will never be.
    fn wait(&self) -> bool {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = counts.begun;
        while counts.synced < begun && !counts.ended {
            counts = (self.moved.wait(counts)).unwrap_or_else(PoisonError::into_inner);
        }
        counts.synced >= begun
    }
}

struct Ending<'a>(&'a Groups);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.change(|counts| counts.ended = true);
    }
}

fn append(
    (store, recent): (&dyn Store, &Recent),
    tasks: &blocking::Receiver<Task>,
    loads: &blocking::Sender<Task>,
    wake: &blocking::SyncSender<()>,
    (done, metrics, groups): (&Results, &Metrics, &Groups),
) {
    let mut last_sync: Option<Instant> = None;
    while let Ok(first) = tasks.recv() {
        let early = last_sync.and_then(|at| SYNC_PERIOD.checked_sub(at.elapsed()));
        if let (Some(wait), Task::Append { .. }) = (early, &first) {
            thread::sleep(wait);
        }
        groups.change(|counts| counts.begun += 1);
        let started = Instant::now();
        let mut versions: BTreeMap<DocumentName, VersionVector> = BTreeMap::new();
        let mut reads = Vec::new();
        let mut bytes = 0;
        let mut moments = Vec::new();
        let mut marked = false;
        for task in std::iter::once(first).chain(tasks.try_iter().take(GROUP_MAX - 1)) {
            let (document, kept) = match task {
                Task::Append {
                    document,
                    delta,
                    from,
                    to,
                    taken,
                } => {
                    bytes += delta.len();
                    let kept = keep(store, recent, &document, &delta, &from, &to);
                    if let Ok(true) = kept {
                        moments.push(taken);
                    }
                    (document, kept.map(|kept| kept.then_some(to)))
                }
                Task::Bind {
                    document,
                    replica,
                    principal,
                } => {
                    let bound = store.bind(&document, replica, &principal);
                    (document, bound.map(|()| None))
                }
                Task::Mark { mark } => {
                    marked = true;
                    if let Err(error) = store.mark(&mark) {
                        let _ = done.send(Done::Broken(error));
                        return;
                    }
                    continue;
                }
                Task::Purge { ref ids } => {
                    let ids: BTreeSet<MarkId> = ids.iter().copied().collect();
                    if let Err(error) = store.purge(&ids) {
                        let _ = done.send(Done::Broken(error));
                        return;
                    }
                    recent.forget();
                    versions.retain(|document, _| !ids.contains(&MarkId::of(document)));
                    // Behind what is to be read before.
                    reads.push(task);
                    continue;
                }
                Task::Load { .. } => {
                    reads.push(task);
                    continue;
                }
            };
            match kept {
                Ok(Some(to)) => versions.entry(document).or_default().merge(&to),
                Ok(None) => {}
                Err(error) => {
                    let Some(code) = error.code() else {
                        let _ = done.send(Done::Broken(error));
                        return;
                    };
                    tracing::warn!(document = document.as_str(), %code, "a change was not stored");
                    let _ = done.send(failed(store, recent, document, code));
                }
            }
        }
        if !versions.is_empty() || marked {
            let begun = Instant::now();
            last_sync = Some(begun);
            if let Err(error) = store.flush() {
                let _ = done.send(Done::Broken(error));
                return;
            }
            let group = (versions.len(), moments.len(), bytes);
            synced(metrics, started, begun, group);
        }
        groups.change(|counts| counts.synced = counts.begun);
        if bytes > 0 {
            let _ = done.send(Done::Flushed {
                versions: versions.into_iter().collect(),
                bytes,
                taken: moments,
            });
            if store.is_untidy() || !store.due().is_empty() {
                // Full means that it is awake.
                let _ = wake.try_send(());
            }
        }
        for read in reads {
            let _ = loads.send(read);
        }
    }
}

/// Counts and notes the sync of a group of so many documents, changes and bytes.
fn synced(
    metrics: &Metrics,
    started: Instant,
    begun: Instant,
    (documents, changes, bytes): (usize, usize, usize),
) {
    let sync = Course::since(begun);
    metrics.synced(sync.lasted());
    let (traces, group) = (metrics.traces(), Course::since(started));
    let noted = traces.note(What::Commit, Within::Nothing, group, || {
        [
            ("driftwood.documents", documents.into()),
            ("driftwood.changes", changes.into()),
            ("driftwood.bytes", bytes.into()),
        ]
    });
    if let Some(group) = noted {
        traces.note(What::Fsync, Within::Span(group), sync, || []);
    }
}

/// What became of a document that cannot be written or read.
fn failed(store: &dyn Store, recent: &Recent, document: DocumentName, code: ErrorCode) -> Done {
    if code == ErrorCode::StoreCorrupt && store.begins_anew() {
        recent.forget();
        return Done::Lost { document };
    }
    Done::Failed { document, code }
}

/// Appends a delta if it follows what is held. It does not when one before it could not be kept;
/// the node learns of that and asks for both again.
fn keep(
    store: &dyn Store,
    recent: &Recent,
    document: &DocumentName,
    delta: &Arc<[u8]>,
    from: &VersionVector,
    to: &VersionVector,
) -> Result<bool, StoreError> {
    let held = match store.version(document) {
        // Whoever knows that it is begun anew sends what begins with nothing.
        Err(StoreError::Corrupt { .. }) if store.begins_anew() && from.is_empty() => None,
        held => held?,
    };
    let held = held.unwrap_or_default();
    if !held.includes(from) {
        return Ok(false);
    }
    store.append(document, delta, to)?;
    recent.note(document, held, delta, to);
    Ok(true)
}

fn load(
    (store, recent): (&dyn Store, &Recent),
    loads: &blocking::Receiver<Task>,
    groups: &Groups,
    scrubs: &blocking::Sender<Vec<MarkId>>,
    done: &Results,
) {
    while let Ok(first) = loads.recv() {
        let mut answers = Vec::new();
        let mut bytes_left = LOADS_BYTES;
        let mut next = Some(first);
        while let Some(task) = next {
            match read((store, recent), task, &mut answers) {
                Ok(bytes) => bytes_left = bytes_left.saturating_sub(bytes),
                Err(error) => {
                    let _ = done.send(Done::Broken(error));
                    return;
                }
            }
            next = if bytes_left > 0 {
                loads.try_recv().ok()
            } else {
                None
            };
        }
        if !groups.wait() {
            return;
        }
        for answer in answers {
            let _ = match answer {
                Done::Purged { ids } => scrubs.send(ids).map_err(drop),
                answer => done.send(answer).map_err(drop),
            };
        }
    }
}

/// Gets rid of what was purged.
fn scrub(store: &dyn Store, to_scrub: &blocking::Receiver<Vec<MarkId>>, done: &Results) {
    let mut ids = Vec::new();
    loop {
        let more = if ids.is_empty() {
            to_scrub.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            to_scrub.recv_timeout(SCRUB_AGAIN)
        };
        match more {
            Ok(more) => ids.extend(more),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        ids.extend(to_scrub.try_iter().flatten());
        match store.scrub() {
            Ok(true) => {
                let ids = std::mem::take(&mut ids);
                let _ = done.send(Done::Purged { ids });
            }
            Ok(false) => {
                tracing::error!(
                    "something of what was purged may be left in a damaged piece of the store; \
                     `driftwood-relay migrate` puts all that is whole into a new folder"
                );
                ids.clear();
            }
            Err(StoreError::Full) => {
                tracing::warn!(
                    "what was purged stays on disk until there is room to write the rest anew"
                );
            }
            Err(error) => {
                let _ = done.send(Done::Broken(error));
                return;
            }
        }
    }
}

/// Reads what one task asks for; how many bytes it came to.
fn read(
    (store, recent): (&dyn Store, &Recent),
    task: Task,
    answers: &mut Vec<Done>,
) -> Result<usize, StoreError> {
    if let Task::Purge { ids } = task {
        answers.push(Done::Purged { ids });
        return Ok(0);
    }
    let Task::Load {
        link,
        document,
        since,
        anchors,
    } = task
    else {
        return Ok(0);
    };
    let found = if anchors.is_empty() {
        match recent.since(&document, &since, LOAD_BYTES) {
            Some(deltas) => Ok(deltas),
            None => store.load_some(&document, &since, LOAD_BYTES),
        }
    } else {
        with_anchors(store, &document, &since, &anchors)
    };
    let deltas = match found {
        Ok(deltas) => deltas,
        Err(error) => {
            let code = error.code().ok_or(error)?;
            answers.push(failed(store, recent, document.clone(), code));
            Vec::new()
        }
    };
    let bytes = deltas.iter().map(|delta| delta.len()).sum();
    answers.push(Done::Loaded {
        link,
        document,
        deltas,
    });
    Ok(bytes)
}

/// What a peer lacks as one delta, with all that these elements hang on: the log's own deltas may hang
/// on what the peer has dropped. Costs a read of the whole document.
fn with_anchors(
    store: &dyn Store,
    document: &DocumentName,
    since: &VersionVector,
    anchors: &[Dot],
) -> Result<Vec<Arc<[u8]>>, StoreError> {
    // An id that nothing is written under.
    let mut doc = Doc::new(ReplicaId::new(0));
    for bytes in store.load(document)? {
        if doc.merge_quietly(&bytes).is_err() {
            // What a later delta cannot be merged onto is of no use to the peer either.
            break;
        }
    }
    Ok(vec![doc.delta_with_anchors(since, anchors).encode().into()])
}

fn checkpoint(store: &dyn Store, woken: &blocking::Receiver<()>, stopping: &AtomicBool) {
    while let Ok(()) = woken.recv() {
        for document in store.due() {
            if stopping.load(Ordering::Relaxed) {
                return;
            }
            match store.checkpoint(&document) {
                Ok(()) => tracing::debug!(document = document.as_str(), "made a checkpoint"),
                // The log is whole without it; the next append asks again.
                Err(error) => {
                    tracing::warn!(document = document.as_str(), %error, "made no checkpoint");
                }
            }
        }
        if let Err(error) = store.tidy() {
            tracing::warn!(%error, "the store was not tidied up");
        }
    }
}

#[cfg(test)]
mod tests;
