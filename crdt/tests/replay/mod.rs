//! Replays all that fuzz targets ever found, and what they began with; `sync` uses it too.

use std::fs;
use std::path::{Path, PathBuf};

/// A fuzz target's name and what it calls.
pub(crate) type Target = (&'static str, fn(&[u8]));

/// A target's folder under `fuzz/`.
fn fuzz(folder: &str, target: &str) -> PathBuf {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    fuzz.join(folder).join(target)
}

/// Checks every file; to be called once a process, since what the checks measure is its memory.
pub(crate) fn all(targets: &[Target]) {
    for (target, check) in targets {
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

/// Writes what a target begins with.
pub(crate) fn put(target: &str, name: &str, bytes: &[u8]) {
    let folder = fuzz("corpus", target);
    fs::create_dir_all(&folder).expect("a folder of ours");
    fs::write(folder.join(name), bytes).expect("a folder of ours");
}
