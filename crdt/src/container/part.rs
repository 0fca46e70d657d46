//! A part of a container that takes no memory before there is something in it.

use std::ops::{Deref, DerefMut};
use std::sync::LazyLock;

use super::list::ListBody;
use super::text::{self, TextBody};
use super::tree::TreeBody;
use super::MapBody;
use crate::{Kind, LwwMap, OrSet, PnCounter, Value};

/// What is empty until it is first changed: of a container that a peer names in three bytes no more is
/// made than its name.
#[derive(Clone, Debug)]
pub(crate) struct Part<T>(Option<Box<T>>);

impl<T> Default for Part<T> {
    fn default() -> Self {
        Self(None)
    }
}

/// What has an empty one that all share.
pub(crate) trait Shared: Default + 'static {
    /// That one.
    fn empty() -> &'static Self;
}

impl<T: Shared> Deref for Part<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_deref().unwrap_or_else(|| T::empty())
    }
}

impl<T: Shared> DerefMut for Part<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.get_or_insert_default()
    }
}

macro_rules! shared {
    ($($part:ty),*) => {$(
        impl Shared for $part {
            fn empty() -> &'static Self {
                static EMPTY: LazyLock<$part> = LazyLock::new(Default::default);
                &EMPTY
            }
        }
    )*};
}

shared!(
    MapBody,
    ListBody,
    TextBody,
    OrSet<Value>,
    PnCounter,
    TreeBody
);
shared!(
    LwwMap<String, Value>,
    LwwMap<(String, Kind), ()>,
    LwwMap<text::Span, Value>
);
