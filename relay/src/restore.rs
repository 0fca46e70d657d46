//! What a node learns of its store at the start.

use std::collections::BTreeSet;

use driftwood_sync::{Input, Mark, MarkId, Node, Output};

use crate::committer::Task;
use crate::store::{Store, StoreError};

/// Tells a node what the store holds; what the store has yet to do.
pub(crate) fn restore(node: &mut Node, store: &dyn Store) -> Result<Vec<Task>, StoreError> {
    let marks = store.marks()?;
    let purged = marks.iter().filter(|mark| mark.is_purged());
    let purged: BTreeSet<MarkId> = purged.map(|mark| mark.id).collect();
    if !purged.is_empty() {
        // What a process left that ended in the middle.
        store.purge(&purged)?;
        store.flush()?;
    }
    let to_do = restore_marks(node, marks);
    let documents = store.documents()?;
    for stored in documents.into_iter().filter(|stored| !stored.damaged) {
        let input = Input::Open {
            document: stored.name,
            version: stored.version,
            own: None,
        };
        // Without a link there is nothing to answer.
        node.handle(crate::now(), input).for_each(drop);
    }
    for owner in store.owners()? {
        let input = Input::Bound {
            document: owner.document,
            replica: owner.replica,
            principal: owner.principal,
        };
        node.handle(crate::now(), input).for_each(drop);
    }
    Ok(to_do)
}

fn restore_marks(node: &mut Node, marks: Vec<Mark>) -> Vec<Task> {
    let mut tasks = Vec::new();
    for mark in marks {
        let outputs = node.handle(crate::now(), Input::Mark { mark });
        tasks.extend(outputs.filter_map(|output| match output {
            Output::Purge { ids } => Some(Task::Purge { ids }),
            _ => None,
        }));
    }
    tasks
}
