//! Changes in words, for `watch`.

use driftwood_crdt::{ChangeKind, Doc, Item, Kind, Path, TextPatch, Unit, Value};
use driftwood_relay::json;
use serde_json::json;

use crate::session::News;

/// So much of the text around a change is shown on each side.
const CONTEXT_CHARS: usize = 12;

/// More of an insertion than this is cut.
const INSERTED_CHARS_MAX: usize = 60;

/// Of more changes to one text than these, the last ones are shown.
const PATCHES_MAX: usize = 8;

/// One line for each thing that happened. `doc` is the document afterwards.
pub(crate) fn lines(news: &News, doc: &Doc) -> Vec<String> {
    let who = who(news);
    let mut lines = Vec::new();
    for (path, change) in news.changes.iter() {
        for what in describe(&path, change, doc) {
            lines.push(format!("{who}  {what}"));
        }
    }
    lines
}

/// What happened, for other programs.
pub(crate) fn to_json(news: &News, doc: &Doc) -> serde_json::Value {
    let changes = news.changes.iter().map(|(path, change)| {
        let mut entry = json!({ "path": path.to_string(), "kind": kind_name(path.kind()) });
        let detail = match change {
            ChangeKind::Text(patches) => (
                "patches",
                patches
                    .iter()
                    .map(|patch| json!([patch.at.chars, patch.deleted.chars, patch.inserted]))
                    .collect(),
            ),
            ChangeKind::List(patches) => (
                "patches",
                patches
                    .iter()
                    .map(|patch| json!([patch.at, patch.deleted, patch.inserted]))
                    .collect(),
            ),
            ChangeKind::Map(keys) => {
                let map = doc.at(&path).as_map();
                let now = keys.iter().map(|key| {
                    let value = match map.get(key) {
                        Some(Item::Value(value)) => json::from_value(&value),
                        Some(Item::Container(kind)) => json!({ "container": kind_name(kind) }),
                        None => serde_json::Value::Null,
                    };
                    (key.clone(), value)
                });
                ("keys", now.collect())
            }
            ChangeKind::Tree(nodes) => {
                let tree = doc.at(&path).as_tree();
                let now = nodes.iter().map(|&node| {
                    let id = format!("{}:{}", node.replica, node.seq);
                    (id, json!({ "there": tree.has(node) }))
                });
                ("nodes", now.collect())
            }
            ChangeKind::Set | ChangeKind::Counter => {
                ("value", json::from_value(&doc.at(&path).to_value()))
            }
        };
        entry[detail.0] = detail.1;
        entry
    });
    let changes: Vec<serde_json::Value> = changes.collect();
    let by: Vec<String> = news.by.iter().map(ToString::to_string).collect();
    json!({
        "document": news.document.as_str(),
        "by": by,
        "here": news.here,
        "changes": changes,
    })
}

/// Who made the changes: the beginnings of their replica ids.
fn who(news: &News) -> String {
    let ids: Vec<String> = news
        .by
        .iter()
        .map(|replica| replica.to_string()[..8].to_owned())
        .collect();
    let here = if news.here { " (here)" } else { "" };
    format!("{}{here}", ids.join(","))
}

fn describe(path: &Path, change: &ChangeKind, doc: &Doc) -> Vec<String> {
    match change {
        ChangeKind::Text(patches) if patches.is_empty() => vec![format!("{path}: other marks")],
        ChangeKind::Text(patches) => describe_text(path, patches, doc),
        ChangeKind::List(patches) => {
            let (deleted, inserted) = patches.iter().fold((0, 0), |(deleted, inserted), patch| {
                (deleted + patch.deleted, inserted + patch.inserted)
            });
            match (deleted, inserted) {
                (0, 0) => Vec::new(),
                (0, new) => vec![format!("{path}: {new} more")],
                (gone, 0) => vec![format!("{path}: {gone} removed")],
                (gone, new) => vec![format!("{path}: {new} more, {gone} removed")],
            }
        }
        ChangeKind::Map(keys) => {
            let map = doc.at(path).as_map();
            let name = place(path, doc);
            let line = |key: &String| match map.get(key) {
                Some(Item::Value(value)) => format!("{name}.{key} = {}", plain(&value)),
                Some(Item::Container(kind)) => format!("{name}.{key} is a {}", kind_name(kind)),
                None => format!("{name}.{key} deleted"),
            };
            keys.iter().map(line).collect()
        }
        ChangeKind::Tree(nodes) => {
            let tree = doc.at(path).as_tree();
            let there = nodes.iter().filter(|&&node| tree.has(node)).count();
            match (there, nodes.len() - there) {
                (new, 0) => vec![format!("{path}: {new} new or moved")],
                (0, gone) => vec![format!("{path}: {gone} removed")],
                (new, gone) => vec![format!("{path}: {new} new or moved, {gone} removed")],
            }
        }
        ChangeKind::Set | ChangeKind::Counter => {
            vec![format!("{path} = {}", plain(&doc.at(path).to_value()))]
        }
    }
}

/// Where a container is; an element of a list by its number.
fn place(path: &Path, doc: &Doc) -> String {
    let [list, element] = path.steps() else {
        return path.to_string();
    };
    let (driftwood_crdt::Key::Name(name), driftwood_crdt::Key::Element(dot)) =
        (&list.key, &element.key)
    else {
        return path.to_string();
    };
    match doc.list(name).index_of(*dot) {
        Some(index) => format!("{name}[{}]", index + 1),
        None => format!("{name}[gone]"),
    }
}

