//! Two relays that compare what they store: what it costs, and that nothing is overlooked.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use driftwood_crdt::{ReplicaId, VersionVector};
use driftwood_sync::{
    Config, DocumentName, Input, Level, LinkId, LinkKind, Message, Node, NodeId, Output, Role, Time,
};

use crate::world::name;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Two relays that have versions and no deltas, and all that they say.
struct Pair {
    now: Time,
    nodes: [Node; 2],
    link: LinkId,
    /// Bytes by tag, both ways.
    bytes: BTreeMap<u8, usize>,
    /// What either side opened, or asked for, on the link.
    opened: [BTreeSet<String>; 2],
    /// Documents that were listed.
    listed: usize,
}

fn version(seq: u64) -> VersionVector {
    VersionVector::from_iter([(ReplicaId::new(7), seq)])
}

fn document(number: usize) -> String {
    format!("team/{number:07}")
}

impl Pair {
    fn new(setup: impl Fn(&mut Config)) -> Self {
        let node = |number| {
            let mut config = Config::new(Role::Relay, NodeId(number));
            config.secret = [number, 77];
            setup(&mut config);
            Node::new(config)
        };
        Self {
            now: Time::from_millis(1_700_000_000_000),
            nodes: [node(1), node(2)],
            link: LinkId(0),
            bytes: BTreeMap::new(),
            opened: [BTreeSet::new(), BTreeSet::new()],
            listed: 0,
        }
    }

    /// What this one stores of a document.
    fn hold(&mut self, side: usize, document: &str, seq: u64) {
        let input = Input::Open {
            document: name(document),
            version: version(seq),
            own: None,
        };
        self.give(side, input, &mut VecDeque::new());
    }

    fn give(&mut self, side: usize, input: Input, wire: &mut VecDeque<(usize, Vec<u8>)>) {
        let outputs: Vec<Output> = self.nodes[side].handle(self.now, input).collect();
        for output in outputs {
            match output {
                Output::Send { frame, .. } => wire.push_back((1 - side, frame.to_vec())),
                Output::Disconnect { reason, .. } => panic!("{reason}"),
                Output::Load { link, document, .. } => {
                    let deltas = Vec::new();
                    let input = Input::Loaded {
                        link,
                        document,
                        deltas,
                    };
                    self.give(side, input, wire);
                }
                _ => {}
            }
        }
    }

    /// They meet, or meet again, and talk until there is nothing more to say.
    fn meet(&mut self) {
        self.part();
        self.link = LinkId(self.link.0 + 1);
        let mut wire = VecDeque::new();
        for (side, kind) in [LinkKind::Mesh, LinkKind::Down].into_iter().enumerate() {
            let link = self.link;
            self.give(side, Input::Connected { link, kind }, &mut wire);
        }
        self.talk(wire);
    }

    fn part(&mut self) {
        let link = self.link;
        for side in 0..2 {
            self.give(side, Input::Disconnected { link }, &mut VecDeque::new());
        }
        self.bytes.clear();
        self.listed = 0;
        self.opened.iter_mut().for_each(BTreeSet::clear);
    }

    /// Time passes.
    fn pass(&mut self, duration: Duration) {
        self.now = self.now + duration;
        let mut wire = VecDeque::new();
        for side in 0..2 {
            self.give(side, Input::Tick, &mut wire);
        }
        self.talk(wire);
    }

    fn talk(&mut self, mut wire: VecDeque<(usize, Vec<u8>)>) {
        while let Some((side, bytes)) = wire.pop_front() {
            *self.bytes.entry(bytes[0]).or_default() += bytes.len();
            match Message::decode(&bytes).expect("they speak our protocol") {
                Message::Open { document, .. } => {
                    let document: &DocumentName = &document;
                    self.opened[1 - side].insert(document.as_str().to_owned());
                }
                Message::Changes(changes) => self.listed += changes.documents.len(),
                _ => {}
            }
            let link = self.link;
            self.give(side, Input::Received { link, bytes }, &mut wire);
        }
    }

    /// What it took to find what differs: all but what is then said of it.
    fn search_bytes(&self) -> usize {
        (0x09..=0x13).filter_map(|tag| self.bytes.get(&tag)).sum()
    }

    fn is_replicated(&self, side: usize, document: &str, seq: u64) -> bool {
        let document = name(document);
        self.nodes[side].saved(&document, Level::Replicated) == version(seq)
    }
}

/// So many documents, of which so many differ: one side has more of them, or the other has none at all.
fn differing(documents: usize, differ: usize) -> (Pair, BTreeSet<String>) {
    let mut pair = Pair::new(|_| {});
    let mut wanted = BTreeSet::new();
    let every = documents / differ;
    for number in 0..documents {
        let name = document(number);
        let (mut left, mut right) = (5, 5);
        if number % every == 0 && wanted.len() < differ {
            match wanted.len() % 10 {
                0 => left = 0,
                1 => right = 0,
                2..6 => left = 9,
                _ => right = 9,
            }
            wanted.insert(name.clone());
        }
        for (side, seq) in [left, right].into_iter().enumerate() {
            if seq > 0 {
                pair.hold(side, &name, seq);
            }
        }
    }
    (pair, wanted)
}

