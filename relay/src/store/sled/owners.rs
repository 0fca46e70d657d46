//! Whose the replica ids are: number, replica → principal. Written once.

use std::collections::BTreeMap;

use driftwood_crdt::ReplicaId;
use driftwood_sync::DocumentName;

use super::super::record::{seal, unseal};
use super::super::{Owner, StoreError};
use super::folder::engine_error;

/// Remembers an owner, unless there is one.
pub(super) fn bind(
    tree: &sled::Tree,
    number: u32,
    replica: ReplicaId,
    principal: &str,
) -> Result<(), StoreError> {
    let key = owner_key(number, replica);
    if !tree.contains_key(key).map_err(engine_error)? {
        let value = seal(&key, principal.as_bytes());
        tree.insert(key, value).map_err(engine_error)?;
    }
    Ok(())
}

/// All owners, in order.
pub(super) fn all(
    tree: &sled::Tree,
    names: &BTreeMap<u32, &DocumentName>,
) -> Result<Vec<Owner>, StoreError> {
    let mut owners = Vec::new();
    for pair in tree {
        let (key, value) = pair.map_err(engine_error)?;
        let owner = owner_of(&key, &value, names);
        // An id without an owner belongs to whom it writes for next.
        if owner.is_none() {
            tracing::warn!("dropped a damaged record of whose a replica is");
        }
        owners.extend(owner);
    }
    owners.sort();
    Ok(owners)
}

fn owner_key(number: u32, replica: ReplicaId) -> [u8; 12] {
    let mut key = [0; 12];
    key[..4].copy_from_slice(&number.to_be_bytes());
    key[4..].copy_from_slice(&replica.get().to_be_bytes());
    key
}

fn owner_of(key: &[u8], value: &[u8], names: &BTreeMap<u32, &DocumentName>) -> Option<Owner> {
    let (number, replica) = key.split_first_chunk()?;
    let document = *names.get(&u32::from_be_bytes(*number))?;
    let principal = std::str::from_utf8(unseal(key, value).ok()?).ok()?;
    Some(Owner {
        document: document.clone(),
        replica: ReplicaId::new(u64::from_be_bytes(replica.try_into().ok()?)),
        principal: principal.into(),
    })
}
