//! Deltas made to take much memory or time for few bytes, and what they take.

// It measures memory and time, which needs an allocator and a clock of the system.
#![cfg(not(target_arch = "wasm32"))]

use driftwood_crdt::{Delta, Doc, ReplicaId};

#[allow(dead_code)]
#[path = "checks/mod.rs"]
mod checks;
#[path = "bounds/shapes.rs"]
mod shapes;

use shapes::{chain, fitting, left_of, prose, removing, varint, SHAPES};

/// Elements that each come right before a chain of thousands, which hang on each other; and some that
/// each come into the midst of one long piece.
fn pairs_stay_in_bounds() {
    let before = |n: u64| left_of(n, |_| 2);
    let within = |n: u64| left_of(n, |i| 3 * i);
    let pairs = [
        (fitting(64 << 10, chain), fitting(64 << 10, before)),
        (fitting(64 << 10, prose), fitting(64 << 10, within)),
    ];
    for (first, second) in pairs {
        let mut doc = Doc::new(ReplicaId::new(9));
        for bytes in [first, second] {
            let delta = Delta::decode(&bytes).expect("made well");
            let (merged, cost) = checks::measure(|| doc.merge(&delta));
            merged.expect("what it hangs on is there");
            println!("{} bytes: {:?}", bytes.len(), cost.time);
            assert!(cost.time.as_millis() < 1_000, "{:?}", cost.time);
        }
    }
}

/// Prints how long it takes to read a document, to load it, to remove all that is in it and to bring it
/// back; says what takes too long.
fn use_it(name: &str, doc: &Doc, slow: &mut Vec<String>) {
    let replica = ReplicaId::new(8);
    let seqs = doc.version().get(ReplicaId::new(7));
    let remove = Delta::decode(&removing(seqs)).expect("made well");
    let empty = Doc::new(replica);
    let revert = |from: &Doc, to: &Doc| {
        let mut doc = from.clone();
        let _ = doc.set_replica(replica);
        doc.revert_to(to, 1).expect("no limit is near");
        assert_eq!(doc.to_value(), to.to_value());
    };
    let uses: [(&str, &dyn Fn()); 7] = [
        ("to_value", &|| drop(doc.to_value())),
        ("segments", &|| drop(doc.text("").segments())),
        ("nodes", &|| drop(doc.tree("").nodes())),
        ("load", &|| {
            drop(Doc::load(replica, &doc.save()).expect("just saved"));
        }),
        ("removing", &|| {
            doc.clone().merge(&remove).expect("no gap");
        }),
        ("emptying by reverting", &|| revert(doc, &empty)),
        ("filling by reverting", &|| revert(&empty, doc)),
    ];
    for (call, run) in uses {
        let most = match call {
            "to_value" | "nodes" => 100,
            "segments" | "load" | "removing" => 250,
            _ => 1_000,
        };
        // The machine may have been busy with something else, but not every time.
        let mut times = (0..5).map(|_| checks::measure(run).1.time.as_millis());
        let first = times.next().expect("five");
        let least = if first <= most {
            first
        } else {
            times.min().expect("four")
        };
        println!("    {call}: {least} ms");
        if least > most {
            slow.push(format!("{name}, {call}: {least} ms"));
        }
    }
}

/// A document in whose containers something is, so that what comes is merged and not just taken.
fn inhabited() -> Doc {
    let mut doc = Doc::new(ReplicaId::new(5));
    let mut edit = doc.edit(0);
    edit.text("").insert(0, "ab").expect("the start");
    edit.list("").push(1).expect("no limit is near");
    edit.tree("").create(None, 0).expect("the start");
    edit.map("").set("k", 1).expect("a short key");
    edit.set("").add(1).expect("a small value");
    edit.counter("").add(1).expect("a small number");
    let _ = edit.commit();
    doc
}

