//! The log as a row of files, each named by the place in the log where it begins.
//!
//! Records are added to the newest file only. What is added gathers in memory and is written when
//! there is enough of it or when it is to be synced. Before the next file is begun the last one is
//! synced; so only the end of the newest can be other than it was written.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::disk::{Disk, DiskFile};
use super::frame::{self, Record, What};

const SUFFIX: &str = ".log";

/// So much is gathered before it is written without being asked for.
const BUFFER_BYTES: usize = 256 << 10;

/// So many files are kept open for reading.
const OPEN_MAX: usize = 32;

/// A read takes so much at first: most records are shorter.
const READ_BYTES: usize = 512;

/// When what is done. Tests make it happen sooner.
#[derive(Debug, Clone)]
pub(super) struct Sizes {
    /// A segment is ended when it is as long as this, and a sixteenth of the whole log.
    pub(super) segment_min: u64,
    pub(super) segment_max: u64,
    /// Space is given back when more than what is live, and this, is not.
    pub(super) slack: u64,
    /// The index follows the log in steps of so many bytes.
    pub(super) index_step: u64,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            segment_min: 256 << 10,
            segment_max: 64 << 20,
            slack: 256 << 10,
            index_step: 8 << 20,
        }
    }
}

/// One file of the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) bytes: u64,
    /// What belongs to records that nothing has replaced.
    pub(super) live: u64,
}

/// Segments, by where they begin.
pub(super) type Segments = BTreeMap<u64, Segment>;

pub(super) fn file_name(start: u64) -> String {
    format!("{start:016x}{SUFFIX}")
}

/// Where a file of this name begins, if it is one of the log's.
pub(super) fn start_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    let start = u64::from_str_radix(digits, 16).ok()?;
    (file_name(start) == name).then_some(start)
}

pub(super) struct Log {
    disk: Box<dyn Disk>,
    sizes: Sizes,
    tail: Mutex<Tail>,
    open: Mutex<VecDeque<(u64, Arc<dyn DiskFile>)>>,
    synced: AtomicU64,
    /// A write or a sync failed: what is on disk is unknown, and trying again would not tell.
    failed: AtomicBool,
}

struct Tail {
    segments: Segments,
    /// All of them together.
    sum: Segment,
    /// Where the newest segment begins.
    start: u64,
    file: Arc<dyn DiskFile>,
    /// Up to here the log is in files.
    written: u64,
    /// And this follows.
    buffer: Vec<u8>,
}

impl Tail {
    fn end(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    fn write_out(&mut self) -> io::Result<()> {
        if !self.buffer.is_empty() {
            self.file
                .write_at(&self.buffer, self.written - self.start)?;
            self.written += self.buffer.len() as u64;
            self.buffer.clear();
        }
        Ok(())
    }
}

impl Log {
    /// Goes on behind what was found. All of it is on disk when this returns.
    pub(super) fn open(
        disk: Box<dyn Disk>,
        sizes: Sizes,
        mut segments: Segments,
        goes_on: Option<u64>,
        end: u64,
    ) -> io::Result<Self> {
        let start = goes_on.unwrap_or(end);
        let name = file_name(start);
        let file = if goes_on.is_some() {
            disk.open(&name)?
        } else {
            disk.create(&name)?
        };
        file.sync()?;
        disk.sync_names()?;
        segments.entry(start).or_default();
        let mut sum = Segment::default();
        for segment in segments.values() {
            sum.bytes += segment.bytes;
            sum.live += segment.live;
        }
        let tail = Tail {
            segments,
            sum,
            start,
            file: Arc::clone(&file),
            written: end,
            buffer: Vec::new(),
        };
        Ok(Self {
            disk,
            sizes,
            tail: Mutex::new(tail),
            open: Mutex::default(),
            synced: AtomicU64::new(end),
            failed: AtomicBool::new(false),
        })
    }

    fn tail(&self) -> MutexGuard<'_, Tail> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn disk(&self) -> &dyn Disk {
        &*self.disk
    }

    /// Adds a record; where it is, and how long.
    pub(super) fn append(&self, record: &Record) -> io::Result<(u64, u64)> {
        self.once_only(self.add(record))
    }

