//! `driftwood watch`, while others write.

use crate::support::{Device, Relay};

#[test]
fn changes_are_printed_as_they_come_from_near_and_far() {
    let relay = Relay::start();
    let (here, there) = (Device::new(), Device::new());
    here.run(&["new", "trip", "--title", "Trip", "--text", "Boots\n"]);
    here.run(&["sync", "--relay", &relay.url()]);
    there.run(&["sync", "--relay", &relay.url()]);

    let near = here.start(&["watch", "trip"]);
    let far = there.start(&["watch", "trip", "--json"]);
    near.says("linked to");
    far.says("linked to");

    // Other commands use the folder that is watched, and the watch sends on what they write.
    here.write("trip", "Boots and socks\n");
    let line = near.prints("body");
    assert!(
        line.contains("(here)") && line.contains("…Boots{+ and socks+}⏎…"),
        "{line}"
    );
    let line = far.prints("and socks");
    let change: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(change["document"], "trip");
    assert_eq!(change["here"], false);
    assert_eq!(change["changes"][0]["patches"][0][2], " and socks");
    assert_eq!(there.body("trip"), "Boots and socks\n");

    there.run(&["set", "trip", "title", "Skye"]);
    let line = near.prints("meta.title");
    assert!(
        line.contains("\"Skye\"") && !line.contains("(here)"),
        "{line}"
    );
    assert!(here.run(&["show", "trip"]).starts_with("Skye\n"));
    #[cfg(unix)]
    {
        assert_eq!(near.interrupt(), Some(0));
        assert_eq!(far.interrupt(), Some(0));
    }
}

#[test]
fn a_watch_comes_back_after_the_relay_was_away() {
    let mut relay = Relay::start();
    let (here, there) = (Device::new(), Device::new());
    here.run(&["new", "trip"]);
    here.run(&["sync", "--relay", &relay.url()]);
    there.run(&["sync", "--relay", &relay.url()]);
    let watch = here.start(&["watch", "trip"]);
    watch.says("linked to");
    relay.stop();
    watch.says("no link to");
    there.write("trip", "written while the relay was away\n");
    let _relay = relay.restarted();
    there.run(&["sync"]);
    watch.prints("written while the relay was away");
}

#[test]
fn a_watch_needs_no_relay() {
    let device = Device::new();
    device.run(&["new", "trip"]);
    let watch = device.start(&["watch", "trip"]);
    watch.says("without a relay");
    device.run(&["set", "trip", "likes", "1"]);
    watch.prints("likes = 1");
}
