use std::time::Duration;

use super::*;
use crate::store::{MemoryStore, Owner, Stored};

/// Shut, whoever comes waits.
#[derive(Default)]
struct Gate {
    shut: Mutex<bool>,
    opened: Condvar,
    waiting: AtomicBool,
}

impl Gate {
    fn set(&self, shut: bool) {
        *self.shut.lock().expect("not poisoned") = shut;
        self.opened.notify_all();
    }

    fn pass(&self) {
        let shut = self.shut.lock().expect("not poisoned");
        self.waiting.store(*shut, Ordering::Relaxed);
        drop(self.opened.wait_while(shut, |shut| *shut));
    }

    fn wait_for_one(&self) {
        while !self.waiting.load(Ordering::Relaxed) {
            thread::yield_now();
        }
    }
}

/// A store whose syncs and reads can be held up.
#[derive(Default)]
struct Gated {
    inner: MemoryStore,
    flushes: Gate,
    loads: Gate,
}

impl Store for Gated {
    fn documents(&self) -> Result<Vec<Stored>, StoreError> {
        self.inner.documents()
    }

    fn version(&self, document: &DocumentName) -> Result<Option<VersionVector>, StoreError> {
        self.inner.version(document)
    }

    fn append(
        &self,
        document: &DocumentName,
        delta: &[u8],
        to: &VersionVector,
    ) -> Result<(), StoreError> {
        self.inner.append(document, delta, to)
    }

    fn bind(&self, _: &DocumentName, _: ReplicaId, _: &str) -> Result<(), StoreError> {
        Ok(())
    }

    fn owners(&self) -> Result<Vec<Owner>, StoreError> {
        self.inner.owners()
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.flushes.pass();
        Ok(())
    }

    fn load_some(
        &self,
        document: &DocumentName,
        version: &VersionVector,
        bytes_max: usize,
    ) -> Result<Vec<Arc<[u8]>>, StoreError> {
        self.loads.pass();
        self.inner.load_some(document, version, bytes_max)
    }

    fn due(&self) -> Vec<DocumentName> {
        Vec::new()
    }

    fn checkpoint(&self, document: &DocumentName) -> Result<(), StoreError> {
        self.inner.checkpoint(document)
    }
}

#[test]
fn what_is_read_before_its_sync_is_handed_out_after_it() {
    let gated = Arc::new(Gated::default());
    let store: Arc<dyn Store> = Arc::clone(&gated) as Arc<dyn Store>;
    let (committer, mut results) =
        Committer::start(&store, &Arc::default()).expect("threads start");
    let document = DocumentName::new("trip").expect("a name");
    let mut doc = Doc::new(ReplicaId::new(7));
    let mut edit = doc.edit(1_000);
    edit.text("body").insert(0, "not safe yet").expect("fits");
    let delta = edit.commit();

    // A read is on its way when a change is appended whose sync takes long.
    gated.loads.set(true);
    gated.flushes.set(true);
    committer.ask(Task::Load {
        link: LinkId(1),
        document: document.clone(),
        since: VersionVector::new(),
        anchors: Vec::new(),
    });
    gated.loads.wait_for_one();
    committer.ask(Task::Append {
        document,
        delta: delta.encode().into(),
        from: delta.from().clone(),
        to: delta.to().clone(),
        taken: Instant::now(),
    });
    gated.flushes.wait_for_one();
    gated.loads.set(false);
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(50) {
        assert!(results.try_recv().is_err(), "an answer before the sync");
        thread::yield_now();
    }

    gated.flushes.set(false);
    committer.join();
    let mut read = 0;
    while let Some(done) = results.blocking_recv() {
        if let Done::Loaded { deltas, .. } = done {
            read += deltas.len();
        }
    }
    assert_eq!(read, 1);
}
