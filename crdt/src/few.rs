//! [`Few`]: things of which there is rarely more than one.

use std::ops::{Deref, DerefMut};

/// Things in order: a slice of them. There is rarely more than one, which then takes no memory of its own.
#[derive(Clone, Debug)]
pub struct Few<T>(Inner<T>);

// In a browser, where what is loaded counts more than what is computed, it is a vector.
#[derive(Clone, Debug)]
enum Inner<T> {
    #[cfg(not(target_arch = "wasm32"))]
    One(T),
    /// None, or more than one, or room for more.
    Many(Vec<T>),
}

impl<T> Few<T> {
    pub(crate) fn with_capacity(count: usize) -> Self {
        let is_vector = cfg!(target_arch = "wasm32");
        let room = if is_vector || count > 1 { count } else { 0 };
        Self(Inner::Many(Vec::with_capacity(room)))
    }

    pub(crate) fn push(&mut self, one: T) {
        match &mut self.0 {
            #[cfg(not(target_arch = "wasm32"))]
            Inner::Many(many) if many.capacity() == 0 => self.0 = Inner::One(one),
            Inner::Many(many) => many.push(one),
            #[cfg(not(target_arch = "wasm32"))]
            Inner::One(_) => {
                let mut many = Vec::with_capacity(4);
                many.extend(std::mem::take(self));
                many.push(one);
                self.0 = Inner::Many(many);
            }
        }
    }

    /// Keeps the first ones.
    pub(crate) fn truncate(&mut self, count: usize) {
        match &mut self.0 {
            Inner::Many(many) => many.truncate(count),
            #[cfg(not(target_arch = "wasm32"))]
            Inner::One(_) if count > 0 => {}
            #[cfg(not(target_arch = "wasm32"))]
            Inner::One(_) => *self = Self::default(),
        }
    }
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self(Inner::Many(Vec::new()))
    }
}

impl<T> From<T> for Few<T> {
    fn from(one: T) -> Self {
        #[cfg(not(target_arch = "wasm32"))]
        return Self(Inner::One(one));
        #[cfg(target_arch = "wasm32")]
        Self(Inner::Many(vec![one]))
    }
}

impl<T> Deref for Few<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &self.0 {
            #[cfg(not(target_arch = "wasm32"))]
            Inner::One(one) => std::slice::from_ref(one),
            Inner::Many(many) => many,
        }
    }
}

impl<T> DerefMut for Few<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        match &mut self.0 {
            #[cfg(not(target_arch = "wasm32"))]
            Inner::One(one) => std::slice::from_mut(one),
            Inner::Many(many) => many,
        }
    }
}

impl<T: PartialEq> PartialEq for Few<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T> IntoIterator for Few<T> {
    type Item = T;
    type IntoIter = std::iter::Chain<std::option::IntoIter<T>, std::vec::IntoIter<T>>;

    fn into_iter(self) -> Self::IntoIter {
        let (one, many) = match self.0 {
            #[cfg(not(target_arch = "wasm32"))]
            Inner::One(one) => (Some(one), Vec::new()),
            Inner::Many(many) => (None, many),
        };
        one.into_iter().chain(many)
    }
}
