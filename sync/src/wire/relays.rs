//! The bytes of what only relays say to each other. Without the feature `relay` there is none of it.

use driftwood_crdt::codec::{Reader, Writer};
use driftwood_crdt::ordered::BTreeMap;
use driftwood_crdt::DecodeError;

use super::read_name;
use crate::config::RELAY;
use crate::mark::RELAYS_MAX;
use crate::message::{Changes, Listed, Marks, Message, Symbols};
use crate::purge::MARKS_MAX;
use crate::sketch::Symbol;
use crate::{Mark, MarkId, RelayId, Time};

const CHANGES: u8 = 0x09;
const SINCE: u8 = 0x10;
const SURVEY: u8 = 0x11;
const SYMBOLS: u8 = 0x12;
const UNMATCHED: u8 = 0x13;
const MARKS: u8 = 0x14;

pub(super) fn write(message: &Message, out: &mut Writer) {
    match message {
        _ if !RELAY => {}
        Message::Since { after } => {
            out.byte(SINCE);
            out.varint(*after);
        }
        Message::Changes(changes) => write_changes(changes, out),
        Message::Survey { from, number } => {
            out.byte(SURVEY);
            out.varint(*from);
            out.varint(*number);
        }
        Message::Symbols(symbols) => write_symbols(symbols, out),
        Message::Unmatched {
            number,
            head,
            items,
        } => {
            out.byte(UNMATCHED);
            out.varint(*number);
            out.varint(*head);
            out.varint(items.len() as u64);
            for &item in items {
                out.u64_le(item);
            }
        }
        Message::Marks(marks) => {
            out.byte(MARKS);
            out.u64_le(marks.relay.0);
            out.u64_le(marks.digest);
            out.varint(marks.marks.len() as u64);
            for mark in &marks.marks {
                mark.write(out);
            }
        }
        _ => {} // written by those who asked
    }
}

pub(super) fn read(tag: u8, input: &mut Reader<'_>) -> Result<Message, DecodeError> {
    Ok(match tag {
        SINCE if RELAY => Message::Since {
            after: input.varint()?,
        },
        CHANGES if RELAY => Message::Changes(read_changes(input)?),
        SURVEY if RELAY => Message::Survey {
            from: input.varint()?,
            number: input.varint()?,
        },
        SYMBOLS if RELAY => Message::Symbols(read_symbols(input)?),
        UNMATCHED if RELAY => Message::Unmatched {
            number: input.varint()?,
            head: input.varint()?,
            items: read_items(input)?,
        },
        MARKS if RELAY => Message::Marks(read_marks(input)?),
        _ => return Err(Reader::new(&[]).error("unknown tag")),
    })
}

fn write_changes(changes: &Changes, out: &mut Writer) {
    out.byte(CHANGES);
    out.varint(changes.after);
    out.varint(changes.upto);
    out.byte(u8::from(changes.more));
    out.varint(changes.documents.len() as u64);
    let mut last = changes.after;
    for listed in &changes.documents {
        out.varint(listed.number - last);
        last = listed.number;
        out.str(listed.document.as_str());
        out.u64_le(listed.digest);
    }
}

fn read_changes(input: &mut Reader<'_>) -> Result<Changes, DecodeError> {
    let after = input.varint()?;
    let upto = input.varint()?;
    let more = match input.byte()? {
        0 => false,
        1 => true,
        _ => return Err(input.error("neither more nor all")),
    };
    // A document is a step, a length, at least one byte of name, and eight of digest.
    let count = input.count(usize::MAX, "documents", 11)?;
    let mut documents = Vec::with_capacity(count);
    let mut last = after;
    for _ in 0..count {
        let step = input.varint()?;
        let number = last.checked_add(step).filter(|&number| number <= upto);
        let (Some(number), 1..) = (number, step) else {
            return Err(input.error("number out of order"));
        };
        last = number;
        documents.push(Listed {
            number,
            document: read_name(input)?,
            digest: input.u64_le()?,
        });
    }
    Ok(Changes {
        after,
        upto,
        more,
        documents,
    })
}

