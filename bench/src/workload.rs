//! What is done to a document: a recorded or made-up history, or many people at once.

mod random;
mod trace;
mod typing;

use crate::contender::Op;
use crate::op::{Add, ListOp, Patch, Put, Shown};
pub use random::Random;
use std::collections::HashSet;
use std::ops::Range;
pub use trace::{read_folder, Trace};
pub use typing::type_text;

/// A history of edits, one after the other, or of several people.
pub struct History<O> {
    /// Its name.
    pub name: String,
    /// What it is, in some words.
    pub about: String,
    /// All edits.
    pub ops: Vec<O>,
    /// Who made which edit and had seen what, where several did.
    pub session: Option<Session>,
    /// What a reader sees at the end.
    pub end: Shown,
    /// Two more edits, one for another replica and one for this.
    pub extra: [O; 2],
    /// What a reader sees after both.
    pub after_extra: Shown,
}

/// Several people at work.
pub struct Session {
    /// How many.
    pub agents: usize,
    /// What happens, in an order that is possible.
    pub turns: Vec<Turn>,
}

/// Somebody merges, then edits.
pub struct Turn {
    /// Who.
    pub agent: usize,
    /// The edits of others that are merged first.
    pub merges: Vec<usize>,
    /// The edits that are made then.
    pub edits: Range<usize>,
}

impl<O: Op> History<O> {
    /// A history of one writer, of which plain structures say how it ends.
    pub fn alone(name: &str, about: String, ops: Vec<O>, extra: impl Fn(&Shown) -> [O; 2]) -> Self {
        let end = shown_by_plain(ops.iter());
        let extra = extra(&end);
        let after_extra = shown_by_plain(ops.iter().chain(&extra));
        Self {
            name: name.to_owned(),
            about,
            ops,
            session: None,
            end,
            extra,
            after_extra,
        }
    }
}

/// What a plain structure shows after these edits.
pub fn shown_by_plain<'a, O: Op>(ops: impl Iterator<Item = &'a O>) -> Shown {
    let contenders = O::contenders();
    let plain = contenders.iter().find(|contender| contender.is_plain());
    let mut plain = plain.expect("each kind has a plain structure").structure(0);
    ops.for_each(|op| plain.apply(op));
    plain.read()
}

/// The histories of maps, lists and counters, `scale` operations each.
pub fn sets_over_keys(ops: usize, keys: usize) -> History<Put> {
    let mut random = Random::new(1);
    let puts = (0..ops).map(|_| Put {
        key: format!("key{}", random.below(keys)),
        value: random.number(),
    });
    let name = format!("map: {ops} sets over {keys} keys");
    History::alone(&name, String::new(), puts.collect(), |_| two_puts())
}

/// Each key is set once.
pub fn sets_of_distinct_keys(ops: usize) -> History<Put> {
    let mut random = Random::new(2);
    let puts = (0..ops).map(|key| Put {
        key: format!("key{key}"),
        value: random.number(),
    });
    let name = format!("map: {ops} sets of distinct keys");
    History::alone(&name, String::new(), puts.collect(), |_| two_puts())
}

fn two_puts() -> [Put; 2] {
    ["key1", "key2"].map(|key| Put {
        key: key.to_owned(),
        value: 7,
    })
}

/// Numbers at the end of a list.
pub fn pushes(ops: usize) -> History<ListOp> {
    let mut random = Random::new(3);
    let pushes = (0..ops).map(|index| ListOp::Insert(index, random.number()));
    let name = format!("list: {ops} pushes");
    let middle = ops / 2;
    History::alone(&name, String::new(), pushes.collect(), |_| {
        [ListOp::Insert(middle, 1), ListOp::Insert(middle / 2, 2)]
    })
}

/// One after the other.
pub fn increments(ops: usize) -> History<Add> {
    let name = format!("counter: {ops} increments");
    History::alone(&name, String::new(), vec![Add(1); ops], |_| {
        [Add(2), Add(3)]
    })
}

/// A recorded trace.
pub fn from_trace(trace: Trace) -> History<Patch> {
    let about = trace.about();
    let extra = two_patches(&trace.end);
    let after_extra = shown_by_plain(
        [&Patch::ascii(0, 0, trace.end.clone())]
            .into_iter()
            .chain(&extra),
    );
    History {
        name: trace.name,
        about,
        ops: trace.patches,
        session: trace.session,
        end: Shown::Text(trace.end),
        extra,
        after_extra,
    }
}

/// A made-up history of typing.
pub fn typed(name: &str, ops: usize, seed: u64) -> History<Patch> {
    let ops = type_text(ops, &mut Random::new(seed));
    let about = format!("made up, {} edits", ops.len());
    History::alone(name, about, ops, |end| match end {
        Shown::Text(end) => two_patches(end),
        Shown::Numbers { .. } => unreachable!("a text was typed"),
    })
}

/// An insertion in the middle, and one before it.
fn two_patches(text: &str) -> [Patch; 2] {
    let chars = text.chars().count();
    [2, 3].map(|part| {
        let at = chars / part;
        let at_byte = text
            .char_indices()
            .nth(at)
            .map_or(text.len(), |(byte, _)| byte);
        Patch {
            at,
            at_byte,
            inserted: "x".to_owned(),
            ..Patch::default()
        }
    })
}

/// Turns of agents from who saw what: `parents` are indexes of earlier transactions.
pub fn session(transactions: &[(usize, Vec<usize>, Range<usize>)]) -> Session {
    let agents = transactions
        .iter()
        .map(|(agent, ..)| agent + 1)
        .max()
        .unwrap_or(0);
    let mut seen = vec![HashSet::new(); agents];
    let mut turns = Vec::new();
    for (number, (agent, parents, edits)) in transactions.iter().enumerate() {
        let mut missing = Vec::new();
        let mut unseen: Vec<usize> = parents.clone();
        while let Some(parent) = unseen.pop() {
            if seen[*agent].insert(parent) {
                missing.push(parent);
                unseen.extend(&transactions[parent].1);
            }
        }
        missing.sort_unstable();
        let merges = missing
            .iter()
            .flat_map(|&seen| transactions[seen].2.clone());
        turns.push(Turn {
            agent: *agent,
            merges: merges.collect(),
            edits: edits.clone(),
        });
        seen[*agent].insert(number);
    }
    Session { agents, turns }
}
