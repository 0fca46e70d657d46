//! The bytes of the messages: protocol version 1, as PROTOCOL.md has it in formulas.
//!
//! One message is one binary WebSocket frame: a tag, then its fields in the codec of
//! `driftwood-crdt`, whose numbers have exactly one encoding. Reading never panics, allocates for
//! what is there and not for what is announced, and refuses bytes that are left over.

mod relays;

use driftwood_crdt::codec::{Reader, Writer};
use driftwood_crdt::{DecodeError, Dot, ReplicaId, VersionVector};
use thiserror::Error;

use crate::message::{Hello, Message, Part, PROTOCOL_VERSIONS};
use crate::{DocumentName, ErrorCode, Frame, Level, NodeId, Role, Token};

const HELLO: u8 = 0x01;
const OPEN: u8 = 0x02;
const SHUT: u8 = 0x03;
const DELTA: u8 = 0x04;
const ACK: u8 = 0x05;
const GAP: u8 = 0x06;
const ERROR: u8 = 0x07;
const NEED_SKELETON: u8 = 0x08;
const PRESENCE: u8 = 0x0a;
const PING: u8 = 0x0b;
const PONG: u8 = 0x0c;
const PART: u8 = 0x0d;
const WANT: u8 = 0x0e;
const LOGIN: u8 = 0x0f;

/// The longest agent text that is sent or taken, in bytes.
pub(crate) const AGENT_BYTES_MAX: usize = 128;

/// Why bytes are no message of this protocol.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WireError {
    /// They are malformed.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A hello that shares no version with us; its other fields were not looked at.
    #[error("the other side speaks versions {min} to {max} of the protocol")]
    Version {
        /// The oldest version the other side speaks.
        min: u64,
        /// The newest.
        max: u64,
    },
}

impl Message {
    /// The bytes of this message.
    pub fn encode(&self) -> Frame {
        let mut out = Writer::new();
        match self {
            Self::Hello(hello) => write_hello(hello, &mut out),
            Self::Open {
                channel,
                document,
                version,
                own,
            } => {
                out.byte(OPEN);
                out.varint(*channel);
                out.str(document.as_str());
                version.write(&mut out);
                write_option(own.as_ref(), &mut out, |own, out| out.u64_le(own.get()));
            }
            Self::Shut { channel } => {
                out.byte(SHUT);
                out.varint(*channel);
            }
            Self::Delta { channel, delta } => {
                out.byte(DELTA);
                out.varint(*channel);
                out.raw(delta);
            }
            Self::Part(part) => write_part(part, &mut out),
            Self::Want {
                channel,
                hash,
                offset,
            } => {
                out.byte(WANT);
                out.varint(*channel);
                out.u64_le(*hash);
                out.varint(*offset);
            }
            Self::Ack {
                channel,
                level,
                version,
            } => {
                out.byte(ACK);
                out.varint(*channel);
                out.byte(level_byte(*level));
                version.write(&mut out);
            }
            Self::Gap { channel, version } => {
                out.byte(GAP);
                out.varint(*channel);
                version.write(&mut out);
            }
            Self::Error { code, about, value } => {
                out.byte(ERROR);
                out.varint(u64::from(code.to_u16()));
                write_option(about.as_ref(), &mut out, |&channel, out| {
                    out.varint(channel);
                });
                out.varint(*value);
            }
            Self::NeedSkeleton { channel, dots } => {
                out.byte(NEED_SKELETON);
                out.varint(*channel);
                out.varint(dots.len() as u64);
                for dot in dots {
                    out.u64_le(dot.replica.get());
                    out.varint(dot.seq);
                }
            }
            Self::Since { .. }
            | Self::Changes(_)
            | Self::Survey { .. }
            | Self::Symbols(_)
            | Self::Unmatched { .. }
            | Self::Marks(_) => relays::write(self, &mut out),
            Self::Presence {
                channel,
                peer,
                count,
                state,
            } => {
                out.byte(PRESENCE);
                out.varint(*channel);
                out.u64_le(peer.0);
                out.varint(*count);
                write_option(state.as_ref(), &mut out, |state, out| out.bytes(state));
            }
            Self::Login { token } => {
                out.byte(LOGIN);
                out.bytes(&token.0);
            }
            Self::Ping { number } => {
                out.byte(PING);
                out.varint(*number);
            }
            Self::Pong { number } => {
                out.byte(PONG);
                out.varint(*number);
            }
        }
        out.into_vec().into()
    }

    /// Reads exactly one message.
    ///
    /// The bytes of a [`Message::Delta`] are taken as they are: they have their own decoder.
    ///
    /// # Errors
    /// When the bytes are malformed, or a hello that shares no version with us.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut input = Reader::new(bytes);
        let tag = input.byte()?;
        if tag == HELLO {
            return read_hello(&mut input).map(Self::Hello);
        }
        let message = read_fields(tag, &mut input)?;
        input.finish()?;
        Ok(message)
    }
}

