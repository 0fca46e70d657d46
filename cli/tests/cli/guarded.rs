//! A relay that wants a token and speaks TLS.

use std::path::Path;

use clap::Parser as _;
use driftwood_relay::config::{Args, Config};

use crate::support::{Device, Relay};

fn text(path: &Path) -> &str {
    path.to_str().expect("utf-8")
}

/// What a command of the relay's program prints.
fn relay_command(args: &[&str]) -> String {
    let args = std::iter::once("driftwood-relay").chain(args.iter().copied());
    let parsed = Args::try_parse_from(args).expect("flags parse");
    let (config, command) = parsed.split().expect("a configuration");
    let mut out = Vec::new();
    let done = command.expect("a command").run(&config, &mut out);
    assert!(done.expect("it works"));
    String::from_utf8(out).expect("utf-8")
}

fn settings(folder: &Path) -> Config {
    let [cert, tls_key, key] = ["cert", "tls-key", "key"].map(|name| folder.join(name));
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    std::fs::write(&cert, made.cert.pem()).expect("written");
    std::fs::write(&tls_key, made.signing_key.serialize_pem()).expect("written");
    relay_command(&["token", "--new-key", "eddsa", text(&key)]);
    for (file, doc) in [("writer", "*:write"), ("reader", "*:read")] {
        let args = ["token", "--key", text(&key), "--sub", file, "--doc", doc];
        std::fs::write(folder.join(file), relay_command(&args)).expect("written");
    }
    Config {
        auth_keys: vec![key],
        tls_cert: Some(cert),
        tls_key: Some(tls_key),
        ..Config::default()
    }
}

#[test]
fn a_token_and_the_certificate_are_needed_and_enough() {
    let relay = Relay::start_with(settings);
    let file = |name: &str| text(&relay.folder().join(name)).to_owned();
    let (writer, reader, ca) = (file("writer"), file("reader"), file("cert"));
    let (here, there) = (Device::new(), Device::new());
    here.run(&["new", "trip", "--text", "Boots"]);
    let (url, timeout) = (relay.url(), ["--timeout", "2"]);
    let sync = ["sync", "--relay", &url];

    let said = here.fails(
        3,
        &[&sync[..], &["--token-file", &writer], &timeout].concat(),
    );
    assert!(said.contains("certificate"), "{said}");
    let said = here.fails(3, &[&sync[..], &["--ca", &ca]].concat());
    assert!(said.contains("--token-file"), "{said}");
    here.run(&[&sync[..], &["--ca", &ca, "--token-file", &writer]].concat());
    let got = [&sync[..], &["--ca", &ca, "--token-file", &reader, "trip"]].concat();
    // The notebook, which this device makes anew, is refused; the note comes.
    there.command(&got).output().expect("it runs");
    assert_eq!(there.body("trip"), "Boots");

    // Who may only read is told that nothing was taken.
    there.write("trip", "Boots, map");
    let output = there.command(&got).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        said.contains("trip: the relay refuses it: it is not permitted"),
        "{said}"
    );
    for (flag, path) in [("--ca", "/nowhere/ca"), ("--token-file", "/nowhere/token")] {
        let said = here.fails(1, &["sync", flag, path]);
        assert!(said.contains(path), "{said}");
    }
}

#[test]
fn notes_go_over_quic_as_well() {
    let relay = Relay::start_with(settings);
    let file = |name: &str| text(&relay.folder().join(name)).to_owned();
    let (writer, ca) = (file("writer"), file("cert"));
    let url = relay.url().replace("wss://", "quic://");
    let access = ["--relay", &url, "--ca", &ca, "--token-file", &writer];
    let (here, there) = (Device::new(), Device::new());
    here.run(&["new", "trip", "--text", "Boots\n"]);
    here.run(&[&["sync"][..], &access].concat());
    there.run(&[&["sync"][..], &access].concat());
    assert_eq!(there.body("trip"), "Boots\n");

    let watch = there.start(&[&["watch", "trip"][..], &access].concat());
    watch.says(&format!("linked to {url} over QUIC"));
    here.write("trip", "Boots and socks\n");
    here.run(&["sync", "--ca", &ca, "--token-file", &writer]);
    watch.prints("and socks");
    #[cfg(unix)]
    assert_eq!(watch.interrupt(), Some(0));
}