/// Prints the cost of each shape; the checks have the bounds. One test, since memory is measured for the
/// whole process. With debug assertions the parts of a sequence are small, and take more.
#[test]
#[cfg_attr(
    debug_assertions,
    ignore = "the bounds are of builds without debug assertions"
)]
fn hostile_deltas_stay_in_bounds() {
    pairs_stay_in_bounds();
    compressed_deltas_stay_in_bounds();
    let mut slow = Vec::new();
    for bytes in [64 << 10, 400 << 10] {
        for (name, make) in SHAPES {
            let input = fitting(bytes, make);
            let (delta, decode) = checks::measure(|| Delta::decode(&input));
            let delta = delta.unwrap_or_else(|error| panic!("{name}: {error}"));
            let mut doc = Doc::new(ReplicaId::new(9));
            let (merged, merge) = checks::measure(|| doc.merge(&delta));
            merged.unwrap_or_else(|error| panic!("{name}: {error}"));
            let ratio = |bytes: usize| bytes as f64 / input.len() as f64;
            let mut beside = inhabited();
            let (merged, second) = checks::measure(|| beside.merge(&delta));
            merged.unwrap_or_else(|error| panic!("{name}: {error}"));
            drop(beside);
            println!(
                "{name:23} {:>7} bytes: decoding x{:.1} {:?}, merging x{:.1} {:?}, beside x{:.1} {:?}",
                input.len(),
                ratio(decode.bytes),
                decode.time,
                ratio(merge.bytes),
                merge.time,
                ratio(second.bytes),
                second.time,
            );
            if bytes <= 64 << 10 {
                use_it(name, &doc, &mut slow);
                // A container takes more than what a peer says of it, wherever the limit is.
                let containers = name.starts_with("small") || name == "ways down";
                let most = checks::SMALL_BYTES_MAX;
                assert!(containers || merge.bytes <= most, "{name}: {}", merge.bytes);
            }
            drop((doc, delta));
            if bytes <= 64 << 10 {
                checks::merge(&input);
                checks::saved(&input);
            }
            checks::delta(&input);
        }
    }
    assert!(slow.is_empty(), "{slow:#?}");
}

/// A delta compressed, whether a writer would do so or not.
fn packed(plain: &[u8]) -> Vec<u8> {
    let block = lz4_flex::block::compress(plain);
    [&[0x10], &varint(plain.len() as u64)[..], &block].concat()
}

/// What is compressed may come to as much as if it were not, and to half a megabyte for nothing.
fn compressed_deltas_stay_in_bounds() {
    let mut refused = 0;
    for bytes in [2 << 10, 64 << 10, 400 << 10] {
        for (name, make) in SHAPES {
            let plain = fitting(bytes, make);
            let delta = Delta::decode(&plain).expect("made well");
            assert!(delta.canonical() == plain, "{name}");
            let own = delta.encode();
            assert!(own.len() <= plain.len(), "{name}");
            assert!(
                Delta::decode(&own).is_ok_and(|same| same == delta),
                "{name}"
            );
            let bomb = packed(&plain);
            println!("{name}: {} compressed to {}", plain.len(), bomb.len());
            let decoded = checks::delta(&bomb);
            if decoded {
                let mut doc = Doc::new(ReplicaId::new(9));
                let (merged, merge) = checks::measure(|| doc.merge(&delta));
                merged.unwrap_or_else(|error| panic!("{name}: {error}"));
                let free = merge.bytes.saturating_sub(1 << 20);
                println!(
                    "    merging takes 1 MiB and x{:.1}",
                    free as f64 / bomb.len() as f64
                );
                checks::merge(&bomb);
            }
            // A writer compresses what a reader takes, and nothing else.
            assert_eq!(decoded, own.first() == Some(&0x10), "{name}");
            refused += usize::from(!decoded);
        }
    }
    assert!(refused > 0, "some would be bombs");
    let zeros = packed(&vec![0; 64 << 20]);
    assert!(!checks::delta(&zeros));
    assert!(!checks::delta(&packed(&zeros)));
}

/// The same shapes, small: what fuzzing begins with.
#[test]
#[ignore = "writes fuzz/corpus"]
fn write_seeds() {
    let fuzz = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    for (name, make) in SHAPES {
        let bytes = make(3);
        for target in ["delta", "merge", "saved"] {
            let file = fuzz.join(target).join(name.replace(' ', "-"));
            std::fs::write(file, &bytes).expect("a folder of ours");
        }
    }
}
