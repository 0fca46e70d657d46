//! [`Journal`]: what a document was, for those who want to know.

mod bytes;
mod redact;

use crate::{
    limits, Delta, Doc, DotSet, LoadError, MergeError, Minute, Path, ReplicaId, VersionVector,
};
use redact::Redaction;

/// The past of a document, kept beside it by whoever wants it: a state to begin with and every delta
/// since then. A [`Doc`] itself is only its present state.
///
/// ```
/// use driftwood_crdt::{Doc, Journal, ReplicaId};
/// let mut doc = Doc::new(ReplicaId::new(1));
/// let mut journal = Journal::new(&doc);
///
/// let mut edit = doc.edit(0);
/// edit.text("body").insert(0, "first draft")?;
/// journal.record(&edit.commit())?;
/// journal.name("draft", 0)?;
///
/// let mut edit = doc.edit(1);
/// edit.text("body").delete(0..6)?;
/// journal.record(&edit.commit())?;
///
/// let draft = journal.at(&journal.names()[0].version)?;
/// assert_eq!(draft.text("body").to_string(), "first draft");
/// let delta = doc.revert_to(&draft, 2)?; // a new change, to be sent
/// journal.record(&delta)?;
/// assert_eq!(doc.text("body").to_string(), "first draft");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// What is [erased](crate::Edit::erase) goes from the journal as soon as the change is recorded.
#[derive(Clone, PartialEq, Debug)]
pub struct Journal {
    /// The state that it begins with, as a delta from nothing.
    base: Entry,
    entries: Vec<Entry>,
    version: VersionVector,
    names: Vec<NamedVersion>,
    /// All that was erased, as far as is known here.
    erased: DotSet,
}

/// A delta, as bytes, and what it raises the version to.
#[derive(Clone, PartialEq, Debug)]
struct Entry {
    to: VersionVector,
    bytes: Vec<u8>,
}

/// A version with a name.
#[derive(Clone, PartialEq, Debug)]
pub struct NamedVersion {
    /// What it is called.
    pub label: String,
    /// The version, for [`Journal::at`].
    pub version: VersionVector,
    /// When it was named.
    pub minute: Minute,
}

