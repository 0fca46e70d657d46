//! Our own recorded sessions in `vectors/sessions`: what made them, and that they are still that.
//!
//! `DRIFTWOOD_RECORD=1 cargo test -p driftwood-cli sessions` writes them anew.

use std::fs;
use std::io::{Read as _, Write as _};

use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use flate2::Compression;
use serde_json::{json, Value};

use crate::support::session;

const LETTER: &str = "Low water today at 6:52. The beach below the boat shed was full of timber after Sunday's gale.\n\
    \n\
    Found: a fish box from Skagen, half an oar, one plank of iroko 🪵.\n\
    To do before the frost: oil the hinges, lift the mooring, bring the small sail in.\n";

const REWORDED: [(&str, &str); 4] = [
    ("full of timber", "white with broken crates"),
    ("half an oar", "three quarters of an oar"),
    ("iroko 🪵", "iroko (says Inês) 🪵🌊"),
    ("before the frost", "before the first frost"),
];

const ABOVE: &str =
    "# What we need\n- two tents, one of them dry\n- the big pot\n- maps 🗺️ of the whole coast\n";
const BELOW: &str =
    "# Who comes\n- Ines, from Friday\n- Håkon and the dog 🐕\n- perhaps the neighbours\n";
const RULE: &str = "\n----\n";

/// Numbers that look random and are the same everywhere (`SplitMix64`).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    fn letter(&mut self) -> char {
        char::from(b'a' + self.below(26) as u8)
    }
}

/// One person who types, with slips.
struct Typing {
    random: Random,
    text: Vec<char>,
    patches: Vec<(usize, usize, String)>,
}

impl Typing {
    fn new(seed: u64) -> Self {
        Self {
            random: Random(seed),
            text: Vec::new(),
            patches: Vec::new(),
        }
    }

    fn patch(&mut self, at: usize, deleted: usize, inserted: &str) {
        self.text.splice(at..at + deleted, inserted.chars());
        self.patches.push((at, deleted, inserted.to_owned()));
    }

    fn write(&mut self, mut at: usize, words: &str) {
        for letter in words.chars() {
            if letter.is_ascii_lowercase() && self.random.below(20) == 0 {
                let slip = self.random.letter().to_string();
                self.patch(at, 0, &slip);
                self.patch(at, 1, "");
            }
            self.patch(at, 0, &letter.to_string());
            at += 1;
        }
    }

    fn find(&self, words: &str) -> usize {
        let words: Vec<char> = words.chars().collect();
        let mut places = self.text.windows(words.len());
        places
            .position(|place| place == words)
            .expect("it is in the text")
    }
}

/// One writer: a letter, words replaced here and there, the last line moved to the top by cut and paste.
fn sequential() -> Value {
    let mut typing = Typing::new(1);
    typing.write(0, LETTER);
    for (before, after) in REWORDED {
        let at = typing.find(before);
        for left in (0..before.chars().count()).rev() {
            typing.patch(at + left, 1, "");
        }
        typing.write(at, after);
    }
    let from = typing.find("To do");
    let line: String = typing.text[from..].iter().collect();
    typing.patch(from, typing.text.len() - from, "");
    typing.patch(0, 0, &line);

    let transactions: Vec<Value> = typing
        .patches
        .iter()
        .enumerate()
        .map(|(number, patch)| json!({ "time": time(number), "patches": [patch] }))
        .collect();
    json!({
        "startContent": "",
        "endContent": typing.text.iter().collect::<String>(),
        "txns": transactions,
    })
}

/// Two writers, one above a rule and one below, who see each other's work now and then. Nothing is ever written by both
/// at one place, so what comes out follows from the two parts alone.
fn concurrent() -> Value {
    let parts = [part(ABOVE, 2), part(BELOW, 3)];
    let rule = RULE.chars().count();
    let mut random = Random(4);
    let mut transactions = vec![json!({
        "parents": [], "agent": 0, "numChildren": 0, "time": time(0), "patches": [[0, 0, RULE]],
    })];
    // Of each writer: how many of their patches are made, how long their part is, their last transaction; and of the
    // other's what they have seen of it.
    let mut made = [0, 0];
    let mut length = [0usize, 0];
    let mut last = [0, 0];
    let mut seen_length = [0usize, 0];
    let mut seen = [0, 0];
    while made[0] < parts[0].len() || made[1] < parts[1].len() {
        let mut writer = random.below(2) as usize;
        if made[writer] == parts[writer].len() {
            writer = 1 - writer;
        }
        let other = 1 - writer;
        let mut parents = vec![last[writer]];
        if random.below(8) == 0 && last[other] != seen[writer] {
            parents.push(last[other]);
            seen[writer] = last[other];
            seen_length[writer] = length[other];
        }
        // What one has seen of the other's work comes after it, so it is the only parent.
        if parents.len() == 2 && parents[0] == 0 {
            parents.remove(0);
        }
        let (at, deleted, inserted) = &parts[writer][made[writer]];
        let before = if writer == 0 {
            0
        } else {
            seen_length[1] + rule
        };
        transactions.push(json!({
            "parents": parents, "agent": writer, "numChildren": 0,
            "time": time(transactions.len()), "patches": [[at + before, deleted, inserted]],
        }));
        made[writer] += 1;
        length[writer] = length[writer] + inserted.chars().count() - deleted;
        last[writer] = transactions.len() - 1;
    }
    transactions.push(json!({
        "parents": last, "agent": 0, "numChildren": 0, "time": time(transactions.len()), "patches": [],
    }));
    count_children(&mut transactions);
    json!({
        "kind": "concurrent",
        "endContent": format!("{ABOVE}{RULE}{BELOW}"),
        "numAgents": 2,
        "txns": transactions,
    })
}

fn part(text: &str, seed: u64) -> Vec<(usize, usize, String)> {
    let mut typing = Typing::new(seed);
    typing.write(0, text);
    typing.patches
}

fn count_children(transactions: &mut [Value]) {
    let mut children = vec![0u64; transactions.len()];
    for transaction in transactions.iter() {
        for parent in transaction["parents"].as_array().expect("a list") {
            children[parent.as_u64().expect("an index") as usize] += 1;
        }
    }
    for (transaction, children) in transactions.iter_mut().zip(children) {
        transaction["numChildren"] = children.into();
    }
}

/// A keystroke every 200 ms.
fn time(number: usize) -> String {
    let (seconds, millis) = (number / 5, number % 5 * 200);
    let (hour, minute) = (7 + seconds / 3_600, seconds / 60 % 60);
    format!(
        "2026-10-04T{hour:02}:{minute:02}:{:02}.{millis:03}Z",
        seconds % 60
    )
}

fn check(name: &str, recording: &Value) {
    let path = session(name);
    if std::env::var_os("DRIFTWOOD_RECORD").is_some() {
        let file = fs::File::create(&path).expect("the file can be made");
        let mut gzip = GzEncoder::new(file, Compression::best());
        gzip.write_all(recording.to_string().as_bytes())
            .expect("written");
        gzip.finish().expect("written");
    }
    let mut text = String::new();
    let file = fs::File::open(&path).expect("the recording is there");
    GzDecoder::new(file)
        .read_to_string(&mut text)
        .expect("it inflates");
    let found: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(&found, recording, "{name} is not what is made here");
}

#[test]
fn the_recordings_are_what_is_made_here() {
    check("one-writer.json.gz", &sequential());
    check("two-writers.json.gz", &concurrent());
}
