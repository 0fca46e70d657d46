//! What the node has begun and has not ended yet.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use driftwood_sync::{DocumentName, LinkId, Output};

use super::{Course, Traces, What, Within};

/// The first bytes of messages between relays: what is asked, and what ends the exchange.
const CHANGES: u8 = 0x09;
const SINCE: u8 = 0x10;
const SURVEY: u8 = 0x11;
const SYMBOLS: u8 = 0x12;
const UNMATCHED: u8 = 0x13;

/// Loads and exchanges, to be noted when they end.
pub(crate) struct Underway {
    traces: Traces,
    loads: BTreeMap<(LinkId, DocumentName), Load>,
    asked: BTreeMap<LinkId, Instant>,
    surveys: BTreeMap<LinkId, Survey>,
}

struct Load {
    begun: Instant,
    /// The other side had nothing of it.
    is_first: bool,
}

struct Survey {
    begun: Instant,
    bytes: usize,
}

impl Underway {
    pub(crate) fn new(traces: Traces) -> Self {
        Self {
            traces,
            loads: BTreeMap::new(),
            asked: BTreeMap::new(),
            surveys: BTreeMap::new(),
        }
    }

    /// The node asks for this.
    pub(crate) fn output(&mut self, output: &Output) {
        if !self.traces.are_wanted() {
            return;
        }
        match output {
            Output::Load {
                link,
                document,
                since,
                ..
            } => {
                let load = Load {
                    begun: Instant::now(),
                    is_first: since.is_empty(),
                };
                self.loads.insert((*link, document.clone()), load);
            }
            Output::Send { link, frame, .. } => self.sent(*link, frame.first().copied()),
            Output::Disconnect { link, .. } => self.gone(*link),
            _ => {}
        }
    }

    fn sent(&mut self, link: LinkId, tag: Option<u8>) {
        let begun = Instant::now();
        match tag {
            Some(SINCE) => drop(self.asked.insert(link, begun)),
            Some(SURVEY) => {
                let survey = Survey { begun, bytes: 0 };
                self.surveys.entry(link).or_insert(survey);
            }
            Some(UNMATCHED) => {
                if let Some(Survey { begun, bytes }) = self.surveys.remove(&link) {
                    self.note(What::Survey, link, begun, bytes);
                }
            }
            _ => {}
        }
    }

    /// This came in.
    pub(crate) fn received(&mut self, link: LinkId, message: &[u8]) {
        match message.first() {
            Some(&CHANGES) => {
                if let Some(begun) = self.asked.remove(&link) {
                    self.note(What::Gossip, link, begun, message.len());
                }
            }
            Some(&SYMBOLS) => {
                if let Some(survey) = self.surveys.get_mut(&link) {
                    survey.bytes += message.len();
                }
            }
            _ => {}
        }
    }

    fn note(&self, what: What, link: LinkId, begun: Instant, bytes: usize) {
        self.traces
            .note(what, Within::Link(link), Course::since(begun), || {
                [
                    ("driftwood.link", link.0.into()),
                    ("driftwood.bytes", bytes.into()),
                ]
            });
    }

    /// The store has answered a load.
    pub(crate) fn loaded(&mut self, link: LinkId, document: &DocumentName, deltas: &[Arc<[u8]>]) {
        if self.loads.is_empty() {
            return;
        }
        let Some(load) = self.loads.remove(&(link, document.clone())) else {
            return;
        };
        let course = Course::since(load.begun);
        self.traces
            .note(What::Load, Within::Link(link), course, || {
                let bytes: usize = deltas.iter().map(|delta| delta.len()).sum();
                [
                    ("driftwood.link", link.0.into()),
                    ("driftwood.document", document.as_str().into()),
                    ("driftwood.first", load.is_first.into()),
                    ("driftwood.deltas", deltas.len().into()),
                    ("driftwood.bytes", bytes.into()),
                ]
            });
    }

    /// The link is gone. Its loads are answered yet.
    pub(crate) fn gone(&mut self, link: LinkId) {
        self.asked.remove(&link);
        self.surveys.remove(&link);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use driftwood_crdt::VersionVector;

    #[test]
    fn exchanges_and_loads_are_noted_when_they_end() {
        let traces = Traces::wanted();
        let mut underway = Underway::new(traces.clone());
        let [link, other] = [LinkId(1), LinkId(2)];
        let send = |link, tag: u8| Output::Send {
            link,
            channel: None,
            frame: [tag, 0].into(),
        };
        let mut noted = |act: &mut dyn FnMut(&mut Underway)| -> Vec<What> {
            act(&mut underway);
            traces.take(10).into_iter().map(|span| span.what).collect()
        };
        let begun = noted(&mut |it| {
            it.output(&send(link, SINCE));
            it.received(other, &[CHANGES]);
        });
        assert_eq!(begun, [], "another link");
        let asked = noted(&mut |it| {
            it.received(link, &[CHANGES]);
            it.received(link, &[CHANGES]);
        });
        assert_eq!(asked, [What::Gossip], "once");
        let compared = noted(&mut |it| {
            for tag in [SURVEY, SURVEY, UNMATCHED, UNMATCHED] {
                it.output(&send(link, tag));
                it.received(link, &[SYMBOLS, 1, 2]);
            }
        });
        assert_eq!(compared, [What::Survey]);
        let document = DocumentName::new("trip").expect("a name");
        let read = noted(&mut |it| {
            it.output(&Output::Load {
                link,
                document: document.clone(),
                since: VersionVector::new(),
                anchors: Vec::new(),
            });
            it.gone(link);
            it.loaded(other, &document, &[]);
            it.loaded(link, &document, &[]);
        });
        assert_eq!(read, [What::Load], "also for a link that is gone");
        let lost = noted(&mut |it| {
            it.output(&send(link, SINCE));
            it.gone(link);
            it.received(link, &[CHANGES]);
        });
        assert_eq!(lost, []);
        assert!(underway.loads.is_empty() && underway.asked.is_empty());
    }
}
