//! Messages dealt out to the streams of a connection.
//!
//! The common stream goes first; then each document that has something to say has its turn. A message is
//! handed over whole before the next one begins, whatever stream that is for: so the other side never has
//! more than a few unfinished ones.

use std::collections::{BTreeMap, VecDeque};

use bytes::{Bytes, BytesMut};
use driftwood_sync::{Channel, Frame, Input, LinkId};
use futures_util::future::join_all;
use quinn::{Connection, SendStream, WriteError};

use super::LANES;
use crate::connection::{Event, Links};
use crate::outbox::{Close, Next, Outbox, Queued};

/// Short messages for one stream are written together up to so many bytes.
const GATHER_BYTES: usize = 16 << 10;

/// A message of this length is not copied.
const SHARED_BYTES_MIN: usize = 4 << 10;

/// The first byte of the last message under a number.
const SHUT: u8 = 0x03;

/// Which stream each document has.
///
/// One has a stream to itself from its first message to its Shut, and the next document to have it follows
/// on that Shut. So whoever keeps to 256 documents at a time never seems to have more, in whatever order
/// the streams arrive. When they have all been given away, further documents share them.
#[derive(Debug)]
struct Lanes {
    own: BTreeMap<Channel, u16>,
    free: Vec<u16>,
    /// There were none left once: who has none of its own has none for good.
    shared: bool,
}

impl Default for Lanes {
    fn default() -> Self {
        Self {
            own: BTreeMap::new(),
            free: (0..LANES).rev().collect(),
            shared: false,
        }
    }
}

impl Lanes {
    /// The stream for a message about a document.
    fn of(&mut self, channel: Channel, frame: &[u8]) -> usize {
        if let Some(&lane) = self.own.get(&channel) {
            if frame.first() == Some(&SHUT) {
                self.own.remove(&channel);
                self.free.push(lane);
            }
            return usize::from(lane);
        }
        let free = (!self.shared).then(|| self.free.pop()).flatten();
        self.shared |= free.is_none();
        match free {
            Some(lane) => {
                self.own.insert(channel, lane);
                usize::from(lane)
            }
            None => (channel % u64::from(LANES)) as usize,
        }
    }
}

/// A stream for documents.
#[derive(Default)]
struct Lane {
    stream: Option<SendStream>,
    /// What waits, and how many messages of the common stream go before each.
    queue: VecDeque<(u64, Channel, Frame)>,
    /// How many went before the last one that was written.
    after: u64,
}

/// The streams of a connection.
struct Writer<'a> {
    connection: &'a Connection,
    common: SendStream,
    queue: VecDeque<Frame>,
    /// How many messages the common stream was given.
    given: u64,
    lanes: Vec<Lane>,
    /// Whose turn it is, one after the other.
    turns: VecDeque<usize>,
    assigned: Lanes,
}

impl Links {
    /// Sends what is queued, until the queue says how to close; none if the connection breaks.
    pub(super) async fn write_streams(
        &self,
        link: LinkId,
        outbox: &Outbox,
        connection: &Connection,
    ) -> Option<Close> {
        let mut writer = Writer {
            connection,
            common: connection.open_uni().await.ok()?,
            queue: VecDeque::new(),
            given: 0,
            lanes: Vec::new(),
            turns: VecDeque::new(),
            assigned: Lanes::default(),
        };
        // When all is under way at once, pings are not to wait for documents.
        let _ = writer.common.set_priority(1);
        loop {
            if writer.is_idle() {
                match outbox.next().await {
                    Next::Frames(frames) => writer.take(frames),
                    Next::Close(close) => {
                        writer.finish().await;
                        return Some(close);
                    }
                }
            }
            // All of it, so that what is for another stream does not wait behind what goes before.
            while let Some(frames) = outbox.ready() {
                writer.take(frames);
            }
            let written = writer.write().await.ok()?;
            let drained = outbox
                .sent(written.bytes)
                .then_some(Input::Drained { link });
            let cleared = outbox.sent_of(&written.documents).into_iter();
            let cleared = cleared.map(|channel| Input::Cleared { link, channel });
            for input in drained.into_iter().chain(cleared) {
                let permit = None;
                let event = Event::Happened { input, permit };
                self.events.send(event).await.ok()?;
            }
        }
    }
}

