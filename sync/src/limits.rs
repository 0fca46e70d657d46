//! Every bound and every period of the protocol in one place.

use std::time::Duration;

/// How much of something may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// In the long run.
    pub per_second: u64,
    /// At once, after a rest. Who takes more is asked to wait; who takes twice as much is cut off.
    pub burst: u64,
}

impl Pace {
    /// So much a second, and at once what comes together in five.
    pub const fn of(per_second: u64) -> Self {
        Self {
            per_second,
            burst: per_second.saturating_mul(5),
        }
    }
}

/// What several connections may bring together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Deltas, or parts of them.
    pub changes: Pace,
    /// Bytes of all messages.
    pub bytes: Pace,
}

/// Bounds and periods. The defaults are those of PROTOCOL.md; tests make them smaller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest message. 1 MiB.
    pub message_bytes: usize,
    /// The longest message before the hello is through. 16 KiB.
    pub hello_bytes: usize,
    /// The longest delta that is sent as one message; longer ones go in parts. 256 KiB.
    pub chunk_bytes: usize,
    /// The longest part of a delta. 64 KiB, so that even a slow link shows signs of life.
    pub part_bytes: usize,
    /// What may be under way of a delta in parts. 512 KiB.
    pub window_bytes: usize,
    /// The longest delta, and what one link may have in parts here. 64 MiB.
    pub delta_bytes: usize,
    /// What all links together may have in parts here. 256 MiB.
    pub assembly_bytes: usize,
    /// How long the parts that a broken link left are kept. 5 min.
    pub assembly_time: Duration,
    /// What a shell lets wait on a link before it says `Congested`. 256 KiB.
    pub backlog_bytes: usize,
    /// Documents that one client may have open on a connection. 256.
    pub documents: usize,
    /// Documents that another relay may have open on a connection. 1,048,576.
    pub documents_mesh: usize,
    /// Replicas that may have written to one document. 4,096.
    pub replicas: usize,
    /// The longest presence. 4 KiB.
    pub presence_bytes: usize,
    /// Participants of one document whose presence is kept. 1,024.
    pub presence_peers: usize,
    /// Documents that a relay lists in one message. 2,048.
    pub listed: usize,
    /// From so many documents on relays that meet for the first time compare symbols, and not lists. 128.
    pub survey_min: usize,
    /// Loads asked for at one time for one link. 16.
    pub loads: usize,
    /// Messages that one connection of a client may bring. 10,000 a second, 50,000 at once.
    pub messages: Pace,
    /// What all clients of one principal may bring. 10,000 changes and 32 MiB a second.
    pub principal: Allowance,
    /// What all clients of one address may bring. 50,000 changes and 128 MiB a second.
    pub address: Allowance,
    /// How long a hello may take. 5 s.
    pub hello_time: Duration,
    /// Silence after which a ping is sent; twice this on links that others dialled. 10 s.
    pub ping_time: Duration,
    /// How long the answer to a ping may take. 10 s.
    pub pong_time: Duration,
    /// How long a link may stay congested. 60 s.
    pub congested_time: Duration,
    /// The period at which the own presence is sent again. 15 s.
    pub presence_time: Duration,
    /// The age at which a presence that was not renewed is dropped. 35 s.
    pub presence_expiry: Duration,
    /// The period at which relays ask each other what has changed. 60 s.
    pub audit_time: Duration,
    /// The period at which relays compare all that they store. 1 h.
    pub survey_time: Duration,
    /// How long a relay waits at most before it tells all who take part what has been saved. 2 s.
    pub news_time: Duration,
    /// How long it waits at least; then it tells them with the next delta that goes to them. 250 ms.
    pub news_pause: Duration,
    /// The time after which a gap that was not filled is reported again. 5 s.
    pub gap_time: Duration,
    /// The time after which a relay whose store failed takes changes again. 10 s.
    pub store_retry_time: Duration,
    /// How far ahead of a relay's clock a stamp may be. 60 s.
    pub clock_ahead: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 1 << 20,
            hello_bytes: 16 << 10,
            chunk_bytes: 256 << 10,
            part_bytes: 64 << 10,
            window_bytes: 512 << 10,
            delta_bytes: 64 << 20,
            assembly_bytes: 256 << 20,
            assembly_time: Duration::from_secs(300),
            backlog_bytes: 256 << 10,
            documents: 256,
            documents_mesh: 1 << 20,
            replicas: 4_096,
            presence_bytes: 4 << 10,
            presence_peers: 1_024,
            listed: 2_048,
            survey_min: 128,
            loads: 16,
            messages: Pace::of(10_000),
            principal: Allowance {
                changes: Pace::of(10_000),
                bytes: Pace::of(32 << 20),
            },
            address: Allowance {
                changes: Pace::of(50_000),
                bytes: Pace::of(128 << 20),
            },
            hello_time: Duration::from_secs(5),
            ping_time: Duration::from_secs(10),
            pong_time: Duration::from_secs(10),
            congested_time: Duration::from_secs(60),
            presence_time: Duration::from_secs(15),
            presence_expiry: Duration::from_secs(35),
            audit_time: Duration::from_secs(60),
            survey_time: Duration::from_secs(3_600),
            news_time: Duration::from_secs(2),
            news_pause: Duration::from_millis(250),
            gap_time: Duration::from_secs(5),
            store_retry_time: Duration::from_secs(10),
            clock_ahead: Duration::from_secs(60),
        }
    }
}
