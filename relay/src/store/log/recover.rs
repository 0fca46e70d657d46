//! Finding out, at the start, where every document stands: from the index and what follows it, or
//! else from the whole log.
//!
//! What cannot be read is one of two things. Behind all that was ever synced, at the end of the newest
//! segment, it is what a crash left of a write: nobody was told that it is safe, and it is cut off, with
//! whatever happens to stand behind it. Anywhere else it is damage, and refuses the documents that
//! lack a record because of it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use driftwood_sync::{DocumentName, MarkId};

use super::disk::Disk;
use super::frame::{Record, What};
use super::head::{Binding, Head, Purged};
use super::index::{checksum, Key, Meta, Table};
use super::segments::{file_name, read_all, start_of, steps, take_off, Segment, Segments, Step};

/// A document, as it was found.
#[derive(Default)]
pub(super) struct Found {
    /// `None` where no record that names it is left.
    pub(super) name: Option<DocumentName>,
    pub(super) head: Head,
    /// The newest record of it that one is missing before.
    gap: u64,
    /// The checksum of its entry in the index, if that is still true.
    pub(super) indexed: Option<u32>,
    pub(super) changed: bool,
}

impl Found {
    pub(super) fn is_damaged(&self) -> bool {
        self.gap > self.head.base + 1
    }
}

/// Something that the index has one entry of.
#[allow(clippy::struct_field_names)]
pub(super) struct Indexed<T> {
    pub(super) it: T,
    /// The checksum of that entry, if there is one.
    pub(super) indexed: Option<u32>,
    /// Whether it no longer says what is so.
    pub(super) changed: bool,
}

/// Everything that was found.
#[derive(Default)]
pub(super) struct Recovered {
    pub(super) documents: BTreeMap<u32, Found>,
    pub(super) owners: BTreeMap<(u32, u64), Indexed<Binding>>,
    pub(super) marks: BTreeMap<MarkId, Indexed<Purged>>,
    /// Documents that were purged.
    pub(super) gone: BTreeSet<u32>,
    /// What the index says of itself, if it is of any use.
    pub(super) meta: Option<Meta>,
    pub(super) segments: Segments,
    /// The segment to go on in, if the newest is whole.
    pub(super) goes_on: Option<u64>,
    pub(super) end: u64,
}

pub(super) fn recover(disk: &dyn Disk, table: &mut dyn Table) -> io::Result<Recovered> {
    let names = disk.names()?;
    let mut starts: Vec<u64> = names.iter().filter_map(|name| start_of(name)).collect();
    starts.sort_unstable();
    let mut found = from_index(table).unwrap_or_default();
    let upto = found.meta.as_ref().map_or(0, |meta| meta.upto);
    found
        .segments
        .retain(|start, _| starts.binary_search(start).is_ok());
    for (at, start) in starts.iter().enumerate() {
        let next = starts.get(at + 1).copied();
        if next.is_none_or(|next| next > upto) {
            found.segment(disk, *start, upto, next.is_none())?;
        } else if !found.segments.contains_key(start) {
            // It was given back, and came back in a power cut.
            let bytes = disk.open(&file_name(*start))?.length()?;
            found.segments.insert(*start, Segment { bytes, live: 0 });
        }
    }
    let purged = found.marks.values();
    let purged = purged.flat_map(|mark| &mark.it.marked.documents);
    found.gone = purged.copied().collect();
    let gone = &found.gone;
    found
        .documents
        .retain(|document, _| !gone.contains(document));
    found
        .owners
        .retain(|(document, _), _| !gone.contains(document));
    // A place is never used twice, whatever has become of the end.
    if found.end < upto {
        found.end = upto;
        found.goes_on = None;
    }
    Ok(found)
}

