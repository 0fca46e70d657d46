//! Who has carried out a purge, for people and programs.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use driftwood_sync::{DocumentName, LinkKind, Mark, Node, RelayId};
use serde_json::json;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::connection::{Event, Outboxes};

/// Who waits for all relays looks so often whether they are done.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Whether a purge is lifted, or else made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lift(pub(crate) bool);

/// What is known of a document that was purged once.
#[derive(Debug, Clone)]
pub(crate) struct Purge {
    /// Whether it is, or else lifted.
    pub(crate) purged: bool,
    relays: Vec<Relay>,
    /// Peers that may have it and have not said which relay they are.
    strangers: Vec<String>,
}

#[derive(Debug, Clone)]
struct Relay {
    id: RelayId,
    done: bool,
    place: String,
}

/// The peers that are dialled, and whether they answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Dialled(Arc<Mutex<BTreeMap<String, bool>>>);

impl Dialled {
    pub(crate) fn note(&self, peer: String, online: bool) {
        let mut peers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        peers.insert(peer, online);
    }

    fn away(&self) -> Vec<String> {
        let peers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let away = peers.iter().filter(|(_, online)| !**online);
        away.map(|(peer, _)| peer.clone()).collect()
    }
}

impl Purge {
    /// As the relay that runs knows it.
    pub(crate) fn of(node: &Node, mark: &Mark, links: &Outboxes, dialled: &Dialled) -> Self {
        let own = node.config().relay;
        let mut places = BTreeMap::from([(own, "this relay".to_owned())]);
        let mut strangers = dialled.away();
        for link in node.links().filter(|link| link.kind == LinkKind::Mesh) {
            let place = links.address(link.link);
            let place = place.map_or("linked".to_owned(), |address| format!("linked, {address}"));
            match link.relay {
                Some(relay) => drop(places.insert(relay, place)),
                None => strangers.push(place),
            }
        }
        Self::new(mark, &places, strangers)
    }

    /// As a folder tells that no relay runs on.
    pub(crate) fn at_rest(mark: &Mark, own: RelayId, peers: &[String]) -> Self {
        let places = BTreeMap::from([(own, "this folder".to_owned())]);
        Self::new(mark, &places, peers.to_vec())
    }

    fn new(mark: &Mark, places: &BTreeMap<RelayId, String>, strangers: Vec<String>) -> Self {
        let relays = mark.relays.iter().map(|(&id, &done)| Relay {
            id,
            done,
            place: places.get(&id).map_or("not linked", |it| it).to_owned(),
        });
        Self {
            purged: mark.is_purged(),
            relays: relays.collect(),
            strangers,
        }
    }

    /// Whether all relays that are known have carried it out.
    pub(crate) fn is_done(&self) -> bool {
        self.strangers.is_empty() && self.relays.iter().all(|relay| relay.done)
    }

    /// Tells people.
    pub(crate) fn tell(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let done = if self.purged { "purged" } else { "lifted" };
        for relay in &self.relays {
            let state = if relay.done { done } else { "not reached yet" };
            writeln!(out, "{state:<16} relay {}  {}", relay.id, relay.place)?;
        }
        for stranger in &self.strangers {
            writeln!(out, "{:<16} {stranger}", "not reached yet")?;
        }
        Ok(())
    }

    /// Tells programs.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let relays = self.relays.iter().map(|relay| {
            json!({ "relay": relay.id.to_string(), "done": relay.done, "place": relay.place })
        });
        let relays: Vec<_> = relays.collect();
        json!({
            "purged": self.purged,
            "done": self.is_done(),
            "relays": relays,
            "unreached": self.strangers,
        })
    }
}

/// Has the node purge a document, lift that, or only say what it knows, and waits so long for all relays.
/// None if the relay ends; inside, none if the document was never purged.
pub(crate) async fn purge(
    events: &mpsc::Sender<Event>,
    document: DocumentName,
    mut what: Option<Lift>,
    wait: Duration,
) -> Option<Option<Purge>> {
    let deadline = Instant::now() + wait;
    loop {
        let (answer, answered) = oneshot::channel();
        let event = Event::Purge {
            document: document.clone(),
            what: what.take(),
            answer,
        };
        events.send(event).await.ok()?;
        let found = answered.await.ok()?;
        let done = found.as_ref().is_none_or(Purge::is_done);
        if done || Instant::now() >= deadline {
            return Some(found);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}
