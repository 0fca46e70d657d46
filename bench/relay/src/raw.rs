//! The raw servers: rooms in which everybody gets what the others send, and nothing is understood.
//!
//! They are the line that ratios are made with: tokio-tungstenite, frames shared by reference, writes
//! gathered. With a log (`raw-log`), what comes in is appended, synced in groups and acknowledged then,
//! and whoever comes late gets all of it: the promise that Driftwood's relay makes, and no more.

mod log;

use crate::dialect::{RAW_CHANGE, RAW_JOINED, RAW_SAVED};
use anyhow::Result;
use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt as _, StreamExt as _};
use log::{Entry, Log};
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{spawn_local, LocalSet};
use tokio_tungstenite::accept_hdr_async_with_config;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::Message;

/// As Driftwood's relay has them.
const READ_BUFFER_BYTES: usize = 8 << 10;
const WRITE_BUFFER_BYTES: usize = 64 << 10;
const GATHER_FRAMES: usize = 64;

type Queue = mpsc::UnboundedSender<Message>;

#[derive(Default)]
struct Room {
    members: HashMap<u64, Queue>,
    /// What came, if it is kept.
    history: Vec<Bytes>,
}

#[derive(Default)]
struct Rooms {
    by_name: RefCell<HashMap<String, Rc<RefCell<Room>>>>,
    log: Option<Log>,
}

/// Serves until it is killed.
pub fn serve(listen: &str, log: Option<&Path>) -> Result<()> {
    let mut rooms = Rooms::default();
    if let Some(path) = log {
        for Entry { room, message } in log::read(path)? {
            rooms.room(&room).borrow_mut().history.push(message);
        }
        rooms.log = Some(Log::open(path)?);
    }
    let rooms = Rc::new(rooms);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::bind(listen).await?;
        for number in 0.. {
            let (stream, _) = listener.accept().await?;
            let rooms = Rc::clone(&rooms);
            spawn_local(async move {
                // Whoever breaks the connection has gone.
                let _ = serve_one(&rooms, number, stream).await;
            });
        }
        Ok(())
    })
}

impl Rooms {
    fn room(&self, name: &str) -> Rc<RefCell<Room>> {
        let mut rooms = self.by_name.borrow_mut();
        Rc::clone(rooms.entry(name.to_owned()).or_default())
    }
}

async fn serve_one(rooms: &Rooms, number: u64, stream: TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES);
    let mut name = String::new();
    #[allow(clippy::result_large_err, clippy::unnecessary_wraps)]
    let callback = |request: &Request, response: Response| {
        request.uri().path().clone_into(&mut name);
        Ok(response)
    };
    let socket = accept_hdr_async_with_config(stream, callback, Some(config)).await?;
    let (mut sink, mut stream) = socket.split();
    let (queue, mut queued) = mpsc::unbounded_channel();
    let room = rooms.room(&name);
    {
        let mut room = room.borrow_mut();
        for message in &room.history {
            let _ = queue.send(Message::Binary(message.clone()));
        }
        let _ = queue.send(Message::Binary(Bytes::from_static(&[RAW_JOINED])));
        room.members.insert(number, queue.clone());
    }
    let writer = spawn_local(async move {
        let mut gathered = Vec::new();
        while queued.recv_many(&mut gathered, GATHER_FRAMES).await > 0 {
            for message in gathered.drain(..) {
                sink.feed(message).await?;
            }
            sink.flush().await?;
        }
        anyhow::Ok(())
    });
    let mut count = 0;
    while let Some(Ok(message)) = stream.next().await {
        let Message::Binary(bytes) = message else {
            continue;
        };
        if bytes.first() != Some(&RAW_CHANGE) {
            break;
        }
        count += 1;
        let mut room = room.borrow_mut();
        for (&other, member) in &room.members {
            if other != number {
                let _ = member.send(Message::Binary(bytes.clone()));
            }
        }
        if let Some(log) = &rooms.log {
            room.history.push(bytes.clone());
            log.append(&name, bytes, count, queue.clone());
        }
    }
    room.borrow_mut().members.remove(&number);
    writer.abort();
    Ok(())
}

/// Tells the author of a message that this one and all before are on disk.
fn saved(queue: &Queue, count: u64) {
    let mut message = BytesMut::with_capacity(9);
    message.extend_from_slice(&[RAW_SAVED]);
    message.extend_from_slice(&count.to_le_bytes());
    // Who has gone need not know.
    let _ = queue.send(Message::Binary(message.freeze()));
}
