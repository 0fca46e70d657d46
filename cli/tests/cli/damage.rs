//! Folders that are damaged, newer, or somebody else's.

use std::fs;

use crate::support::Device;

#[test]
fn a_damaged_store_is_a_clear_error() {
    let device = Device::new();
    device.run(&["new", "trip", "--text", &"Boots and socks. ".repeat(500)]);
    let path = device.folder().join("store/0000000000000000.log");
    let mut bytes = fs::read(&path).expect("the store's file");
    let (start, end) = (bytes.len() / 8, bytes.len() * 7 / 8);
    for byte in &mut bytes[start..end] {
        *byte ^= 0x5a;
    }
    fs::write(&path, &bytes).expect("written");
    for args in [
        &["show", "trip"][..],
        &["new", "other"],
        &["sync", "--relay", "ws://127.0.0.1:1"],
    ] {
        let output = device.command(args).output().expect("it starts");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {errors}");
        let said = String::from_utf8_lossy(&output.stdout) + &errors[..];
        assert!(said.contains("damaged"), "{args:?}: {said}");
        assert!(!errors.contains("panicked"), "{args:?}: {errors}");
    }
}

#[test]
fn a_newer_store_is_left_alone() {
    let device = Device::new();
    device.run(&["new", "trip"]);
    let mark = device.folder().join("store/FORMAT");
    fs::write(&mark, "driftwood-store 99\n").expect("written");
    let errors = device.fails(1, &["show", "trip"]);
    assert!(
        errors.contains("99") && errors.contains("newer"),
        "{errors}"
    );
    fs::write(&mark, "driftwood-store 2\n").expect("written");
    device.run(&["show", "trip"]);
}

#[test]
fn the_folder_of_a_relay_is_refused() {
    let device = Device::new();
    fs::write(device.folder().join("FORMAT"), "driftwood-store 2\n").expect("written");
    assert!(device.fails(1, &["list"]).contains("folder of a relay"));
}

#[test]
fn a_lost_ledger_loses_no_notes() {
    let device = Device::new();
    device.run(&["new", "trip", "--text", "Boots"]);
    fs::write(device.folder().join("ledger.json"), "{").expect("written");
    assert_eq!(device.body("trip"), "Boots");
    device.run(&["set", "trip", "likes", "1"]);
    assert!(device.run(&["list"]).contains("trip"));
}
