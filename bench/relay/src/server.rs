//! A server under test: a process of its own on core 0.

use crate::contender::Contender;
use crate::Site;
use anyhow::{ensure, Context, Result};
use nix::sched::{sched_setaffinity, CpuSet};
use nix::sys::signal::{kill, Signal};
use nix::time::{clock_getcpuclockid, ClockId};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Where the server runs, and where the generator does.
const SERVER_CORE: usize = 0;
const OWN_CORE: usize = 1;

/// How long a server may take to listen, and to end.
const START_TIME_MAX: Duration = Duration::from_secs(20);
const END_TIME_MAX: Duration = Duration::from_secs(15);

/// A server that runs; it ends with this.
pub struct Server {
    child: Child,
    clock: ClockId,
    address: SocketAddr,
    contender: Contender,
    /// What it keeps is in here.
    folder: tempfile::TempDir,
}

/// Puts the calling thread, and what it starts from now on, on a core.
fn pin(core: usize) -> Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core)?;
    sched_setaffinity(Pid::from_raw(0), &cores).context("cannot choose a core")
}

/// Puts the generator where it belongs. With one core everything shares it.
pub fn pin_self() -> Result<()> {
    if std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1) {
        pin(OWN_CORE)?;
    }
    Ok(())
}

impl Server {
    /// Starts one with nothing stored.
    pub async fn start(site: &Site, contender: Contender) -> Result<Self> {
        let folder = tempfile::tempdir_in(&site.work)?;
        Self::start_in(site, contender, folder).await
    }

    async fn start_in(
        site: &Site,
        contender: Contender,
        folder: tempfile::TempDir,
    ) -> Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut command = contender.command(site, port, folder.path());
        let said = File::create(site.work.join(format!("{}.log", contender.name())))?;
        command
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said);
        pin(SERVER_CORE)?;
        let child = command.spawn();
        pin_self()?;
        let child = child.with_context(|| format!("cannot start {}", contender.name()))?;
        let clock = clock_getcpuclockid(Pid::from_raw(child.id().cast_signed()))?;
        let mut server = Self {
            child,
            clock,
            address,
            contender,
            folder,
        };
        server.wait_until_it_listens().await?;
        Ok(server)
    }

    async fn wait_until_it_listens(&mut self) -> Result<()> {
        let begun = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            let ended = self.child.try_wait()?;
            ensure!(ended.is_none(), "{} ended at once", self.contender.name());
            let late = begun.elapsed() > START_TIME_MAX;
            ensure!(!late, "{} does not listen", self.contender.name());
            sleep(Duration::from_millis(5)).await;
        }
        // What comes after the port is open, comes now.
        self.quiet().await;
        Ok(())
    }

    /// Ends it in order, and starts it again on what it kept. What is kept, in bytes.
    pub async fn restart(mut self, site: &Site) -> Result<(Self, u64)> {
        self.end()?;
        let kept = folder_bytes(self.folder.path())?;
        let empty = tempfile::tempdir_in(&site.work)?;
        let folder = std::mem::replace(&mut self.folder, empty);
        let server = Self::start_in(site, self.contender, folder).await?;
        Ok((server, kept))
    }

    fn end(&mut self) -> Result<()> {
        let pid = Pid::from_raw(self.child.id().cast_signed());
        let _ = kill(pid, Signal::SIGTERM);
        let begun = Instant::now();
        while self.child.try_wait()?.is_none() {
            if begun.elapsed() > END_TIME_MAX {
                self.child.kill()?;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whose it is.
    pub fn contender(&self) -> Contender {
        self.contender
    }

    /// The CPU time it took until now: all threads, user and system.
    pub fn cpu(&self) -> Duration {
        // One that has ended takes no more.
        self.clock.now().map_or(Duration::ZERO, Duration::from)
    }

    /// What it took since then.
    pub fn cpu_since(&self, before: Duration) -> Duration {
        self.cpu().saturating_sub(before)
    }

    /// Waits until it does nothing any more, at most two seconds.
    pub async fn quiet(&self) {
        let mut before = self.cpu();
        for _ in 0..20 {
            sleep(Duration::from_millis(100)).await;
            let now = self.cpu();
            if now.saturating_sub(before) < Duration::from_millis(2) {
                return;
            }
            before = now;
        }
    }

    /// What it has in memory, in KiB: now, and at most until now.
    pub fn memory(&self) -> Result<(f64, f64)> {
        let file = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(file).context("the server is gone")?;
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name))?;
            line.split_whitespace().nth(1)?.parse().ok()
        };
        let now = field("VmRSS:").context("no VmRSS")?;
        let peak = field("VmHWM:").context("no VmHWM")?;
        Ok((now, peak))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn folder_bytes(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    let mut open: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let data = entry.metadata()?;
            if data.is_dir() {
                open.push(entry.path());
            } else {
                bytes += data.len();
            }
        }
    }
    Ok(bytes)
}
