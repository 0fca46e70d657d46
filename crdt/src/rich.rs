//! Rich text as a list of operations, the form in which editors say what was done (Quill's deltas).

use crate::ordered::BTreeMap;

use crate::container::text::{Expand, TextBody, EMBED};
use crate::document::check_key;
use crate::{EditError, TextEdit, Unit, Value};

/// Marks by name; [`Value::Null`] takes one away.
pub type Marks = BTreeMap<String, Value>;

/// One step through a text: what to do with what follows.
#[derive(Clone, PartialEq, Debug)]
pub enum DeltaOp {
    /// Goes over so much of the text and changes these marks of it, no others.
    Retain(usize, Marks),
    /// Inserts text with exactly these marks.
    Insert(String, Marks),
    /// Inserts an embed with exactly these marks.
    Embed(Value, Marks),
    /// Deletes so much of the text.
    Delete(usize),
}

impl DeltaOp {
    fn marks(&self) -> Option<&Marks> {
        match self {
            Self::Retain(_, marks) | Self::Insert(_, marks) | Self::Embed(_, marks) => Some(marks),
            Self::Delete(_) => None,
        }
    }

    /// How much of the old text it goes over.
    fn consumed(&self) -> usize {
        match self {
            Self::Retain(len, _) | Self::Delete(len) => *len,
            Self::Insert(..) | Self::Embed(..) => 0,
        }
    }
}

/// A list of operations that was refused. The text is as it was.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[error("operation {op}: {error}")]
pub struct DeltaError {
    /// Which operation is wrong, counted from 0.
    pub op: usize,
    /// What is wrong with it.
    #[source]
    pub error: EditError,
}

impl TextEdit<'_> {
    /// Carries out operations from the start of the text on, all or none. What they do not reach
    /// stays as it is. Lengths are in `unit`; those of [`DeltaOp::Retain`] and [`DeltaOp::Delete`]
    /// count the text as it was. Each mark that is written grows as is usual for its name.
    ///
    /// Costs O(log n) for each operation, and O(marks of the text) for each mark.
    ///
    /// ```
    /// # use driftwood_crdt::{DeltaOp, Doc, Marks, ReplicaId, Unit, Value};
    /// let mut doc = Doc::new(ReplicaId::new(1));
    /// let mut edit = doc.edit(0);
    /// let bold = Marks::from([("bold".to_owned(), Value::Bool(true))]);
    /// let mut body = edit.text("body");
    /// body.insert(0, "Hello world")?;
    /// body.apply_delta(
    ///     Unit::Chars,
    ///     &[
    ///         DeltaOp::Retain(6, Marks::new()),
    ///         DeltaOp::Insert("new ".to_owned(), bold),
    ///         DeltaOp::Delete(5),
    ///     ],
    /// )?;
    /// drop(edit);
    /// let segments = doc.text("body").segments();
    /// assert_eq!(segments[1].text, "new ");
    /// assert_eq!(segments[1].marks["bold"], Value::Bool(true));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`DeltaError`] with the first operation that goes past the end, into a character, or has a
    /// mark or embed that is refused. Nothing was changed.
    pub fn apply_delta(&mut self, unit: Unit, ops: &[DeltaOp]) -> Result<(), DeltaError> {
        let mut at = 0;
        for (op, step) in ops.iter().enumerate() {
            let checked = check(self.body(), unit, at, step);
            at = checked.map_err(|error| DeltaError { op, error })?;
        }
        let mut at = 0;
        for (op, step) in ops.iter().enumerate() {
            let done = self.step(unit, at, step);
            at = done.map_err(|error| DeltaError { op, error })?;
        }
        Ok(())
    }

    /// Carries out one operation, which was checked; gives where the next begins.
    fn step(&mut self, unit: Unit, at: usize, op: &DeltaOp) -> Result<usize, EditError> {
        let before = self.extent().get(unit);
        match op {
            DeltaOp::Retain(len, marks) => {
                for (name, value) in marks {
                    self.set_mark(unit, at, at + len, name, value)?;
                }
                return Ok(at + len);
            }
            DeltaOp::Delete(len) => {
                self.replace_in(unit, at..at + len, "")?;
                return Ok(at);
            }
            DeltaOp::Insert(text, _) => self.replace_in(unit, at..at, text)?,
            DeltaOp::Embed(value, _) => self.embed(unit, at, value.clone())?,
        }
        let end = at + self.extent().get(unit) - before;
        if end > at {
            self.mark_exactly(unit, at, end, op.marks().unwrap_or(&Marks::new()))?;
        }
        Ok(end)
    }

    /// Gives what was just inserted these marks and no others.
    fn mark_exactly(
        &mut self,
        unit: Unit,
        start: usize,
        end: usize,
        marks: &Marks,
    ) -> Result<(), EditError> {
        // What is inserted at once lies between the same ends of marks.
        let inherited = marks_at(self.body(), unit, start);
        for name in inherited.keys().filter(|&name| !marks.contains_key(name)) {
            self.set_mark(unit, start, end, name, &Value::Null)?;
        }
        for (name, value) in marks {
            if inherited.get(name).unwrap_or(&Value::Null) != value {
                self.set_mark(unit, start, end, name, value)?;
            }
        }
        Ok(())
    }

    fn set_mark(
        &mut self,
        unit: Unit,
        start: usize,
        end: usize,
        name: &str,
        value: &Value,
    ) -> Result<(), EditError> {
        self.mark(unit, start..end, name, value.clone(), Expand::usual(name))
    }
}

/// Whether an operation that begins at an offset of the old text can be carried out; gives where the
/// next begins there.
fn check(text: &TextBody, unit: Unit, at: usize, op: &DeltaOp) -> Result<usize, EditError> {
    let end = at.saturating_add(op.consumed());
    text.chars.resolve(unit, end)?;
    for (name, value) in op.marks().into_iter().flatten() {
        if name == EMBED {
            return Err(EditError::BadMark);
        }
        check_key(name)?;
        value.check()?;
    }
    if let DeltaOp::Embed(value, _) = op {
        value.check()?;
    }
    Ok(end)
}

/// The marks on the character after an offset, the embed's own left out.
fn marks_at(text: &TextBody, unit: Unit, offset: usize) -> Marks {
    let mut shown = BTreeMap::new();
    let covers = |mark: &crate::container::text::PlacedMark<'_>| {
        mark.name != EMBED && (mark.start.get(unit)..mark.end.get(unit)).contains(&offset)
    };
    for mark in text.placed_marks().into_iter().filter(covers) {
        let (rank, value) = shown.entry(mark.name).or_insert((mark.rank, mark.value));
        if mark.rank > *rank {
            (*rank, *value) = (mark.rank, mark.value);
        }
    }
    let shown = shown.into_iter().map(|(name, (_, value))| (name, value));
    shown
        .filter(|(_, value)| **value != Value::Null)
        .map(|(name, value)| (name.to_owned(), value.clone()))
        .collect()
}
