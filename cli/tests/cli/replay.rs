//! `driftwood replay`: our own recordings everywhere, and the large public ones where they are.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;

use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use flate2::Compression;
use serde_json::Value;

use crate::support::{session, traces, Device, Relay};

fn recording(path: &Path) -> Value {
    let mut text = String::new();
    let file = fs::File::open(path).expect("the recording is there");
    GzDecoder::new(file)
        .read_to_string(&mut text)
        .expect("it inflates");
    serde_json::from_str(&text).expect("JSON")
}

/// Replays and compares; gives the text at the end.
fn replay(device: &Device, path: &Path, more: &[&str]) -> String {
    let mut args = vec!["replay", path.to_str().expect("UTF-8"), "typed"];
    args.extend(more);
    let said = device.run(&args);
    let body = device.body("typed");
    if said.contains("another order") {
        // People wrote at one place at the same time; which comes first is each program's own choice.
        assert!(recording(path)["kind"] == "concurrent", "{said}");
    } else {
        assert!(said.contains("as it should be"), "{said}");
        assert_eq!(Value::from(body.as_str()), recording(path)["endContent"]);
    }
    body
}

#[test]
fn our_recordings_come_out_as_they_were() {
    for name in ["one-writer.json.gz", "two-writers.json.gz"] {
        let device = Device::new();
        let body = replay(&device, &session(name), &[]);
        assert_eq!(
            Value::from(body),
            recording(&session(name))["endContent"],
            "{name}"
        );
        assert!(device.run(&["list"]).contains("typed"));
    }
    replay(
        &Device::new(),
        &session("one-writer.json.gz"),
        &["--batch", "10"],
    );
    replay(
        &Device::new(),
        &session("one-writer.json.gz"),
        &["--rate", "2000/s"],
    );
}

#[test]
fn a_replay_is_live_on_the_relay() {
    for name in ["one-writer.json.gz", "two-writers.json.gz"] {
        let relay = Relay::start();
        let (here, there) = (Device::new(), Device::new());
        there.run(&["new", "other"]);
        there.run(&["sync", "--relay", &relay.url()]);
        let watch = there.start(&["watch", "typed"]);
        watch.says("linked to");
        let body = replay(&here, &session(name), &["--relay", &relay.url()]);
        watch.prints("body");
        drop(watch);
        // The notebook came along, so the other device finds it by itself.
        there.run(&["sync"]);
        assert_eq!(there.body("typed"), body, "{name}");
    }
}

#[test]
fn what_others_write_meanwhile_does_not_disturb() {
    let relay = Relay::start();
    let (here, there) = (Device::new(), Device::new());
    there.run(&["new", "typed", "--text", "There is text already.\n"]);
    there.run(&["sync", "--relay", &relay.url()]);
    let path = session("one-writer.json.gz");
    let path = path.to_str().expect("UTF-8");
    let said = here.run(&["replay", path, "typed", "--relay", &relay.url()]);
    assert!(said.contains("not compared"), "{said}");
    let body = here.body("typed");
    assert!(body.ends_with("There is text already.\n"), "{body}");
    assert!(body.len() > 100);
}

#[test]
fn without_the_relay_it_types_all_the_same() {
    let relay = Relay::down();
    let device = Device::new();
    let path = session("one-writer.json.gz");
    let path = path.to_str().expect("UTF-8");
    let said = device.fails(3, &["replay", path, "typed", "--relay", &relay.url()]);
    assert!(
        said.contains("typing without it") && said.contains("safe here"),
        "{said}"
    );
    let expected = &recording(&session("one-writer.json.gz"))["endContent"];
    assert_eq!(&Value::from(device.body("typed")), expected);
    let relay = relay.restarted();
    device.run(&["sync", "--relay", &relay.url()]);
}

#[test]
fn a_text_that_differs_is_a_failure() {
    let mut changed = recording(&session("one-writer.json.gz"));
    changed["endContent"] = "something else".into();
    let device = Device::new();
    let path = device.folder().join("changed.json.gz");
    let file = fs::File::create(&path).expect("made");
    let mut gzip = GzEncoder::new(file, Compression::fast());
    gzip.write_all(changed.to_string().as_bytes())
        .expect("written");
    gzip.finish().expect("written");
    device.fails(1, &["replay", path.to_str().expect("UTF-8"), "typed"]);

    fs::write(&path, "no gzip").expect("written");
    let said = device.fails(1, &["replay", path.to_str().expect("UTF-8"), "other"]);
    assert!(said.contains("changed.json.gz"), "{said}");
    assert!(!device.run(&["list"]).contains("other"));
}

#[test]
fn the_large_recordings_come_out_as_they_were() {
    let Some(folder) = traces() else { return };
    for name in [
        "automerge-paper",
        "rustcode",
        "sveltecomponent",
        "friendsforever",
    ] {
        let device = Device::new();
        let body = replay(&device, &folder.join(format!("{name}.json.gz")), &[]);
        assert!(body.len() > 10_000, "{name}");
    }
}

#[test]
fn a_large_recording_comes_out_on_a_second_device() {
    let Some(folder) = traces() else { return };
    let relay = Relay::start();
    let (here, there) = (Device::new(), Device::new());
    let path = folder.join("sveltecomponent.json.gz");
    let body = replay(&here, &path, &["--relay", &relay.url()]);
    there.run(&["sync", "--relay", &relay.url()]);
    assert_eq!(there.body("typed"), body);
}