impl Writer<'_> {
    fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.turns.is_empty()
    }

    fn take(&mut self, frames: Vec<Queued>) {
        for queued in frames {
            self.put(queued);
        }
    }

    /// Into the queue of its stream.
    fn put(&mut self, (channel, frame): Queued) {
        let Some(channel) = channel else {
            self.given += 1;
            return self.queue.push_back(frame);
        };
        let number = self.assigned.of(channel, &frame);
        if self.lanes.len() <= number {
            self.lanes.resize_with(number + 1, Lane::default);
        }
        let lane = &mut self.lanes[number];
        if lane.queue.is_empty() {
            self.turns.push_back(number);
        }
        lane.queue.push_back((self.given, channel, frame));
    }

    /// Hands over what the common stream has, or else some of whose turn it is.
    async fn write(&mut self) -> Result<Written, WriteError> {
        if !self.queue.is_empty() {
            let mut pieces = Pieces::default();
            while let Some(frame) = self.queue.pop_front() {
                pieces.varint(frame.len() as u64);
                pieces.frame(None, frame);
            }
            return pieces.write(&mut self.common).await;
        }
        let Some(number) = self.turns.pop_front() else {
            return Ok(Written::default());
        };
        let lane = &mut self.lanes[number];
        if lane.stream.is_none() {
            lane.stream = Some(self.connection.open_uni().await?);
        }
        let mut pieces = Pieces::default();
        while let Some((after, channel, frame)) = lane.queue.pop_front() {
            pieces.varint(frame.len() as u64);
            pieces.varint(after - lane.after);
            lane.after = after;
            pieces.frame(Some(channel), frame);
            let next = lane.queue.front().map_or(0, |(.., frame)| frame.len());
            if pieces.written.bytes + next > GATHER_BYTES {
                break;
            }
        }
        if !lane.queue.is_empty() {
            self.turns.push_back(number);
        }
        let stream = lane.stream.as_mut().expect("opened above");
        pieces.write(stream).await
    }

    /// Says on every stream that nothing follows, and waits until all of it has arrived.
    async fn finish(&mut self) {
        let lanes = self
            .lanes
            .iter_mut()
            .filter_map(|lane| lane.stream.as_mut());
        let streams = lanes.chain([&mut self.common]);
        let arrived = streams.map(|stream| {
            // A stream that the other side has stopped needs no end.
            let _ = stream.finish();
            stream.stopped()
        });
        join_all(arrived).await;
    }
}

/// What is written in one go: short messages copied together, long ones as they are.
#[derive(Default)]
struct Pieces {
    done: Vec<Bytes>,
    open: BytesMut,
    written: Written,
}

/// Bytes of messages, without what frames them.
#[derive(Default)]
struct Written {
    bytes: usize,
    /// Those of them that are about documents.
    documents: Vec<(Channel, usize)>,
}

impl Pieces {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.open.extend_from_slice(&[value as u8 | 0x80]);
            value >>= 7;
        }
        self.open.extend_from_slice(&[value as u8]);
    }

    fn frame(&mut self, channel: Option<Channel>, frame: Frame) {
        let written = &mut self.written;
        written.bytes += frame.len();
        written
            .documents
            .extend(channel.map(|it| (it, frame.len())));
        if frame.len() < SHARED_BYTES_MIN {
            return self.open.extend_from_slice(&frame);
        }
        self.done.push(self.open.split().freeze());
        self.done.push(Bytes::from_owner(frame));
    }

    async fn write(mut self, stream: &mut SendStream) -> Result<Written, WriteError> {
        if !self.open.is_empty() {
            self.done.push(self.open.freeze());
        }
        stream.write_all_chunks(&mut self.done).await?;
        Ok(self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_has_a_stream_to_itself_until_it_is_shut() {
        let mut lanes = Lanes::default();
        let max = u64::from(LANES);
        for channel in 0..max {
            assert_eq!(lanes.of(channel * 1_000, &[2]), channel as usize);
        }
        // The one that is opened when another was shut comes after that on its stream.
        assert_eq!(lanes.of(7_000, &[SHUT, 7]), 7);
        assert_eq!(lanes.of(1, &[2]), 7);
        assert_eq!(lanes.of(1, &[4]), 7);
        assert_eq!(lanes.of(3_000, &[4]), 3);
    }

    #[test]
    fn when_there_are_no_more_streams_they_are_shared_and_nobody_moves() {
        let mut lanes = Lanes::default();
        let max = u64::from(LANES);
        for channel in 1..=max {
            lanes.of(channel, &[2]);
        }
        let late = max + 9;
        assert_eq!(lanes.of(late, &[2]), 9);
        assert_eq!(lanes.of(5, &[SHUT, 5]), 4);
        assert_eq!(lanes.of(late, &[4]), 9, "although one is free now");
        assert_eq!(lanes.of(6, &[4]), 5);
    }
}
