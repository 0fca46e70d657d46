//! `driftwood edit` with editors that are small shell scripts.
#![cfg(unix)]

use std::fs;
use std::path::PathBuf;

use crate::support::{program, Device};

/// Runs `driftwood edit trip` with this script as the editor; `$1` is the draft.
fn edit(device: &Device, script: &str) -> std::process::Output {
    let path: PathBuf = device.folder().join("editor.sh");
    fs::write(&path, script).expect("written");
    device
        .command(&["edit", "trip"])
        .env("EDITOR", format!("sh '{}'", path.display()))
        .env("DRIFTWOOD", program())
        .env("FOLDER", device.folder())
        .output()
        .expect("it starts")
}

fn drafts(device: &Device) -> Vec<PathBuf> {
    let entries = fs::read_dir(device.folder().join("drafts")).expect("the drafts' folder");
    entries
        .map(|entry| entry.expect("readable").path())
        .collect()
}

#[test]
fn what_others_write_meanwhile_survives_beside_it() {
    let device = Device::new();
    device.run(&["new", "trip", "--text", "Boots\nMap\nTent\n"]);
    // While the editor is open, another command changes the first and the last line.
    let output = edit(
        &device,
        "printf 'Boots and socks\\nMap\\nTents\\n' > \"$FOLDER/other\"\n\
         \"$DRIFTWOOD\" --data \"$FOLDER\" edit trip --from \"$FOLDER/other\" || exit 1\n\
         printf 'Boots\\nMap of Skye\\nTent!\\n' > \"$1\"\n",
    );
    assert!(output.status.success(), "{output:?}");
    let body = device.body("trip");
    let lines: Vec<&str> = body.lines().collect();
    assert_eq!(lines[..2], ["Boots and socks", "Map of Skye"]);
    assert!(["Tents!", "Tent!s"].contains(&lines[2]), "{body}");
    assert!(drafts(&device).is_empty());
}

#[test]
fn an_edit_writes_only_what_changed() {
    let device = Device::new();
    let text = "a line that stays as it is\n".repeat(200);
    device.run(&["new", "trip", "--text", &text]);
    let unsynced = |device: &Device| {
        let list = device.run(&["list", "--json"]);
        let list: serde_json::Value = serde_json::from_str(&list).expect("JSON");
        list[0]["unsynced"].as_u64().expect("a number")
    };
    let before = unsynced(&device);
    device.write("trip", &text.replacen("stays", "remains", 1));
    let changes = unsynced(&device) - before;
    assert!(changes <= "staysremains".len() as u64, "{changes} changes");
}

#[test]
fn an_editor_that_fails_changes_nothing_and_leaves_the_draft() {
    let device = Device::new();
    device.run(&["new", "trip", "--text", "Boots"]);
    let output = edit(&device, "echo 'half a thought' > \"$1\"\nexit 3\n");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert_eq!(device.body("trip"), "Boots");
    let [draft] = &drafts(&device)[..] else {
        panic!("one draft is kept");
    };
    assert!(errors.contains(&draft.display().to_string()), "{errors}");
    assert_eq!(
        fs::read_to_string(draft).expect("readable"),
        "half a thought\n"
    );
}

#[test]
fn the_line_break_that_editors_add_is_not_an_edit() {
    let device = Device::new();
    device.run(&["new", "trip", "--text", "Boots"]);
    let output = edit(&device, "cat \"$1\" > \"$1.new\" && mv \"$1.new\" \"$1\"\n");
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("nothing changed"),
        "{output:?}"
    );
    assert_eq!(device.body("trip"), "Boots");
}
