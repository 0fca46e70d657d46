//! Does a merge say what it did? Whoever shows a document redraws only what the changes name, and
//! carries out patches where there are any.

use driftwood_crdt::{ChangeKind, Changes, Doc, Kind, Path, TreeRef, Value};

use crate::model::empty;

/// Holds the changes of a merge against the document before and after it.
pub(crate) fn check(before: &Doc, after: &Doc, changes: &Changes, paths: &[Path]) {
    for path in paths {
        let (old, new) = (before.at(path), after.at(path));
        let change = changes.of(path);
        match (path.kind(), change) {
            (Kind::Text, Some(ChangeKind::Text(patches))) => {
                let mut text: Vec<u16> = old.as_text().to_string().encode_utf16().collect();
                for patch in patches {
                    let start = patch.at.utf16;
                    let new = patch.inserted.encode_utf16();
                    text.splice(start..start + patch.deleted.utf16, new);
                }
                let text = String::from_utf16(&text).expect("patches split no character");
                assert_eq!(text, new.as_text().to_string(), "patches of a text");
            }
            (Kind::List, Some(ChangeKind::List(patches))) => {
                let mut ids: Vec<_> = old.as_list().ids().into_iter().map(Some).collect();
                for patch in patches {
                    let inserted = std::iter::repeat_n(None, patch.inserted);
                    ids.splice(patch.at..patch.at + patch.deleted, inserted);
                }
                let new = new.as_list().ids();
                assert_eq!(ids.len(), new.len(), "length after the patches of a list");
                let fits = ids
                    .iter()
                    .zip(&new)
                    .all(|(id, new)| id.is_none_or(|id| id == *new));
                assert!(fits, "patches of a list");
            }
            // What a map or the data of a node shows also depends on what is in the containers inside of it.
            (Kind::Map, _) | (_, Some(_)) => {}
            (Kind::List, None) => {
                let (old, new) = (old.as_list().ids(), new.as_list().ids());
                assert_eq!(old, new, "a list changed and no change says so");
            }
            (Kind::Tree, None) => {
                let (old, new) = (old.as_tree(), new.as_tree());
                let nodes = old.nodes();
                assert_eq!(nodes, new.nodes(), "a tree changed and no change says so");
                let parents = |tree: TreeRef<'_>| -> Vec<_> {
                    nodes.iter().map(|&node| tree.parent(node)).collect()
                };
                assert_eq!(
                    parents(old),
                    parents(new),
                    "a tree changed and no change says so"
                );
            }
            (Kind::Text, None) => {
                let (old, new) = (old.as_text().segments(), new.as_text().segments());
                assert_eq!(old, new, "a text changed and no change says so");
            }
            (kind, None) => {
                // A container that has no name yet, or no more, is as good as an empty one.
                let shown = |value| match value {
                    Value::Null => empty(kind),
                    value => value,
                };
                let (old, new) = (shown(old.to_value()), shown(new.to_value()));
                assert_eq!(old, new, "changed, and no change says so: {path}");
            }
        }
    }
}
