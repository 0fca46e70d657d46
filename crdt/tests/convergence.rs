//! The law of the house: after any schedule of edits, deliveries, repeats and reloads, equal
//! versions mean equal bytes, and exchange makes versions equal.

mod support;

use proptest::prelude::*;
use support::{Step, World};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let n = 0usize..1_000;
    let step = prop_oneof![
        12 => (n.clone(), any::<u8>(), n.clone(), n.clone(), n.clone())
            .prop_map(|(who, what, a, b, c)| Step::Edit(who, what, a, b, c)),
        6 => (n.clone(), n.clone()).prop_map(|(to, which)| Step::Deliver(to, which)),
        4 => (n.clone(), n.clone()).prop_map(|(a, b)| Step::Sync(a, b)),
        1 => n.clone().prop_map(Step::Reload),
        1 => n.clone().prop_map(Step::Reclaim),
        1 => n.prop_map(Step::Seed),
    ];
    prop::collection::vec(step, 1..60)
}

/// Fewer in wasm, where the point is that the code runs there at all.
const CASES: u32 = if cfg!(target_arch = "wasm32") {
    100
} else {
    1_500
};

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn equal_versions_mean_equal_state(replicas in 2usize..6, steps in steps()) {
        let mut world = World::new(replicas);
        for step in &steps {
            world.step(step);
        }
        world.assert_equal_where_versions_are();
        world.settle();
    }

    #[test]
    fn the_order_of_deltas_does_not_matter(
        replicas in 2usize..5,
        steps in steps(),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..400),
    ) {
        let mut world = World::new(replicas);
        for step in &steps {
            world.step(step);
        }
        // A newcomer gets the single deltas in any order, some more than once, then in turn.
        let mut newcomer = driftwood_crdt::Doc::new(driftwood_crdt::ReplicaId::new(99));
        let deltas: Vec<_> =
            world.deltas.iter().map(|b| driftwood_crdt::Delta::decode(b).unwrap()).collect();
        if !deltas.is_empty() {
            for which in order {
                let _ = newcomer.merge(which.get(&deltas));
            }
        }
        loop {
            let before = newcomer.version().clone();
            for delta in &deltas {
                let _ = newcomer.merge(delta);
            }
            if *newcomer.version() == before {
                break;
            }
        }
        newcomer.assert_invariants();
        world.docs.push(newcomer);
        world.settle();
    }
}