fn write_symbols(symbols: &Symbols, out: &mut Writer) {
    out.byte(SYMBOLS);
    for half in symbols.secret {
        out.u64_le(half);
    }
    out.varint(symbols.number);
    out.varint(symbols.from);
    out.varint(symbols.symbols.len() as u64);
    for symbol in &symbols.symbols {
        out.u64_le(symbol.sum);
        out.raw(&symbol.check.to_le_bytes());
    }
}

fn read_symbols(input: &mut Reader<'_>) -> Result<Symbols, DecodeError> {
    let secret = [input.u64_le()?, input.u64_le()?];
    let number = input.varint()?;
    let from = input.varint()?;
    let count = input.count(usize::MAX, "symbols", 12)?;
    let mut symbols = Vec::with_capacity(count);
    for _ in 0..count {
        let sum = input.u64_le()?;
        let mut check = [0; 4];
        check.copy_from_slice(input.raw(4)?);
        symbols.push(Symbol {
            sum,
            check: u32::from_le_bytes(check),
        });
    }
    Ok(Symbols {
        secret,
        number,
        from,
        symbols,
    })
}

fn read_items(input: &mut Reader<'_>) -> Result<Vec<u64>, DecodeError> {
    let count = input.count(usize::MAX, "items", 8)?;
    let mut items: Vec<u64> = Vec::with_capacity(count);
    for _ in 0..count {
        let item = input.u64_le()?;
        if items.last().is_some_and(|last| *last >= item) {
            return Err(input.error("item out of order"));
        }
        items.push(item);
    }
    Ok(items)
}

fn read_marks(input: &mut Reader<'_>) -> Result<Marks, DecodeError> {
    let relay = RelayId(input.u64_le()?);
    let digest = input.u64_le()?;
    let count = input.count(MARKS_MAX, "marks", 27)?;
    let mut marks = Vec::with_capacity(count);
    for _ in 0..count {
        marks.push(Mark::read(input)?);
    }
    Ok(Marks {
        relay,
        digest,
        marks,
    })
}

/// The same in messages, stores and backups.
impl Mark {
    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        self.write(&mut out);
        out.into_vec()
    }

    /// Reads what [`encode`](Self::encode) has written.
    ///
    /// # Errors
    /// When the bytes are anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut input = Reader::new(bytes);
        let mark = Self::read(&mut input)?;
        input.finish()?;
        Ok(mark)
    }

    fn write(&self, out: &mut Writer) {
        out.raw(&self.id.0);
        out.varint(self.count);
        out.varint(self.time.as_millis());
        out.u64_le(self.by.0);
        out.varint(self.relays.len() as u64);
        for (relay, &done) in &self.relays {
            out.u64_le(relay.0);
            out.byte(u8::from(done));
        }
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut id = [0; 16];
        id.copy_from_slice(input.raw(16)?);
        let count = input.varint()?;
        // A mark that counts on past the end could never be lifted or set again.
        if count == 0 || count > u64::MAX / 2 {
            return Err(input.error("a mark that counts nothing"));
        }
        let mut mark = Self {
            id: MarkId(id),
            count,
            time: Time::from_millis(input.varint()?),
            by: RelayId(input.u64_le()?),
            relays: BTreeMap::new(),
        };
        for _ in 0..input.count(RELAYS_MAX, "relays", 9)? {
            let relay = RelayId(input.u64_le()?);
            if mark
                .relays
                .keys()
                .next_back()
                .is_some_and(|last| *last >= relay)
            {
                return Err(input.error("relay out of order"));
            }
            let done = match input.byte()? {
                0 => false,
                1 => true,
                _ => return Err(input.error("neither done nor to do")),
            };
            mark.relays.insert(relay, done);
        }
        Ok(mark)
    }
}
