//! The servers that take turns.

use crate::dialect::{Dialect, Driftwood, Raw, Yjs, YjsFlavour};
use crate::Site;
use std::path::Path;
use std::process::Command;

/// A server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Contender {
    Driftwood,
    RawLog,
    Raw,
    YWebsocket,
    Hocuspocus,
    YSweet,
}

/// Everybody, ours first; then those with which ratios are made.
pub const ALL: [Contender; 6] = [
    Contender::Driftwood,
    Contender::RawLog,
    Contender::Raw,
    Contender::YWebsocket,
    Contender::Hocuspocus,
    Contender::YSweet,
];

impl Contender {
    /// How it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Driftwood => "driftwood",
            Self::RawLog => "raw-log",
            Self::Raw => "raw",
            Self::YWebsocket => "y-websocket",
            Self::Hocuspocus => "hocuspocus",
            Self::YSweet => "y-sweet",
        }
    }

    /// Whether somebody else made it.
    pub fn is_peer(self) -> bool {
        matches!(self, Self::YWebsocket | Self::Hocuspocus | Self::YSweet)
    }

    /// Whether it keeps what it is sent.
    pub fn keeps(self) -> bool {
        self != Self::Raw
    }

    /// Whether it says what is saved.
    pub fn acknowledges(self) -> bool {
        matches!(self, Self::Driftwood | Self::RawLog | Self::Hocuspocus)
    }

    /// Whether it can be started here.
    pub fn is_here(self, site: &Site) -> bool {
        match self {
            Self::Driftwood => site.relay.is_file(),
            Self::RawLog | Self::Raw => true,
            Self::YWebsocket => site.npm("@y/websocket-server").is_dir(),
            Self::Hocuspocus => site.npm("@hocuspocus/server").is_dir(),
            Self::YSweet => site.y_sweet.is_file(),
        }
    }

    /// How it is started: to listen on a port of this machine, and to keep what it keeps in a folder.
    pub fn command(self, site: &Site, port: u16, folder: &Path) -> Command {
        let listen = format!("127.0.0.1:{port}");
        let mut command = match self {
            Self::Driftwood => {
                let mut command = Command::new(&site.relay);
                command.args(["--listen", &listen, "--log", "warn", "--data"]);
                command.arg(folder.join("data"));
                // All clients are at one address here, and none is to be slowed down.
                for rate in [
                    "principal-changes",
                    "principal-bytes",
                    "address-changes",
                    "address-bytes",
                ] {
                    command.arg(format!("--{rate}")).arg("0");
                }
                command
            }
            Self::RawLog | Self::Raw => {
                let mut command = Command::new(&site.own);
                command.args(["serve", "--listen", &listen]);
                if self == Self::RawLog {
                    command.arg("--log").arg(folder.join("log"));
                }
                command
            }
            Self::YWebsocket => {
                let mut command = Command::new("node");
                command
                    .arg(site.npm("@y/websocket-server").join("src/server.js"))
                    .env("HOST", "127.0.0.1")
                    .env("PORT", port.to_string())
                    .env("YPERSISTENCE", folder.join("leveldb"));
                command
            }
            Self::Hocuspocus => {
                let mut command = Command::new("node");
                command
                    .arg(site.npm.join("hocuspocus.mjs"))
                    .arg(port.to_string())
                    .arg(folder.join("documents.sqlite"));
                command
            }
            Self::YSweet => {
                let mut command = Command::new(&site.y_sweet);
                command.args(["serve", "--port", &port.to_string()]);
                command.arg(folder.join("store"));
                command
            }
        };
        command
            .env("NODE_ENV", "production")
            .env("RUST_LOG", "error");
        command
    }

    /// What its clients say.
    pub fn dialect(self, room: &str, replica: u64) -> Box<dyn Dialect> {
        match self {
            Self::Driftwood => Box::new(Driftwood::new(room, replica)),
            Self::RawLog | Self::Raw => Box::new(Raw::new(room)),
            Self::YWebsocket => Box::new(Yjs::new(YjsFlavour::Plain, room)),
            Self::Hocuspocus => Box::new(Yjs::new(YjsFlavour::Named, room)),
            Self::YSweet => Box::new(Yjs::new(YjsFlavour::Sweet, room)),
        }
    }
}
