//! The edits: what a draw means when it is known what is there, and how it is done to a document and
//! to the model. A new kind of container needs its edits in [`Do`], an arm in [`choose`], and the two
//! arms that carry them out.

use std::ops::Range;

use driftwood_crdt::{
    limits, CounterEdit, Dot, EditError, Expand, Kind, ListEdit, MapEdit, NodeEdit, Path,
    ReplicaId, SetEdit, TextEdit, TreeEdit, Unit, Value,
};

use super::steps::Draw;
use crate::model::{self, History, Holds, Key, OpId, Place, Refused, View, TOP};

const NAMES: [&str; 3] = ["a", "b", "ü"];
const WORDS: [&str; 6] = ["x", "né", "🌊!", "drift", "\n", "𝄞"];

/// An edit of one container.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Do {
    Set(String, Value),
    Delete(String),
    /// Makes sure that a container is there.
    Create(String, Kind),
    Insert(usize, Value),
    InsertChild(usize, Kind),
    DeleteRange(Range<usize>),
    Move(usize, usize),
    CreateNode(Option<OpId>, usize),
    MoveNode(OpId, Option<OpId>, usize),
    DeleteNode(OpId),
    Replace(Range<usize>, String),
    ReplaceUtf16(Range<usize>, String),
    Mark(Range<usize>, &'static str, Value, Expand),
    Embed(usize, Value),
    Add(Value),
    Remove(Value),
    Count(i64),
    /// The same as what is inside, but by the calls that erase.
    Erase(Box<Do>),
    /// Erases the container itself.
    EraseContainer,
}

/// Finds the container that a draw means, and chooses what to do there.
pub(crate) fn choose(edit: &mut model::Edit<'_>, draw: &Draw) -> (Place, Do) {
    let place = walk(edit, draw);
    let kind = edit.history().names[place].kind;
    let what = match kind {
        _ if draw.len % 64 == 63 => Do::EraseContainer,
        Kind::Map => of_map(draw),
        Kind::Tree => of_tree(&edit.view(), place, draw),
        Kind::List => of_list(&edit.view(), place, draw),
        Kind::Text => of_text(&edit.view().text(place), draw),
        Kind::Set => of_set(draw),
        Kind::Counter => of_counter(draw),
    };
    let is_delete = match &what {
        Do::Delete(_) | Do::DeleteRange(_) | Do::DeleteNode(_) | Do::Remove(_) => true,
        Do::Replace(_, new) | Do::ReplaceUtf16(_, new) => new.is_empty(),
        _ => false,
    };
    if is_delete && draw.len.is_multiple_of(8) {
        return (place, Do::Erase(Box::new(what)));
    }
    (place, what)
}

fn walk(edit: &mut model::Edit<'_>, draw: &Draw) -> Place {
    let mut at = TOP;
    for &(name, kind) in &draw.way {
        match edit.history().names[at].kind {
            Kind::Map => {
                let mut name = NAMES[name].to_owned();
                if draw.what == 999 {
                    name = name.repeat(limits::KEY_BYTES_MAX + 1);
                }
                at = edit.history().place(at, Key::Name(name), kind);
            }
            Kind::List => {
                let Some((element, kind)) = child_of(edit, at, draw) else {
                    break;
                };
                at = edit.history().place(at, Key::Element(element), kind);
            }
            Kind::Tree => {
                let Some(node) = some_node(&edit.view(), at, draw, draw.at) else {
                    break;
                };
                at = edit.history().place(at, Key::Element(node), Kind::Map);
            }
            _ => break,
        }
    }
    at
}

