//! [`List`]: values in an order.

use crate::plain::plain;
use std::fmt::Debug;
use std::ops::Range;

use crate::sequence::content::Unit;
use crate::{Change, Dot, EditError, Sequence};

/// A list: a [`Sequence`] of values.
///
/// ```
/// use driftwood_crdt::{List, Replicated, ReplicaId};
/// let mut todos = Replicated::<List<&str>>::new(ReplicaId::new(1));
/// let (done, _delta) = todos.edit(0, |list, change| list.insert_values(0, vec!["Milk", "Bread"], change));
/// done?;
/// assert_eq!(todos.store().values().collect::<Vec<_>>(), [&"Milk", &"Bread"]);
/// # Ok::<(), driftwood_crdt::EditError>(())
/// ```
pub type List<V> = Sequence<Vec<V>>;

impl<V: Clone + PartialEq + Debug> Sequence<Vec<V>> {
    /// Inserts values before an index; gives the dot of the first.
    ///
    /// # Errors
    /// Past the end. Nothing was changed.
    pub fn insert_values(
        &mut self,
        index: usize,
        values: Vec<V>,
        change: &mut Change,
    ) -> Result<Option<Dot>, EditError> {
        self.resolve(Unit::Chars, index)?;
        Ok((!values.is_empty()).then(|| self.insert_at(index, values, change)))
    }

    /// Deletes the values of a range of indexes.
    ///
    /// # Errors
    /// Past the end, and where the range ends before it starts. Nothing was changed.
    pub fn delete_values(
        &mut self,
        range: Range<usize>,
        change: &mut Change,
    ) -> Result<(), EditError> {
        if range.start > range.end {
            return Err(EditError::BadRange {
                start: range.start,
                end: range.end,
            });
        }
        self.resolve(Unit::Chars, range.end)?;
        if !range.is_empty() {
            let by = change.dot();
            self.delete_at(range.start, range.len(), by, change);
        }
        Ok(())
    }

    /// The value at an index; O(log n).
    pub fn get(&self, index: usize) -> Option<&V> {
        let (_, values) = self.part_at(index, 1)?;
        values.first()
    }

    /// The name of the element at an index, which stays the same while others come and go.
    pub fn dot(&self, index: usize) -> Option<Dot> {
        self.dot_at(index)
    }

    /// The value of a living element; O(log n).
    pub fn by_dot(&self, dot: Dot) -> Option<&V> {
        self.content_of(dot, 1)?.first()
    }

    /// The values, in order.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        plain(self.contents().flatten())
    }

    /// The values with the names of their elements, in order.
    pub fn elements(&self) -> impl Iterator<Item = (Dot, &V)> {
        plain(self.shown().flat_map(|(start, piece)| {
            piece
                .iter()
                .enumerate()
                .map(move |(i, value)| (start.plus(i as u64), value))
        }))
    }
}
