//! Two relays compare all that they store, in bytes in proportion to what differs (`sketch`).
//!
//! One asks for symbols and has the work; the other has a sketch at hand. When what differs is known, the
//! one tells the other which items it does not have, and both open what differs and list it anew, so that
//! it comes up again with what changed. All else is durable on both sides, and each takes note of it.

use driftwood_crdt::ordered::BTreeSet;
use std::time::Duration;

use crate::config::RELAY;
use crate::document::Key;
use crate::feed::SYMBOLS_MIN;
use crate::message::{Message, Symbols};
use crate::node::Node;
use crate::sketch::{solve, Secret, Sketch, Symbol};
use crate::{LinkId, Time};

/// A comparison that we began.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// Their symbols that came, all of them taken under this number.
    theirs: Vec<Symbol>,
    number: u64,
    /// Our own ones, from when theirs first came.
    ours: Option<Ours>,
}

#[derive(Debug)]
struct Ours {
    sketch: Sketch,
    /// Which documents the items are; by ascending item.
    items: Vec<(u64, Key)>,
    /// The highest number that was given out then.
    head: u64,
}

/// Documents that were listed up to a number and not since are known to be durable on the other side. So
/// that nobody waits for many of them, they are gone through little by little.
#[derive(Debug)]
pub(crate) struct Confirming {
    after: u64,
    upto: u64,
    pub(crate) due: Time,
}

/// How many of them at one time, and how long until the next ones.
const CONFIRM_MAX: usize = 2_048;
const CONFIRM_PAUSE: Duration = Duration::from_millis(10);

impl Node {
    /// They want symbols. Those that they have are good as long as nothing has been listed since.
    pub(crate) fn on_survey(&mut self, link: LinkId, from: u64, number: u64) {
        if self.mesh_link(link).is_none() {
            return;
        }
        let head = self.feed.head();
        let there = usize::try_from(from).unwrap_or(usize::MAX);
        let few = self.feed.len() < self.config.limits.survey_min;
        let sketch = self.sketch();
        let all = sketch.symbols();
        // Half as many again each time, so that few are sent in vain.
        let end = SYMBOLS_MIN
            .max(there.saturating_add(there / 2))
            .min(all.len());
        let start = if number == head { there } else { 0 };
        let enough = few || there >= all.len();
        let symbols = Symbols {
            secret: sketch.secret().0,
            number: head,
            from: start as u64,
            symbols: if enough {
                Vec::new()
            } else {
                all[start..end].to_vec()
            },
        };
        self.outbox.send(link, &Message::Symbols(symbols));
    }

    pub(crate) fn on_symbols(&mut self, link: LinkId, symbols: &Symbols) {
        let Some(session) = self.mesh_link(link) else {
            return;
        };
        let Some(mut survey) = session.exchange().survey.take() else {
            return;
        };
        if symbols.from == 0 {
            survey.theirs.clear();
            survey.number = symbols.number;
        }
        let follow = (survey.theirs.len() as u64, survey.number) == (symbols.from, symbols.number);
        survey.theirs.extend(&symbols.symbols);
        let secret = Secret(symbols.secret);
        let ours = survey.ours.take();
        let ours = ours.filter(|ours| ours.sketch.secret() == secret);
        let ours = ours.unwrap_or_else(|| self.ours(secret));
        let len = survey.theirs.len();
        if symbols.symbols.is_empty() || !follow || len > ours.sketch.symbols().len() {
            // More differs than is worth it, or they have too little to compare.
            return self.ask_since(link, 0);
        }
        if let Some(differ) = solve(&ours.sketch.symbols()[..len], &survey.theirs) {
            return self.compared(link, survey.number, &ours, &differ);
        }
        let (from, number) = (len as u64, survey.number);
        survey.ours = Some(ours);
        if let Some(session) = self.links.get_mut(&link) {
            session.exchange().survey = Some(survey);
        }
        self.outbox.send(link, &Message::Survey { from, number });
    }

