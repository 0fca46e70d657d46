//! The real program, killed with SIGKILL in the middle of a stream of changes.

use std::process::{Command, Stdio};

use driftwood_sync::Level;

use crate::support::{name, until, Guest, Program};

/// CI's number; the later, longer runs set the variable.
fn rounds() -> usize {
    std::env::var("DRIFTWOOD_CRASH_ROUNDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(5)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_relay_is_killed() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut program = Program::start(folder.path(), "127.0.0.1:0", &[]);
    let mut ann = Guest::at(program.address, 1, "trip");
    let mut written = 0;

    for round in 0..rounds() {
        // Write on while acknowledgements come in, then kill at a moment that differs from round to
        // round.
        let goal = written + 20 + 37 * (round % 7);
        while written < goal {
            ann.write("trip", "line\n");
            written += 1;
            if written % 3 == 0 {
                ann.client.step().await;
            }
        }
        let before = ann.client.node().saved(&name("trip"), Level::Relay);
        until("something more is acknowledged", [&mut ann], |[ann]| {
            ann.client.node().saved(&name("trip"), Level::Relay) != before
        })
        .await;
        let address = program.kill();
        let acknowledged = ann.client.node().saved(&name("trip"), Level::Relay);

        // A stranger, with ann away: what it gets can only come from the relay's disk.
        ann.hang_up(address);
        until("ann is offline", [&mut ann], |[ann]| {
            ann.client.node().links().count() == 0
        })
        .await;
        program = Program::start(folder.path(), &address.to_string(), &[]);
        let mut stranger = Guest::at(program.address, 100 + round as u64, "trip");
        until(
            "the stranger has what was acknowledged",
            [&mut stranger],
            |[stranger]| stranger.version("trip").includes(&acknowledged),
        )
        .await;
        stranger.client.close().await;
        ann.dial(address);
    }
    until("all is saved in the end", [&mut ann], |[ann]| {
        ann.saved("trip", Level::Relay)
    })
    .await;
    assert_eq!(ann.body("trip").lines().count(), written);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_on_the_same_folder_is_refused_with_a_clear_message() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let _program = Program::start(folder.path(), "127.0.0.1:0", &[]);
    let second = tokio::task::spawn_blocking({
        let data = folder.path().to_owned();
        move || {
            Command::new(env!("CARGO_BIN_EXE_driftwood-relay"))
                .args(["--listen", "127.0.0.1:0", "--data"])
                .arg(data)
                .stdin(Stdio::null())
                .output()
        }
    })
    .await
    .expect("no panic")
    .expect("it runs");
    assert!(!second.status.success());
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(said.contains("is in use by another process"), "{said}");
}

#[test]
fn settings_that_cannot_be_used_are_said_to_be_so() {
    let folder = tempfile::tempdir().expect("temporary folder");
    std::fs::write(folder.path().join("holiday.jpg"), "not ours").expect("written");
    let data = folder.path().to_str().expect("utf-8");
    for (args, wanted) in [
        (&["--peer", "http://localhost"][..], "http://localhost"),
        (&["--data", data], "not a Driftwood store"),
        (&["--config", "/nowhere/relay.toml"], "/nowhere/relay.toml"),
        (&["--log", "a=b=c"], "--log a=b=c"),
        (&["--listen", "nonsense"], "cannot listen on nonsense"),
    ] {
        let fresh = tempfile::tempdir().expect("temporary folder");
        let output = Command::new(env!("CARGO_BIN_EXE_driftwood-relay"))
            .env("DRIFTWOOD_LISTEN", "127.0.0.1:0")
            .env("DRIFTWOOD_DATA", fresh.path().join("data"))
            .args(args)
            .output()
            .expect("it runs");
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(wanted), "{args:?}: {said}");
    }
}
