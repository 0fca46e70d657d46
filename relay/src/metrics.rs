//! What the relay counts, for `/metrics`: numbers and error codes, never a name of a document or a
//! person.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::{Duration, Instant};

use driftwood_crdt::VersionVector;
use driftwood_sync::{DocumentName, ErrorCode, MarkId, Output, Reporter};
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::traces::Traces;

/// Seconds: from what a fast disk needs to what nobody should have to wait.
const SECONDS: [f64; 14] = [
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0,
];

/// The first byte of messages that carry a delta, or a part of one.
const DELTA_TAGS: [u8; 2] = [0x04, 0x0d];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refusal {
    code: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Over {
    transport: &'static str,
}

/// What changes only when somebody looks.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Report {
    /// Documents that are held.
    pub(crate) documents: usize,
    /// Links to clients, hellos or none.
    pub(crate) clients: usize,
    /// Links to other relays.
    pub(crate) relays: usize,
    /// Links of either kind that run over QUIC.
    pub(crate) over_quic: usize,
    /// What waits to be sent, in bytes.
    pub(crate) backlog_bytes: usize,
    /// Links to which nothing is sent until they have read what waits.
    pub(crate) congested: usize,
    /// What waits for the disk, in bytes.
    pub(crate) unstored_bytes: usize,
    /// For how long the oldest change has been here that no other relay has yet.
    pub(crate) gossip_lag: Duration,
}

/// The counters of one relay.
pub(crate) struct Metrics {
    registry: Registry,
    /// Where that is wanted, also what took how long.
    traces: Traces,
    links: Family<Kind, Gauge<i64, AtomicI64>>,
    transports: Family<Over, Gauge<i64, AtomicI64>>,
    documents: Gauge,
    backlog_bytes: Gauge,
    congested: Gauge,
    unstored_bytes: Gauge,
    gossip_lag: Gauge<f64, AtomicU64>,
    deltas_in: Counter,
    deltas_out: Counter,
    stored: Counter,
    bytes_in: Counter,
    bytes_out: Counter,
    refusals: Family<Refusal, Counter>,
    logins: Family<Kind, Counter>,
    webhooks: Family<Kind, Counter>,
    acknowledged: Histogram,
    fsync: Histogram,
    replicated: Histogram,
}

