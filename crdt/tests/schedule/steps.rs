//! What a schedule is made of, and how one is made from a seed.

use driftwood_crdt::Kind;

use super::fork::Act;
use super::rng::Rng;
use crate::support;

/// One edit as it was drawn: numbers, which mean something once it is known what is there. So a
/// schedule still makes sense when some of its steps are dropped.
#[derive(Clone, Debug)]
pub(crate) struct Draw {
    /// The way to a container: a name and a kind at each step.
    pub way: Vec<(usize, Kind)>,
    pub what: usize,
    pub at: usize,
    pub len: usize,
    pub content: usize,
}

/// One step of a schedule; replicas and deltas are counted modulo how many there are.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A replica edits when its clock shows `now`. What is not committed comes with the next commit.
    Edit {
        who: usize,
        now: u64,
        draws: Vec<Draw>,
        commit: bool,
    },
    /// A delta that was made before, of whatever kind, comes to a replica: late, again, or too early.
    Deliver { to: usize, which: usize },
    /// One of the last deltas comes to a replica.
    DeliverNew { to: usize, back: usize },
    /// A replica gets all that another has.
    Sync { from: usize, to: usize },
    /// As `Sync`, but what was sent is still under way.
    Send { from: usize, to: usize },
    /// A replica is saved and loaded, under its own name or a new one.
    Reload { who: usize, renamed: bool },
    /// A replica goes on under a new name.
    Rename { who: usize },
    /// A replica drops what is left of elements that nothing has needed for so long.
    Reclaim { who: usize, now: u64, grace: u64 },
    /// A replica writes defaults.
    Seed { who: usize, which: usize },
    /// A delta comes with a changed byte.
    Damage {
        to: usize,
        which: usize,
        at: usize,
        byte: u8,
    },
    /// A replica and some others undo, redo and go on in a world that is then forgotten.
    Fork {
        who: usize,
        now: u64,
        acts: Vec<Act>,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    pub seed: u64,
    pub replicas: usize,
    pub steps: Vec<Step>,
}

/// What is likely in one schedule: conflicts need people at one place.
struct Habits {
    names: usize,
    roots: Vec<Kind>,
    depth: usize,
    kinds: Vec<Kind>,
    /// How far apart the clocks are.
    skew: usize,
    draws: usize,
    /// All drop again and again what they deleted, after so long.
    tidy: Option<u64>,
}

impl Schedule {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let replicas = match rng.below(8) {
            0..=2 => 2,
            3 | 4 => 3,
            5 => 4,
            _ => rng.between(5, 8),
        };
        let habits = Habits::new(&mut rng);
        let replicas = habits.tidy.map_or(replicas, |_| 2);
        let count = rng.between(20, 60);
        let mut clock = 1_000;
        let steps = (0..count).map(|_| {
            clock += rng.below(3) as u64;
            // Sequences keep the minutes in which things were written.
            if rng.one_in(12) {
                clock += 1_000 * rng.between(1, 200) as u64;
            }
            step(&mut rng, &habits, clock)
        });
        let steps = steps.collect();
        Self {
            seed,
            replicas,
            steps,
        }
    }
}

impl Habits {
    fn new(rng: &mut Rng) -> Self {
        let some = |rng: &mut Rng, most: usize| -> Vec<Kind> {
            let count = rng.between(1, most);
            (0..count).map(|_| *rng.pick(&Kind::ALL)).collect()
        };
        let tidy = rng.one_in(5).then(|| *rng.pick(&[0, 1, 2, 4]));
        Self {
            names: if tidy.is_some() { 1 } else { rng.between(1, 3) },
            roots: match rng.below(6) {
                _ if tidy.is_some() => vec![*rng.pick(&[Kind::Text, Kind::List, Kind::Tree])],
                0 => Kind::ALL.to_vec(),
                1 => vec![Kind::Map],
                3 => vec![Kind::Text],
                4 => vec![Kind::Tree],
                2 => vec![Kind::List, Kind::Map, Kind::Text, Kind::Tree],
                _ => some(rng, 2),
            },
            depth: if tidy.is_some() { 1 } else { rng.between(1, 3) },
            kinds: if rng.one_in(2) {
                Kind::ALL.to_vec()
            } else {
                some(rng, 3)
            },
            skew: *rng.pick(&[0, 2, 40, 45_000]),
            draws: rng.between(1, 3),
            tidy,
        }
    }
}

fn step(rng: &mut Rng, habits: &Habits, clock: u64) -> Step {
    let (from, to, which) = (rng.below(840), rng.below(840), rng.below(840));
    if let Some(grace) = habits.tidy.filter(|_| rng.one_in(6)) {
        let (who, now) = (from, clock);
        return Step::Reclaim { who, now, grace };
    }
    match rng.below(100) {
        0..=46 => {
            let skew = (from % 8 * habits.skew) as u64;
            let back = if rng.one_in(8) {
                rng.below(60) as u64
            } else {
                0
            };
            Step::Edit {
                who: from,
                now: (clock + skew).saturating_sub(back),
                draws: (0..rng.between(1, habits.draws))
                    .map(|_| draw(rng, habits))
                    .collect(),
                commit: !rng.one_in(8),
            }
        }
        47 => Step::Fork {
            who: from,
            now: clock,
            acts: (0..rng.between(2, 10)).map(|_| act(rng)).collect(),
        },
        48..=57 => Step::Deliver { to, which },
        58..=69 => Step::DeliverNew {
            to,
            back: rng.below(6),
        },
        70..=83 => Step::Sync { from, to },
        84..=89 => Step::Send { from, to },
        90..=92 => Step::Reload {
            who: from,
            renamed: rng.one_in(6),
        },
        93 => Step::Rename { who: from },
        94..=97 => Step::Reclaim {
            who: from,
            now: clock,
            grace: *rng.pick(&[0, 0, 1, 20_000]),
        },
        98 => Step::Seed { who: from, which },
        _ => Step::Damage {
            to,
            which,
            at: rng.below(10_000),
            byte: rng.below(256) as u8,
        },
    }
}

fn act(rng: &mut Rng) -> Act {
    let (who, which) = (rng.below(840), rng.below(840));
    match rng.below(16) {
        0..=4 => Act::Undo(who),
        5 | 6 => Act::Redo(who),
        7..=9 => {
            let what = rng.below(256) as u8;
            Act::Edit(
                who,
                what,
                [rng.below(1_000), rng.below(1_000), rng.below(1_000)],
            )
        }
        10 => Act::Other(support::Step::Deliver(who, which)),
        11 => Act::Other(support::Step::Reload(who)),
        12 => Act::Other(support::Step::Reclaim(who)),
        _ => Act::Other(support::Step::Sync(who, which)),
    }
}

fn draw(rng: &mut Rng, habits: &Habits) -> Draw {
    let depth = rng.between(1, habits.depth);
    let way = (0..depth).map(|level| {
        let kinds = if level == 0 {
            &habits.roots
        } else {
            &habits.kinds
        };
        // What is not at the end must be something that can hold more.
        let kind = if level + 1 < depth && rng.one_in(2) {
            *rng.pick(&[Kind::Map, Kind::List, Kind::Tree])
        } else {
            *rng.pick(kinds)
        };
        (rng.below(habits.names), kind)
    });
    Draw {
        way: way.collect(),
        what: rng.below(1_000),
        at: rng.below(1_000),
        len: rng.below(1_000),
        content: rng.below(1_000),
    }
}
