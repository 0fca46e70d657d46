//! What a change touched.

use crate::sorted::Sorted;

/// What a change touched: keys or nodes, in order, each once. One takes little more than itself, which a
/// tree's node for eleven does not.
#[derive(Clone)]
pub struct Touched<T> {
    all: Sorted<T>,
}

impl<T: std::fmt::Debug> std::fmt::Debug for Touched<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.all.iter()).finish()
    }
}

impl<T> Default for Touched<T> {
    fn default() -> Self {
        Self {
            all: Sorted::default(),
        }
    }
}

impl<T: Ord> Touched<T> {
    /// Just this.
    pub(crate) fn one(one: T) -> Self {
        [one].into_iter().collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether nothing was touched.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.all.iter()
    }

    /// Whether it is among them; O(log n).
    pub fn contains<Q>(&self, one: &Q) -> bool
    where
        T: std::borrow::Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let place = self.all.seek(|other| other.borrow() < one);
        let found = self.all.get(place);
        found.is_some_and(|found| found.borrow() == one)
    }

    /// Adds one; whether it was not there.
    pub(crate) fn insert(&mut self, one: T) -> bool {
        let place = self.all.seek(|other| *other < one);
        let is_new = self.all.get(place) != Some(&one);
        if is_new {
            self.all.insert(place, one);
        }
        is_new
    }

    pub(crate) fn pop_last(&mut self) -> Option<T> {
        self.all.pop_last()
    }
}

impl<T: Ord> Extend<T> for Touched<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, more: I) {
        more.into_iter().for_each(|one| _ = self.insert(one));
    }
}

impl<T: Ord> FromIterator<T> for Touched<T> {
    fn from_iter<I: IntoIterator<Item = T>>(all: I) -> Self {
        let mut touched = Self::default();
        touched.extend(all);
        touched
    }
}

impl<T> IntoIterator for Touched<T> {
    type Item = T;
    type IntoIter = std::iter::Flatten<std::vec::IntoIter<Vec<T>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.all.into_entries()
    }
}

impl<'a, T> IntoIterator for &'a Touched<T> {
    type Item = &'a T;
    type IntoIter = std::iter::Flatten<std::slice::Iter<'a, Vec<T>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.all.entries()
    }
}

impl<T: PartialEq> PartialEq for Touched<T> {
    fn eq(&self, other: &Self) -> bool {
        self.all.iter().eq(other.all.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    proptest! {
        #[test]
        fn has_each_once(all: Vec<u8>, one: u8) {
            let touched: Touched<u8> = all.iter().copied().collect();
            let model: BTreeSet<u8> = all.into_iter().collect();
            prop_assert!(touched.iter().eq(&model));
            prop_assert_eq!((touched.len(), touched.is_empty()), (model.len(), model.is_empty()));
            prop_assert_eq!(touched.contains(&one), model.contains(&one));
            prop_assert_eq!(&model.into_iter().collect::<Touched<u8>>(), &touched);
        }
    }
}
