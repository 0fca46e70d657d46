//! What can go wrong between two nodes: a code, and never content or tokens.

use std::fmt;

use thiserror::Error;

macro_rules! codes {
    ($($(#[$doc:meta])+ $variant:ident = $number:literal, $name:literal;)+) => {
        /// The kinds of trouble, each with a stable number on the wire and a stable name for people.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ErrorCode {
            $($(#[$doc])+ $variant,)+
            /// A code of a later protocol, kept as it came.
            Other(u16),
        }

        impl ErrorCode {
            /// Every code this version knows.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The number on the wire.
            pub const fn to_u16(self) -> u16 {
                match self {
                    $(Self::$variant => $number,)+
                    Self::Other(number) => number,
                }
            }

            /// The code of that number.
            pub const fn from_u16(number: u16) -> Self {
                match number {
                    $($number => Self::$variant,)+
                    other => Self::Other(other),
                }
            }

            /// The stable name, such as `BAD_FRAME`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                    Self::Other(_) => "OTHER",
                }
            }
        }
    };
}

codes! {
    /// No hello, a late one, or one that was not accepted.
    Unauthenticated = 1, "UNAUTHENTICATED";
    /// No version of the protocol in common; the value is the newest one spoken here.
    UnsupportedVersion = 2, "UNSUPPORTED_VERSION";
    /// Not a message of this protocol; the value is the offset of the first wrong byte.
    BadFrame = 3, "BAD_FRAME";
    /// Longer than allowed; the value is the limit.
    FrameTooLarge = 4, "FRAME_TOO_LARGE";
    /// That document is not for you.
    Forbidden = 5, "FORBIDDEN";
    /// A delta starts beyond what is held.
    Gap = 6, "GAP";
    /// A delta hangs on an element that was dropped here.
    NeedSkeleton = 7, "NEED_SKELETON";
    /// A known change came with other content: its replica id was used twice.
    DotConflict = 8, "DOT_CONFLICT";
    /// A replica that belongs to somebody else.
    ForgedReplica = 9, "FORGED_REPLICA";
    /// The peer holds more of the sender's own replica than the sender does.
    ReplicaForked = 10, "REPLICA_FORKED";
    /// A stamp too far in the future; the value is the relay's time in milliseconds.
    ClockAhead = 11, "CLOCK_AHEAD";
    /// Too many messages; the value is how many milliseconds to wait.
    RateLimited = 12, "RATE_LIMITED";
    /// Nothing more can be stored.
    StorageFull = 13, "STORAGE_FULL";
    /// What is stored is damaged.
    StoreCorrupt = 14, "STORE_CORRUPT";
    /// Written by a newer version.
    FormatTooNew = 15, "FORMAT_TOO_NEW";
    /// The node at the other end has our own number: it is ourselves.
    NodeIdClash = 16, "NODE_ID_CLASH";
    /// The other side went silent, or did not read for too long.
    Timeout = 17, "TIMEOUT";
    /// That document was deleted for good.
    Purged = 18, "PURGED";
    /// Containers nested too deep.
    LimitDepth = 32, "LIMIT_DEPTH";
    /// A key too long.
    LimitKey = 33, "LIMIT_KEY";
    /// A value too large.
    LimitValue = 34, "LIMIT_VALUE";
    /// A counter out of range.
    LimitCounter = 35, "LIMIT_COUNTER";
    /// Too many concurrent values of one key.
    LimitSiblings = 36, "LIMIT_SIBLINGS";
    /// A replica's changes out of range.
    LimitSeq = 37, "LIMIT_SEQ";
    /// Too many replicas in one document.
    LimitReplicas = 38, "LIMIT_REPLICAS";
    /// Too many documents on one connection.
    LimitDocuments = 39, "LIMIT_DOCUMENTS";
    /// A document's name too long or empty.
    LimitName = 40, "LIMIT_NAME";
    /// A presence too large, or too many of them.
    LimitPresence = 41, "LIMIT_PRESENCE";
    /// A delta too large, or one that says too much.
    LimitDelta = 42, "LIMIT_DELTA";
}

impl ErrorCode {
    /// The WebSocket close code, when this trouble ends the connection.
    pub const fn close_code(self) -> Option<u16> {
        match self {
            Self::BadFrame => Some(4400),
            Self::Unauthenticated => Some(4401),
            Self::ForgedReplica | Self::NodeIdClash => Some(4403),
            Self::UnsupportedVersion => Some(4406),
            Self::Timeout => Some(4408),
            Self::RateLimited => Some(4429),
            Self::FrameTooLarge => Some(1009),
            _ => None,
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(number) => write!(f, "OTHER({number})"),
            known => f.write_str(known.as_str()),
        }
    }
}

/// Who noticed a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reporter {
    /// This node did.
    Here,
    /// The other end of the link said so.
    Peer,
}

/// One problem between two nodes, to be logged or shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{code} ({value}){}", match reporter { Reporter::Here => "", Reporter::Peer => ", says the other side" })]
pub struct ProtocolError {
    /// What kind.
    pub code: ErrorCode,
    /// The number that belongs to the code: an offset, a limit, a time to wait, a clock; else 0.
    pub value: u64,
    /// Who noticed.
    pub reporter: Reporter,
}