impl Default for Metrics {
    fn default() -> Self {
        let histogram = || Histogram::new(SECONDS);
        let mut metrics = Self {
            registry: Registry::with_prefix("driftwood"),
            traces: Traces::default(),
            links: Family::default(),
            transports: Family::default(),
            documents: Gauge::default(),
            backlog_bytes: Gauge::default(),
            congested: Gauge::default(),
            unstored_bytes: Gauge::default(),
            gossip_lag: Gauge::default(),
            deltas_in: Counter::default(),
            deltas_out: Counter::default(),
            stored: Counter::default(),
            bytes_in: Counter::default(),
            bytes_out: Counter::default(),
            refusals: Family::default(),
            logins: Family::default(),
            webhooks: Family::default(),
            acknowledged: histogram(),
            fsync: histogram(),
            replicated: histogram(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    /// Those of a relay that notes spans there.
    pub(crate) fn traced(traces: Traces) -> Self {
        Self {
            traces,
            ..Self::default()
        }
    }

    pub(crate) fn traces(&self) -> &Traces {
        &self.traces
    }

    fn register(&mut self) {
        let all = &mut self.registry;
        all.register("connections", "Open connections", self.links.clone());
        let help = "Open connections, by what they run over";
        all.register("connections_over", help, self.transports.clone());
        all.register("documents", "Documents held", self.documents.clone());
        let help = "What waits to be sent to slow readers";
        all.register_with_unit("backlog", help, Unit::Bytes, self.backlog_bytes.clone());
        let help = "Connections that have to read before more is sent";
        all.register("congested_connections", help, self.congested.clone());
        let help = "What waits for the disk";
        all.register_with_unit("unstored", help, Unit::Bytes, self.unstored_bytes.clone());
        let help = "Age of the oldest change that no other relay has";
        all.register_with_unit("gossip_lag", help, Unit::Seconds, self.gossip_lag.clone());
        let help = "Deltas received, or parts of one";
        all.register("deltas_in", help, self.deltas_in.clone());
        let help = "Deltas sent, or parts of one";
        all.register("deltas_out", help, self.deltas_out.clone());
        let help = "Deltas that were news and went to the store";
        all.register("deltas_stored", help, self.stored.clone());
        let help = "Messages received";
        all.register_with_unit("received", help, Unit::Bytes, self.bytes_in.clone());
        let help = "Messages sent";
        all.register_with_unit("sent", help, Unit::Bytes, self.bytes_out.clone());
        let help = "What was refused, by code";
        all.register("refusals", help, self.refusals.clone());
        let help = "Tokens that were shown, by what became of them";
        all.register("logins", help, self.logins.clone());
        let help = "Requests to the webhook, by what came of them";
        all.register("webhooks", help, self.webhooks.clone());
        let help = "From a change's arrival to its acknowledgement";
        let unit = Unit::Seconds;
        all.register_with_unit("acknowledgement", help, unit, self.acknowledged.clone());
        let help = "One sync of the disk";
        all.register_with_unit("fsync", help, Unit::Seconds, self.fsync.clone());
        let help = "From a change's sync here to the word of another relay that has it";
        all.register_with_unit("replication", help, Unit::Seconds, self.replicated.clone());
    }

    /// All of it in the text format of `OpenMetrics`, which Prometheus reads.
    pub(crate) fn text(&self, report: &Report) -> String {
        let links = |kind, count: usize| {
            let kind = Kind { kind };
            self.links.get_or_create(&kind).set(whole(count));
        };
        links("client", report.clients);
        links("relay", report.relays);
        let over = |transport, count: usize| {
            let over = Over { transport };
            self.transports.get_or_create(&over).set(whole(count));
        };
        let all = report.clients + report.relays;
        over("quic", report.over_quic);
        over("websocket", all.saturating_sub(report.over_quic));
        self.documents.set(whole(report.documents));
        self.backlog_bytes.set(whole(report.backlog_bytes));
        self.congested.set(whole(report.congested));
        self.unstored_bytes.set(whole(report.unstored_bytes));
        self.gossip_lag.set(report.gossip_lag.as_secs_f64());
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a text does not fail");
        text
    }

    pub(crate) fn received(&self, message: &[u8]) {
        self.bytes_in.inc_by(message.len() as u64);
        if message.first().is_some_and(|tag| DELTA_TAGS.contains(tag)) {
            self.deltas_in.inc();
        }
    }

    /// Counts what the node asks for.
    pub(crate) fn output(&self, output: &Output) {
        match output {
            Output::Send { frame, .. } => {
                self.bytes_out.inc_by(frame.len() as u64);
                if frame.first().is_some_and(|tag| DELTA_TAGS.contains(tag)) {
                    self.deltas_out.inc();
                }
            }
            Output::Store { .. } => drop(self.stored.inc()),
            Output::Problem { error, .. } if error.reporter == Reporter::Here => {
                self.refused(error.code);
            }
            _ => {}
        }
    }

    fn refused(&self, code: ErrorCode) {
        let code = code.as_str().to_owned();
        self.refusals.get_or_create(&Refusal { code }).inc();
    }

    pub(crate) fn login(&self, good: bool) {
        let kind = if good { "accepted" } else { "refused" };
        self.logins.get_or_create(&Kind { kind }).inc();
    }

    pub(crate) fn webhook(&self, taken: bool) {
        let kind = if taken { "taken" } else { "failed" };
        self.webhooks.get_or_create(&Kind { kind }).inc();
    }

    pub(crate) fn acknowledged(&self, taken: Instant) {
        self.acknowledged.observe(taken.elapsed().as_secs_f64());
    }

    pub(crate) fn synced(&self, time: Duration) {
        self.fsync.observe(time.as_secs_f64());
    }

    fn replicated(&self, time: Duration) {
        self.replicated.observe(time.as_secs_f64());
    }
}

fn whole(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Changes that are safe here and, as far as is known, on no other relay.
#[derive(Default)]
pub(crate) struct Unreplicated {
    /// Another relay has ever said that it has something. Nothing is gathered for nobody.
    meshed: bool,
    documents: BTreeMap<DocumentName, (Instant, VersionVector)>,
}

impl Unreplicated {
    /// Whether another relay has ever said that it has something.
    pub(crate) fn is_meshed(&self) -> bool {
        self.meshed
    }

    /// These are safe here; of this document others have as much as `replicated`. They may be faster.
    pub(crate) fn flushed(
        &mut self,
        document: &DocumentName,
        version: &VersionVector,
        replicated: &VersionVector,
        metrics: &Metrics,
    ) {
        let missing = version.iter();
        let missing = missing.filter(|&(replica, seq)| replicated.get(replica) < seq);
        let missing: VersionVector = missing.collect();
        if missing.is_empty() {
            return metrics.replicated(Duration::ZERO);
        }
        let new = || (Instant::now(), VersionVector::new());
        let entry = self.documents.entry(document.clone());
        entry.or_insert_with(new).1.merge(&missing);
    }

    /// Another relay has these.
    pub(crate) fn replicated(
        &mut self,
        document: &DocumentName,
        version: &VersionVector,
        metrics: &Metrics,
    ) {
        self.meshed = true;
        let Some((since, missing)) = self.documents.get_mut(document) else {
            return;
        };
        let left = missing.iter();
        let left = left.filter(|&(replica, seq)| version.get(replica) < seq);
        let left: VersionVector = left.collect();
        if left.is_empty() {
            metrics.replicated(since.elapsed());
            self.documents.remove(document);
        } else {
            *missing = left;
        }
    }

    /// These were purged.
    pub(crate) fn forget(&mut self, ids: &[MarkId]) {
        self.documents
            .retain(|document, _| !ids.contains(&MarkId::of(document)));
    }

    /// Nobody is there who could have them.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// How long the oldest of them has been waiting. O(documents that wait).
    pub(crate) fn lag(&self) -> Duration {
        let oldest = self.documents.values().map(|(since, _)| *since).min();
        oldest.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use driftwood_crdt::ReplicaId;

    #[test]
    fn the_lag_ends_with_the_last_change_that_was_missing() {
        let metrics = Metrics::default();
        let name = DocumentName::new("trip").expect("a name");
        let version = |pairs: &[(u64, u64)]| -> VersionVector {
            let pairs = pairs.iter();
            pairs.map(|&(id, seq)| (ReplicaId::new(id), seq)).collect()
        };
        let mut waiting = Unreplicated::default();
        assert!(!waiting.is_meshed(), "nobody is there");
        waiting.replicated(&name, &version(&[(1, 4)]), &metrics);
        assert!(waiting.is_meshed());
        let (held, there) = (version(&[(1, 5), (2, 1)]), version(&[(1, 4)]));
        waiting.flushed(&name, &held, &there, &metrics);
        waiting.replicated(&name, &version(&[(1, 5)]), &metrics);
        assert!(waiting.lag() > Duration::ZERO);
        waiting.replicated(&name, &version(&[(2, 3)]), &metrics);
        assert_eq!(waiting.lag(), Duration::ZERO);
        let text = metrics.text(&Report::default());
        assert!(
            text.contains("driftwood_replication_seconds_count 1"),
            "{text}"
        );
        // The other relay was faster.
        waiting.flushed(&name, &held, &held, &metrics);
        assert_eq!(waiting.lag(), Duration::ZERO);
    }

    #[test]
    fn the_dashboard_and_the_readme_name_what_there_is() {
        let metrics = Metrics::default();
        metrics.refused(ErrorCode::Gap);
        metrics.login(true);
        let text = metrics.text(&Report::default());
        let dashboard = include_str!("../deploy/grafana.json");
        let is_letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let words = dashboard.split(|letter| !is_letter(letter));
        let names: Vec<&str> = words
            .filter(|word| word.starts_with("driftwood_"))
            .collect();
        assert!(names.len() > 10);
        for name in names {
            assert!(
                text.lines().any(|line| line.starts_with(name)),
                "{name}: {text}"
            );
        }
        let readme = include_str!("../README.md");
        let types = text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE driftwood_"));
        for name in types.filter_map(|line| line.split(' ').next()) {
            assert!(readme.contains(name), "{name}");
        }
    }

    #[test]
    fn refusals_are_counted_by_code() {
        let metrics = Metrics::default();
        metrics.refused(ErrorCode::Forbidden);
        metrics.refused(ErrorCode::Forbidden);
        let report = Report {
            clients: 3,
            over_quic: 1,
            ..Report::default()
        };
        let text = metrics.text(&report);
        assert!(
            text.contains("driftwood_refusals_total{code=\"FORBIDDEN\"} 2"),
            "{text}"
        );
        assert!(
            text.contains("driftwood_connections{kind=\"client\"} 3"),
            "{text}"
        );
        let over = |transport| format!("driftwood_connections_over{{transport=\"{transport}\"}}");
        for (transport, wanted) in [("quic", 1), ("websocket", 2)] {
            let line = format!("{} {wanted}", over(transport));
            assert!(text.contains(&line), "{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