/// Something that a journal cannot do. It is as it was.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The version is none of those in the journal: its first, and one after each recorded delta.
    #[error("this version was not recorded; the first is {first:?}, the last {last:?}")]
    NotRecorded {
        /// The oldest version that can be shown.
        first: VersionVector,
        /// The newest version that can be shown.
        last: VersionVector,
    },
    /// The delta starts after what is recorded: what lies between must come first.
    #[error("the delta starts after what is recorded, {have:?}")]
    Gap {
        /// What is recorded.
        have: VersionVector,
    },
    /// A label is longer than [`KEY_BYTES_MAX`](limits::KEY_BYTES_MAX).
    #[error("a label is at most {max} bytes long")]
    LongLabel {
        /// The limit.
        max: usize,
    },
    /// A recorded delta does not fit to those before it.
    #[error("the journal contradicts itself: {0}")]
    Merge(#[from] MergeError),
    /// The bytes are no journal, or were damaged.
    #[error(transparent)]
    Load(#[from] LoadError),
}

impl Entry {
    fn of(delta: &Delta) -> Self {
        Self {
            to: delta.to.clone(),
            bytes: delta.encode(),
        }
    }

    fn delta(&self) -> Delta {
        Delta::decode(&self.bytes).expect("an entry was encoded here, or checked when it was read")
    }
}

impl Journal {
    /// A journal that begins with the present state of a document.
    pub fn new(doc: &Doc) -> Self {
        let whole = doc.whole();
        Self {
            base: Entry::of(&whole),
            entries: Vec::new(),
            version: doc.version().clone(),
            names: Vec::new(),
            erased: erased_by(&whole),
        }
    }

    /// Records a delta, a local one or one that was merged, in the order in which that happened;
    /// whether it brought something new. O(delta); a delta that erases something costs a walk over
    /// the journal.
    ///
    /// # Errors
    /// [`JournalError::Gap`] when a delta before this one was not recorded.
    pub fn record(&mut self, delta: &Delta) -> Result<bool, JournalError> {
        if self.version.includes(&delta.to) {
            return Ok(false);
        }
        if !self.version.includes(&delta.from) {
            let have = self.version.clone();
            return Err(JournalError::Gap { have });
        }
        let mut delta = delta.clone();
        if !self.erased.is_empty() && self.overlaps(&delta) {
            // It may have what was erased meanwhile; what is new is seen from the states.
            let mut doc = self.state_after(self.entries.len())?;
            doc.merge(&delta)?;
            delta = doc.delta_since(&self.version);
        }
        self.entries.push(Entry::of(&delta));
        let before = self.version.clone();
        self.version.merge(&delta.to);
        delta.items.erasures.retain(|(by, _)| !before.contains(*by));
        let erased = erased_by(&delta);
        if erased.is_empty() {
            return Ok(true);
        }
        if let Err(error) = self.redact(erased) {
            self.entries.pop();
            self.version = before;
            return Err(error);
        }
        Ok(true)
    }

    /// Records all that the document has and the journal has not, as one step.
    ///
    /// # Errors
    /// As [`Self::record`].
    pub fn catch_up(&mut self, doc: &Doc) -> Result<bool, JournalError> {
        self.record(&doc.delta_since(&self.version))
    }

    /// How far it has come.
    pub fn version(&self) -> &VersionVector {
        &self.version
    }

    /// The versions that can be shown, oldest first.
    pub fn versions(&self) -> impl Iterator<Item = VersionVector> + '_ {
        let mut version = self.base.to.clone();
        let first = version.clone();
        let rest = self.entries.iter().map(move |entry| {
            version.merge(&entry.to);
            version.clone()
        });
        std::iter::once(first).chain(rest)
    }

    /// Gives the present version a name; an older one of that name loses it.
    ///
    /// # Errors
    /// [`JournalError::LongLabel`].
    pub fn name(&mut self, label: &str, now_ms: u64) -> Result<(), JournalError> {
        let max = limits::KEY_BYTES_MAX;
        if label.len() > max {
            return Err(JournalError::LongLabel { max });
        }
        self.names.retain(|named| named.label != label);
        self.names.push(NamedVersion {
            label: label.to_owned(),
            version: self.version.clone(),
            minute: crate::Stamp::new(now_ms, 0).into(),
        });
        Ok(())
    }

    /// The named versions, in the order in which they were named.
    pub fn names(&self) -> &[NamedVersion] {
        &self.names
    }

    /// The document as it was at a version. It bears the replica id 0 and is there to be read; to
    /// bring it back see [`Doc::revert_to`]. O(journal up to there).
    ///
    /// # Errors
    /// [`JournalError::NotRecorded`] when the version is not among [`Self::versions`].
    pub fn at(&self, version: &VersionVector) -> Result<Doc, JournalError> {
        let count = self.versions().position(|at| at == *version);
        let count = count.ok_or_else(|| JournalError::NotRecorded {
            first: self.base.to.clone(),
            last: self.version.clone(),
        })?;
        let mut doc = self.state_after(count)?;
        doc.keep_skeletons(false);
        Ok(doc)
    }

    /// Whether the delta brings something that is recorded already.
    fn overlaps(&self, delta: &Delta) -> bool {
        let mut raised = delta.to.iter();
        raised.any(|(replica, seq)| delta.from.get(replica) < seq.min(self.version.get(replica)))
    }

    fn state_after(&self, count: usize) -> Result<Doc, JournalError> {
        let mut doc = Doc::new(ReplicaId::new(0));
        // What follows was made by those who had them still.
        doc.keep_skeletons(true);
        for entry in std::iter::once(&self.base).chain(&self.entries[..count]) {
            doc.merge(&entry.delta())?;
        }
        Ok(doc)
    }

    /// The dots of all that was ever recorded at a key of a map: values, and containers with all in
    /// them; for [`Edit::erase_dots`](crate::Edit::erase_dots), when the key was deleted before. The
    /// map of the names at the top is [`Path::top`]. O(journal).
    pub fn dots_at(&self, map: &Path, key: &str) -> DotSet {
        let mut dots = DotSet::new();
        for entry in std::iter::once(&self.base).chain(&self.entries) {
            redact::dots_at(&entry.delta(), map, key, &mut dots);
        }
        dots
    }

    /// Forgets the versions before the last one that `before` includes, and their names; how many.
    ///
    /// # Errors
    /// [`JournalError::Merge`] when the journal contradicts itself.
    pub fn compact(&mut self, before: &VersionVector) -> Result<usize, JournalError> {
        let versions = self.versions().take_while(|at| before.includes(at));
        let Some(count) = versions.count().checked_sub(1).filter(|&count| count > 0) else {
            return Ok(0);
        };
        let doc = self.state_after(count)?;
        self.base = Entry::of(&doc.whole());
        self.entries.drain(..count);
        let first = &self.base.to;
        self.names.retain(|named| named.version.includes(first));
        self.erased = erased_by(&self.base.delta());
        for entry in &self.entries {
            self.erased.extend(&erased_by(&entry.delta()));
        }
        Ok(count)
    }

    /// How many bytes [`Self::to_bytes`] gives, but for some tens.
    pub fn len_bytes(&self) -> usize {
        let entries = std::iter::once(&self.base).chain(&self.entries);
        let names = self.names.iter();
        entries.map(|entry| entry.bytes.len() + 4).sum::<usize>()
            + names
                .map(|named| named.label.len() + 12 * named.version.len() + 8)
                .sum::<usize>()
    }

    /// Takes what was erased out of all that is recorded.
    fn redact(&mut self, dots: DotSet) -> Result<(), JournalError> {
        let mut tip = self.state_after(self.entries.len())?;
        tip.keep_skeletons(false);
        self.erased.extend(&dots);
        let mut redaction = Redaction::of(dots);
        for entry in std::iter::once(&self.base).chain(&self.entries) {
            redaction.look_at(&entry.delta());
        }
        redaction.spare(&tip);
        for entry in std::iter::once(&mut self.base).chain(&mut self.entries) {
            let mut delta = entry.delta();
            if redaction.redact(&mut delta) {
                entry.bytes = delta.encode();
            }
        }
        Ok(())
    }
}

fn erased_by(delta: &Delta) -> DotSet {
    let erasures = delta.items.erasures.iter();
    erasures.flat_map(|(_, runs)| runs).copied().collect()
}
