//! Ordered maps and sets, and sorting, as the standard library has them.
//!
//! In a browser what is loaded counts more than what is computed: each type that a `BTreeMap` is used with costs 5 to
//! 10 KB of WebAssembly, and each slice that is sorted 3 KB. There, and only there, `small` stands in for them.

#[cfg(any(test, target_arch = "wasm32"))]
#[cfg_attr(not(target_arch = "wasm32"), allow(unreachable_pub, dead_code))]
mod small;

#[cfg(target_arch = "wasm32")]
pub use small::{Map as BTreeMap, Set as BTreeSet};
#[cfg(not(target_arch = "wasm32"))]
pub use std::collections::{BTreeMap, BTreeSet};

use std::cmp::Ordering;

use crate::Dot;

/// Sorts; what is equal keeps its order.
pub fn sort_by<T>(items: &mut [T], mut compare: impl FnMut(&T, &T) -> Ordering) {
    #[cfg(target_arch = "wasm32")]
    small::sort(items, &mut compare);
    #[cfg(not(target_arch = "wasm32"))]
    items.sort_by(&mut compare);
}

/// Sorts by a key; what is equal keeps its order.
pub fn sort_by_key<T, K: Ord>(items: &mut [T], mut key: impl FnMut(&T) -> K) {
    sort_by(items, |a, b| key(a).cmp(&key(b)));
}

/// Sorts by a key; what is equal comes in any order.
pub fn sort_unstable_by_key<T, K: Ord>(items: &mut [T], key: impl FnMut(&T) -> K) {
    #[cfg(target_arch = "wasm32")]
    sort_by_key(items, key);
    #[cfg(not(target_arch = "wasm32"))]
    items.sort_unstable_by_key(key);
}

/// Sorts by numbers; what is equal keeps its order. O(n) for every eleven bits in which any of them differ.
#[cfg_attr(
    target_arch = "wasm32",
    allow(clippy::ptr_arg, reason = "natively it is swapped with another")
)]
pub fn sort_bits<T: Copy>(items: &mut Vec<T>, key: impl Fn(&T) -> u64) {
    #[cfg(not(target_arch = "wasm32"))]
    if items.len() >= MANY {
        return sort_many(items, key);
    }
    sort_by_key(items, key);
}

/// Sorts by dots, of which no two are equal.
pub fn sort_dots<T: Copy>(items: &mut Vec<T>, dot: impl Fn(&T) -> Dot) {
    if items.is_sorted_by_key(&dot) {
        return;
    }
    if cfg!(target_arch = "wasm32") {
        return sort_by_key(items, dot);
    }
    sort_bits(items, |item| dot(item).seq);
    sort_bits(items, |item| dot(item).replica.get());
}

/// From so many numbers on it pays to count them.
#[cfg(not(target_arch = "wasm32"))]
const MANY: usize = 512;

#[cfg(not(target_arch = "wasm32"))]
fn sort_many<T: Copy>(items: &mut Vec<T>, key: impl Fn(&T) -> u64) {
    const DIGIT: u32 = 11;
    const MASK: usize = (1 << DIGIT) - 1;
    let first = key(&items[0]);
    let differ = items.iter().map(|item| key(item) ^ first);
    let mut differ = differ.fold(0, std::ops::BitOr::bitor);
    let mut sorted = items.clone();
    let mut places = vec![0_u32; 1 << DIGIT];
    while differ != 0 {
        let shift = differ.trailing_zeros();
        differ &= !((MASK as u64) << shift);
        let digit = |item: &T| (key(item) >> shift) as usize & MASK;
        places.fill(0);
        for item in &*items {
            places[digit(item)] += 1;
        }
        let mut next = 0;
        for place in &mut places {
            next += std::mem::replace(place, next);
        }
        for item in &*items {
            let place = &mut places[digit(item)];
            sorted[*place as usize] = *item;
            *place += 1;
        }
        std::mem::swap(items, &mut sorted);
    }
}

/// Sorts what can be told apart, or need not be.
pub fn sort<T: Ord>(items: &mut [T]) {
    #[cfg(target_arch = "wasm32")]
    small::sort(items, &mut T::cmp);
    #[cfg(not(target_arch = "wasm32"))]
    items.sort_unstable();
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    proptest! {
        #[test]
        fn is_sorted_by_numbers(seeds in prop::collection::vec((any::<u64>(), 0u32..50), 0..9), many in 1u32..200) {
            let numbers = seeds.iter().flat_map(|&(seed, shift)| {
                (0..many).map(move |i| seed.rotate_left(i) >> shift)
            });
            let mut numbers: Vec<(u64, u32)> = numbers.zip(0..).collect();
            let mut expected = numbers.clone();
            expected.sort_unstable();
            super::sort_bits(&mut numbers, |&(number, _)| number);
            prop_assert_eq!(numbers, expected);
        }
    }
}
