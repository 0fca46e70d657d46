//! All that the fuzz targets of this crate ever found, and what they began with.

// It reads files.
#![cfg(not(target_arch = "wasm32"))]

use std::fs;
use std::path::{Path, PathBuf};

mod checks;

type Check = fn(&[u8]);

const TARGETS: [(&str, Check); 2] = [("message", checks::message), ("parts", checks::parts)];

fn fuzz(folder: &str, target: &str) -> PathBuf {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    fuzz.join(folder).join(target)
}

/// One test, since what the checks measure is the memory of the whole process.
#[test]
fn nothing_that_was_found_happens_again() {
    for (target, check) in TARGETS {
        let mut count = 0;
        for folder in ["corpus", "crashes"] {
            let Ok(files) = fs::read_dir(fuzz(folder, target)) else {
                continue;
            };
            for file in files {
                let file = file.expect("the folder can be read").path();
                let bytes = fs::read(&file).expect("the file can be read");
                // Says which it was, should it fail.
                println!("{}", file.display());
                check(&bytes);
                count += 1;
            }
        }
        assert!(count > 0, "no corpus for {target}");
    }
}

/// What fuzzing begins with: the golden messages, and a delta in parts.
#[test]
#[ignore = "writes fuzz/corpus"]
fn write_seeds() {
    let put = |target: &str, name: &str, bytes: &[u8]| {
        let folder = fuzz("corpus", target);
        fs::create_dir_all(&folder).expect("a folder of ours");
        fs::write(folder.join(name), bytes).expect("a folder of ours");
    };
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
