//! Carries out what the node says, and tells it what happens on the links.

use std::rc::Rc;
use std::sync::Arc;

use driftwood_crdt::{Delta, Dot, MergeError, VersionVector};
use driftwood_sync::{DocumentName, ErrorCode, Input, Level, LinkId, Output, ProtocolError, Time};
use js_sys::Uint8Array;
use wasm_bindgen::JsValue;

use crate::client::{Client, Far};
use crate::document::refusal_code;
use crate::error::Failure;
use crate::host;
use crate::record::Kind;
use crate::replica_pool::{self, Lease};
use crate::telling::Event;

/// What somebody asked for: see [`Output::Load`].
pub(crate) struct Load {
    document: DocumentName,
    link: LinkId,
    since: VersionVector,
    anchors: Vec<Dot>,
}

/// How long acknowledgements of relays wait to be stored together.
const ACKS_MS: f64 = 1_000.0;

impl Client {
    /// Tells the node something and does what it answers.
    pub(crate) fn input(&self, input: Input) {
        self.inputs.borrow_mut().push(input);
        if self.pumping.replace(true) {
            // Whoever is at it takes this too: outputs are carried out before the next input.
            return;
        }
        loop {
            let inputs = self.inputs.take();
            if inputs.is_empty() {
                break;
            }
            for input in inputs {
                let now = self.clock.get().max(host::now_ms());
                self.clock.set(now);
                let outputs: Vec<Output> = self
                    .node
                    .borrow_mut()
                    .handle(Time::from_millis(now), input)
                    .collect();
                for output in outputs {
                    self.carry_out(output);
                }
            }
        }
        self.pumping.set(false);
        if let Some(store) = self.store() {
            store.commit();
        }
        self.set_timer();
        let reach = self.reach();
        if self.told.replace(Some(reach)) != Some(reach) {
            self.tell_all(|| Event::Status);
        }
    }

    fn set_timer(&self) {
        let next = self.node.borrow().next_deadline();
        if next == self.deadline.get() {
            return;
        }
        self.deadline.set(next);
        match next {
            Some(next) => {
                let now = self.clock.get().max(host::now_ms());
                self.timer.set(next.as_millis().saturating_sub(now) as f64);
            }
            None => self.timer.cancel(),
        }
    }

    /// Hands on a local change: to be stored, then sent.
    pub(crate) fn local(&self, document: &DocumentName, delta: &Delta) {
        if delta.is_empty() {
            return;
        }
        self.local_bytes(document, delta.encode().into());
    }

    /// As [`Self::local`], of a delta that is encoded.
    pub(crate) fn local_bytes(&self, document: &DocumentName, delta: Arc<[u8]>) {
        self.input(Input::Local {
            document: document.clone(),
            delta,
        });
    }

    fn carry_out(&self, output: Output) {
        match output {
            Output::Send { link, frame, .. } => self.send(link, &frame),
            Output::Store {
                document,
                delta,
                from,
                to,
                origin,
            } => {
                self.take_in(&document, &delta, &from, &to, origin);
            }
            Output::Load {
                link,
                document,
                since,
                anchors,
            } => {
                self.loads.borrow_mut().push(Load {
                    document,
                    link,
                    since,
                    anchors,
                });
                self.answer_loads();
            }
            Output::Disconnect { link, code, reason } => self.disconnect(link, code, reason),
            Output::Saved {
                document,
                level,
                version,
            } => self.saved(&document, level, &version),
            Output::Presence {
                document,
                peer,
                state,
            } => {
                if let Some(document) = self.document(&document) {
                    let state =
                        state.map_or(JsValue::UNDEFINED, |state| Uint8Array::from(&*state).into());
                    document.tell(Event::Presence(peer.to_string(), state));
                }
            }
            Output::Synced { document, link } => {
                let from_relay = matches!(self.links.borrow().get(&link), Some(Far::Relay(_)));
                if let Some(document) = self.document(&document) {
                    if from_relay {
                        document.forget_damaged();
                    }
                    document.tell(Event::Status);
                }
            }
            Output::Forked { document, replica } => {
                if let Some(document) = self.document(&document) {
                    document.take_replica(Lease::for_session().replica, true);
                    self.announce(&document);
                }
                self.retire(replica);
            }
            // Only relays ask who somebody is, and purge.
            Output::Login { .. }
            | Output::Bind { .. }
            | Output::Mark { .. }
            | Output::Purge { .. } => {}
            Output::Problem {
                document,
                link: _,
                error,
            } => self.problem(document, error),
        }
    }

