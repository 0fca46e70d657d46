//! The `driftwood-relay` program: reads its configuration, runs the relay, ends on SIGINT and
//! SIGTERM.

use std::future::Future;
use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use driftwood_relay::config::{Args, Config};
use driftwood_relay::logging;
use driftwood_relay::server::Server;

fn main() -> ExitCode {
    match start() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("driftwood-relay: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs what was asked for; `false` when it found something that is wrong.
fn start() -> anyhow::Result<bool> {
    let args = Args::parse();
    let print = args.print_config();
    let (config, command) = args.split()?;
    if print {
        let _ = std::io::stdout().write_all(config.to_toml().as_bytes());
        return Ok(true);
    }
    if let Some(command) = command {
        return command.run(&config, &mut std::io::stdout().lock());
    }
    logging::start(&config.log).with_context(|| format!("--log {}", config.log))?;
    let runtime = tokio::runtime::Runtime::new().context("cannot start the async runtime")?;
    // As a task of the runtime, not on the thread that waits for it: then a message goes from a
    // connection's task to the node's and on to others without waking a thread each time.
    let served = runtime.block_on(runtime.spawn(run(config)));
    served.context("the relay panicked")??;
    Ok(true)
}

async fn run(config: Config) -> anyhow::Result<()> {
    // From here on, so that a signal during a long start ends it cleanly as well.
    let shutdown = shutdown_signal()?;
    let server = Server::bind(&config).await?;
    // For people and for programs that start a relay: once this line is there, it can be reached.
    // Nobody has to read it.
    let mut out = std::io::stdout();
    let scheme = if server.is_secure() { "wss" } else { "ws" };
    let _ = writeln!(out, "listening on {scheme}://{}/sync", server.address());
    if let Some(address) = server.quic_address() {
        let _ = writeln!(out, "listening on quic://{address}");
    }
    let _ = out.flush();
    server.serve(shutdown).await?;
    Ok(())
}

/// Resolves at the first SIGINT or SIGTERM after this call.
#[cfg(unix)]
fn shutdown_signal() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{signal, SignalKind};
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("ending");
    })
}

/// Resolves when the user interrupts.
#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps)]
fn shutdown_signal() -> anyhow::Result<impl Future<Output = ()>> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