    /// Returns once everything added before is on disk.
    pub(super) fn flush(&self) -> io::Result<()> {
        self.once_only(self.sync())
    }

    /// After a failure, nothing succeeds any more.
    fn once_only<T>(&self, result: io::Result<T>) -> io::Result<T> {
        if result.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        if self.failed.load(Ordering::Relaxed) {
            return result.and_then(|_| Err(io::Error::other("a write failed before")));
        }
        result
    }

    fn add(&self, record: &Record) -> io::Result<(u64, u64)> {
        let mut tail = self.tail();
        self.begin_next(&mut tail)?;
        let place = tail.end();
        let frame = record.frame(place, self.synced.load(Ordering::Relaxed));
        let length = frame.len() as u64;
        tail.buffer.extend_from_slice(&frame);
        let start = tail.start;
        let segment = tail.segments.entry(start).or_default();
        segment.bytes += length;
        segment.live += length;
        tail.sum.bytes += length;
        tail.sum.live += length;
        if let What::Base(base) = &record.what {
            tail.sum.live -= take_off(&mut tail.segments, &base.replaced);
        }
        if tail.buffer.len() > BUFFER_BYTES {
            tail.write_out()?;
        }
        Ok((place, length))
    }

    /// Begins the next segment if this one is long enough.
    fn begin_next(&self, tail: &mut Tail) -> io::Result<()> {
        let length = tail.end() - tail.start;
        if length < self.sizes.segment_min {
            return Ok(());
        }
        if length < self.sizes.segment_max && length < tail.sum.bytes / 16 {
            return Ok(());
        }
        self.end_segment(tail)
    }

    /// Begins the next segment, so that all others can be given back; those.
    pub(super) fn begin_anew(&self) -> io::Result<Vec<u64>> {
        let mut tail = self.tail();
        if tail.end() > tail.start {
            self.once_only(self.end_segment(&mut tail))?;
        }
        let ended = tail.segments.keys().filter(|start| **start != tail.start);
        Ok(ended.copied().collect())
    }

    fn end_segment(&self, tail: &mut Tail) -> io::Result<()> {
        tail.write_out()?;
        tail.file.sync()?;
        self.synced.fetch_max(tail.written, Ordering::Relaxed);
        let file = self.disk.create(&file_name(tail.written))?;
        self.disk.sync_names()?;
        tail.start = tail.written;
        tail.file = file;
        let start = tail.start;
        tail.segments.insert(start, Segment::default());
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let (file, end) = {
            let mut tail = self.tail();
            tail.write_out()?;
            (Arc::clone(&tail.file), tail.written)
        };
        if self.synced.load(Ordering::Relaxed) < end {
            file.sync()?;
            self.synced.fetch_max(end, Ordering::Relaxed);
        }
        Ok(())
    }

    /// The record at this place, and its length; `None` if there is none that is whole.
    pub(super) fn read(&self, place: u64) -> io::Result<Option<(Record, u64)>> {
        let (start, end) = {
            let tail = self.tail();
            if let Some(at) = place.checked_sub(tail.written) {
                let bytes = tail.buffer.get(at as usize..).unwrap_or_default();
                let length = frame::length(bytes).unwrap_or(0);
                let bytes = bytes.get(..length).unwrap_or_default().to_vec();
                drop(tail);
                let parsed = frame::parse(place, &bytes);
                return Ok(parsed.map(|(record, length, _)| (record, length as u64)));
            }
            let Some((start, segment)) = tail.segments.range(..=place).next_back() else {
                return Ok(None);
            };
            (*start, start + segment.bytes)
        };
        let file = self.file(start)?;
        let mut bytes = vec![0; READ_BYTES];
        let read = file.read_at(&mut bytes, place - start)?;
        bytes.truncate(read);
        let Some(length) = frame::length(&bytes) else {
            return Ok(None);
        };
        if length as u64 > end.saturating_sub(place) {
            return Ok(None);
        }
        if length > read {
            bytes.resize(length, 0);
            let more = file.read_at(&mut bytes[read..], place - start + read as u64)?;
            bytes.truncate(read + more);
        }
        let parsed = frame::parse(place, &bytes);
        Ok(parsed.map(|(record, length, _)| (record, length as u64)))
    }

