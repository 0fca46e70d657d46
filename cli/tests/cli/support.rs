//! Devices, relays, and processes that are watched line by line.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{channel, Receiver};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use driftwood_relay::config::Config;
use driftwood_relay::server::Server;
use tempfile::TempDir;
use tokio::sync::oneshot;

/// What should happen at once may take this long on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A data folder, as one device has it.
pub(crate) struct Device {
    folder: TempDir,
}

impl Device {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        Self { folder }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The command with these arguments, not yet started.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.arg("--data").arg(self.folder()).args(args);
        for variable in ["VISUAL", "EDITOR", "DRIFTWOOD_RELAY", "DRIFTWOOD_DATA"] {
            command.env_remove(variable);
        }
        command
    }

    /// Runs a command that must succeed; gives what it printed.
    pub(crate) fn run(&self, args: &[&str]) -> String {
        succeeded(&self.command(args).output().expect("it starts"))
    }

    /// Runs a command that must end with this code; gives what it complained about.
    pub(crate) fn fails(&self, code: i32, args: &[&str]) -> String {
        let output = self.command(args).output().expect("it starts");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {errors}");
        assert!(!errors.contains("panicked"), "{errors}");
        errors
    }

    /// Replaces a note's text.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let mut child = self
            .command(&["edit", name, "--from", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(text.as_bytes()).expect("it reads");
        drop(stdin);
        succeeded(&child.wait_with_output().expect("it ends"));
    }

    pub(crate) fn body(&self, name: &str) -> String {
        self.run(&["show", name, "--body"])
    }

    /// The whole document.
    pub(crate) fn json(&self, name: &str) -> serde_json::Value {
        serde_json::from_str(&self.run(&["show", name, "--json"])).expect("it prints JSON")
    }

    /// Starts a command whose output is read while it runs.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        let mut child = self
            .command(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let output = lines(child.stdout.take().expect("piped"));
        let errors = lines(child.stderr.take().expect("piped"));
        Running {
            child,
            output,
            errors,
        }
    }
}

pub(crate) fn program() -> &'static str {
    env!("CARGO_BIN_EXE_driftwood")
}

fn succeeded(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", output.status);
    String::from_utf8(output.stdout.clone()).expect("it prints UTF-8")
}

/// A command that runs; ended when dropped.
pub(crate) struct Running {
    child: Child,
    output: Receiver<String>,
    errors: Receiver<String>,
}

impl Running {
    /// Waits for a line on standard output that has this in it.
    pub(crate) fn prints(&self, part: &str) -> String {
        wait_for(&self.output, part)
    }

    /// Waits for a line on standard error that has this in it.
    pub(crate) fn says(&self, part: &str) -> String {
        wait_for(&self.errors, part)
    }

    /// Ends it as Ctrl-C does; gives its exit code.
    #[cfg(unix)]
    pub(crate) fn interrupt(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        let killed = Command::new("kill").args(["-INT", &pid]).status();
        assert!(killed.expect("kill starts").success());
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(output: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // Read on to the end, or the process would wait for us.
            let _ = sender.send(line);
        }
    });
    receiver
}

fn wait_for(lines: &Receiver<String>, part: &str) -> String {
    let mut seen = Vec::new();
    loop {
        match lines.recv_timeout(PATIENCE) {
            Ok(line) if line.contains(part) => return line,
            Ok(line) => seen.push(line),
            Err(error) => panic!("no `{part}` ({error}) in {seen:#?}"),
        }
    }
}

/// A relay in this process, with a folder and a port of its own.
pub(crate) struct Relay {
    data: TempDir,
    settings: Config,
    serving: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Relay {
    pub(crate) fn start() -> Self {
        Self::start_with(|_| Config::default())
    }

    /// One with these settings; the folder is for whatever they need.
    pub(crate) fn start_with(settings: impl FnOnce(&Path) -> Config) -> Self {
        let data = tempfile::tempdir().expect("temporary folder");
        let settings = Config {
            listen: "127.0.0.1:0".into(),
            data: data.path().join("store"),
            ..settings(data.path())
        };
        Self {
            data,
            settings,
            serving: None,
        }
        .restarted()
    }

    /// The folder of all that is the relay's.
    pub(crate) fn folder(&self) -> &Path {
        self.data.path()
    }

    /// One that does not run, on an address where nobody listens.
    pub(crate) fn down() -> Self {
        let mut relay = Self::start();
        relay.stop();
        relay
    }

    pub(crate) fn url(&self) -> String {
        let scheme = if self.settings.tls_cert.is_some() {
            "wss"
        } else {
            "ws"
        };
        format!("{scheme}://{}", self.settings.listen)
    }

    pub(crate) fn stop(&mut self) {
        if let Some((stop, thread)) = self.serving.take() {
            let _ = stop.send(());
            thread.join().expect("the relay ends in order");
        }
    }

    /// Starts it on the address and the data it had before.
    pub(crate) fn restarted(mut self) -> Self {
        self.stop();
        let config = self.settings.clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let (started, address) = channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            runtime.block_on(async {
                let server = Server::bind(&config).await.expect("the relay starts");
                started.send(server.address()).expect("somebody waits");
                let shutdown = async {
                    let _ = stopped.await;
                };
                server.serve(shutdown).await.expect("the relay serves");
            });
        });
        let address = address.recv_timeout(PATIENCE).expect("the relay starts");
        self.settings.listen = address.to_string();
        self.serving = Some((stop, thread));
        self
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A recorded session of our own.
pub(crate) fn session(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../vectors/sessions")
        .join(name)
}

/// The large public recordings, which a clone may lack.
pub(crate) fn traces() -> Option<PathBuf> {
    let folder = std::env::var_os("DRIFTWOOD_TRACES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/traces"),
        PathBuf::from,
    );
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: no large recordings in {}", folder.display());
    None
}
