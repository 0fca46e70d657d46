//! All that the fuzz targets of this crate ever found, and what they began with.

// It reads files.
#![cfg(not(target_arch = "wasm32"))]

mod checks;
#[path = "../../crdt/tests/replay/mod.rs"]
mod replay;

use replay::{put, Target};

const TARGETS: [Target; 2] = [("message", checks::message), ("parts", checks::parts)];

#[test]
fn nothing_that_was_found_happens_again() {
    replay::all(&TARGETS);
}

/// What fuzzing begins with: the golden messages, and a delta in parts.
#[test]
#[ignore = "writes fuzz/corpus"]
fn write_seeds() {
    let golden = include_str!("../../vectors/messages-v1.txt");
    let mut raw = Vec::new();
    for line in golden.lines().filter(|line| !line.starts_with('#')) {
        let (name, hex) = line.split_once(' ').expect("a name, then its bytes");
        let bytes: Vec<u8> = (0..hex.len() / 2)
            .map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).expect("hex"))
            .collect();
        put("message", name, &bytes);
        raw.extend([0, bytes.len() as u8]);
        raw.extend(bytes);
    }
    put("parts", "messages", &raw);
    let whole: Vec<u8> = (0..=255).step_by(8).flat_map(|from| [1, from, 8]).collect();
    put("parts", "whole", &[&whole[..], &[4]].concat());
    let broken: Vec<u8> = [
        &whole[..30],
        &[2, 0x81, 0, 8, 3, 200, 9, 0, 255],
        &whole[..],
    ]
    .concat();
    put("parts", "broken", &broken);
}
