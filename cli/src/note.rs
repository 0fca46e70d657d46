//! The shape of a note, as the demo page has it too: each note is a document with a text `body`, a map `meta` with a
//! `title`, a set `tags`, a list `todos` of maps `{text, done}` and a counter `likes`. The document `notebook` lists
//! them: its map `notes` has a key for each, with the time it was made.

use std::collections::BTreeMap;

use driftwood_crdt::{Doc, Edit, EditError, Item, Kind, Value};
use driftwood_sync::DocumentName;

/// The text of a note.
pub(crate) const BODY: &str = "body";
const META: &str = "meta";
const TITLE: &str = "title";
const TAGS: &str = "tags";
const TODOS: &str = "todos";
const LIKES: &str = "likes";
const NOTES: &str = "notes";

/// The name of the document that lists the notes.
pub(crate) fn notebook() -> DocumentName {
    DocumentName::new("notebook").expect("it is short and not empty")
}

/// Something to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Todo {
    /// What.
    pub(crate) text: String,
    /// Whether it is done.
    pub(crate) done: bool,
    /// Where in the list it is; elements of another shape may lie between two to-dos.
    index: usize,
}

pub(crate) fn title(doc: &Doc) -> String {
    match doc.map(META).get(TITLE) {
        Some(Item::Value(Value::String(title))) => title,
        _ => String::new(),
    }
}

/// Titles written at the same time as the one that is shown, which differ from it.
pub(crate) fn other_titles(doc: &Doc) -> Vec<String> {
    let shown = title(doc);
    let titles = doc.map(META).conflicts(TITLE).into_iter();
    let mut others: Vec<String> = titles
        .filter_map(|sibling| match sibling.value {
            Value::String(title) if title != shown => Some(title),
            _ => None,
        })
        .collect();
    others.sort();
    others.dedup();
    others
}

pub(crate) fn tags(doc: &Doc) -> Vec<String> {
    let values = doc.set(TAGS).values().into_iter();
    values
        .filter_map(|value| match value {
            Value::String(tag) => Some(tag),
            _ => None,
        })
        .collect()
}

/// The to-dos in order; elements of another shape, written by some other program, are passed over.
pub(crate) fn todos(doc: &Doc) -> Vec<Todo> {
    let list = doc.list(TODOS);
    (0..list.len())
        .filter(|&index| list.get(index) == Some(Item::Container(Kind::Map)))
        .map(|index| {
            let map = list.map(index);
            let text = match map.get("text") {
                Some(Item::Value(Value::String(text))) => text,
                _ => String::new(),
            };
            let done = map.get("done") == Some(Item::Value(Value::Bool(true)));
            Todo { text, done, index }
        })
        .collect()
}

pub(crate) fn likes(doc: &Doc) -> i128 {
    doc.counter(LIKES).value()
}

/// The notes that a notebook lists, with the time each was made, in milliseconds since 1970.
pub(crate) fn listed(notebook: &Doc) -> BTreeMap<DocumentName, u64> {
    let notes = notebook.map(NOTES).entries().into_iter();
    notes
        .filter_map(|(name, item)| {
            let created = match item {
                Item::Value(Value::Map(note)) => match note.get("created") {
                    Some(Value::Int(ms)) => u64::try_from(*ms).unwrap_or(0),
                    Some(Value::Float(ms)) if *ms > 0.0 => to_ms(*ms),
                    _ => 0,
                },
                _ => 0,
            };
            Some((DocumentName::new(&name).ok()?, created))
        })
        .collect()
}

/// JavaScript has only one kind of number.
#[allow(clippy::cast_sign_loss)]
fn to_ms(ms: f64) -> u64 {
    ms as u64
}

pub(crate) fn list(edit: &mut Edit<'_>, name: &DocumentName, now_ms: u64) -> Result<(), EditError> {
    let created = i64::try_from(now_ms).unwrap_or(i64::MAX);
    let note = BTreeMap::from([("created".to_owned(), Value::Int(created))]);
    edit.map(NOTES).set(name.as_str(), note)
}

pub(crate) fn set_title(edit: &mut Edit<'_>, title: &str) -> Result<(), EditError> {
    edit.map(META).set(TITLE, title)
}

pub(crate) fn set_meta(edit: &mut Edit<'_>, key: &str, value: Value) -> Result<(), EditError> {
    edit.map(META).set(key, value)
}

pub(crate) fn add_tag(edit: &mut Edit<'_>, tag: &str) -> Result<(), EditError> {
    edit.set(TAGS).add(tag)
}

/// Takes a tag away; whether it was there.
pub(crate) fn remove_tag(edit: &mut Edit<'_>, tag: &str) -> Result<bool, EditError> {
    edit.set(TAGS).delete(&Value::from(tag))
}

pub(crate) fn add_todo(edit: &mut Edit<'_>, text: &str) -> Result<(), EditError> {
    let mut todos = edit.list(TODOS);
    let end = todos.len();
    let mut todo = todos.insert_map(end)?;
    todo.set("text", text)?;
    todo.set("done", false)
}

pub(crate) fn set_done(edit: &mut Edit<'_>, todo: &Todo, done: bool) -> Result<(), EditError> {
    edit.list(TODOS).map(todo.index)?.set("done", done)
}

pub(crate) fn remove_todo(edit: &mut Edit<'_>, todo: &Todo) -> Result<(), EditError> {
    edit.list(TODOS).delete(todo.index..todo.index + 1)
}

pub(crate) fn add_likes(edit: &mut Edit<'_>, by: i64) -> Result<(), EditError> {
    edit.counter(LIKES).add(by)
}
