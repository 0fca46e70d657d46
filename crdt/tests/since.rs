//! What happened while somebody was away, who wrote what, and seeds.

use driftwood_crdt::{
    Difference, Doc, Edit, EditError, Expand, Item, Kind, Minute, Path, ReplicaId, SeedError, Unit,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const ANN: ReplicaId = ReplicaId::new(1);
const BEN: ReplicaId = ReplicaId::new(2);

fn write(doc: &mut Doc, minute: u64, edit: impl FnOnce(&mut Edit<'_>)) {
    let mut open = doc.edit(minute * 60_000);
    edit(&mut open);
    let _ = open.commit();
}

fn sync(from: &Doc, to: &mut Doc) {
    to.merge(&from.delta_since(to.version())).unwrap();
}

#[test]
fn the_news_of_every_kind() {
    let (mut ann, mut ben) = (Doc::new(ANN), Doc::new(BEN));
    write(&mut ann, 1, |e| {
        e.text("body").insert(0, "Pack the tent").unwrap();
        e.map("meta").set("title", "Trip").unwrap();
        e.map("meta").set("draft", true).unwrap();
        e.list("todo").push("rope").unwrap();
        e.list("todo").push("map").unwrap();
        e.list("todo").push("tea").unwrap();
        e.set("tags").add("hot").unwrap();
        e.counter("likes").add(1).unwrap();
    });
    let mut made = None;
    write(&mut ann, 1, |e| {
        made = Some(e.tree("tree").create(None, 0).unwrap());
    });
    sync(&ann, &mut ben);
    let away = ann.version().clone();
    assert!(ann.changes_since(&away).is_empty());

    write(&mut ben, 2, |e| {
        e.text("body").insert(9, "big ").unwrap();
        e.text("body").delete(0..5).unwrap();
        e.map("meta").set("title", "Journey").unwrap();
        e.map("meta").delete("draft").unwrap();
        e.list("todo").delete(1..2).unwrap();
        e.list("todo").move_to(1, 0).unwrap();
        e.list("todo").push("stove").unwrap();
        e.set("tags").delete(&"hot".into()).unwrap();
        e.set("tags").add("cold").unwrap();
        e.counter("likes").add(5).unwrap();
        e.tree("tree").delete(made.unwrap()).unwrap();
    });
    write(&mut ben, 3, |e| {
        e.text("body")
            .mark(Unit::Chars, 0..3, "bold", true, Expand::After)
            .unwrap();
        // Written and deleted while she was away: no news.
        e.map("meta").set("passing", 1).unwrap();
        e.map("meta").delete("passing").unwrap();
        e.text("body").insert(0, "gone").unwrap();
        e.text("body").delete(0..4).unwrap();
    });
    sync(&ben, &mut ann);

    let news = ann.changes_since(&away);
    assert!(news.complete);
    let of = |name: &str, kind| format!("{:?}", news.of(&Path::root(name, kind)));
    assert_eq!(
        of("body", Kind::Text),
        "[TextInserted { start: Extent { chars: 4, utf16: 4 }, text: \"big \", by: r2, minute: Minute(2) }, \
         Marked { start: Extent { chars: 0, utf16: 0 }, end: Extent { chars: 3, utf16: 3 }, name: \"bold\", \
         value: Bool(true), by: r2, stamp: 180000+0 }, \
         Removed { at: Extent { chars: 0, utf16: 0 }, count: 5, by: r2, minute: Minute(2) }]"
    );
    let meta = news.of(&Path::root("meta", Kind::Map));
    assert_eq!(meta.len(), 2, "{meta:?}");
    assert!(
        matches!(&meta[0], Difference::Set { key, item: Item::Value(value), shown: true, by: BEN, .. }
        if key == "title" && *value == "Journey".into())
    );
    assert!(
        matches!(&meta[1], Difference::Deleted { key, by: BEN, minute } if key == "draft" && *minute == Minute::new(2))
    );
    let todo = news.of(&Path::root("todo", Kind::List));
    assert_eq!(todo.len(), 3, "{todo:?}");
    assert!(matches!(
        todo[0],
        Difference::Moved {
            index: 0,
            by: BEN,
            ..
        }
    ));
    assert!(
        matches!(&todo[1], Difference::Inserted { index: 2, item: Item::Value(v), .. } if *v == "stove".into())
    );
    assert!(matches!(
        todo[2],
        Difference::Removed {
            count: 1,
            by: BEN,
            ..
        }
    ));
    let tags = news.of(&Path::root("tags", Kind::Set));
    assert!(
        matches!(&tags[0], Difference::Added { value, by: BEN, .. } if *value == "cold".into())
    );
    assert!(
        matches!(&tags[1], Difference::TakenOut { value, by: BEN, .. } if *value == "hot".into())
    );
    let likes = news.of(&Path::root("likes", Kind::Counter));
    assert!(matches!(likes, [Difference::Counted { by: BEN, .. }]));
    let tree = news.of(&Path::root("tree", Kind::Tree));
    assert!(matches!(tree, [Difference::NodeDeleted { node, by: BEN, .. }] if Some(*node) == made));

    // What is saved has no record of deletions, and says so.
    let loaded = Doc::load(ANN, &ann.save()).unwrap();
    assert!(!loaded.changes_since(&away).complete);
}

#[test]
fn blame_says_who_and_when() {
    let (mut ann, mut ben) = (Doc::new(ANN), Doc::new(BEN));
    write(&mut ann, 1, |e| e.text("t").insert(0, "one three").unwrap());
    write(&mut ann, 7, |e| e.text("t").insert(9, " four").unwrap());
    sync(&ann, &mut ben);
    write(&mut ben, 9, |e| e.text("t").insert(4, "🌊 two ").unwrap());
    let blame = ben.text("t").blame(Unit::Utf16, 2..18).unwrap();
    let shown: Vec<_> = blame
        .iter()
        .map(|b| (b.start.utf16, b.end.utf16, b.replica.get(), b.minute.get()))
        .collect();
    assert_eq!(
        shown,
        [(2, 4, 1, 1), (4, 11, 2, 9), (11, 16, 1, 1), (16, 18, 1, 7)]
    );
    assert!(
        ben.text("t").blame(Unit::Utf16, 0..5).is_err(),
        "inside of a character"
    );
    assert_eq!(ben.text("t").blame(Unit::Utf16, 3..3).unwrap(), []);
    let loaded = Doc::load(ReplicaId::new(3), &ben.save()).unwrap();
    assert_eq!(loaded.text("t").blame(Unit::Utf16, 2..18).unwrap(), blame);
}

fn defaults(edit: &mut Edit<'_>) -> Result<(), EditError> {
    edit.text("body").insert(0, "Hello")?;
    edit.text("body")
        .mark(Unit::Chars, 0..5, "bold", true, Expand::After)?;
    edit.list("todo").insert_map(0)?.set("text", "Milk")?;
    edit.counter("likes").add(3)?;
    edit.set("tags").add("new")?;
    let node = edit.tree("tree").create(None, 0)?;
    edit.tree("tree").data(node).set("name", "top")?;
    edit.map("meta").map("deep").set("k", 1)
}

#[test]
fn seeding_ten_times_is_seeding_once() {
    let mut docs: Vec<Doc> = (1..=10).map(|id| Doc::new(ReplicaId::new(id))).collect();
    for doc in &mut docs {
        assert!(doc.seed("defaults", defaults).unwrap().is_some());
        assert!(doc.seed("defaults", defaults).unwrap().is_none());
    }
    let one = docs[0].to_value();
    for i in 1..10 {
        let (first, rest) = docs.split_at_mut(1);
        sync(&rest[i - 1], &mut first[0]);
    }
    assert_eq!(docs[0].to_value(), one);
    assert_eq!(docs[0].version().len(), 1);

    // What was deleted since stays deleted, and what a user writes wins.
    write(&mut docs[0], 1, |e| {
        e.text("body").delete(0..5).unwrap();
        e.map("meta").map("deep").set("k", 2).unwrap();
    });
    assert!(docs[0].seed("defaults", defaults).unwrap().is_none());
    let (first, rest) = docs.split_at_mut(1);
    sync(&first[0], &mut rest[0]);
    assert_eq!(rest[0].text("body").to_string(), "");
    assert_eq!(
        rest[0].map("meta").map_at("deep").get("k"),
        Some(Item::Value(2.into()))
    );
}

#[test]
fn a_seed_that_changed_is_an_error() {
    let mut doc = Doc::new(ANN);
    doc.seed("defaults", defaults).unwrap();
    let before = doc.canonical();
    let changed = doc.seed("defaults", |e| e.text("body").insert(0, "Hi"));
    assert_eq!(changed, Err(SeedError::Changed));
    let mut count = std::cell::Cell::new(0);
    let unsteady = doc.seed("other", |e| {
        count.set(count.get() + 1);
        e.map("m").set("n", count.get())
    });
    assert_eq!(unsteady, Err(SeedError::NotTheSame));
    let refused = doc.seed("third", |e| e.text("body").insert(9, "x"));
    assert!(matches!(
        refused,
        Err(SeedError::Edit(EditError::OutOfBounds { .. }))
    ));
    assert!(count.get_mut() > &mut 0);
    assert_eq!(doc.canonical(), before);
    assert!(doc
        .seed("defaults 2", |e| e.text("body").insert(0, "Hi"))
        .unwrap()
        .is_some());
    assert_eq!(doc.seed("empty", |_| Ok::<_, EditError>(())), Ok(None));
}
