//! The documents of a running `sync`, `watch` or `replay`: what the protocol's driver calls its host.
//!
//! A document is loaded when its content is needed, and stays in memory. What is to be stored waits for the next flush,
//! which opens the store, writes, syncs and closes it; so other commands can work on the same folder all the time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use driftwood_crdt::{Changes, Delta, Doc, Dot, MergeError, ReplicaId, VersionVector};
use driftwood_relay::driver::{Host, Notice, Refusal};
use driftwood_relay::store::StoreError;
use driftwood_sync::{DocumentName, ErrorCode, LinkId};

use crate::workspace::{OpenStore, Saved, Workspace};

/// As many deltas are stored as they are; more are put together into one.
const SINGLE_RECORDS_MAX: usize = 64;

/// The documents here are only read and merged into; nothing is ever written under this id.
const READER: ReplicaId = ReplicaId::new(0);

/// What came into a document from elsewhere.
#[derive(Debug)]
pub(crate) struct News {
    /// Which document.
    pub(crate) document: DocumentName,
    /// Who made the changes.
    pub(crate) by: Vec<ReplicaId>,
    /// What they are.
    pub(crate) changes: Changes,
    /// Whether another command on this device made them.
    pub(crate) here: bool,
}

/// The documents, and what there is to tell about them.
pub(crate) struct Session {
    workspace: Workspace,
    documents: BTreeMap<DocumentName, Held>,
    /// What the driver told; to be taken out.
    pub(crate) notices: VecDeque<Notice>,
    /// What came in, if somebody wants to know; to be taken out.
    pub(crate) news: Option<Vec<News>>,
    /// Why the last flush or load failed.
    pub(crate) trouble: Option<anyhow::Error>,
}

#[derive(Default)]
struct Held {
    /// The document, once it was needed.
    doc: Option<Doc>,
    /// What was last seen in the store.
    stored: VersionVector,
    /// What is to be stored, in order.
    unstored: Vec<(Arc<[u8]>, VersionVector)>,
    /// There was too much to be stored one by one: all that the document has and the store lacks goes there at once.
    crowded: bool,
    /// How many changes were given out to be sent.
    sent: u64,
    saved: Saved,
    saved_news: bool,
}

impl Session {
    /// Without documents.
    pub(crate) fn new(workspace: Workspace) -> Self {
        Self {
            workspace,
            documents: BTreeMap::new(),
            notices: VecDeque::new(),
            news: None,
            trouble: None,
        }
    }

    /// Takes a document in; gives how far it has come.
    pub(crate) fn open(&mut self, name: &DocumentName, store: &OpenStore) -> Result<VersionVector> {
        let stored = store.version(name)?;
        let held = Held {
            stored: stored.clone(),
            saved: store.ledger.saved(name),
            ..Held::default()
        };
        self.documents.insert(name.clone(), held);
        Ok(stored)
    }

    /// The content of a document.
    pub(crate) fn doc(&mut self, name: &DocumentName) -> Result<&mut Doc> {
        let held = self.documents.entry(name.clone()).or_default();
        if held.doc.is_none() {
            let store = self.workspace.store()?;
            held.doc = Some(store.load(name, READER)?);
        }
        Ok(held.doc.as_mut().expect("it was just loaded"))
    }

    /// How far a document has come, stored or not.
    pub(crate) fn version(&self, name: &DocumentName) -> VersionVector {
        let Some(held) = self.documents.get(name) else {
            return VersionVector::new();
        };
        let mut version = held.stored.clone();
        for (_, to) in &held.unstored {
            version.merge(to);
        }
        if let Some(doc) = &held.doc {
            version.merge(doc.version());
        }
        version
    }

    /// What is known to be saved elsewhere of a document.
    pub(crate) fn saved(&self, name: &DocumentName) -> Saved {
        let held = self.documents.get(name);
        held.map(|held| held.saved.clone()).unwrap_or_default()
    }

    /// How many changes of a document were given out to be sent.
    pub(crate) fn sent(&self, name: &DocumentName) -> u64 {
        self.documents.get(name).map_or(0, |held| held.sent)
    }

