//! How much clients may bring.

use driftwood_sync::{Allowance, Limits, Pace};
use serde::Serialize;

/// What clients may bring in a second, and five times as much at once; 0 is no limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Rates {
    /// Changes of all clients of one principal.
    pub principal_changes: u64,
    /// Bytes of all clients of one principal.
    pub principal_bytes: u64,
    /// Changes of all clients of one address.
    pub address_changes: u64,
    /// Bytes of all clients of one address.
    pub address_bytes: u64,
}

impl Default for Rates {
    fn default() -> Self {
        let Limits {
            principal, address, ..
        } = Limits::default();
        Self {
            principal_changes: principal.changes.per_second,
            principal_bytes: principal.bytes.per_second,
            address_changes: address.changes.per_second,
            address_bytes: address.bytes.per_second,
        }
    }
}

impl Rates {
    /// The protocol's limits with these rates.
    pub(crate) fn limits(&self) -> Limits {
        let allowance = |changes, bytes| Allowance {
            changes: pace(changes),
            bytes: pace(bytes),
        };
        Limits {
            principal: allowance(self.principal_changes, self.principal_bytes),
            address: allowance(self.address_changes, self.address_bytes),
            ..Limits::default()
        }
    }
}

fn pace(per_second: u64) -> Pace {
    Pace::of(if per_second == 0 {
        u64::MAX
    } else {
        per_second
    })
}