fn from_index(table: &mut dyn Table) -> Option<Recovered> {
    let mut entries = table.read()?;
    let mut found = Recovered::default();
    let mut meta = Meta::of(&mut entries)?;
    for (key, value) in &entries {
        let indexed = Some(checksum(key, value));
        match Key::read(key)? {
            Key::Head(document) => {
                let (name, head) = Head::read(value).ok()?;
                let document_found = Found {
                    name: Some(name),
                    head,
                    indexed,
                    ..Found::default()
                };
                found.documents.insert(document, document_found);
            }
            Key::Owner(document, replica) => {
                let owner = Indexed {
                    it: Binding::read(value).ok()?,
                    indexed,
                    changed: false,
                };
                found.owners.insert((document, replica), owner);
            }
            Key::Mark => {
                let it = Purged::read(value).ok()?;
                let (id, changed) = (it.marked.mark.id, false);
                let mark = Indexed {
                    it,
                    indexed,
                    changed,
                };
                found.marks.insert(id, mark);
            }
        }
    }
    found.segments = std::mem::take(&mut meta.segments);
    found.meta = Some(meta);
    Some(found)
}

impl Recovered {
    /// Reads what the index does not have of a segment.
    fn segment(&mut self, disk: &dyn Disk, start: u64, upto: u64, newest: bool) -> io::Result<()> {
        let file = disk.open(&file_name(start))?;
        let bytes = read_all(&*file)?;
        // The index was written when the log was safe up to there, and where it ends a record does.
        let known = upto.saturating_sub(start).min(bytes.len() as u64);
        let from = start + known;
        let bytes = &bytes[known as usize..];
        let safe = if newest { safe(from, bytes) } else { u64::MAX };
        let mut end = from;
        self.segments.entry(start).or_default();
        for step in steps(from, bytes) {
            match step {
                Step::Record {
                    place,
                    length,
                    record,
                    ..
                } => {
                    end = place + length;
                    self.record(start, place, length, record);
                }
                Step::Hole { place, length } if place < safe => {
                    tracing::error!(place, length, "a piece of the log is damaged");
                    end = place + length;
                }
                Step::Hole { place, .. } => {
                    tracing::warn!(
                        bytes = start + known + bytes.len() as u64 - place,
                        "dropped what was being written when the process stopped"
                    );
                    file.truncate(place - start)?;
                    file.sync()?;
                    break;
                }
            }
        }
        self.segments.entry(start).or_default().bytes = end - start;
        self.end = from + bytes.len() as u64;
        let whole = end == self.end;
        self.goes_on = (newest && whole).then_some(start);
        Ok(())
    }

    fn record(&mut self, start: u64, place: u64, length: u64, record: Record) {
        self.segments.entry(start).or_default().live += length;
        let document = record.document;
        if let What::Mark(marked) = record.what {
            let id = marked.mark.id;
            let indexed = self.marks.get(&id).and_then(|found| found.indexed);
            let mark = Indexed {
                it: Purged { marked, place },
                indexed,
                changed: true,
            };
            self.marks.insert(id, mark);
            return;
        }
        let found = self.documents.entry(document).or_default();
        match record.what {
            What::Delta(delta) => {
                // Without a name its base follows, or is lost.
                found.name = found.name.take().or(delta.name.clone());
                if delta.at <= found.head.last {
                    return;
                }
                if delta.at > found.head.last + 1 {
                    found.gap = delta.at;
                }
                found.changed = true;
                found.head.append(place, &delta);
            }
            What::Base(base) => {
                take_off(&mut self.segments, &base.replaced);
                if base.at >= found.head.base {
                    found.changed = true;
                    found.head.rebase(place, &base);
                    found.name = Some(base.name);
                }
            }
            What::Owner(owner) => {
                found.changed |= found.name.is_none();
                found.name = Some(owner.name);
                let binding = Binding {
                    principal: owner.principal.into(),
                    place,
                };
                let key = (document, owner.replica.get());
                let indexed = self.owners.get(&key).and_then(|found| found.indexed);
                let found = Indexed {
                    it: binding,
                    indexed,
                    changed: true,
                };
                self.owners.insert(key, found);
            }
            What::Mark(_) => unreachable!("taken before"),
        }
    }
}

/// How far a segment is sure to have been synced, by what its records say.
fn safe(start: u64, bytes: &[u8]) -> u64 {
    let synced = steps(start, bytes).map(|step| match step {
        Step::Record { synced, .. } => synced,
        Step::Hole { .. } => 0,
    });
    synced.max().unwrap_or(0)
}