    /// Merges a commit that was made on another copy; gives its bytes, for the protocol.
    pub(crate) fn commit(&mut self, name: &DocumentName, delta: &Delta) -> Result<Arc<[u8]>> {
        self.doc(name)?
            .merge(delta)
            .context("a commit does not fit")?;
        Ok(delta.encode().into())
    }

    /// Merges what other commands have stored since; gives the new version if there was anything.
    pub(crate) fn catch_up(&mut self, name: &DocumentName) -> Result<Option<VersionVector>> {
        self.doc(name)?;
        let store = self.workspace.store()?;
        let held = self.documents.entry(name.clone()).or_default();
        let doc = held.doc.as_mut().expect("it was loaded above");
        let news = catch_up(name, doc, &store)?;
        held.stored.merge(&store.version(name)?);
        let version = doc.version().clone();
        Ok(news.map(|news| {
            if let Some(all) = &mut self.news {
                all.push(news);
            }
            version
        }))
    }

    /// What came in since the last time, once all of it is stored: whoever is told of a change finds it with
    /// the other commands.
    pub(crate) fn take_news(&mut self) -> Vec<News> {
        let waits = |held: &Held| held.crowded || !held.unstored.is_empty();
        if self.documents.values().any(waits) {
            return Vec::new();
        }
        self.news.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Remembers the relay that was reached, and what is saved there.
    pub(crate) fn remember(&mut self, relay: &str) -> Result<()> {
        let mut store = self.workspace.store()?;
        store.note_relay(relay);
        self.note_saved(&mut store);
        store.finish()
    }

    fn note_saved(&mut self, store: &mut OpenStore) {
        for (name, held) in &mut self.documents {
            if std::mem::take(&mut held.saved_news) {
                store.note_saved(name, &held.saved);
            }
        }
    }

    fn write_all(&mut self) -> Result<()> {
        let mut store = self.workspace.store()?;
        for (name, held) in &mut self.documents {
            if held.unstored.is_empty() && !held.crowded {
                continue;
            }
            let news = held.write(name, &mut store)?;
            if let (Some(all), Some(news)) = (&mut self.news, news) {
                all.push(news);
            }
        }
        self.note_saved(&mut store);
        store.finish()?;
        for held in self.documents.values_mut() {
            held.unstored.clear();
            held.crowded = false;
        }
        Ok(())
    }

    fn failed(&mut self, error: anyhow::Error) -> ErrorCode {
        let code = error
            .downcast_ref::<StoreError>()
            .and_then(StoreError::code);
        self.trouble = Some(error);
        code.unwrap_or(ErrorCode::StorageFull)
    }
}

impl Held {
    /// Appends what is not stored yet. Doing it twice stores nothing twice.
    fn write(&mut self, name: &DocumentName, store: &mut OpenStore) -> Result<Option<News>> {
        let mut news = None;
        if let Some(doc) = &mut self.doc {
            if !doc.version().includes(&store.version(name)?) {
                news = catch_up(name, doc, store)?;
            }
        }
        match &self.doc {
            Some(doc) if self.crowded => {
                let delta = doc.delta_since(&store.version(name)?);
                store.append_commit(name, &delta)?;
            }
            _ => {
                for (delta, to) in &self.unstored {
                    if !store.version(name)?.includes(to) {
                        store.append(name, delta, to)?;
                    }
                }
            }
        }
        self.stored = store.version(name)?;
        Ok(news)
    }
}

/// Merges what is stored and missing in `doc`.
fn catch_up(name: &DocumentName, doc: &mut Doc, store: &OpenStore) -> Result<Option<News>> {
    let before = doc.version().clone();
    let changes = store.catch_up(name, doc)?;
    let by = raised(&before, doc.version());
    Ok((!by.is_empty()).then(|| News {
        document: name.clone(),
        by,
        changes,
        here: true,
    }))
}

/// Whose changes lie between two versions.
fn raised(before: &VersionVector, after: &VersionVector) -> Vec<ReplicaId> {
    let raised = after
        .iter()
        .filter(|&(replica, seq)| seq > before.get(replica));
    raised.map(|(replica, _)| replica).collect()
}

/// How many changes lie between two versions.
pub(crate) fn changes_between(before: &VersionVector, after: &VersionVector) -> u64 {
    after
        .iter()
        .map(|(replica, seq)| seq.saturating_sub(before.get(replica)))
        .sum()
}

impl Host for Session {
    fn merge(
        &mut self,
        document: &DocumentName,
        delta: &Arc<[u8]>,
        _origin: LinkId,
    ) -> Result<(), Refusal> {
        if let Err(error) = self.doc(document) {
            let code = self.failed(error);
            let version = self.version(document);
            let anchors = Vec::new();
            return Err(Refusal {
                code,
                version,
                anchors,
            });
        }
        let doc = self.doc(document).expect("it was just loaded");
        let before = doc.version().clone();
        let refused = |code| Refusal {
            code,
            version: before.clone(),
            anchors: Vec::new(),
        };
        let delta = Delta::decode(delta).map_err(|_| refused(ErrorCode::BadFrame))?;
        let changes = doc.merge(&delta).map_err(|error| match error {
            MergeError::Gap { .. } => refused(ErrorCode::Gap),
            MergeError::MissingAnchors { anchors } => Refusal {
                anchors,
                ..refused(ErrorCode::NeedSkeleton)
            },
            MergeError::DotConflict { .. } => refused(ErrorCode::DotConflict),
            _ => refused(ErrorCode::LimitDelta),
        })?;
        if let Some(news) = &mut self.news {
            let by = raised(&before, delta.to());
            news.push(News {
                document: document.clone(),
                by,
                changes,
                here: false,
            });
        }
        Ok(())
    }

