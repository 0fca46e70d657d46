//! The Driftwood relay: stores what it is sent, acknowledges what is safe on disk, passes it on to
//! those who have the document open, and keeps other relays up to date.
//!
//! A relay runs one [`Node`](driftwood_sync::Node), the protocol's state machine, in one task:
//! [`server`] feeds it what sockets, timers and the [`store`] have to say, and carries out what it
//! answers. Each connection is a task of its own with a bounded queue. The same pieces drive a
//! client: see [`driver`].
//!
//! ```no_run
//! use driftwood_relay::config::Config;
//! use driftwood_relay::server::Server;
//!
//! # async fn example() -> Result<(), driftwood_relay::server::ServeError> {
//! let config = Config { listen: "127.0.0.1:0".into(), ..Config::default() };
//! let server = Server::bind(&config).await?;
//! println!("ws://{}/sync", server.address());
//! server.serve(std::future::pending()).await
//! # }
//! ```

pub mod commands;
pub mod config;
pub mod driver;
pub mod json;
mod listen;
pub mod logging;
pub mod server;
pub mod store;
pub mod tls;

mod admin;
mod api;
mod auth;
mod backup;
mod clock;
mod commits;
mod committer;
mod connection;
mod fetch;
mod http;
mod hub;
mod inspect;
mod metrics;
mod origin;
mod otlp;
mod outbox;
mod peers;
mod ports;
mod purge;
mod quic;
mod restore;
mod traces;
mod watch;
mod webhook;

pub use clock::now;