    fn ours(&self, secret: Secret) -> Ours {
        let (sketch, mut items) = self.sketch_under(secret, self.feed.symbols());
        items.sort_unstable();
        let head = self.feed.head();
        Ours {
            sketch,
            items,
            head,
        }
    }

    /// What differs is known. It is ours, or theirs and tells us only that they have it.
    fn compared(&mut self, link: LinkId, number: u64, ours: &Ours, differ: &BTreeSet<u64>) {
        let find = |item: &u64| ours.items.binary_search_by_key(item, |&(item, _)| item);
        let items = differ.iter().filter(|item| find(item).is_err());
        let message = Message::Unmatched {
            number,
            head: ours.head,
            items: items.copied().collect(),
        };
        self.outbox.send(link, &message);
        let found = differ.iter().filter_map(|item| find(item).ok());
        let keys: Vec<Key> = found.map(|at| ours.items[at].1).collect();
        self.matched(link, (ours.head, &keys), number);
    }

    /// They have compared, and lack these.
    pub(crate) fn on_unmatched(&mut self, link: LinkId, number: u64, head: u64, items: &[u64]) {
        if self.mesh_link(link).is_none() {
            return;
        }
        let mut keys = Vec::new();
        if !items.is_empty() {
            let secret = self.sketch().secret();
            for (_, key) in self.feed.range(0, number) {
                let document = self.documents.get(key);
                let entry = document.and_then(|it| Some((&it.name, it.listed?.digest)));
                let item = entry.map(|(name, digest)| secret.item(name, digest));
                if item.is_some_and(|item| items.binary_search(&item).is_ok()) {
                    keys.push(key);
                }
            }
        }
        self.matched(link, (number, &keys), head);
    }

    /// Of what was listed here up to `upto`, these are not over there, where `head` was the highest number.
    fn matched(&mut self, link: LinkId, (upto, differ): (u64, &[Key]), head: u64) {
        for &key in differ {
            // One that has changed since comes up by itself.
            let listed = self.documents.get(key).and_then(|it| it.listed);
            if listed.is_some_and(|entry| entry.number <= upto) {
                self.list_again(key);
            }
            self.differs(link, key);
        }
        let (now, limits) = (self.now, &self.config.limits);
        let (due, survey_due) = (now + limits.audit_time, now + limits.survey_time);
        let Some(session) = self.links.get_mut(&link) else {
            return;
        };
        let begins = session.begins(self.config.node);
        let exchange = session.exchange();
        exchange.due = Some(due);
        exchange.survey_due = begins.then_some(survey_due);
        exchange.confirming = Some(Confirming {
            after: 0,
            upto,
            due: now,
        });
        if let Some(remote) = session.remote {
            self.feed.set_cursor(remote, head);
        }
        self.confirm(link);
        self.arm_link(link);
    }

    /// Takes note of some of what is durable over there.
    pub(crate) fn confirm(&mut self, link: LinkId) {
        let now = self.now;
        let Some(session) = self.links.get_mut(&link).filter(|_| RELAY) else {
            return;
        };
        let Some(exchange) = &mut session.exchange else {
            return;
        };
        let Some(Confirming { after, upto, .. }) = exchange.confirming.take_if(|it| now >= it.due)
        else {
            return;
        };
        let listed = self.feed.range(after, upto).take(CONFIRM_MAX);
        let listed: Vec<(u64, Key)> = listed.collect();
        if let Some(&(after, _)) = listed.get(CONFIRM_MAX - 1) {
            let due = now + CONFIRM_PAUSE;
            exchange.confirming = Some(Confirming { after, upto, due });
        }
        for (_, key) in listed {
            // It was not listed since, so it is as it was.
            if let Some(document) = self.documents.get(key) {
                let version = document.durable.clone();
                self.saved_elsewhere(key, &version);
            }
        }
    }
}
