//! What is measured: one contract, and an implementation for each engine.

#[cfg(feature = "peers")]
mod automerge;
#[cfg(feature = "peers")]
mod cola;
#[cfg(feature = "peers")]
mod diamond;
mod driftwood;
#[cfg(feature = "peers")]
mod loro;
mod plain;
mod ropes;
#[cfg(feature = "peers")]
mod yrs;

use crate::measure::Cap;
use crate::op::{Add, ListOp, Patch, Put, Shown};

/// The name of our own engine.
pub const OURS: &str = "driftwood";

/// Something that can be edited, saved and read: a plain structure, or a copy of a document.
pub trait Structure<O> {
    /// One local edit, a transaction of its own.
    fn apply(&mut self, op: &O);

    /// The whole of it as bytes, as one keeps it in a file.
    fn save(&mut self) -> Vec<u8>;

    /// What a reader sees.
    fn read(&mut self) -> Shown;

    /// Edits one by one until the time is over; how many were made.
    fn apply_each(&mut self, ops: &[O], cap: &Cap) -> usize {
        cap.each(ops, |op| self.apply(op))
    }
}

/// A copy of a document that others have copies of too.
pub trait Replica<O>: Structure<O> {
    /// One local edit, and the bytes that tell others of it.
    fn apply_encoded(&mut self, op: &O) -> Vec<u8>;

    /// Takes in what another copy said.
    fn merge(&mut self, update: &[u8]);

    /// Makes edits while nobody listens, then encodes what is to be told of them. Nothing when the time is over.
    fn apply_offline(&mut self, ops: &[O], cap: &Cap) -> Option<Vec<Vec<u8>>>;

    /// Everything, for a copy that has nothing. An engine that only has single updates gives nothing.
    fn full(&mut self) -> Option<Vec<u8>>;

    /// All edits in one transaction until the time is over; how many were made. Nothing without transactions.
    fn apply_together(&mut self, _ops: &[O], _cap: &Cap) -> Option<usize> {
        None
    }

    /// The document in bytes without its past, where there is a choice.
    fn save_without_history(&mut self) -> Option<Vec<u8>> {
        None
    }

    /// Takes in updates in the way that is quickest when there are many.
    fn merge_together(&mut self, updates: &[Vec<u8>], cap: &Cap) -> usize {
        self.merge_each(updates, cap)
    }

    /// Edits one by one, each encoded, until the time is over.
    fn apply_each_encoded(&mut self, ops: &[O], cap: &Cap) -> Vec<Vec<u8>> {
        let mut updates = Vec::with_capacity(ops.len());
        cap.each(ops, |op| updates.push(self.apply_encoded(op)));
        updates
    }

    /// Takes in updates one by one until the time is over; how many were.
    fn merge_each(&mut self, updates: &[Vec<u8>], cap: &Cap) -> usize {
        cap.each(updates, |update| self.merge(update))
    }
}

/// How a contender is made, and what it is.
pub struct Contender<O> {
    /// Its name in the tables.
    pub name: &'static str,
    make: Make<O>,
    /// Whether its local edits are those of the contender before it, and are not measured again.
    pub edits_like_another: bool,
}

enum Make<O> {
    Plain {
        new: fn() -> Box<dyn Structure<O>>,
        load: fn(&[u8]) -> Box<dyn Structure<O>>,
    },
    Replica {
        new: fn(u64) -> Box<dyn Replica<O>>,
        load: fn(u64, &[u8]) -> Box<dyn Replica<O>>,
    },
}

impl<O: 'static> Contender<O> {
    fn plain<S: Plain<O> + 'static>(name: &'static str) -> Self {
        let make = Make::Plain {
            new: || Box::new(S::default()),
            load: |saved| Box::new(S::load(saved)),
        };
        Self {
            name,
            make,
            edits_like_another: false,
        }
    }

    fn replica<R: Open<O> + 'static>(name: &'static str) -> Self {
        let make = Make::Replica {
            new: |id| Box::new(R::new(id)),
            load: |id, saved| Box::new(R::load(id, saved)),
        };
        Self {
            name,
            make,
            edits_like_another: false,
        }
    }

    /// Whether this is no CRDT, but the limit of what any can do.
    pub fn is_plain(&self) -> bool {
        matches!(self.make, Make::Plain { .. })
    }

    /// An empty one, the `number`th of its kind.
    pub fn structure(&self, number: u64) -> Box<dyn Structure<O>> {
        match self.make {
            Make::Plain { new, .. } => new(),
            Make::Replica { new, .. } => new(id(number)),
        }
    }

    /// One with what was saved.
    pub fn load_structure(&self, number: u64, saved: &[u8]) -> Box<dyn Structure<O>> {
        match self.make {
            Make::Plain { load, .. } => load(saved),
            Make::Replica { load, .. } => load(id(number), saved),
        }
    }

    /// An empty replica.
    pub fn new_replica(&self, number: u64) -> Option<Box<dyn Replica<O>>> {
        match self.make {
            Make::Plain { .. } => None,
            Make::Replica { new, .. } => Some(new(id(number))),
        }
    }

    /// A replica with what was saved.
    pub fn load_replica(&self, number: u64, saved: &[u8]) -> Option<Box<dyn Replica<O>>> {
        match self.make {
            Make::Plain { .. } => None,
            Make::Replica { load, .. } => Some(load(id(number), saved)),
        }
    }
}

