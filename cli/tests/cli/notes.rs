//! Making, reading and changing notes, without a network.

use serde_json::json;

use crate::support::Device;

#[test]
fn a_note_is_made_changed_shown_and_listed() {
    let device = Device::new();
    assert!(device.run(&["list"]).contains("no notes yet"));
    device.run(&[
        "new",
        "trip",
        "--title",
        "Trip to Skye",
        "--text",
        "Boots, map, 🧭\n",
    ]);
    for (key, value) in [
        ("tag:add", "scotland"),
        ("tag:add", "sea"),
        ("tag:remove", "sea"),
        ("todo:add", "buy a tent"),
        ("todo:add", "call Ines"),
        ("todo:add", "nothing"),
        ("todo:done", "2"),
        ("todo:remove", "3"),
        ("likes", "3"),
        ("likes", "-1"),
        ("meta:colour", "\"red\""),
        ("meta:days", "7"),
    ] {
        device.run(&["set", "trip", key, value]);
    }
    assert_eq!(
        device.json("trip"),
        json!({
            "body": "Boots, map, 🧭\n",
            "meta": { "title": "Trip to Skye", "colour": "red", "days": 7 },
            "tags": ["scotland"],
            "todos": [
                { "text": "buy a tent", "done": false },
                { "text": "call Ines", "done": true },
            ],
            "likes": 2,
        })
    );
    assert_eq!(device.body("trip"), "Boots, map, 🧭\n");
    assert_eq!(
        device.run(&["show", "trip"]),
        "Trip to Skye\n[trip]  #scotland  ♥ 2\n\n  1. [ ] buy a tent\n  2. [x] call Ines\n\nBoots, map, 🧭\n"
    );
    device.run(&["set", "trip", "title", "Skye"]);

    let list = device.run(&["list"]);
    let row = list.lines().nth(1).expect("one note");
    let columns: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(columns[..3], ["trip", "Skye", "14"]);
    let list: serde_json::Value =
        serde_json::from_str(&device.run(&["list", "--json"])).expect("JSON");
    assert_eq!(list[0]["name"], "trip");
    assert!(list[0]["unsynced"].as_u64() > Some(0));
}

#[test]
fn the_notebook_has_what_the_demo_page_expects() {
    let device = Device::new();
    device.run(&["new", "trip"]);
    let notebook = device.json("notebook");
    let created = notebook["notes"]["trip"]["created"].as_u64();
    assert!(created > Some(1_600_000_000_000), "{notebook}");
}

#[test]
fn what_cannot_be_done_is_said_and_changes_nothing() {
    let device = Device::new();
    device.run(&["new", "trip", "--text", "Boots"]);
    let before = device.json("trip");
    assert!(device.fails(1, &["new", "trip"]).contains("already"));
    assert!(device
        .fails(1, &["new", "notebook"])
        .contains("list of notes"));
    assert!(device
        .fails(1, &["show", "tirp"])
        .contains("no note `tirp`"));
    assert!(device
        .fails(1, &["edit", "tirp", "--from", "-"])
        .contains("no note"));
    assert!(device
        .fails(1, &["set", "trip", "todo:done", "1"])
        .contains("no to-do"));
    assert!(device
        .fails(1, &["set", "trip", "tag:remove", "x"])
        .contains("no tag"));
    assert!(device
        .fails(1, &["set", "trip", "likes", "many"])
        .contains("whole numbers"));
    assert!(device
        .fails(2, &["set", "trip", "colour", "red"])
        .contains("set --help"));
    assert!(device
        .fails(1, &["edit", "trip", "--from", "/nowhere"])
        .contains("/nowhere"));
    assert_eq!(device.json("trip"), before);
    assert!(device.run(&["list"]).lines().count() == 2);
}

#[test]
fn one_replica_id_serves_one_command_after_the_other() {
    let device = Device::new();
    device.run(&["new", "trip"]);
    for text in ["a", "b", "c"] {
        device.write("trip", text);
    }
    let ids = std::fs::read_dir(device.folder().join("replicas")).expect("the pool");
    assert_eq!(ids.count(), 1);
}
