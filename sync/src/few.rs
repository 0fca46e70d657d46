//! A map that mostly has one entry, which then takes no memory of its own.

use std::mem;

use driftwood_crdt::ordered::BTreeMap;

/// Entries in the order of their keys. One stands in place; a tree's node has room for eleven.
#[derive(Clone, Debug, Default)]
pub(crate) enum Few<K, V> {
    #[default]
    None,
    One(K, V),
    Many(BTreeMap<K, V>),
}

impl<K: Ord + Copy, V> Few<K, V> {
    pub(crate) fn get(&self, key: K) -> Option<&V> {
        match self {
            Self::One(other, value) if *other == key => Some(value),
            Self::Many(entries) => entries.get(&key),
            _ => None,
        }
    }

    pub(crate) fn contains(&self, key: K) -> bool {
        self.get(key).is_some()
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::One(..) => 1,
            Self::Many(entries) => entries.len(),
        }
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        *self = match mem::take(self) {
            Self::One(other, first) if other != key => {
                Self::Many(BTreeMap::from([(other, first), (key, value)]))
            }
            Self::None | Self::One(..) => Self::One(key, value),
            Self::Many(mut entries) => {
                entries.insert(key, value);
                Self::Many(entries)
            }
        };
    }

    pub(crate) fn remove(&mut self, key: K) -> Option<V> {
        match self {
            Self::Many(entries) => {
                let value = entries.remove(&key);
                if entries.is_empty() {
                    *self = Self::None;
                }
                value
            }
            _ if self.contains(key) => match mem::take(self) {
                Self::One(_, value) => Some(value),
                _ => None,
            },
            _ => None,
        }
    }

    /// Keeps the values that `keep` wants to.
    pub(crate) fn retain(&mut self, keep: impl Fn(&V) -> bool) {
        match self {
            Self::Many(entries) => entries.retain(|_, value| keep(value)),
            Self::One(_, value) if !keep(value) => *self = Self::None,
            _ => {}
        }
    }

    /// The entries in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        let (one, many) = match self {
            Self::None => (None, None),
            Self::One(key, value) => (Some((*key, value)), None),
            Self::Many(entries) => (None, Some(entries.iter())),
        };
        let many = many.into_iter().flatten();
        one.into_iter()
            .chain(many.map(|(&key, value)| (key, value)))
    }

    /// The keys in order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = K> + '_ {
        self.iter().map(|(key, _)| key)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::Few;

    proptest! {
        #[test]
        fn is_a_map(steps in prop::collection::vec((any::<bool>(), 0..4u8, any::<u8>()), 0..40)) {
            let (mut few, mut model) = (Few::default(), BTreeMap::new());
            for (inserts, key, value) in steps {
                if inserts {
                    few.insert(key, value);
                    model.insert(key, value);
                } else {
                    prop_assert_eq!(few.remove(key), model.remove(&key));
                }
                if value < 20 {
                    few.retain(|other| other % 2 == value % 2);
                    model.retain(|_, other| *other % 2 == value % 2);
                }
                prop_assert_eq!(few.len(), model.len());
                prop_assert!(few.iter().eq(model.iter().map(|(&key, value)| (key, value))));
                prop_assert!(few.keys().eq(model.keys().copied()));
                for key in 0..5 {
                    prop_assert_eq!(few.get(key), model.get(&key));
                    prop_assert_eq!(few.contains(key), model.contains_key(&key));
                }
            }
        }
    }
}