fn describe_text(path: &Path, patches: &[TextPatch], doc: &Doc) -> Vec<String> {
    let text = doc.at(path).as_text();
    let mut lines = Vec::new();
    let left_out = patches.len().saturating_sub(PATCHES_MAX);
    if left_out > 0 {
        lines.push(format!("{path}: {left_out} more edits, then"));
    }
    for (index, patch) in patches.iter().enumerate().skip(left_out) {
        let inserted = patch.inserted.chars().count();
        let start = place_now(patch.at.chars, &patches[index + 1..]).min(text.len());
        let end = (start + inserted).min(text.len());
        let slice = |from: usize, to: usize| text.slice(Unit::Chars, from..to).unwrap_or_default();
        let before = slice(start.saturating_sub(CONTEXT_CHARS), start);
        let after = slice(end, (end + CONTEXT_CHARS).min(text.len()));
        let deleted = match patch.deleted.chars {
            0 => String::new(),
            chars => format!("[-{chars}-]"),
        };
        let inserted = match inserted {
            0 => String::new(),
            1..=INSERTED_CHARS_MAX => format!("{{+{}+}}", patch.inserted),
            _ => {
                let head: String = patch.inserted.chars().take(INSERTED_CHARS_MAX).collect();
                format!("{{+{head}…+}}")
            }
        };
        let around = format!("…{before}{deleted}{inserted}{after}…");
        lines.push(format!("{path} {}: {}", patch.at.chars, one_line(&around)));
    }
    lines
}

/// Where an offset is after later patches.
fn place_now(offset: usize, later: &[TextPatch]) -> usize {
    later.iter().fold(offset, |offset, patch| {
        if patch.at.chars >= offset {
            return offset;
        }
        let inserted = patch.inserted.chars().count();
        (offset + inserted)
            .saturating_sub(patch.deleted.chars)
            .max(patch.at.chars)
    })
}

fn one_line(text: &str) -> String {
    text.replace('\n', "⏎")
        .replace(|c: char| c.is_control(), " ")
}

fn plain(value: &Value) -> String {
    one_line(&json::from_value(value).to_string())
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Map => "map",
        Kind::List => "list",
        Kind::Text => "text",
        Kind::Set => "set",
        Kind::Counter => "counter",
        Kind::Tree => "tree",
    }
}

#[cfg(test)]
mod tests {
    use driftwood_crdt::{Delta, ReplicaId};
    use driftwood_sync::DocumentName;

    use super::*;

    /// What a reader of `doc` is told about a delta.
    fn told(doc: &mut Doc, delta: &Delta) -> Vec<String> {
        let news = News {
            document: DocumentName::new("trip").expect("a name"),
            by: vec![ReplicaId::new(0xabcd_ef01_2345_6789)],
            changes: doc.merge(delta).expect("follows"),
            here: false,
        };
        lines(&news, doc)
    }

    #[test]
    fn a_text_is_shown_with_what_is_around_the_change() {
        let (mut writer, mut reader) = (Doc::new(ReplicaId::new(1)), Doc::new(ReplicaId::new(2)));
        let mut edit = writer.edit(1);
        edit.text("body")
            .insert(0, "one two three\n")
            .expect("fits");
        assert_eq!(
            told(&mut reader, &edit.commit()),
            ["abcdef01  body 0: …{+one two three⏎+}…"]
        );
        let mut edit = writer.edit(2);
        edit.text("body").replace(4..7, "2").expect("fits");
        edit.text("body").insert(0, "🧭 ").expect("fits");
        let mut found = told(&mut reader, &edit.commit());
        found.sort();
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(
            found
                .iter()
                .any(|line| line.ends_with("…{+🧭 +}one 2 three⏎…")),
            "{found:?}"
        );
        assert!(found.iter().any(|line| line.contains("[-3-]")), "{found:?}");
    }

    #[test]
    fn marks_and_trees_are_told() {
        let (mut writer, mut reader) = (Doc::new(ReplicaId::new(1)), Doc::new(ReplicaId::new(2)));
        let mut edit = writer.edit(1);
        let root = edit.tree("outline").create(None, 0).expect("fits");
        let leaf = edit.tree("outline").create(Some(root), 0).expect("fits");
        edit.text("body").insert(0, "bold").expect("fits");
        let first = told(&mut reader, &edit.commit()).join("\n");
        assert!(first.contains("outline: 2 new or moved"), "{first}");

        let mut edit = writer.edit(2);
        edit.tree("outline").delete(leaf).expect("is there");
        let (unit, expand) = (Unit::Chars, driftwood_crdt::Expand::After);
        edit.text("body")
            .mark(unit, 0..4, "bold", true, expand)
            .expect("fits");
        let mut second = told(&mut reader, &edit.commit());
        second.sort();
        assert_eq!(
            second,
            [
                "abcdef01  body: other marks",
                "abcdef01  outline: 1 removed"
            ]
        );
    }

    #[test]
    fn keys_to_dos_tags_and_likes_are_named() {
        let (mut writer, mut reader) = (Doc::new(ReplicaId::new(1)), Doc::new(ReplicaId::new(2)));
        let mut edit = writer.edit(1);
        crate::note::set_title(&mut edit, "Trip").expect("fits");
        crate::note::add_tag(&mut edit, "sea").expect("fits");
        crate::note::add_todo(&mut edit, "boots").expect("fits");
        crate::note::add_likes(&mut edit, 2).expect("fits");
        let told = told(&mut reader, &edit.commit()).join("\n");
        for part in [
            "meta.title = \"Trip\"",
            "tags = [\"sea\"]",
            "likes = 2",
            "todos: 1 more",
            "todos[1].text = \"boots\"",
        ] {
            assert!(told.contains(part), "{part} in {told}");
        }
    }
}
