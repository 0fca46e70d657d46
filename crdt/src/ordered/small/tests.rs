use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn check(map: &Map<u16, u32>, model: &BTreeMap<u16, u32>) {
    assert_eq!(map.len(), model.len());
    assert_eq!(map.is_empty(), model.is_empty());
    assert!(map.iter().eq(model));
    assert!(map.iter().rev().eq(model.iter().rev()));
    assert!(map.keys().eq(model.keys()));
    assert!(map.values().rev().eq(model.values().rev()));
    let sizes = map.chunks.iter().map(Vec::len);
    assert!(sizes.into_iter().all(|size| (1..=CHUNK).contains(&size)));
    assert_eq!(format!("{map:?}"), format!("{model:?}"));
}

fn step(map: &mut Map<u16, u32>, model: &mut BTreeMap<u16, u32>, kind: u8, key: u16, value: u32) {
    match kind {
        0..=6 => assert_eq!(map.insert(key, value), model.insert(key, value)),
        7..=11 => assert_eq!(map.remove(&key), model.remove(&key)),
        12 => assert_eq!(map.pop_first(), model.pop_first()),
        13 => assert_eq!(map.pop_last(), model.pop_last()),
        14 => assert_eq!(
            map.entry(key)
                .and_modify(|value| *value += 1)
                .or_insert(value),
            model
                .entry(key)
                .and_modify(|value| *value += 1)
                .or_insert(value)
        ),
        15 => {
            let (mut rest, mut model_rest) = (map.split_off(&key), model.split_off(&key));
            check(&rest, &model_rest);
            rest.insert(key / 2, 7);
            model_rest.insert(key / 2, 7);
            map.append(&mut rest);
            model.append(&mut model_rest);
            assert!(rest.is_empty());
        }
        16 => {
            map.retain(|&key, value| key % 8 != 0 || *value % 2 == 0);
            model.retain(|&key, value| key % 8 != 0 || *value % 2 == 0);
        }
        _ => {
            for (_, value) in map.iter_mut().filter(|(key, _)| **key > 50) {
                *value /= 2;
            }
            model.range_mut(51..).for_each(|(_, value)| *value /= 2);
        }
    }
}

proptest! {
    #[test]
    fn is_a_map_of_the_standard_library(
        steps in prop::collection::vec((0..18_u8, 0..120_u16, any::<u32>()), 0..400),
        ranges in prop::collection::vec((0..125_u16, 0..125_u16), 8),
    ) {
        let (mut map, mut model) = (Map::new(), BTreeMap::new());
        for (kind, key, value) in steps {
            step(&mut map, &mut model, kind, key, value);
            check(&map, &model);
            prop_assert_eq!(map.get(&key), model.get(&key));
        }
        for (a, b) in ranges {
            let (from, to) = (a.min(b), a.max(b));
            prop_assert!(map.range(from..to).eq(model.range(from..to)));
            prop_assert!(map.range(from..=to).rev().eq(model.range(from..=to).rev()));
            prop_assert!(map.range(..to).eq(model.range(..to)));
            let after = (Bound::Excluded(from), Bound::Unbounded);
            prop_assert!(map.range(after).eq(model.range(after)));
            prop_assert_eq!(map.contains_key(&a), model.contains_key(&a));
        }
        let again: Map<_, _> = model.clone().into_iter().rev().collect();
        prop_assert!(again == map);
        prop_assert!(map.into_iter().eq(model));
    }

    #[test]
    fn is_a_set_of_the_standard_library(a: BTreeSet<u8>, b: BTreeSet<u8>) {
        let (mine, other): (Set<_>, Set<_>) = (a.iter().copied().collect(), b.iter().copied().collect());
        prop_assert!(mine.difference(&other).eq(a.difference(&b)));
        prop_assert!(mine.intersection(&other).eq(a.intersection(&b)));
        prop_assert_eq!(mine.cmp(&other), a.cmp(&b));
        prop_assert_eq!((mine.first(), mine.last()), (a.first(), a.last()));
        prop_assert!(mine.into_iter().eq(a));
    }

    #[test]
    fn sorts_as_the_standard_library_does(mut items in prop::collection::vec((0..20_u8, any::<u16>()), 0..100)) {
        let mut sorted = items.clone();
        sorted.sort_by_key(|&(key, _)| key);
        sort(&mut items, &mut |a, b| a.0.cmp(&b.0));
        prop_assert_eq!(items, sorted);
    }
}
