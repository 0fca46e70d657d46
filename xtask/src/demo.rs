//! `cargo xtask demo`: one command from a clone to a page in the browser, with a relay behind it.

use crate::build;
use crate::process;
use crate::workspace::Workspace;
use anyhow::{bail, ensure, Context, Result};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// The options of `cargo xtask demo`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The port of the page
    #[arg(long, default_value_t = 4173)]
    port: u16,
    /// The port of the relay; a second one takes the next
    #[arg(long, default_value_t = 4455)]
    relay_port: u16,
    /// Where the relay keeps its documents; a second one adds "-2" to the name
    #[arg(long, value_name = "DIR", default_value = "driftwood-data")]
    data: PathBuf,
    /// How many relays to start; two are linked with each other
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=2))]
    relays: u16,
}

/// How long a program may take until it answers for the first time.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long a program may take to end after it was asked to. The relay flushes what it holds.
const STOP_LIMIT: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Builds everything, runs it until Ctrl-C, and ends it in good order.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let second_port = args
        .relay_port
        .checked_add(1)
        .context("there is no port after 65535")?;
    let relay_ports = &[args.relay_port, second_port][..usize::from(args.relays)];
    // Said before the build rather than minutes later.
    must_be_free(args.port, "the page", "--port")?;
    for &port in relay_ports {
        must_be_free(port, "a relay", "--relay-port")?;
    }

    build::run(workspace)?;
    println!("Build: the relay (the first time, 1 to 3 minutes)");
    process::run(&mut workspace.cargo("build", &["--package", "driftwood-relay"]))?;

    let stop = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&stop);
    ctrlc::set_handler(move || seen.store(true, Ordering::SeqCst))
        .context("Ctrl-C cannot be listened to")?;

    let mut programs = Vec::new();
    let outcome = serve(workspace, args, relay_ports, &mut programs, &stop);
    println!("Stopping …");
    for program in &mut programs {
        program.end();
    }
    outcome
}

fn serve(
    workspace: &Workspace,
    args: &Args,
    relay_ports: &[u16],
    programs: &mut Vec<Program>,
    stop: &AtomicBool,
) -> Result<()> {
    for (index, &port) in relay_ports.iter().enumerate() {
        let data = data_folder(&args.data, index);
        let mut relay = Command::new(workspace.bin("driftwood-relay"));
        relay
            .arg("--listen")
            .arg(format!("127.0.0.1:{port}"))
            .arg("--data")
            .arg(&data);
        if index > 0 {
            relay.arg("--peer").arg(relay_address(relay_ports[0]));
        }
        let name = format!(
            "the relay at {} (documents in {})",
            relay_address(port),
            data.display()
        );
        programs.push(Program::start(name, port, "/healthz", relay)?);
    }
    let mut page = workspace.command("vite");
    page.current_dir(workspace.path("web-demo")).args([
        "preview",
        "--host",
        "127.0.0.1",
        "--strictPort",
        "--logLevel",
        "warn",
        "--port",
    ]);
    page.arg(args.port.to_string());
    programs.push(Program::start("the page".to_owned(), args.port, "/", page)?);

    for program in programs.iter_mut() {
        program.wait_until_it_answers(stop)?;
    }
    if stop.load(Ordering::SeqCst) {
        return Ok(());
    }
    announce(args.port, relay_ports);
    while !stop.load(Ordering::SeqCst) {
        programs.iter_mut().try_for_each(Program::must_run)?;
        thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

fn announce(port: u16, relay_ports: &[u16]) {
    println!();
    println!("  Driftwood runs. Open it in several tabs:");
    println!();
    for &relay in relay_ports {
        println!(
            "    http://127.0.0.1:{port}/?relay={}",
            relay_address(relay)
        );
    }
    println!();
    println!("  Ctrl-C ends it; what was written stays.");
    println!();
}

fn relay_address(port: u16) -> String {
    format!("ws://127.0.0.1:{port}")
}

fn data_folder(first: &Path, index: usize) -> PathBuf {
    if index == 0 {
        return first.to_owned();
    }
    let mut name = first.as_os_str().to_owned();
    name.push(format!("-{}", index + 1));
    PathBuf::from(name)
}

fn must_be_free(port: u16, whose: &str, option: &str) -> Result<()> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map(drop).with_context(|| {
        format!("port {port}, for {whose}, cannot be had: is it in use? Choose another with {option}")
    })
}

/// A running part of the demo.
struct Program {
    name: String,
    port: u16,
    path: &'static str,
    child: Child,
}

impl Program {
    fn start(name: String, port: u16, path: &'static str, mut command: Command) -> Result<Self> {
        println!("Starting {name}");
        keep_from_ctrl_c(&mut command);
        let child = command
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("{name} cannot be started"))?;
        Ok(Self {
            name,
            port,
            path,
            child,
        })
    }

    fn must_run(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!(
                "{} ended by itself ({status}); what it said is above",
                self.name
            );
        }
        Ok(())
    }

    fn wait_until_it_answers(&mut self, stop: &AtomicBool) -> Result<()> {
        let started = Instant::now();
        while !stop.load(Ordering::SeqCst) && !answers(self.port, self.path) {
            self.must_run()?;
            ensure!(
                started.elapsed() < START_LIMIT,
                "{} does not answer",
                self.name
            );
            thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// Asks the program to end, and insists if it does not.
    fn end(&mut self) {
        ask_to_end(&self.child);
        let asked = Instant::now();
        while asked.elapsed() < STOP_LIMIT {
            // An error here says that there is no such child any more.
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(LOOK_EVERY);
        }
        eprintln!("{} does not end when asked; it is killed", self.name);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A terminal sends Ctrl-C to its whole process group. The programs get one of their own: we end them, in order.
#[cfg(unix)]
fn keep_from_ctrl_c(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}

#[cfg(not(unix))]
fn keep_from_ctrl_c(_command: &mut Command) {}

#[cfg(unix)]
fn ask_to_end(child: &Child) {
    use rustix::process::{kill_process, Pid, Signal};
    // An error says that it has ended already.
    let _ = kill_process(Pid::from_child(child), Signal::TERM);
}

#[cfg(not(unix))]
fn ask_to_end(_child: &Child) {
    // Ctrl-C reached every program of the console, and there is no other way to ask.
}

/// Whether something on a port of this machine answers a GET with a 200.
fn answers(port: u16, path: &str) -> bool {
    let ask = || -> std::io::Result<bool> {
        let address = (Ipv4Addr::LOCALHOST, port).into();
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
        )?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(&status == b"HTTP/1.1 200")
    };
    ask().unwrap_or(false)
}
