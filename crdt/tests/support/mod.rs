//! Random edits on documents, for the property tests.

use driftwood_crdt::{Delta, Doc, Edit, EditError, Expand, Kind, MergeError};
use driftwood_crdt::{ReplicaId, Unit, Value};

/// One random step of a schedule; numbers are taken modulo what is there.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A replica edits: which, what, and three numbers to choose by.
    Edit(usize, u8, usize, usize, usize),
    /// A replica gets another's delta: to whom, which of all that were made.
    Deliver(usize, usize),
    /// A replica gets all that another has.
    Sync(usize, usize),
    /// A replica is saved and loaded.
    Reload(usize),
    /// A replica drops all deleted elements that nothing needs, whatever others may still need.
    Reclaim(usize),
    /// A replica writes the defaults.
    Seed(usize),
}

/// Replicas and every delta that they made.
pub(crate) struct World {
    pub docs: Vec<Doc>,
    pub deltas: Vec<Vec<u8>>,
    now: u64,
    reclaimed: bool,
}

const NAMES: [&str; 3] = ["a", "b", "c"];
const WORDS: [&str; 5] = ["x", "né", "🌊!", "driftwood", "\n"];

impl World {
    pub(crate) fn new(replicas: usize) -> Self {
        let docs = (1..=replicas)
            .map(|id| Doc::new(ReplicaId::new(id as u64)))
            .collect();
        Self {
            docs,
            deltas: Vec::new(),
            now: 1_000,
            reclaimed: false,
        }
    }

    #[allow(dead_code, reason = "only the schedules do")]
    /// A world that goes on with these, in which something may have been dropped.
    pub(crate) fn going_on(
        docs: impl IntoIterator<Item = Doc>,
        deltas: impl IntoIterator<Item = Vec<u8>>,
        now: u64,
    ) -> Self {
        let mut world = Self {
            docs: docs.into_iter().collect(),
            deltas: deltas.into_iter().collect(),
            now,
            reclaimed: true,
        };
        // What was not given out yet is, so that what comes next stands alone.
        for doc in &mut world.docs {
            let rest = doc.edit(now).commit();
            world.deltas.push(rest.encode());
        }
        world
    }

    pub(crate) fn step(&mut self, step: &Step) {
        let count = self.docs.len();
        match *step {
            Step::Edit(who, what, a, b, c) => {
                self.now += 20_011; // so that runs differ in their minutes
                                    // Clocks differ by far more than the steps are apart.
                let now = self.now + (who % count) as u64 * 37;
                let doc = &mut self.docs[who % count];
                let before = doc.canonical();
                let version = doc.version().clone();
                match edit(doc, |doc| doc.edit(now), what, a, b, c) {
                    Ok(delta) => {
                        let bytes = delta.encode();
                        assert_eq!(Delta::decode(&bytes).expect("own delta"), delta);
                        if *doc.version() == version {
                            assert!(delta.is_empty());
                            assert!(doc.canonical() == before, "a change without a dot");
                        } else {
                            self.deltas.push(bytes);
                        }
                    }
                    Err(error) => {
                        assert!(doc.canonical() == before, "refused, and changed: {error}");
                    }
                }
            }
            Step::Deliver(to, which) if !self.deltas.is_empty() => {
                let bytes = &self.deltas[which % self.deltas.len()];
                let doc = &mut self.docs[to % count];
                let before = doc.canonical();
                let delta = Delta::decode(bytes).expect("own delta");
                match doc.merge(&delta) {
                    Ok(_) => {}
                    Err(MergeError::MissingAnchors { .. }) => {
                        assert!(self.reclaimed, "nothing was dropped");
                        assert!(doc.canonical() == before, "refused, and changed");
                    }
                    Err(error) => {
                        assert!(!doc.version().includes(delta.from()), "{error}");
                        assert!(doc.canonical() == before, "refused, and changed");
                    }
                }
            }
            Step::Deliver(..) => {}
            Step::Sync(from, to) => {
                let (from, to) = (from % count, to % count);
                let delta = self.docs[from].delta_since(self.docs[to].version());
                let delta = Delta::decode(&delta.encode()).expect("own delta");
                match self.docs[to].merge(&delta) {
                    Err(MergeError::MissingAnchors { anchors }) => {
                        assert!(self.reclaimed, "nothing was dropped");
                        let have = self.docs[to].version().clone();
                        let whole = self.docs[from].delta_with_anchors(&have, &anchors);
                        let whole = Delta::decode(&whole.encode()).expect("own delta");
                        self.docs[to].merge(&whole).expect("the anchors came along");
                    }
                    other => drop(other.expect("it starts where the other stands")),
                }
                assert!(self.docs[to].version().includes(self.docs[from].version()));
            }
            Step::Reload(who) => {
                let doc = &mut self.docs[who % count];
                let loaded = Doc::load(doc.replica(), &doc.save()).expect("own save");
                assert!(loaded.canonical() == doc.canonical());
                assert_eq!(loaded.to_value(), doc.to_value());
                *doc = loaded;
            }
            Step::Reclaim(who) => {
                let doc = &mut self.docs[who % count];
                let (before, value) = (doc.canonical(), doc.to_value());
                self.reclaimed |= doc.reclaim(self.now, 0, &[]) > 0;
                assert!(doc.canonical() == before, "reclaiming is no change");
                assert_eq!(doc.to_value(), value);
                assert_eq!(doc.reclaim(self.now, 0, &[]), 0, "all is dropped at once");
            }
            Step::Seed(who) => {
                let doc = &mut self.docs[who % count];
                let seed = |edit: &mut Edit<'_>| -> Result<(), EditError> {
                    edit.text("a").insert(0, "seed")?;
                    edit.list("a").push("seed")?;
                    edit.counter("a").add(5)?;
                    edit.map("a").map("b").set("seed", 1)
                };
                let seeded = doc
                    .seed("defaults", seed)
                    .expect("it is the same each time");
                if let Some((delta, _)) = seeded {
                    self.deltas.push(delta.encode());
                }
                assert_eq!(doc.seed("defaults", seed).expect("it is there"), None);
            }
        }
        #[cfg(debug_assertions)]
        self.docs.iter().for_each(Doc::assert_invariants);
    }

    /// Equal versions must mean equal state, at any time.
    pub(crate) fn assert_equal_where_versions_are(&self) {
        for (i, a) in self.docs.iter().enumerate() {
            for b in &self.docs[i + 1..] {
                if a.version() == b.version() {
                    assert!(
                        a.canonical() == b.canonical(),
                        "{:?}\n{:?}",
                        a.to_value(),
                        b.to_value()
                    );
                    assert_eq!(a.to_value(), b.to_value());
                    for name in NAMES {
                        assert_eq!(a.text(name).segments(), b.text(name).segments());
                    }
                }
            }
        }
    }

    /// Everybody gets everything, in both directions.
    pub(crate) fn settle(&mut self) {
        let count = self.docs.len();
        for _ in 0..2 {
            for i in 0..count {
                let next = (i + 1) % count;
                self.step(&Step::Sync(i, next));
            }
        }
        let last = self.docs[0].version().clone();
        assert!(
            self.docs.iter().all(|doc| *doc.version() == last),
            "all versions are equal"
        );
        self.assert_equal_where_versions_are();
    }
}