/// A container in a list; sometimes one that was deleted, for whoever still has it open.
fn child_of(edit: &mut model::Edit<'_>, list: Place, draw: &Draw) -> Option<(usize, Kind)> {
    let living: Vec<(usize, Kind)> = edit
        .view()
        .elements(list)
        .into_iter()
        .filter_map(|element| match element.holds {
            Holds::Child(kind) => Some((element.op, *kind)),
            _ => None,
        })
        .collect();
    let history = edit.history();
    let opened = history.children[list].iter().filter_map(|&child| {
        let name = &history.names[child];
        match name.key {
            Key::Element(op) => Some((op, name.kind)),
            Key::Name(_) => None,
        }
    });
    let choice: Vec<_> = if draw.len.is_multiple_of(10) {
        opened.collect()
    } else {
        living
    };
    (!choice.is_empty()).then(|| choice[draw.at % choice.len()])
}

/// A node of a tree; sometimes one that was deleted.
fn some_node(view: &View<'_>, tree: Place, draw: &Draw, number: usize) -> Option<OpId> {
    let nodes = if draw.len.is_multiple_of(10) {
        view.all_nodes(tree)
    } else {
        view.tree(tree).nodes()
    };
    (!nodes.is_empty()).then(|| nodes[number % nodes.len()])
}

fn word(draw: &Draw) -> &'static str {
    WORDS[draw.content % WORDS.len()]
}

fn value(draw: &Draw) -> Value {
    match draw.content % 9 {
        0 => Value::Null,
        1 => true.into(),
        2 => 1.into(),
        3 => 1.0.into(),
        4 => Value::Bytes(vec![0, 255]),
        5 => Value::List(vec![1.into(), word(draw).into()]),
        6 => {
            let number = Value::from(draw.at as f64);
            Value::Map([("k".to_owned(), number)].into_iter().collect())
        }
        _ => Value::from(format!("{}{}", word(draw), draw.at % 50)),
    }
}

/// A range of a length, now and then one that is impossible.
fn range(draw: &Draw, len: usize, most: usize) -> Range<usize> {
    let start = draw.at % (len + 1);
    let end = (start + draw.len % (most + 1)).min(len);
    match draw.what % 25 {
        0 => start..len + 1 + draw.len % 3,
        1 if start < end => end..start,
        _ => start..end,
    }
}

fn of_map(draw: &Draw) -> Do {
    let key = NAMES[draw.at % NAMES.len()].to_owned();
    match draw.what % 20 {
        0..=9 => Do::Set(key, value(draw)),
        10..=16 => Do::Delete(key),
        17 => {
            let levels = limits::DEPTH_MAX + draw.len % 2;
            let deep = (0..levels).fold(Value::Null, |inner, _| Value::List(vec![inner]));
            Do::Set(key, deep)
        }
        _ => Do::Create(key, Kind::ALL[draw.content % Kind::ALL.len()]),
    }
}

fn of_list(view: &View<'_>, list: Place, draw: &Draw) -> Do {
    let len = view.elements(list).len();
    let index = range(draw, len, 0);
    match draw.what / 25 % 10 {
        0..=3 => Do::Insert(index.end, value(draw)),
        4 | 5 => Do::InsertChild(index.end, Kind::ALL[draw.content % Kind::ALL.len()]),
        6 | 7 => Do::Move(
            index.end,
            draw.content % (len + usize::from(draw.len.is_multiple_of(25))).max(1),
        ),
        _ => Do::DeleteRange(range(draw, len, 3)),
    }
}

fn of_tree(view: &View<'_>, tree: Place, draw: &Draw) -> Do {
    let node = some_node(view, tree, draw, draw.at);
    let under = some_node(view, tree, draw, draw.content);
    let under = under.filter(|_| !draw.what.is_multiple_of(3));
    let shape = view.tree(tree);
    let len = shape.children(under).len() + usize::from(draw.what.is_multiple_of(40));
    let index = draw.at / 7 % (len + 1);
    match (node, draw.what / 25 % 10) {
        (Some(node), 0..=4) => Do::MoveNode(node, under, index),
        (Some(node), 5) => Do::DeleteNode(node),
        _ => Do::CreateNode(under, index),
    }
}

