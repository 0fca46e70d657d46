//! How the commands reach a relay that is running: a socket in its data folder, which only who owns the
//! folder can open. Without one, nobody runs, and the folder can be opened.

use std::io::{BufRead as _, BufReader, Write};
use std::path::Path;
use std::sync::atomic::AtomicBool;

use serde::{Deserialize, Serialize};

use crate::store::Store;
use crate::{backup, inspect};

/// What a command asks.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    /// All documents, as a backup.
    Backup,
    /// Merge all documents, and tell of those that cannot be.
    Verify,
    /// List documents, or tell of one.
    Inspect { document: Option<String> },
    /// Purge a document or lift that, and wait so many seconds for the other relays.
    Purge {
        document: String,
        lift: bool,
        wait: u64,
    },
}

/// Follows the text of an answer and comes before what became of it.
#[cfg(unix)]
const MARK: u8 = 0;

/// Does what is asked, wherever the store is. `false` when something was found to be wrong.
pub(crate) fn carry_out(
    request: Request,
    store: &dyn Store,
    out: &mut dyn Write,
    stop: &AtomicBool,
) -> anyhow::Result<bool> {
    match request {
        Request::Backup => backup::write(store, out, stop).map(|_| true),
        Request::Verify => inspect::verify(store, out, stop),
        Request::Inspect { document } => inspect::run(store, document.as_deref(), out),
        Request::Purge { .. } => unreachable!("that is for whoever owns the node"),
    }
}

#[cfg(unix)]
pub(crate) use self::socket::{ask, Door};

#[cfg(unix)]
mod socket {
    use std::fs;
    use std::io::{ErrorKind, Read as _};
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::net::UnixStream;
    use std::path::PathBuf;
    use std::sync::atomic::Ordering;
    use std::sync::Arc;
    use std::time::Duration;

    use anyhow::Context as _;
    use driftwood_sync::DocumentName;
    use tokio::net::UnixListener;
    use tokio::runtime::Handle;

    use super::*;
    use crate::connection::WeakLinks;
    use crate::purge::Lift;

    const NAME: &str = "relay.sock";

    /// Whoever asks and then does not listen is not waited for.
    const PATIENCE: Duration = Duration::from_secs(10);

    /// The socket of a relay that runs.
    pub(crate) struct Door {
        listener: UnixListener,
        path: PathBuf,
        store: Arc<dyn Store>,
        links: WeakLinks,
        stop: Arc<AtomicBool>,
    }

    impl Door {
        /// Opens it; there is none where the folder's path is too long for one. The store is ours, so
        /// what lies there is of a process that is gone.
        pub(crate) fn open(data: &Path, store: Arc<dyn Store>, links: WeakLinks) -> Option<Self> {
            let path = data.join(NAME);
            let _ = fs::remove_file(&path);
            let bound = UnixListener::bind(&path).and_then(|listener| {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
                Ok(listener)
            });
            match bound {
                Ok(listener) => Some(Self {
                    listener,
                    path,
                    store,
                    links,
                    stop: Arc::default(),
                }),
                Err(error) => {
                    let path = path.display();
                    tracing::warn!(%path, %error, "commands cannot reach this relay while it runs");
                    None
                }
            }
        }

        /// Answers until it is dropped.
        pub(crate) async fn serve(self) {
            loop {
                let Ok((stream, _)) = self.listener.accept().await else {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                };
                let (store, stop) = (Arc::clone(&self.store), Arc::clone(&self.stop));
                let links = self.links.clone();
                tokio::task::spawn_blocking(move || {
                    let answered = stream.into_std().map_err(anyhow::Error::from);
                    let answered =
                        answered.and_then(|stream| answer(&stream, (&*store, &links), &stop));
                    if let Err(error) = answered {
                        tracing::info!(%error, "a command was not answered");
                    }
                });
            }
        }
    }

    impl Drop for Door {
        fn drop(&mut self) {
            self.stop.store(true, Ordering::Relaxed);
            let _ = fs::remove_file(&self.path);
        }
    }

    /// Purges a document or lifts that.
    fn purge(
        links: &WeakLinks,
        document: &str,
        what: Lift,
        wait: Duration,
        out: &mut dyn Write,
    ) -> anyhow::Result<bool> {
        let document = DocumentName::new(document)?;
        let done = Handle::current().block_on(links.purge(document, Some(what), wait));
        let Some(done) = done.context("the relay is ending")? else {
            writeln!(out, "it was not purged")?;
            return Ok(true);
        };
        done.tell(out)?;
        Ok(done.is_done())
    }

    fn answer(
        stream: &UnixStream,
        (store, links): (&dyn Store, &WeakLinks),
        stop: &AtomicBool,
    ) -> anyhow::Result<()> {
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut line = String::new();
        BufReader::new(stream).take(4 << 10).read_line(&mut line)?;
        let request = serde_json::from_str(&line)?;
        let binary = matches!(request, Request::Backup);
        let mut out = std::io::BufWriter::new(stream);
        let done = match request {
            Request::Purge {
                document,
                lift,
                wait,
            } => {
                let wait = Duration::from_secs(wait);
                purge(links, &document, Lift(lift), wait, &mut out)
            }
            request => carry_out(request, store, &mut out, stop),
        };
        if !binary {
            let word: &[u8] = match &done {
                Ok(true) => b"ok",
                Ok(false) => b"wrong",
                Err(_) => b"failed",
            };
            out.write_all(&[MARK])?;
            out.write_all(word)?;
            out.flush()?;
        }
        done.map(drop)
    }

    /// Asks the relay that runs on this folder; `None` if none does.
    pub(crate) fn ask(
        data: &Path,
        request: &Request,
        out: &mut dyn Write,
    ) -> anyhow::Result<Option<bool>> {
        let mut stream = match UnixStream::connect(data.join(NAME)) {
            Ok(stream) => stream,
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::NotFound | ErrorKind::ConnectionRefused
                ) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error).context("cannot reach the relay that is running"),
        };
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        stream.write_all(&line)?;
        let mut input = BufReader::new(stream);
        if matches!(request, Request::Backup) {
            std::io::copy(&mut input, out)?;
            return Ok(Some(true));
        }
        let mut text = Vec::new();
        input.read_until(MARK, &mut text)?;
        if text.pop_if(|last| *last == MARK).is_none() {
            anyhow::bail!("the relay ended before it had answered");
        }
        out.write_all(&text)?;
        let mut word = String::new();
        input.read_to_string(&mut word)?;
        match &word[..] {
            "ok" => Ok(Some(true)),
            "wrong" => Ok(Some(false)),
            _ => anyhow::bail!("the relay could not do it; its log says why"),
        }
    }
}

/// Asks the relay that runs on this folder; here, none can be asked.
#[cfg(not(unix))]
pub(crate) fn ask(_: &Path, _: &Request, _: &mut dyn Write) -> anyhow::Result<Option<bool>> {
    Ok(None)
}