fn read_fields(tag: u8, input: &mut Reader<'_>) -> Result<Message, DecodeError> {
    Ok(match tag {
        OPEN => Message::Open {
            channel: input.varint()?,
            document: read_name(input)?,
            version: VersionVector::read(input)?,
            own: read_option(input, |input| Ok(ReplicaId::new(input.u64_le()?)))?,
        },
        SHUT => Message::Shut {
            channel: input.varint()?,
        },
        DELTA => Message::Delta {
            channel: input.varint()?,
            delta: input.raw(input.remaining())?.into(),
        },
        PART => Message::Part(read_part(input)?),
        WANT => Message::Want {
            channel: input.varint()?,
            hash: input.u64_le()?,
            offset: input.varint()?,
        },
        ACK => Message::Ack {
            channel: input.varint()?,
            level: read_level(input)?,
            version: VersionVector::read(input)?,
        },
        GAP => Message::Gap {
            channel: input.varint()?,
            version: VersionVector::read(input)?,
        },
        ERROR => Message::Error {
            code: read_code(input)?,
            about: read_option(input, Reader::varint)?,
            value: input.varint()?,
        },
        NEED_SKELETON => Message::NeedSkeleton {
            channel: input.varint()?,
            dots: read_dots(input)?,
        },
        PRESENCE => Message::Presence {
            channel: input.varint()?,
            peer: NodeId(input.u64_le()?),
            count: input.varint()?,
            state: read_option(input, |input| input.bytes().map(Into::into))?,
        },
        LOGIN => Message::Login {
            token: Token(input.bytes()?.to_vec()),
        },
        PING => Message::Ping {
            number: input.varint()?,
        },
        PONG => Message::Pong {
            number: input.varint()?,
        },
        _ => return relays::read(tag, input),
    })
}

fn write_part(part: &Part, out: &mut Writer) {
    out.byte(PART);
    out.varint(part.channel);
    out.u64_le(part.hash);
    out.varint(part.total);
    out.varint(part.offset);
    out.raw(&part.bytes);
}

fn read_part(input: &mut Reader<'_>) -> Result<Part, DecodeError> {
    let channel = input.varint()?;
    let hash = input.u64_le()?;
    let total = input.varint()?;
    let offset = input.varint()?;
    let bytes = input.raw(input.remaining())?;
    let end = offset.checked_add(bytes.len() as u64);
    if bytes.is_empty() || end.is_none_or(|end| end > total) {
        return Err(input.error("a part of nothing, or past the end"));
    }
    Ok(Part {
        channel,
        hash,
        total,
        offset,
        bytes: bytes.into(),
    })
}

fn write_hello(hello: &Hello, out: &mut Writer) {
    out.byte(HELLO);
    out.varint(hello.version_min);
    out.varint(hello.version_max);
    out.byte(match hello.role {
        Role::Client => 0,
        Role::Relay => 1,
    });
    out.u64_le(hello.node.0);
    write_option(hello.token.as_ref(), out, |token, out| out.bytes(token));
    out.str(&hello.agent);
}

/// The layout after the two versions is that of the older one, so a stranger's is not read.
fn read_hello(input: &mut Reader<'_>) -> Result<Hello, WireError> {
    let version_min = input.varint()?;
    let version_max = input.varint()?;
    if version_min > version_max {
        return Err(input.error("versions out of order").into());
    }
    let (oldest, newest) = PROTOCOL_VERSIONS;
    if version_max < oldest || version_min > newest {
        return Err(WireError::Version {
            min: version_min,
            max: version_max,
        });
    }
    let role = match input.byte()? {
        0 => Role::Client,
        1 => Role::Relay,
        _ => return Err(input.error("unknown role").into()),
    };
    let node = NodeId(input.u64_le()?);
    let token = read_option(input, |input| input.bytes().map(<[u8]>::to_vec))?;
    let agent = input.str()?;
    if agent.len() > AGENT_BYTES_MAX {
        return Err(input.error("agent too long").into());
    }
    input.finish()?;
    Ok(Hello {
        version_min,
        version_max,
        role,
        node,
        token,
        agent: agent.to_owned(),
    })
}

fn read_dots(input: &mut Reader<'_>) -> Result<Vec<Dot>, DecodeError> {
    let count = input.count(usize::MAX, "dots", 9)?;
    let mut dots = Vec::with_capacity(count);
    for _ in 0..count {
        dots.push(Dot {
            replica: ReplicaId::new(input.u64_le()?),
            seq: input.seq()?,
        });
    }
    Ok(dots)
}

fn read_name(input: &mut Reader<'_>) -> Result<DocumentName, DecodeError> {
    let name = input.str()?;
    DocumentName::new(name).map_err(|_| input.error("a document's name has 1 to 256 bytes"))
}

const fn level_byte(level: Level) -> u8 {
    match level {
        Level::Local => 0,
        Level::Relay => 1,
        Level::Replicated => 2,
    }
}

fn read_level(input: &mut Reader<'_>) -> Result<Level, DecodeError> {
    match input.byte()? {
        0 => Ok(Level::Local),
        1 => Ok(Level::Relay),
        2 => Ok(Level::Replicated),
        _ => Err(input.error("unknown level")),
    }
}

fn read_code(input: &mut Reader<'_>) -> Result<ErrorCode, DecodeError> {
    let number = input.varint()?;
    u16::try_from(number)
        .map(ErrorCode::from_u16)
        .map_err(|_| input.error("error code over 16 bits"))
}

fn write_option<T>(value: Option<&T>, out: &mut Writer, write: impl FnOnce(&T, &mut Writer)) {
    out.byte(u8::from(value.is_some()));
    if let Some(value) = value {
        write(value, out);
    }
}

fn read_option<'a, T>(
    input: &mut Reader<'a>,
    read: impl FnOnce(&mut Reader<'a>) -> Result<T, DecodeError>,
) -> Result<Option<T>, DecodeError> {
    match input.byte()? {
        0 => Ok(None),
        1 => read(input).map(Some),
        _ => Err(input.error("neither absent nor present")),
    }
}
