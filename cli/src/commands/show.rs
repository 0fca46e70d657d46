//! `driftwood show`: prints a note.

use std::io::Write as _;

use anyhow::Result;
use driftwood_crdt::{Doc, Item, Kind, MapRef, TextRef, Value};
use driftwood_relay::json;
use driftwood_sync::DocumentName;

use super::{load_existing, Outcome};
use crate::note::{self, notebook, BODY};
use crate::workspace::Workspace;

pub(super) fn run(
    workspace: &Workspace,
    name: &DocumentName,
    body: bool,
    as_json: bool,
) -> Result<Outcome> {
    let doc = load_existing(&workspace.store()?, name, None)?;
    let mut out = std::io::stdout().lock();
    if body {
        write!(out, "{}", doc.text(BODY))?;
    } else if as_json || *name == notebook() {
        let value = json::from_value(&doc.to_value());
        writeln!(out, "{}", serde_json::to_string_pretty(&value)?)?;
    } else {
        write!(out, "{}", page(name, &doc))?;
    }
    out.flush()?;
    Ok(Outcome::Done)
}

/// A note for people to read.
fn page(name: &DocumentName, doc: &Doc) -> String {
    let title = note::title(doc);
    let mut lines = vec![if title.is_empty() {
        name.to_string()
    } else {
        title
    }];
    let others = note::other_titles(doc);
    if !others.is_empty() {
        lines.push(format!(
            "  (at the same time also called {})",
            others.join(", ")
        ));
    }
    let tags: Vec<String> = note::tags(doc)
        .iter()
        .map(|tag| format!("#{tag}"))
        .collect();
    let mut facts = vec![format!("[{name}]")];
    facts.extend((!tags.is_empty()).then(|| tags.join(" ")));
    facts.extend(match note::likes(doc) {
        0 => None,
        number => Some(format!("♥ {number}")),
    });
    lines.push(facts.join("  "));
    let todos = note::todos(doc);
    if !todos.is_empty() {
        lines.push(String::new());
    }
    for (number, todo) in (1..).zip(&todos) {
        let mark = if todo.done { 'x' } else { ' ' };
        lines.push(format!("{number:>3}. [{mark}] {}", todo.text));
    }
    for (name, item) in doc.top().entries() {
        if item == Item::Container(Kind::Tree) {
            lines.extend([String::new(), format!("{name}:")]);
            lines.extend(outline(doc, &name));
        }
    }
    let body = readable(doc.text(BODY));
    if !body.is_empty() {
        lines.push(String::new());
        lines.push(body.strip_suffix('\n').unwrap_or(&body).to_owned());
    }
    lines.join("\n") + "\n"
}

/// A tree, a line for each node, indented by how deep it is.
fn outline(doc: &Doc, name: &str) -> Vec<String> {
    let tree = doc.tree(name);
    let mut lines = Vec::new();
    let mut open: Vec<_> = tree.children(None).iter().rev().map(|&n| (n, 1)).collect();
    while let Some((node, depth)) = open.pop() {
        lines.push("  ".repeat(depth) + "- " + &label(tree.data(node)));
        let children = tree.children(Some(node)).iter().rev();
        open.extend(children.map(|&child| (child, depth + 1)));
    }
    lines
}

/// What a node of a tree is called: a name if it has one, or else all of its data.
fn label(data: MapRef<'_>) -> String {
    let named = ["title", "name", "text"].into_iter().find_map(|key| {
        let name = match data.get(key)? {
            Item::Value(Value::String(name)) => name,
            Item::Container(Kind::Text) => readable(data.text_at(key)),
            _ => return None,
        };
        Some(name.replace('\n', " "))
    });
    named.unwrap_or_else(|| json::from_value(&data.to_value()).to_string())
}

/// A text without its marks; an embed is shown by what it holds, such as `[image]`.
fn readable(text: TextRef<'_>) -> String {
    let parts = text.segments().into_iter().map(|part| match part.embed {
        None => part.text,
        Some(Value::Map(embed)) if !embed.is_empty() => {
            let names: Vec<String> = embed.iter().map(|(name, _)| name.clone()).collect();
            format!("[{}]", names.join(", "))
        }
        Some(other) => format!("[{}]", json::from_value(&other)),
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use driftwood_crdt::{ReplicaId, Unit};

    use super::*;

    #[test]
    fn trees_and_embeds_are_shown() {
        let mut doc = Doc::new(ReplicaId::new(1));
        let mut edit = doc.edit(1);
        let mut tree = edit.tree("outline");
        let root = tree.create(None, 0).expect("fits");
        let leaf = tree.create(Some(root), 0).expect("fits");
        tree.data(root).set("title", "Trip").expect("fits");
        tree.data(leaf).set("done", false).expect("fits");
        edit.text(BODY).insert(0, "see \n").expect("fits");
        let image = Value::Map([("image".to_owned(), "x".into())].into_iter().collect());
        edit.text(BODY).embed(Unit::Chars, 4, image).expect("fits");
        edit.commit();
        let name = DocumentName::new("trip").expect("a name");
        assert_eq!(
            page(&name, &doc),
            "trip\n[trip]\n\noutline:\n  - Trip\n    - {\"done\":false}\n\nsee [image]\n"
        );
    }
}