/// One random edit, begun by `begin`; the document says itself whether it is possible.
pub(crate) fn edit<'a>(
    doc: &'a mut Doc,
    begin: impl FnOnce(&'a mut Doc) -> Edit<'a>,
    what: u8,
    a: usize,
    b: usize,
    c: usize,
) -> Result<Delta, EditError> {
    let name = NAMES[a % NAMES.len()];
    let key = NAMES[b % NAMES.len()];
    let word = WORDS[c % WORDS.len()];
    let text_len = doc.text(name).len();
    let list_len = doc.list(name).len();
    let nested_len = doc.map(name).text_at(key).len_utf16();
    let nodes = doc.tree(name).nodes();
    let node = |n: usize| (!nodes.is_empty()).then(|| nodes[n % nodes.len()]);
    let mut edit = begin(doc);
    let result = match what % 28 {
        0..=3 => edit.text(name).insert(b % (text_len + 1), word),
        4 | 5 => {
            let start = b % (text_len + 1);
            edit.text(name).delete(start..(start + c % 4).min(text_len))
        }
        6 => edit.map(name).set(key, c as u32),
        7 => edit.map(name).delete(key).map(drop),
        8 => edit.set(name).add(word),
        9 => edit.set(name).delete(&Value::from(word)).map(drop),
        10 => edit.counter(name).add(i64::from(c as u8 % 7) - 3),
        11 => edit.list(name).insert(b % (list_len + 1), word),
        12 => {
            let start = b % (list_len + 1);
            edit.list(name).delete(start..(start + c % 3).min(list_len))
        }
        13 => edit
            .list(name)
            .insert_map(b % (list_len + 1))
            .and_then(|mut map| {
                map.set("t", word)?;
                map.text("u").insert(0, word)
            }),
        14 if list_len > 0 => edit
            .list(name)
            .map(b % list_len)
            .and_then(|mut map| map.set("t", c as u32)),
        15 => edit
            .map(name)
            .text(key)
            .insert_utf16(c % (nested_len + 1), word),
        16 => edit.map(name).map(key).map("deep").set(word, b as u32),
        17 => edit.map(name).set_at(key).add(word),
        18 => edit.map(name).create(key, Kind::ALL[c % 6]),
        19 => edit.map(name).counter(key).add(1),
        20 | 21 if list_len > 0 => edit.list(name).move_to(b % list_len, c % list_len),
        22 => {
            let start = b % (text_len + 1);
            let range = start..(start + c % 6).min(text_len);
            let value = if c.is_multiple_of(3) {
                Value::Null
            } else {
                Value::Bool(true)
            };
            let expand = [Expand::None, Expand::Before, Expand::After, Expand::Both][c % 4];
            edit.text(name).mark(Unit::Chars, range, key, value, expand)
        }
        23 => edit
            .text(name)
            .embed(Unit::Chars, b % (text_len + 1), c as u32),
        24 => edit.tree(name).create(node(b), 0).map(drop),
        25 => match (node(b), node(c)) {
            (Some(moved), under) => {
                edit.tree(name)
                    .move_to(moved, under.filter(|_| !b.is_multiple_of(3)), 0)
            }
            _ => Ok(()),
        },
        26 => node(b).map_or(Ok(()), |node| edit.tree(name).delete(node).map(drop)),
        27 => node(b).map_or(Ok(()), |node| edit.tree(name).data(node).set(key, c as u32)),
        _ => Ok(()),
    };
    match result {
        // What an edit did before a later call was refused is in the document all the same.
        Err(error) if !matches!(what % 20, 13) => {
            drop(edit);
            Err(error)
        }
        _ => Ok(edit.commit()),
    }
}
