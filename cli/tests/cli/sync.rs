//! Two devices and a relay.

use std::path::Path;

use crate::support::{Device, Relay};

#[test]
fn devices_converge_after_both_wrote_offline() {
    let relay = Relay::start();
    let (here, there) = (Device::new(), Device::new());
    here.run(&["new", "trip", "--title", "Trip", "--text", "Boots\nMap\n"]);
    let first = here.run(&["sync", "--relay", &relay.url()]);
    assert!(
        first.contains("trip: ") && first.contains("sent"),
        "{first}"
    );
    // The notebook tells the other device which notes there are.
    there.run(&["sync", "--relay", &relay.url()]);
    assert_eq!(there.body("trip"), "Boots\nMap\n");

    here.write("trip", "Boots, socks\nMap\n");
    here.run(&["set", "trip", "title", "Trip to Skye"]);
    here.run(&["set", "trip", "tag:add", "sea"]);
    here.run(&["set", "trip", "todo:add", "boots"]);
    here.run(&["set", "trip", "likes", "1"]);
    there.write("trip", "Boots\nMap of the island\n");
    there.run(&["set", "trip", "title", "Isle of Skye"]);
    there.run(&["set", "trip", "tag:add", "scotland"]);
    there.run(&["set", "trip", "todo:add", "tent"]);
    there.run(&["set", "trip", "likes", "2"]);
    there.run(&["new", "list"]);

    // From now on the relay is remembered.
    for device in [&here, &there, &here] {
        device.run(&["sync"]);
    }
    assert_eq!(here.json("trip"), there.json("trip"));
    assert_eq!(here.json("notebook"), there.json("notebook"));
    let trip = here.json("trip");
    assert_eq!(trip["body"], "Boots, socks\nMap of the island\n");
    assert_eq!(trip["likes"], 3);
    assert_eq!(trip["tags"].as_array().map(Vec::len), Some(2));
    assert_eq!(trip["todos"].as_array().map(Vec::len), Some(2));
    // Both titles are kept, and both devices show the same one first.
    let shown = here.run(&["show", "trip"]);
    assert_eq!(shown, there.run(&["show", "trip"]));
    assert!(
        shown.contains("Trip to Skye") && shown.contains("Isle of Skye"),
        "{shown}"
    );
    assert!(here.run(&["list"]).contains("list"));

    let again = here.run(&["sync"]);
    assert!(
        again.lines().all(|line| line.ends_with("up to date")),
        "{again}"
    );
    let list = here.run(&["list", "--json"]);
    let list: serde_json::Value = serde_json::from_str(&list).expect("JSON");
    for note in list.as_array().expect("a list") {
        assert_eq!(note["unsynced"], 0, "{note}");
    }
}

#[test]
fn a_named_document_is_synced_with_the_notebook() {
    let relay = Relay::start();
    let (here, there) = (Device::new(), Device::new());
    here.run(&["new", "one"]);
    here.run(&["new", "two"]);
    here.run(&["sync", "--relay", &relay.url(), "one"]);
    let synced = there.run(&["sync", "--relay", &relay.url(), "one"]);
    assert!(!synced.contains("two"), "{synced}");
    there.run(&["show", "one"]);
    assert!(there.run(&["list"]).contains("not on this device"));
}

#[test]
fn without_a_relay_everything_is_kept_and_said() {
    let relay = Relay::down();
    let (here, there) = (Device::new(), Device::new());
    here.run(&["new", "trip", "--text", "Boots"]);
    assert!(here.fails(1, &["sync"]).contains("no relay is known"));
    let said = here.fails(3, &["sync", "--relay", &relay.url()]);
    assert!(
        said.contains("cannot reach the relay") && said.contains("safe here"),
        "{said}"
    );
    assert_eq!(here.body("trip"), "Boots");

    let relay = relay.restarted();
    here.run(&["sync", "--relay", &relay.url()]);
    there.run(&["sync", "--relay", &relay.url(), "trip"]);
    assert_eq!(there.body("trip"), "Boots");
}

#[test]
fn one_relay_is_not_two() {
    let relay = Relay::start();
    let device = Device::new();
    device.run(&["new", "trip"]);
    let sync = [
        "sync",
        "--relay",
        &relay.url(),
        "--wait",
        "replicated",
        "--timeout",
        "1",
    ];
    assert!(device.fails(3, &sync).contains("two relays"));
    device.run(&["sync"]);
}

#[test]
fn a_bad_address_is_refused() {
    let device = Device::new();
    device.run(&["new", "trip"]);
    for bad in ["localhost", "http://localhost", "wss://"] {
        let said = device.fails(1, &["sync", "--relay", bad]);
        assert!(said.contains("is not an address"), "{said}");
    }
}

#[test]
fn many_documents_go_over_one_connection() {
    let relay = Relay::start();
    let (here, there) = (Device::new(), Device::new());
    for number in 0..70 {
        here.run(&[
            "new",
            &format!("note-{number}"),
            "--text",
            &format!("text {number}"),
        ]);
    }
    here.run(&["sync", "--relay", &relay.url()]);
    there.run(&["sync", "--relay", &relay.url()]);
    assert_eq!(there.body("note-69"), "text 69");
    assert_eq!(there.run(&["list"]).lines().count(), 71);
}

#[test]
fn a_folder_that_was_copied_goes_on_under_an_id_of_its_own() {
    let relay = Relay::start();
    let (here, copy) = (Device::new(), Device::new());
    here.run(&["new", "trip", "--text", "Boots"]);
    here.run(&["sync", "--relay", &relay.url()]);
    copy_folder(here.folder(), copy.folder());
    here.write("trip", "Boots, map");
    here.run(&["sync"]);

    let output = copy.command(&["sync"]).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success() && said.contains("same id"),
        "{said}"
    );
    assert_eq!(copy.body("trip"), "Boots, map");
    copy.write("trip", "Boots, map, tent");
    here.write("trip", "Socks, boots, map");
    copy.run(&["sync"]);
    here.run(&["sync"]);
    copy.run(&["sync"]);
    assert_eq!(here.json("trip"), copy.json("trip"));
    let body = here.body("trip");
    assert!(
        body.starts_with("Socks") && body.ends_with("tent"),
        "{body}"
    );
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("made");
    for entry in std::fs::read_dir(from).expect("readable") {
        let path = entry.expect("readable").path();
        let target = to.join(path.file_name().expect("it has a name"));
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            std::fs::copy(&path, &target).expect("copied");
        }
    }
}
