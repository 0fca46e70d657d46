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

/// Sorts numbers by their bits from `low` on; they come in the order of those below, or differ in those above.
/// O(n) for every eleven bits in which any of them differ.
#[cfg_attr(
    target_arch = "wasm32",
    allow(clippy::ptr_arg, reason = "natively it is swapped with another")
)]
pub fn sort_bits<T: Copy + Ord + Into<u128>>(items: &mut Vec<T>, low: u32) {
    #[cfg(target_arch = "wasm32")]
    let _ = low;
    #[cfg(not(target_arch = "wasm32"))]
    if items.len() >= MANY {
        return sort_many(items, low);
    }
    sort(items);
}

/// From so many numbers on it pays to count them.
#[cfg(not(target_arch = "wasm32"))]
const MANY: usize = 512;

#[cfg(not(target_arch = "wasm32"))]
fn sort_many<T: Copy + Into<u128>>(items: &mut Vec<T>, low: u32) {
    const DIGIT: u32 = 11;
    const MASK: usize = (1 << DIGIT) - 1;
    let first: u128 = items[0].into();
    let differ = items.iter().map(|&item| item.into() ^ first);
    let mut differ = differ.fold(0, std::ops::BitOr::bitor) >> low << low;
    let mut sorted = items.clone();
    let mut places = vec![0_u32; 1 << DIGIT];
    while differ != 0 {
        let shift = differ.trailing_zeros();
        differ &= !((MASK as u128) << shift);
        let digit = |number: u128| (number >> shift) as usize & MASK;
        places.fill(0);
        for &item in &*items {
            places[digit(item.into())] += 1;
        }
        let mut next = 0;
        for place in &mut places {
            next += std::mem::replace(place, next);
        }
        for &item in &*items {
            let place = &mut places[digit(item.into())];
            sorted[*place as usize] = item;
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
        fn numbers_are_sorted_by_their_bits(seeds in prop::collection::vec((any::<u64>(), 0u32..50), 0..9), many in 1u32..200) {
            let numbers = seeds.iter().flat_map(|&(seed, shift)| {
                (0..many).map(move |i| u128::from(seed.rotate_left(i) >> shift) << 40)
            });
            let mut numbers: Vec<u128> = numbers.collect();
            for (i, number) in (0..).zip(&mut numbers) {
                *number |= i;
            }
            let mut expected = numbers.clone();
            expected.sort_unstable();
            super::sort_bits(&mut numbers, 40);
            prop_assert_eq!(numbers, expected);
        }
    }
}
