//! Changes that were made here and wait to be on disk.

use driftwood_crdt::{Dot, VersionVector};
use driftwood_sync::{DocumentName, ErrorCode, MarkId};
use tokio::sync::oneshot;

/// Who waits.
pub(crate) type Answer = oneshot::Sender<Result<(), ErrorCode>>;

/// The changes, each with its last dot. There are few: requests are carried out one after the other.
#[derive(Default)]
pub(crate) struct Commits(Vec<(DocumentName, Dot, Answer)>);

impl Commits {
    pub(crate) fn wait(&mut self, document: DocumentName, last: Dot, answer: Answer) {
        self.0.push((document, last, answer));
    }

    /// So much of a document is on disk.
    pub(crate) fn flushed(&mut self, document: &DocumentName, version: &VersionVector) {
        self.answer(document, Ok(()), |last| version.contains(last));
    }

    /// Nothing more of a document could be stored.
    pub(crate) fn failed(&mut self, document: &DocumentName, code: ErrorCode) {
        self.answer(document, Err(code), |_| true);
    }

    /// These were purged.
    pub(crate) fn purged(&mut self, ids: &[MarkId]) {
        let meant =
            |(document, ..): &mut (DocumentName, Dot, Answer)| ids.contains(&MarkId::of(document));
        for (.., answer) in self.0.extract_if(.., meant) {
            let _ = answer.send(Err(ErrorCode::Purged));
        }
    }

    fn answer(
        &mut self,
        document: &DocumentName,
        what: Result<(), ErrorCode>,
        is_meant: impl Fn(Dot) -> bool,
    ) {
        let meant =
            |(name, last, _): &mut (DocumentName, Dot, Answer)| name == document && is_meant(*last);
        for (.., answer) in self.0.extract_if(.., meant) {
            // Whoever asked may have gone.
            let _ = answer.send(what);
        }
    }
}
