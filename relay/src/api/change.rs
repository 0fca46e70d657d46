//! What a request changes: operations in JSON, on containers that are named by the way to them.

use driftwood_crdt::serde::AssignError;
use driftwood_crdt::{Doc, Edit, EditError, Kind, ListEdit, MapEdit, NodeEdit, Path};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::json;

/// The body of a request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Changes {
    changes: Vec<Change>,
}

/// One operation. Offsets and lengths of texts count Unicode scalar values.
#[derive(Debug, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase", deny_unknown_fields)]
enum Change {
    /// Sets a key of a map to a plain value.
    Set { at: At, key: String, value: Json },
    /// Deletes a key of a map.
    Delete { at: At, key: String },
    /// Deletes so much of a text, then inserts there.
    Text {
        at: At,
        index: usize,
        #[serde(default)]
        delete: usize,
        #[serde(default)]
        insert: String,
    },
    /// Deletes so many elements of a list, then inserts there.
    List {
        at: At,
        index: usize,
        #[serde(default)]
        delete: usize,
        #[serde(default)]
        insert: Vec<Json>,
    },
    /// Adds a value to a set.
    Add { at: At, value: Json },
    /// Takes a value out of a set.
    Remove { at: At, value: Json },
    /// Adds to a counter.
    Count { at: At, by: i64 },
    /// Makes a container equal to this, writing only what differs.
    Assign { at: At, kind: KindName, value: Json },
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum KindName {
    Map,
    List,
    Text,
    Set,
    Counter,
}

/// The way to a container: a name at the top of the document, then keys of maps and indexes of lists.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Vec<Step>")]
struct At {
    root: String,
    steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a key (text) or an index (whole number)")]
enum Step {
    Key(String),
    Index(usize),
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
#[error("change {number}: {error}")]
pub(super) struct Refused {
    /// Which change it was, from 0.
    pub(super) number: usize,
    #[source]
    error: AssignError,
}

impl TryFrom<Vec<Step>> for At {
    type Error = &'static str;

    fn try_from(steps: Vec<Step>) -> Result<Self, Self::Error> {
        let mut steps = steps.into_iter();
        match steps.next() {
            Some(Step::Key(root)) => Ok(Self {
                root,
                steps: steps.collect(),
            }),
            _ => Err("`at` starts with a name at the top of the document"),
        }
    }
}

impl Changes {
    /// Makes all changes as one edit; gives its delta, which is empty if nothing differs. After an error
    /// the document may have some of them.
    ///
    /// # Errors
    /// The first change that the document refuses.
    pub(super) fn apply(
        self,
        doc: &mut Doc,
        now_ms: u64,
    ) -> Result<driftwood_crdt::Delta, Refused> {
        let mut edit = doc.edit(now_ms);
        for (number, change) in self.changes.into_iter().enumerate() {
            let done = change.apply(&mut edit);
            done.map_err(|error| Refused { number, error })?;
        }
        Ok(edit.commit())
    }
}

impl Change {
    fn apply(self, edit: &mut Edit<'_>) -> Result<(), AssignError> {
        match self {
            Self::Set { at, key, value } => at.find(edit, Kind::Map, &mut |node| {
                Ok(MapEdit::from(node).set(&key, json::to_value(&value))?)
            }),
            Self::Delete { at, key } => at.find(edit, Kind::Map, &mut |node| {
                Ok(MapEdit::from(node).delete(&key).map(drop)?)
            }),
            Self::Text {
                at,
                index,
                delete,
                insert,
            } => at.find(edit, Kind::Text, &mut |node| {
                let range = index..index.saturating_add(delete);
                Ok(driftwood_crdt::TextEdit::from(node).replace(range, &insert)?)
            }),
            Self::List {
                at,
                index,
                delete,
                insert,
            } => at.find(edit, Kind::List, &mut |node| {
                let mut list = ListEdit::from(node);
                list.delete(index..index.saturating_add(delete))?;
                for (index, value) in (index..).zip(&insert) {
                    list.insert(index, json::to_value(value))?;
                }
                Ok(())
            }),
            Self::Add { at, value } => at.find(edit, Kind::Set, &mut |node| {
                Ok(driftwood_crdt::SetEdit::from(node).add(json::to_value(&value))?)
            }),
            Self::Remove { at, value } => at.find(edit, Kind::Set, &mut |node| {
                let mut set = driftwood_crdt::SetEdit::from(node);
                Ok(set.delete(&json::to_value(&value)).map(drop)?)
            }),
            Self::Count { at, by } => at.find(edit, Kind::Counter, &mut |node| {
                Ok(driftwood_crdt::CounterEdit::from(node).add(by)?)
            }),
            Self::Assign { at, kind, value } => {
                at.find(edit, kind.into(), &mut |mut node| node.assign(&value))
            }
        }
    }
}

type Then<'t> = &'t mut dyn FnMut(NodeEdit<'_>) -> Result<(), AssignError>;

impl At {
    /// Calls back with the container, which is of this kind; those on the way are what the steps say.
    fn find(&self, edit: &mut Edit<'_>, kind: Kind, then: Then<'_>) -> Result<(), AssignError> {
        let first = kind_before(&self.steps, kind);
        within(
            edit.at(&Path::root(&self.root, first)),
            &self.steps,
            kind,
            then,
        )
    }
}

/// What a container is from which these steps go on, and which is of this kind if there are none.
fn kind_before(steps: &[Step], kind: Kind) -> Kind {
    match steps.first() {
        Some(Step::Key(_)) => Kind::Map,
        Some(Step::Index(_)) => Kind::List,
        None => kind,
    }
}

fn within(
    node: NodeEdit<'_>,
    steps: &[Step],
    kind: Kind,
    then: Then<'_>,
) -> Result<(), AssignError> {
    let Some((step, rest)) = steps.split_first() else {
        return then(node);
    };
    let below = kind_before(rest, kind);
    match step {
        Step::Key(key) => within(MapEdit::from(node).child(key, below), rest, kind, then),
        Step::Index(index) => {
            let mut list = ListEdit::from(node);
            let found: Result<_, EditError> = list.child(*index, below);
            within(found?, rest, kind, then)
        }
    }
}

impl From<KindName> for Kind {
    fn from(name: KindName) -> Self {
        match name {
            KindName::Map => Self::Map,
            KindName::List => Self::List,
            KindName::Text => Self::Text,
            KindName::Set => Self::Set,
            KindName::Counter => Self::Counter,
        }
    }
}