#[cfg(not(target_arch = "wasm32"))]
fn check_search(documents: usize, differ: usize, bytes_max: usize) {
    let (mut pair, wanted) = differing(documents, differ);
    pair.meet();
    let bytes = pair.search_bytes();
    println!("{documents} documents, {differ} differ: found in {bytes} bytes");
    let opened = &pair.opened[0] | &pair.opened[1];
    assert!(opened == wanted, "not what differs");
    assert!(bytes <= bytes_max, "{bytes} bytes to find them");
    // All others are known to be safe on both sides, little by little.
    for _ in 0..=documents / 2_048 {
        pair.pass(Duration::from_millis(10));
    }
    for side in 0..2 {
        for number in (0..documents).map(document) {
            let is_there = pair.is_replicated(side, &number, 5);
            assert!(is_there || wanted.contains(&number), "{number}");
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
#[test]
fn a_hundred_of_a_hundred_thousand_are_found_in_ten_kilobytes() {
    check_search(100_000, 100, 10_000);
}

#[cfg(not(target_arch = "wasm32"))]
#[test]
#[ignore = "takes a gigabyte and minutes when it is not optimised"]
fn a_thousand_of_a_million_are_found_in_sixty_kilobytes() {
    check_search(1_000_000, 1_000, 60_000);
}

#[test]
fn nothing_is_found_where_nothing_differs() {
    let (mut pair, _) = differing(1_000, 1);
    pair.hold(0, &document(0), 9);
    pair.hold(1, &document(0), 9);
    pair.meet();
    assert_eq!(pair.opened, [BTreeSet::new(), BTreeSet::new()]);
    assert!(pair.is_replicated(0, &document(0), 9) && pair.is_replicated(1, &document(0), 9));
    assert!(pair.search_bytes() < 1_000);
}

#[test]
fn where_most_differs_a_list_takes_over() {
    for (left, right) in [
        (1_500, 300),
        (300, 1_500),
        (1_500, 0),
        (0, 1_500),
        (1_500, 1),
    ] {
        let mut pair = Pair::new(|config| config.limits.listed = 100);
        let mut wanted = [BTreeSet::new(), BTreeSet::new()];
        for number in 0..left {
            pair.hold(0, &format!("left/{number}"), 1);
            wanted[0].insert(format!("left/{number}"));
        }
        for number in 0..right {
            pair.hold(1, &format!("right/{number}"), 1);
            wanted[1].insert(format!("right/{number}"));
        }
        pair.hold(0, "both", 1);
        pair.hold(1, "both", 1);
        pair.meet();
        let opened = &pair.opened[0] | &pair.opened[1];
        assert!(opened == &wanted[0] | &wanted[1], "{left} and {right}");
        assert!(pair.is_replicated(0, "both", 1) && pair.is_replicated(1, "both", 1));
    }
}

#[test]
fn who_meets_again_hears_of_what_changed_and_of_nothing_else() {
    let (mut pair, _) = differing(1_000, 1);
    pair.meet();
    pair.pass(Duration::from_secs(61));
    pair.part();
    pair.hold(0, &document(17), 20);
    pair.hold(1, &document(18), 20);
    pair.hold(1, &document(19), 20);
    pair.hold(0, &document(19), 20);
    pair.meet();
    // The first one differed from the beginning, and nobody has brought it.
    let both: BTreeSet<_> = [0, 17, 18].map(document).into();
    assert_eq!(&pair.opened[0] | &pair.opened[1], both);
    assert!(pair.is_replicated(0, &document(19), 20));
    assert!(pair.is_replicated(1, &document(19), 20));
    // Those two, that one from each side, and what had differed from the beginning.
    assert!(pair.listed <= 6, "{} were listed", pair.listed);
    assert_eq!(pair.bytes.get(&0x12), None, "no symbols");

    // What differed and was not repaired, as the link broke, comes up again.
    pair.meet();
    assert_eq!(&pair.opened[0] | &pair.opened[1], both);
}

#[test]
fn who_began_anew_is_compared_with_anew() {
    let (mut pair, _) = differing(1_000, 1);
    pair.meet();
    pair.part();
    let documents: Vec<_> = (0..1_000).map(document).collect();
    let mut config = pair.nodes[0].config().clone();
    config.node = NodeId(3);
    pair.nodes[0] = Node::new(config);
    // It comes back from an old copy: some is missing, some is older.
    for (number, document) in documents.iter().enumerate() {
        match number % 100 {
            50 => {}
            51 => pair.hold(0, document, 4),
            _ => pair.hold(0, document, if number == 0 { 9 } else { 5 }),
        }
    }
    pair.meet();
    let opened = &pair.opened[0] | &pair.opened[1];
    let wanted = (0..1_000).filter(|number| [50, 51].contains(&(number % 100)));
    let mut wanted: BTreeSet<_> = wanted.map(document).collect();
    // The first one differed from the beginning.
    wanted.insert(document(0));
    assert!(
        opened.is_subset(&wanted) && opened.len() >= 20,
        "{opened:?}"
    );
    assert!(pair.search_bytes() < 10_000);
}

#[test]
fn everything_is_compared_once_an_hour() {
    let (mut pair, _) = differing(1_000, 1);
    pair.meet();
    for _ in 0..59 {
        pair.pass(Duration::from_secs(60));
    }
    pair.bytes.clear();
    for _ in 0..3 {
        pair.pass(Duration::from_secs(60));
    }
    assert!(pair.bytes.contains_key(&0x12), "symbols");
}
