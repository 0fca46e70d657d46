//! What is at keys, as columns: the keys, the replicas, the seqs, the times, the values.

use super::names::{read_counter, Names, Steps};
use super::varint::{DecodeError, Reader, Writer};
use crate::map::{Entry, MapItem};
use crate::{limits, Dot, ReplicaId, Sibling, Stamp};

/// The fewest bytes of an entry: of a key two, a seq, a time and its counter.
pub(super) const ENTRY_BYTES: usize = 5;
/// Those of a mark: a name, two ends, a level, and a value of two.
pub(super) const MARK_BYTES: usize = 9;

/// How much of a key may be said to be as in the one before: so much memory comes from one byte.
const SHARED_MAX: usize = 64;
/// So many bytes of that are counted as one of input.
const SHARED_WEIGHT: usize = 24;

/// Writes a key by how much of the one before it begins with.
pub(super) fn write_key(out: &mut Writer, before: Option<&str>, key: &str) {
    let before = before.map_or(&[][..], str::as_bytes);
    let pairs = before.iter().zip(key.as_bytes()).take(SHARED_MAX);
    let shared = pairs.take_while(|(a, b)| a == b).count();
    out.weigh(shared / SHARED_WEIGHT);
    out.varint(shared as u64);
    out.bytes(&key.as_bytes()[shared..]);
}

pub(super) fn read_key(
    input: &mut Reader<'_>,
    before: Option<&String>,
) -> Result<String, DecodeError> {
    let before = before.map_or(&[][..], |before| before.as_bytes());
    let shared = input.varint()?;
    let most = before.len().min(SHARED_MAX);
    if shared > most as u64 {
        return Err(input.error("impossible key"));
    }
    let shared = shared as usize;
    input.weigh(shared / SHARED_WEIGHT)?;
    let rest = input.bytes()?;
    // One encoding: no more could have been said to be shared.
    if shared < most && rest.first() == Some(&before[shared]) {
        return Err(input.error("key not written the short way"));
    }
    if shared + rest.len() > limits::KEY_BYTES_MAX {
        return Err(input.over("key too long", limits::KEY_BYTES_MAX));
    }
    let mut key = Vec::with_capacity(shared + rest.len());
    key.extend_from_slice(&before[..shared]);
    key.extend_from_slice(rest);
    String::from_utf8(key).map_err(|_| input.error("text is not UTF-8"))
}

/// `keys` writes the column of keys, `values` that of values.
pub(super) fn write<K, V>(
    out: &mut Writer,
    entries: &[Entry<'_, K, V>],
    names: &Names,
    bytes_each: usize,
    keys: impl FnOnce(&mut Writer, &[Entry<'_, K, V>]),
    values: impl FnOnce(&mut Writer, &[Entry<'_, K, V>]),
) {
    out.count(entries.len(), bytes_each);
    keys(out, entries);
    if names.many() {
        for entry in entries {
            names.write_replica(out, entry.dot.replica);
        }
    }
    let mut seqs = Steps::from(0);
    for entry in entries {
        seqs.write(out, entry.dot.seq);
    }
    let mut times = Steps::from(names.base.millis());
    for entry in entries {
        times.write(out, entry.stamp.millis());
    }
    for entry in entries {
        out.varint(u64::from(entry.stamp.counter()));
    }
    values(out, entries);
}

/// `key` reads a key, seeing the one before; `values` the column of values.
pub(super) fn read<'a, K: Ord, V: Default>(
    input: &mut Reader<'a>,
    names: &Names,
    bytes_each: usize,
    mut key: impl FnMut(&mut Reader<'a>, Option<&K>) -> Result<K, DecodeError>,
    values: impl FnOnce(&mut Reader<'a>, &mut [MapItem<K, V>]) -> Result<(), DecodeError>,
) -> Result<Vec<MapItem<K, V>>, DecodeError> {
    let nobody = Dot::new(ReplicaId::new(0), 0);
    let mut items = input.many(
        usize::MAX,
        "too many entries",
        bytes_each,
        |input, before: &[MapItem<K, V>]| {
            Ok(MapItem {
                key: key(input, before.last().map(|item| &item.key))?,
                sibling: Sibling {
                    dot: nobody,
                    stamp: Stamp::default(),
                    value: V::default(),
                },
            })
        },
    )?;
    for item in &mut items {
        item.sibling.dot.replica = names.read_replica(input)?;
    }
    let mut seqs = Steps::from(0);
    for item in &mut items {
        item.sibling.dot.seq = seqs.read(input, 1, limits::SEQ_MAX, "seq out of range")?;
    }
    let mut times = Steps::from(names.base.millis());
    for item in &mut items {
        let millis = times.read(input, 0, Stamp::MILLIS_MAX, "stamp over 64 bits")?;
        item.sibling.stamp = Stamp::new(millis, 0);
    }
    for item in &mut items {
        item.sibling.stamp = Stamp::new(item.sibling.stamp.millis(), read_counter(input)?);
    }
    values(input, &mut items)?;
    check_order(input, &items)?;
    Ok(items)
}

fn check_order<K: Ord, V>(input: &Reader<'_>, items: &[MapItem<K, V>]) -> Result<(), DecodeError> {
    let mut siblings = 1;
    for pair in items.windows(2) {
        let [last, next] = pair else { continue };
        let order = last.key.cmp(&next.key);
        if order.then(last.sibling.dot.cmp(&next.sibling.dot)).is_ge() {
            return Err(input.error("entries out of order"));
        }
        siblings = if order.is_eq() { siblings + 1 } else { 1 };
        if siblings > limits::SIBLINGS_MAX {
            return Err(input.over("too many siblings", limits::SIBLINGS_MAX));
        }
    }
    Ok(())
}
