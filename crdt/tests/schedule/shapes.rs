//! What a plain value does not show: names of elements, who is under whom, and what is marked.

use driftwood_crdt::{Doc, Dot, Kind};

use super::calls::{dot_of, path_of};
use crate::model::{History, OpId, View};

/// Holds lists, trees and texts against the model.
pub(super) fn check(history: &History, view: &View<'_>, doc: &Doc) {
    let dot = |op: OpId| dot_of(history, op);
    for place in 1..history.names.len() {
        let kind = history.names[place].kind;
        if !matches!(kind, Kind::List | Kind::Tree | Kind::Text) {
            continue;
        }
        let path = path_of(history, place);
        let found = doc.at(&path);
        match kind {
            Kind::List => {
                let elements = view.elements(place);
                let ids: Vec<Dot> = elements.iter().map(|element| dot(element.op)).collect();
                assert_eq!(found.as_list().ids(), ids, "the names in {path}");
            }
            Kind::Tree => {
                let (tree, shape) = (found.as_tree(), view.tree(place));
                let mut nodes = shape.nodes();
                assert_eq!(tree.nodes().len(), nodes.len(), "the nodes of {path}");
                nodes.push(OpId::MAX);
                for under in nodes {
                    let under = Some(under).filter(|&under| under != OpId::MAX);
                    let children = shape.children(under).iter();
                    let children: Vec<Dot> = children.map(|&child| dot(child)).collect();
                    let found = tree.children(under.map(dot));
                    assert_eq!(found, children, "the children of {under:?} in {path}");
                    for &child in &children {
                        assert_eq!(tree.parent(child), under.map(dot), "parents in {path}");
                    }
                }
            }
            _ => {
                let segments = found.as_text().segments().into_iter();
                let segments: Vec<_> = segments.map(|s| (s.text, s.embed, s.marks)).collect();
                assert_eq!(segments, view.segments(place), "the marks in {path}");
            }
        }
    }
}