    fn append(
        &mut self,
        document: &DocumentName,
        delta: &Arc<[u8]>,
        to: &VersionVector,
    ) -> Result<(), ErrorCode> {
        let held = self.documents.entry(document.clone()).or_default();
        if held.doc.is_some() && held.unstored.len() >= SINGLE_RECORDS_MAX {
            // The document has it all.
            held.crowded = true;
            held.unstored.clear();
        }
        if !held.crowded {
            held.unstored.push((Arc::clone(delta), to.clone()));
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ErrorCode> {
        self.write_all().map_err(|error| self.failed(error))
    }

    fn load(
        &mut self,
        document: &DocumentName,
        since: &VersionVector,
        anchors: &[Dot],
    ) -> Result<Vec<Arc<[u8]>>, ErrorCode> {
        if !anchors.is_empty() {
            // What is stored may hang on what the other side has dropped.
            let loaded = self.doc(document).map(drop);
            loaded.map_err(|error| self.failed(error))?;
        }
        let held = self.documents.entry(document.clone()).or_default();
        let (deltas, version) = if let Some(doc) = &held.doc {
            let delta = doc.delta_with_anchors(since, anchors);
            let deltas = if delta.is_empty() {
                Vec::new()
            } else {
                vec![delta.encode().into()]
            };
            (Ok(deltas), doc.version().clone())
        } else {
            let store = self.workspace.store();
            let deltas = store.and_then(|store| store.load_since(document, since));
            (deltas, held.stored.clone())
        };
        held.sent = held.sent.max(changes_between(since, &version));
        deltas.map_err(|error| self.failed(error))
    }

    fn notice(&mut self, notice: Notice) {
        if let Notice::Saved {
            document,
            level,
            version,
        } = &notice
        {
            if let Some(held) = self.documents.get_mut(document) {
                held.saved.note(*level, version);
                held.saved_news = true;
            }
        }
        self.notices.push_back(notice);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_is_told_once_it_is_stored() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let workspace = Workspace::open(Some(folder.path().to_owned()), "a test")?;
        let name = DocumentName::new("trip")?;
        let mut session = Session::new(workspace.clone());
        session.news = Some(Vec::new());
        session.open(&name, &workspace.store()?)?;
        let mut other = Doc::new(ReplicaId::new(7));
        let mut edit = other.edit(1);
        edit.text("body").insert(0, "Boots")?;
        let delta = edit.commit();
        let bytes: Arc<[u8]> = delta.encode().into();
        assert!(session.merge(&name, &bytes, LinkId(1)).is_ok());
        assert!(session.append(&name, &bytes, delta.to()).is_ok());
        assert!(session.take_news().is_empty());
        assert!(session.flush().is_ok());
        assert_eq!(session.take_news().len(), 1);
        let stored = workspace.store()?.load(&name, READER)?;
        assert_eq!(stored.text("body").to_string(), "Boots");
        Ok(())
    }
}
