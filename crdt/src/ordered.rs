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

/// Sorts what can be told apart, or need not be.
pub fn sort<T: Ord>(items: &mut [T]) {
    #[cfg(target_arch = "wasm32")]
    small::sort(items, &mut T::cmp);
    #[cfg(not(target_arch = "wasm32"))]
    items.sort_unstable();
}