    fn document(&self, name: &DocumentName) -> Option<Rc<crate::document::Document>> {
        self.documents.borrow().get(name).cloned()
    }

    /// Merges what came from elsewhere, and stores it.
    fn take_in(
        &self,
        name: &DocumentName,
        bytes: &[u8],
        from: &VersionVector,
        to: &VersionVector,
        origin: Option<LinkId>,
    ) {
        let Some(document) = self.document(name) else {
            return;
        };
        // A local change is in the document already.
        if origin.is_some() && !document.merge_keystroke(bytes) {
            let merged = match Delta::decode(bytes) {
                Ok(delta) => document.merge(&delta).map_err(refusal),
                Err(_) => Err((ErrorCode::BadFrame, Vec::new())),
            };
            if let Err((code, anchors)) = merged {
                let version = document.saved.borrow().queued.clone();
                let document = name.clone();
                self.input(Input::Refused {
                    document,
                    link: origin,
                    code,
                    version,
                    anchors,
                });
                return;
            }
        }
        document.saved.borrow_mut().queued.merge(to);
        document.tell(Event::Status);
        if !document.persistent.get() {
            let (document, version) = (name.clone(), to.clone());
            self.input(Input::Flushed { document, version });
            return;
        }
        document.put(Kind::Delta, from, to, bytes);
    }

    /// What the store has made durable.
    pub(crate) fn flushed(&self, name: &DocumentName, version: &VersionVector) {
        let Some(document) = self.document(name) else {
            return;
        };
        document.saved.borrow_mut().local.merge(version);
        document.tell(Event::Status);
        self.input(Input::Flushed {
            document: name.clone(),
            version: version.clone(),
        });
        self.answer_loads();
        document.schedule_compaction();
    }

    /// Answers those who asked for what they lack, where all of it is durable. Nothing else may leave:
    /// should this page end now, another would give the same names to other changes.
    fn answer_loads(&self) {
        let loads = self.loads.take();
        for load in loads {
            let Some(document) = self.document(&load.document) else {
                continue;
            };
            document.commit();
            let durable = !document.persistent.get() || document.unsaved(Level::Local) == 0;
            if !durable {
                self.loads.borrow_mut().push(load);
                continue;
            }
            let Load {
                document: name,
                link,
                since,
                anchors,
            } = load;
            let missing = document.doc.borrow().delta_with_anchors(&since, &anchors);
            let deltas = if missing.is_empty() {
                Vec::new()
            } else {
                vec![missing.encode().into()]
            };
            self.input(Input::Loaded {
                link,
                document: name,
                deltas,
            });
        }
    }

    fn saved(&self, name: &DocumentName, level: Level, version: &VersionVector) {
        let Some(document) = self.document(name) else {
            return;
        };
        {
            let mut saved = document.saved.borrow_mut();
            match level {
                // The store has said so already; and without one nothing is saved here.
                Level::Local => return,
                Level::Relay => saved.acks.relay.merge(version),
                Level::Replicated => saved.acks.replicated.merge(version),
            }
        }
        if document.persistent.get() && !document.acks_due.replace(true) {
            self.acks.set(ACKS_MS);
        }
        document.tell(Event::Status);
    }

    /// Takes an id that was used twice out of the pool.
    fn retire(&self, replica: driftwood_crdt::ReplicaId) {
        let Some(database) = self.store().and_then(|store| store.database()) else {
            return;
        };
        host::spawn(async move {
            // If it stays in the pool, the next to use it learns the same.
            let _ = replica_pool::retire(&database, replica).await;
        });
    }

    fn problem(&self, document: Option<DocumentName>, error: ProtocolError) {
        // These mend themselves and say nothing to a person.
        if matches!(
            error.code,
            ErrorCode::Gap | ErrorCode::NeedSkeleton | ErrorCode::Timeout
        ) {
            return;
        }
        let failure = Failure::new(error.code.as_str(), error.to_string());
        match document {
            Some(name) => {
                if let Some(document) = self.document(&name) {
                    document.tell(Event::Error(failure));
                }
            }
            None => self.tell_all(|| Event::Error(failure.clone())),
        }
    }
}

/// What a peer is told when its delta is refused, and what the delta hangs on that is not here.
fn refusal(error: MergeError) -> (ErrorCode, Vec<Dot>) {
    let code = refusal_code(&error);
    match error {
        MergeError::MissingAnchors { anchors } => (code, anchors),
        _ => (code, Vec::new()),
    }
}