/// A plain structure that can be made.
trait Plain<O>: Structure<O> + Default {
    fn load(saved: &[u8]) -> Self;
}

/// A replica that can be made.
trait Open<O>: Replica<O> + Sized {
    fn new(id: u64) -> Self;
    fn load(id: u64, saved: &[u8]) -> Self;
}

/// An id as large as a random one, and in the order of the numbers: some engines place concurrent insertions by it.
/// It has 53 bits, which is what all can take; who has 64 uses [`wide`].
fn id(number: u64) -> u64 {
    (1 << 52) + number * 0x1_9e37_79b9 + 0x3_51a7_c0de
}

/// The same with 64 bits.
fn wide(id: u64) -> u64 {
    (id << 11) | (id & 0x7ff)
}

/// A kind of edit, with those who can make it.
pub trait Op: Clone + Sized + 'static {
    /// Everyone who can, the plain structures first.
    fn contenders() -> Vec<Contender<Self>>;
}

impl Op for Patch {
    fn contenders() -> Vec<Contender<Self>> {
        let mut all = vec![
            Contender::plain::<ropes::Jumprope>("jumprope"),
            Contender::plain::<ropes::JumpropeBuf>("jumprope-buf"),
            Contender::plain::<ropes::Crop>("crop"),
            Contender::replica::<driftwood::Driftwood<Self>>(OURS),
        ];
        #[cfg(feature = "peers")]
        {
            all.push(Contender::replica::<cola::Cola>("cola+crop"));
            all.push(Contender::replica::<diamond::Diamond>("diamond-types"));
        }
        all.extend(documents());
        all
    }
}

impl Op for Put {
    fn contenders() -> Vec<Contender<Self>> {
        let mut all = vec![
            Contender::plain::<plain::Map>("std"),
            Contender::replica::<driftwood::Driftwood<Self>>(OURS),
        ];
        all.extend(documents());
        all
    }
}

impl Op for ListOp {
    fn contenders() -> Vec<Contender<Self>> {
        let mut all = vec![
            Contender::plain::<plain::List>("std"),
            Contender::replica::<driftwood::Driftwood<Self>>(OURS),
        ];
        all.extend(documents());
        all
    }
}

impl Op for Add {
    fn contenders() -> Vec<Contender<Self>> {
        #[cfg_attr(
            not(feature = "peers"),
            expect(unused_mut, reason = "only peers are added")
        )]
        let mut all = vec![
            Contender::plain::<plain::Counter>("std"),
            Contender::replica::<driftwood::Driftwood<Self>>(OURS),
        ];
        #[cfg(feature = "peers")]
        {
            all.push(Contender::replica::<loro::Loro<Self>>("loro"));
            all.push(Contender::replica::<automerge::Automerge<Self>>(
                "automerge",
            ));
        }
        all
    }
}

/// The peers that have documents of several kinds.
#[cfg(feature = "peers")]
fn documents<O: Op + loro::Write + yrs::Write + automerge::Write>() -> Vec<Contender<O>> {
    let mut yrs_v2 = Contender::replica::<yrs::Yrs<O, true>>("yrs-v2");
    yrs_v2.edits_like_another = true;
    vec![
        Contender::replica::<loro::Loro<O>>("loro"),
        Contender::replica::<yrs::Yrs<O, false>>("yrs"),
        yrs_v2,
        Contender::replica::<automerge::Automerge<O>>("automerge"),
    ]
}

#[cfg(not(feature = "peers"))]
fn documents<O: Op>() -> Vec<Contender<O>> {
    Vec::new()
}
