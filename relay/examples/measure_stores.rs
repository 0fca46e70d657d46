//! What each kind of store costs: `measure_stores ingest|fill|open log|redb|sled FOLDER [N]`.
//!
//! `ingest` types 260,000 letters into one document, with a sync after every N of them (16), while
//! checkpoints are made beside it. `fill` writes 100,000 documents of N bytes (10,240), `open` starts with
//! what is there and reads one. CPU times are of the whole process, user and system; Linux only.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use driftwood_crdt::{Doc, ReplicaId};
use driftwood_relay::store::{LogStore, RedbStore, SledStore, Store};
use driftwood_sync::DocumentName;

type Outcome<T> = Result<T, Box<dyn Error>>;

const LETTERS: u64 = 260_000;
const DOCUMENTS: u64 = 100_000;
const NOW_MS: u64 = 1_700_000_000_000;

fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [what, kind, folder, more @ ..] = &args[..] else {
        return Err("measure_stores ingest|fill|open log|redb|sled FOLDER [N]".into());
    };
    let folder = Path::new(folder);
    let number = more.first().map(|text| text.parse()).transpose()?;
    let (cpu, begun) = (cpu_seconds()?, Instant::now());
    let store: Box<dyn Store> = match &kind[..] {
        "log" => Box::new(LogStore::open(folder)?),
        "redb" => Box::new(RedbStore::open(folder)?),
        "sled" => Box::new(SledStore::open(folder)?),
        _ => return Err("log, redb or sled".into()),
    };
    let opened = begun.elapsed();
    match &what[..] {
        "ingest" => ingest(&*store, number.unwrap_or(16))?,
        "fill" => fill(&*store, number.unwrap_or(10_240))?,
        _ => {
            let documents = store.documents()?;
            let begun = Instant::now();
            let name = &documents
                .get(documents.len() / 2)
                .ok_or("nothing in it")?
                .name;
            let deltas = store.load(name)?.len();
            let read = begun.elapsed();
            println!("start {opened:?}; {deltas} deltas of one document read in {read:?}");
        }
    }
    let (cpu, wall) = (cpu_seconds()? - cpu, begun.elapsed().as_secs_f64());
    let disk = disk_bytes(folder)? >> 10;
    println!("{what} {kind}: {cpu:.2} CPU s, {wall:.2} s, {disk} KiB on disk");
    Ok(())
}

fn ingest(store: &dyn Store, group: u64) -> Outcome<()> {
    let name = DocumentName::new("session")?;
    let mut doc = Doc::new(ReplicaId::new(0x1234_5678_9abc_def0));
    let mut deltas = Vec::new();
    for at in 0..LETTERS {
        let length = doc.text("body").len();
        let mut edit = doc.edit(NOW_MS + at * 200);
        if at % 9 == 8 {
            edit.text("body").delete(length - 1..length)?;
        } else {
            edit.text("body").insert(length, "x")?;
        }
        deltas.push(edit.commit());
    }
    let cpu = cpu_seconds()?;
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let upkeep = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for document in store.due() {
                    store.checkpoint(&document).expect("made");
                }
                store.tidy().expect("tidied");
                std::thread::park();
            }
        });
        for group in deltas.chunks(group as usize) {
            for delta in group {
                let bytes = delta.encode();
                store.append(&name, &bytes, delta.to()).expect("appended");
            }
            store.flush().expect("flushed");
            if store.is_untidy() || !store.due().is_empty() {
                upkeep.thread().unpark();
            }
        }
        stop.store(true, Ordering::Relaxed);
        upkeep.thread().unpark();
    });
    println!(
        "{:.2} CPU s without making the deltas",
        cpu_seconds()? - cpu
    );
    Ok(())
}

fn fill(store: &dyn Store, length: u64) -> Outcome<()> {
    let mut state = 88_172_645_463_325_252_u64;
    for number in 0..DOCUMENTS {
        let letter = |_| {
            // Marsaglia's xorshift.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            char::from(b'!' + (state >> 9) as u8 % 94)
        };
        let text: String = (0..length).map(letter).collect();
        let mut doc = Doc::new(ReplicaId::new(number + 1));
        let mut edit = doc.edit(NOW_MS);
        edit.text("body").insert(0, &text)?;
        let delta = edit.commit();
        let name = DocumentName::new(&format!("documents/number-{number}"))?;
        store.append(&name, &delta.encode(), delta.to())?;
        if number % 1000 == 999 {
            store.flush()?;
            store.tidy()?;
        }
    }
    Ok(())
}

/// Of this process, in all threads; the kernel counts in hundredths.
fn cpu_seconds() -> Outcome<f64> {
    let text = fs::read_to_string("/proc/self/stat")?;
    let fields = text.rsplit(')').next().ok_or("no fields")?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut next = || -> Outcome<f64> { Ok(fields.next().ok_or("no field")?.parse()?) };
    Ok((next()? + next()?) / 100.0)
}

fn disk_bytes(folder: &Path) -> Outcome<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        bytes += if entry.file_type()?.is_dir() {
            disk_bytes(&entry.path())?
        } else {
            entry.metadata()?.len()
        };
    }
    Ok(bytes)
}