    fn file(&self, start: u64) -> io::Result<Arc<dyn DiskFile>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = open.iter().position(|(other, _)| *other == start) {
            let found = open.remove(at).expect("it was just found");
            let file = Arc::clone(&found.1);
            open.push_back(found);
            return Ok(file);
        }
        let file = self.disk.open(&file_name(start))?;
        open.push_back((start, Arc::clone(&file)));
        if open.len() > OPEN_MAX {
            open.pop_front();
        }
        Ok(file)
    }

    /// The segment that a place is in.
    pub(super) fn segment_of(&self, place: u64) -> u64 {
        let tail = self.tail();
        let found = tail.segments.range(..=place).next_back();
        found.map_or(tail.start, |(start, _)| *start)
    }

    /// How far the log goes.
    pub(super) fn end(&self) -> u64 {
        self.tail().end()
    }

    /// How far the log goes, and its segments at that moment.
    pub(super) fn extent(&self) -> (u64, Segments) {
        let tail = self.tail();
        (tail.end(), tail.segments.clone())
    }

    /// Whether more is dead than may be.
    pub(super) fn is_untidy(&self) -> bool {
        let sum = self.tail().sum;
        sum.bytes - sum.live > sum.live + self.sizes.slack
    }

    /// The segment that it pays most to give back, but for those named.
    pub(super) fn deadest(&self, but: &[u64]) -> Option<u64> {
        let tail = self.tail();
        let ended = tail.segments.iter().filter(|(start, segment)| {
            **start != tail.start && segment.live < segment.bytes && !but.contains(*start)
        });
        let share = |segment: &Segment| segment.live as f64 / segment.bytes as f64;
        let deadest = ended.min_by(|a, b| share(a.1).total_cmp(&share(b.1)));
        deadest.map(|(start, _)| *start)
    }

    /// All bytes of a segment.
    pub(super) fn segment_bytes(&self, start: u64) -> io::Result<Vec<u8>> {
        read_all(&*self.file(start)?)
    }

    /// Gives a segment back, in which nothing is live any more. It does no harm if it comes back in a
    /// power cut.
    pub(super) fn remove(&self, start: u64) -> io::Result<()> {
        let mut tail = self.tail();
        if let Some(segment) = tail.segments.remove(&start) {
            tail.sum.bytes -= segment.bytes;
            tail.sum.live -= segment.live;
        }
        drop(tail);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|(other, _)| *other != start);
        drop(open);
        self.disk.remove(&file_name(start))
    }
}

pub(super) fn read_all(file: &dyn DiskFile) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; file.length()? as usize];
    let read = file.read_at(&mut bytes, 0)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Takes what a record has replaced off what is live; how much that was.
pub(super) fn take_off(segments: &mut Segments, replaced: &[(u64, u64)]) -> u64 {
    let mut taken = 0;
    for (start, bytes) in replaced {
        if let Some(segment) = segments.get_mut(start) {
            let dead = segment.live.min(*bytes);
            segment.live -= dead;
            taken += dead;
        }
    }
    taken
}

/// What stands in a segment, one after the other.
pub(super) enum Step {
    Record {
        place: u64,
        length: u64,
        synced: u64,
        record: Record,
    },
    /// Bytes that are no record, up to the next that is one.
    Hole { place: u64, length: u64 },
}

/// Reads a segment through.
pub(super) fn steps(start: u64, bytes: &[u8]) -> impl Iterator<Item = Step> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        if at == bytes.len() {
            return None;
        }
        let place = start + at as u64;
        if let Some((record, length, synced)) = frame::parse(place, &bytes[at..]) {
            at += length;
            return Some(Step::Record {
                place,
                length: length as u64,
                synced,
                record,
            });
        }
        let mut next = at + 1;
        while next < bytes.len() && frame::parse(start + next as u64, &bytes[next..]).is_none() {
            next += 1;
        }
        let length = (next - at) as u64;
        at = next;
        Some(Step::Hole { place, length })
    })
}