fn of_text(text: &str, draw: &Draw) -> Do {
    let chars = range(draw, text.chars().count(), 4);
    let units = range(draw, text.encode_utf16().count(), 4);
    let new = match draw.what / 25 % 4 {
        0 => "",
        _ => word(draw),
    };
    match draw.what / 100 % 10 {
        0..=2 => Do::ReplaceUtf16(units, new.to_owned()),
        3 => Do::Replace(chars, new.to_owned()),
        6 | 7 => {
            let name = ["bold", "link", "bold", ""][draw.content % 4];
            let value = match draw.content / 4 % 4 {
                0 => Value::Null,
                n => i64::try_from(n).expect("it is small").into(),
            };
            if name.is_empty() {
                return Do::Embed(chars.end, value);
            }
            let all = [Expand::None, Expand::Before, Expand::After, Expand::Both];
            Do::Mark(chars, name, value, all[draw.len / 5 % 4])
        }
        4 | 5 => Do::Replace(chars, String::new()),
        _ => Do::Replace(chars.end..chars.end, word(draw).to_owned()),
    }
}

fn of_set(draw: &Draw) -> Do {
    match draw.what % 8 {
        0..=3 => Do::Add(word(draw).into()),
        4 => Do::Add(value(draw)),
        _ => Do::Remove(word(draw).into()),
    }
}

fn of_counter(draw: &Draw) -> Do {
    match draw.what % 20 {
        0 => Do::Count(limits::COUNTER_MAX.cast_signed() - 2),
        _ => Do::Count([-4, -3, -2, -1, 0, 1, 2, 3, 4][draw.at % 9]),
    }
}

/// Does it to the model.
pub(crate) fn on_model(edit: &mut model::Edit<'_>, place: Place, what: &Do) -> Result<(), Refused> {
    match what.clone() {
        Do::Set(key, value) => edit.set(place, &key, value),
        Do::Delete(key) => edit.delete(place, &key),
        Do::Create(key, kind) => {
            let child = edit.history().place(place, Key::Name(key), kind);
            edit.create(child)
        }
        Do::Insert(index, value) => edit.insert(place, index, Holds::Value(value)),
        Do::InsertChild(index, kind) => edit.insert(place, index, Holds::Child(kind)),
        Do::DeleteRange(range) => edit.delete_range(place, range),
        Do::Replace(range, new) => edit.replace(place, range, &new),
        Do::ReplaceUtf16(range, new) => {
            let text = edit.view().text(place);
            let start = chars_in(&text, range.start).ok_or(Refused)?;
            let end = chars_in(&text, range.end).ok_or(Refused)?;
            edit.replace(place, start..end, &new)
        }
        Do::Add(value) => edit.add(place, value),
        Do::Remove(value) => edit.remove(place, &value),
        Do::Count(by) => edit.count(place, by),
        Do::Move(from, to) => edit.move_element(place, from, to),
        Do::CreateNode(under, index) => edit.create_node(place, under, index),
        Do::MoveNode(node, under, index) => edit.move_node(place, node, under, index),
        Do::DeleteNode(node) => edit.delete_node(place, node),
        Do::Mark(range, name, value, expand) => edit.format(place, range, name, value, expand),
        Do::Embed(at, value) => edit.embed(place, at, value),
        Do::Erase(what) => on_model(edit, place, &what),
        Do::EraseContainer => {
            let name = edit.history().names[place].clone();
            match name.key {
                Key::Name(_) => edit.delete_container(place),
                Key::Element(op) => edit.delete_element(name.parent, op),
            }
        }
    }
}

impl Do {
    /// Whether it may take one more dot than the model knows of, to say what was erased: what had a
    /// name in a copy depends on what the copy has dropped.
    pub(crate) fn erases(&self) -> bool {
        matches!(self, Do::Erase(_) | Do::EraseContainer)
    }
}

/// How many characters so many UTF-16 units are.
fn chars_in(text: &str, units: usize) -> Option<usize> {
    let mut ends = vec![0];
    for c in text.chars() {
        ends.push(ends[ends.len() - 1] + c.len_utf16());
    }
    ends.iter().position(|&end| end == units)
}

