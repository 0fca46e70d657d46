//! The laws of a join for each of the small CRDTs, used alone.

use driftwood_crdt::{Change, Delta, DotStore, LwwMap, MvRegister, OrSet, PnCounter, ReplicaId};
use driftwood_crdt::{List, MergeError, Replicated, Text, Unit};
use proptest::prelude::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

type Edits = Vec<(usize, u8, u8)>;

/// Three copies edit and now and then exchange; then every law is tried on what they have.
fn check_laws<S>(edits: &Edits, edit: impl Fn(&mut S, u8, &mut Change), show: impl Fn(&S) -> String)
where
    S: DotStore + Clone,
{
    let mut copies: Vec<Replicated<S>> = (1..=3)
        .map(|id| Replicated::new(ReplicaId::new(id)))
        .collect();
    let mut deltas: Vec<Delta<S::Items>> = Vec::new();
    for (now, &(who, what, argument)) in edits.iter().enumerate() {
        if what % 4 == 0 {
            let delta = copies[who % 3].delta_since(copies[what as usize % 3].version());
            copies[what as usize % 3]
                .merge(&delta)
                .expect("it starts where the other stands");
        } else {
            let ((), delta) =
                copies[who % 3].edit(now as u64, |store, change| edit(store, argument, change));
            deltas.push(delta);
        }
    }
    let whole = |copy: &Replicated<S>| copy.delta_since(&driftwood_crdt::VersionVector::new());
    let joined = |order: [usize; 3]| {
        let mut copy = Replicated::<S>::new(ReplicaId::new(9));
        for which in order {
            copy.merge(&whole(&copies[which]))
                .expect("a whole state starts from nothing");
        }
        copy
    };
    let one = joined([0, 1, 2]);
    for order in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let other = joined(order);
        assert_eq!(other.version(), one.version());
        assert_eq!(
            show(other.store()),
            show(one.store()),
            "commutes and associates"
        );
    }
    let mut twice = one.clone();
    for delta in deltas.iter().chain(&[whole(&one), whole(&copies[0])]) {
        twice.merge(delta).expect("nothing is missing");
    }
    assert_eq!(show(twice.store()), show(one.store()), "idempotent");
    // The single deltas, each as soon as it can be merged, come to the same.
    let mut step_by_step = Replicated::<S>::new(ReplicaId::new(9));
    for _ in 0..=deltas.len() {
        for delta in deltas.iter().rev() {
            match step_by_step.merge(delta) {
                Ok(_) | Err(MergeError::Gap { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
    assert_eq!(step_by_step.version(), one.version());
    assert_eq!(
        show(step_by_step.store()),
        show(one.store()),
        "deltas come to the whole"
    );
}

fn edits() -> impl Strategy<Value = Edits> {
    prop::collection::vec((0usize..3, any::<u8>(), any::<u8>()), 1..40)
}

/// Fewer in wasm, where the point is that the code runs there at all.
const CASES: u32 = if cfg!(target_arch = "wasm32") {
    60
} else {
    400
};

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn register(edits in edits()) {
        check_laws::<MvRegister<u8>>(
            &edits,
            |register, value, change| {
                register.set(value, change);
            },
            |register| format!("{register:?}"),
        );
    }

    #[test]
    fn map(edits in edits()) {
        check_laws::<LwwMap<u8, u8>>(
            &edits,
            |map, n, change| {
                if n % 3 == 0 {
                    map.delete(&(n % 5), change);
                } else {
                    map.set(n % 5, n, change);
                }
            },
            |map| format!("{:?}", map.iter().collect::<Vec<_>>()),
        );
    }

    #[test]
    fn set(edits in edits()) {
        check_laws::<OrSet<u8>>(
            &edits,
            |set, n, change| {
                if n % 3 == 0 {
                    set.delete(&(n % 5), change);
                } else {
                    set.add(n % 5, change);
                }
            },
            |set| format!("{set:?}"),
        );
    }

    #[test]
    fn counter(edits in edits()) {
        check_laws::<PnCounter>(
            &edits,
            |counter, n, change| {
                counter.add(i64::from(n) - 100, change).unwrap();
            },
            |counter| format!("{counter:?} {}", counter.value()),
        );
    }

    #[test]
    fn list(edits in edits()) {
        check_laws::<List<u8>>(
            &edits,
            |list, n, change| {
                let len = list.extent().chars;
                let at = usize::from(n) % (len + 1);
                if n % 3 == 0 {
                    list.delete_values(at..(at + 2).min(len), change).unwrap();
                } else {
                    list.insert_values(at, vec![n, n], change).unwrap();
                }
            },
            |list| format!("{:?}", list.elements().collect::<Vec<_>>()),
        );
    }

    #[test]
    fn text(edits in edits()) {
        check_laws::<Text>(
            &edits,
            |text, n, change| {
                let len = text.extent().chars;
                let at = usize::from(n) % (len + 1);
                if n % 3 == 0 {
                    text.delete(Unit::Chars, at..(at + 2).min(len), change).unwrap();
                } else {
                    text.insert(Unit::Chars, at, "né", change).unwrap();
                }
            },
            ToString::to_string,
        );
    }
}

/// Baquero et al. 2016: what is added concurrently with a removal stays, and the sum is exact.
#[test]
fn a_counter_adds_up_beyond_64_bits() {
    let mut total = Replicated::<PnCounter>::new(ReplicaId::new(0));
    for id in 1..=4_000u64 {
        let mut one = Replicated::<PnCounter>::new(ReplicaId::new(id));
        let (done, delta) = one.edit(0, |counter, change| {
            counter.add(driftwood_crdt::limits::COUNTER_MAX.cast_signed(), change)
        });
        done.unwrap();
        total.merge(&delta).unwrap();
    }
    assert_eq!(
        total.store().value(),
        4_000 * i128::from(driftwood_crdt::limits::COUNTER_MAX)
    );
    let mut more = Replicated::<PnCounter>::new(ReplicaId::new(9));
    let over = driftwood_crdt::limits::COUNTER_MAX.cast_signed() + 1;
    let (refused, delta) = more.edit(0, |counter, change| counter.add(over, change));
    assert!(refused.is_err() && delta.is_empty());
}
