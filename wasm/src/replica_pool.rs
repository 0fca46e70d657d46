//! Which replica ids this page may write under.
//!
//! The worst that can happen to a document is that two writers use one id: nothing crashes, and
//! copies with equal versions hold different content. So an id is used only by the one page that
//! holds the Web Lock on it, it is committed to the pool before it is first used, and its last change
//! is read from the store after the lock was taken. Ids are random, never derived from user or device,
//! and return to the pool when their page ends: their number stays at the peak of open pages.

use driftwood_crdt::ReplicaId;
use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;

use crate::error::Failure;
use crate::host;
use crate::indexeddb::{prefix, Database};
use crate::locks::{try_lock, Answer, Lock};
use crate::record::{self, Kind};
use crate::store::REPLICAS;

/// The right to write under an id, until this is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    /// The id.
    pub(crate) replica: ReplicaId,
    _lock: Option<Lock>,
}

impl Lease {
    /// An id that nobody has used and that will not be used again.
    pub(crate) fn for_session() -> Self {
        Self {
            replica: random_id(),

            _lock: None,
        }
    }
}

/// Takes an id: `wanted` if it can be had, else any free one of the pool, else a new one.
pub(crate) async fn lease(database: &Database, wanted: Option<ReplicaId>) -> Lease {
    match lease_pooled(database, wanted).await {
        Ok(Some(lease)) => lease,
        // No locks here, or the pool cannot be read or written: an id of one session is always safe.
        Ok(None) | Err(_) => Lease::for_session(),
    }
}

/// Takes an id out of the pool for good.
///
/// # Errors
/// When the pool cannot be written.
pub(crate) async fn retire(database: &Database, replica: ReplicaId) -> Result<(), Failure> {
    database.write(&[(key(replica), None)])?.complete().await
}

/// The ids in the pool, leased or not, in order.
///
/// # Errors
/// When the pool cannot be read.
pub(crate) async fn ids(database: &Database) -> Result<Vec<ReplicaId>, Failure> {
    let keys = database.keys(&prefix(&[REPLICAS])?).await?;
    Ok(keys
        .iter()
        .filter_map(|key| Array::from(key).get(1).as_string())
        .filter_map(|id| u64::from_str_radix(&id, 16).ok())
        .map(ReplicaId::new)
        .collect())
}

async fn lease_pooled(
    database: &Database,
    wanted: Option<ReplicaId>,
) -> Result<Option<Lease>, Failure> {
    let mut pool = ids(database).await?;
    if let Some(place) = wanted.and_then(|wanted| pool.iter().position(|&id| id == wanted)) {
        pool.swap(0, place);
    }
    for replica in pool {
        match try_lock(&lock_name(replica)).await {
            Answer::Held(lock) => {
                // It may have been retired between the reading and the lock.
                if ids(database).await?.contains(&replica) {
                    return Ok(Some(Lease {
                        replica,

                        _lock: Some(lock),
                    }));
                }
            }
            Answer::Busy => {}
            Answer::Unsupported => return Ok(None),
        }
    }
    mint(database).await
}

async fn mint(database: &Database) -> Result<Option<Lease>, Failure> {
    let replica = random_id();
    let Answer::Held(lock) = try_lock(&lock_name(replica)).await else {
        return Ok(None);
    };
    // Locked first: whoever finds it in the pool finds it taken.
    let bytes = record::encode(Kind::Replica, &[]);
    let value = Uint8Array::from(&*bytes).into();
    database
        .write(&[(key(replica), Some(value))])?
        .complete()
        .await?;
    Ok(Some(Lease {
        replica,

        _lock: Some(lock),
    }))
}

fn random_id() -> ReplicaId {
    ReplicaId::new(host::random_u64())
}

fn key(replica: ReplicaId) -> JsValue {
    Array::of2(&REPLICAS.into(), &replica.to_string().into()).into()
}

fn lock_name(replica: ReplicaId) -> String {
    String::from("dw:") + &replica.to_string()
}