/// Does it to a document.
pub(crate) fn on_doc(
    edit: &mut driftwood_crdt::Edit<'_>,
    history: &History,
    path: &Path,
    what: &Do,
) -> Result<(), EditError> {
    if *what == Do::EraseContainer {
        return edit.erase(path).map(drop);
    }
    let node = edit.at(path);
    let dot = |op: OpId| dot_of(history, op);
    match what.clone() {
        Do::Set(key, value) => MapEdit::from(node).set(&key, value),
        Do::Delete(key) => MapEdit::from(node).delete(&key).map(drop),
        Do::Create(key, kind) => MapEdit::from(node).create(&key, kind),
        Do::Insert(index, value) => ListEdit::from(node).insert(index, value),
        Do::InsertChild(index, kind) => ListEdit::from(node).insert_child(index, kind).map(drop),
        Do::DeleteRange(range) => ListEdit::from(node).delete(range),
        Do::Move(from, to) => ListEdit::from(node).move_to(from, to),
        Do::CreateNode(under, index) => {
            let mut tree = TreeEdit::from(node);
            tree.create(under.map(dot), index).map(drop)
        }
        Do::MoveNode(op, under, index) => {
            TreeEdit::from(node).move_to(dot(op), under.map(dot), index)
        }
        Do::DeleteNode(op) => TreeEdit::from(node).delete(dot(op)).map(drop),
        Do::Replace(range, new) => in_text(node, range, &new),
        Do::ReplaceUtf16(range, new) => TextEdit::from(node).replace_utf16(range, &new),
        Do::Mark(range, name, value, expand) => {
            TextEdit::from(node).mark(Unit::Chars, range, name, value, expand)
        }
        Do::Embed(at, value) => TextEdit::from(node).embed(Unit::Chars, at, value),
        Do::Add(value) => SetEdit::from(node).add(value),
        Do::Remove(value) => SetEdit::from(node).delete(&value).map(drop),
        Do::Count(by) => CounterEdit::from(node).add(by),
        Do::Erase(what) => match *what {
            Do::Delete(key) => MapEdit::from(node).erase(&key).map(drop),
            Do::DeleteRange(range) => ListEdit::from(node).erase(range),
            Do::DeleteNode(op) => TreeEdit::from(node).erase(dot(op)).map(drop),
            Do::Replace(range, _) => TextEdit::from(node).erase(range),
            Do::ReplaceUtf16(range, _) => TextEdit::from(node).erase_utf16(range),
            Do::Remove(value) => SetEdit::from(node).erase(&value).map(drop),
            other => unreachable!("{other:?} deletes nothing"),
        },
        Do::EraseContainer => unreachable!("done above"),
    }
}

/// The path of a container, for a document.
pub(crate) fn path_of(history: &History, place: Place) -> Path {
    let mut way = history.upwards(place).into_iter().rev();
    let step = |place: Place| (&history.names[place].key, history.names[place].kind);
    let path = match way.next().map(step) {
        Some((Key::Name(name), kind)) => Path::root(name, kind),
        _ => unreachable!("at the top of a document are names"),
    };
    way.map(step).fold(path, |path, (key, kind)| match key {
        Key::Name(name) => path.key(name, kind),
        Key::Element(op) => path.element(dot_of(history, *op), kind),
    })
}

/// The name of an operation, as the engine has it.
pub(crate) fn dot_of(history: &History, op: OpId) -> Dot {
    let model::Dot { replica, seq } = history.ops[op].dot;
    Dot::new(ReplicaId::new(replica), seq)
}

/// Through the narrowest of the calls that can do it.
fn in_text(node: NodeEdit<'_>, range: Range<usize>, new: &str) -> Result<(), EditError> {
    let mut text = TextEdit::from(node);
    if range.start == range.end {
        text.insert(range.start, new)
    } else if new.is_empty() {
        text.delete(range)
    } else {
        text.replace(range, new)
    }
}
