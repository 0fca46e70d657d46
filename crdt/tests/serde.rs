//! Rust types in documents: what is written comes back, and only what differs is written.

use std::collections::{BTreeMap, BTreeSet};

use driftwood_crdt::serde::{
    from_value, to_value, AssignError, CounterField, PlainField, SetField, TextField,
};
use driftwood_crdt::{
    limits, Delta, Doc, Dot, EditError, Item, Kind, Path, ReplicaId, Stamp, Value, VersionVector,
};
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
struct Trip {
    title: String,
    notes: TextField,
    year: Option<i32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    days: Vec<Day>,
    tags: SetField<String>,
    likes: CounterField,
    prices: BTreeMap<u16, f64>,
    by: Transport,
    home: Option<Box<Day>>,
    grid: Vec<Vec<Option<bool>>>,
}

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
struct Day {
    place: String,
    at: (i64, i64),
    nights: u8,
}

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
enum Transport {
    #[default]
    Foot,
    Train(u32),
    Ship(String, bool),
    Car {
        seats: u8,
        owner: Option<String>,
    },
}

fn doc(id: u64) -> Doc {
    Doc::new(ReplicaId::new(id))
}

fn assign<T: Serialize + ?Sized>(doc: &mut Doc, name: &str, value: &T) -> Delta {
    let mut edit = doc.edit(1);
    edit.map(name).assign(value).unwrap();
    let delta = edit.commit();
    doc.assert_invariants();
    delta
}

fn changes(delta: &Delta) -> u64 {
    let each = delta
        .to()
        .iter()
        .map(|(replica, seq)| seq - delta.from().get(replica));
    each.sum()
}

fn exchange(a: &mut Doc, b: &mut Doc) {
    b.merge(&a.delta_since(b.version())).unwrap();
    a.merge(&b.delta_since(a.version())).unwrap();
    assert_eq!(a.canonical(), b.canonical());
}

fn trip() -> Trip {
    Trip {
        title: "Italy".into(),
        notes: "Pack the tent".into(),
        year: Some(2026),
        days: ["Rome", "Pisa", "Siena"].map(day).to_vec(),
        tags: SetField(vec!["hot".into(), "slow".into()]),
        likes: CounterField(3),
        ..Trip::default()
    }
}

fn day(place: &str) -> Day {
    Day {
        place: place.into(),
        ..Day::default()
    }
}

fn days() -> impl Strategy<Value = Day> {
    let at = (-9..9i64, any::<i64>());
    ("[a-c]{0,2}", at, any::<u8>()).prop_map(|(place, at, nights)| Day { place, at, nights })
}

fn transports() -> impl Strategy<Value = Transport> {
    prop_oneof![
        Just(Transport::Foot),
        any::<u32>().prop_map(Transport::Train),
        ("[a-c]?", any::<bool>()).prop_map(|(name, fast)| Transport::Ship(name, fast)),
        (any::<u8>(), any::<Option<bool>>()).prop_map(|(seats, owner)| Transport::Car {
            seats,
            owner: owner.map(|owner| owner.to_string()),
        }),
    ]
}

fn trips() -> impl Strategy<Value = Trip> {
    let strings = (
        "[a-b]{0,3}",
        "[a-bä𝄞]{0,6}",
        prop::collection::btree_set("[a-d]", 0..4),
    );
    let numbers = (any::<Option<i32>>(), -1_000_000..1_000_000i64);
    let lists = (
        prop::collection::vec(days(), 0..5),
        prop::collection::vec(prop::collection::vec(any::<Option<bool>>(), 0..3), 0..3),
        prop::collection::btree_map(any::<u16>(), any::<f64>(), 0..3),
    );
    let rest = (transports(), prop::option::of(days().prop_map(Box::new)));
    (strings, numbers, lists, rest).prop_map(|(strings, numbers, lists, rest)| Trip {
        title: strings.0,
        notes: TextField(strings.1),
        tags: SetField(strings.2.into_iter().collect()),
        year: numbers.0,
        likes: CounterField(numbers.1),
        days: lists.0,
        grid: lists.1,
        prices: lists.2,
        by: rest.0,
        home: rest.1,
    })
}

proptest! {
    #[test]
    fn what_is_assigned_is_read(all in prop::collection::vec(trips(), 1..6)) {
        let mut here = doc(1);
        let mut there = doc(2);
        for trip in &all {
            there.merge(&assign(&mut here, "trip", trip)).unwrap();
            prop_assert_eq!(&here.map("trip").read::<Trip>().unwrap(), trip);
            prop_assert_eq!(&there.map("trip").read::<Trip>().unwrap(), trip);
            prop_assert!(assign(&mut there, "trip", trip).is_empty(), "nothing differs");
            let value = there.map("trip").to_value();
            prop_assert_eq!(&from_value::<Trip>(&value).unwrap(), trip);
        }
    }

    #[test]
    fn concurrent_assignments_converge_and_can_be_read(
        (base, ann, ben) in (trips(), trips(), trips())
    ) {
        let (mut a, mut b) = (doc(1), doc(2));
        assign(&mut a, "trip", &base);
        exchange(&mut a, &mut b);
        assign(&mut a, "trip", &ann);
        assign(&mut b, "trip", &ben);
        exchange(&mut a, &mut b);
        // Of required fields none can get lost; a day that one deletes while the other changes it may.
        let kept: BTreeMap<String, Value> = a.map("trip").read().unwrap();
        prop_assert_eq!(kept["title"] == to_value(&ann.title).unwrap()
            || kept["title"] == to_value(&ben.title).unwrap(), true);
        from_value::<Transport>(&kept["by"]).unwrap();
        let both = ann.likes.0 + ben.likes.0 - base.likes.0;
        prop_assert_eq!(&kept["likes"], &Value::Int(both));
        // And whatever came of it, the next assignment puts it right.
        assign(&mut a, "trip", &base);
        prop_assert_eq!(a.map("trip").read::<Trip>().unwrap(), base);
    }
}

#[test]
fn an_equal_value_takes_no_dot() {
    let mut doc = doc(1);
    assert!(!assign(&mut doc, "trip", &trip()).is_empty());
    let version = doc.version().clone();
    assert!(assign(&mut doc, "trip", &trip()).is_empty());
    assert_eq!(*doc.version(), version);
}

#[test]
fn one_field_takes_one_dot() {
    let mut doc = doc(1);
    let mut trip = trip();
    assign(&mut doc, "trip", &trip);
    trip.days[1].nights = 2;
    assert_eq!(changes(&assign(&mut doc, "trip", &trip)), 1);
    trip.likes.0 += 5;
    assert_eq!(changes(&assign(&mut doc, "trip", &trip)), 1);
    trip.year = None;
    assert_eq!(changes(&assign(&mut doc, "trip", &trip)), 1);
    assert!(!doc.map("trip").has("year"));
    trip.tags.push("far".into());
    assert_eq!(changes(&assign(&mut doc, "trip", &trip)), 1);
    trip.days.clear();
    assign(&mut doc, "trip", &trip);
    assert!(!doc.map("trip").has("days"), "a skipped field is gone");
}

#[test]
fn each_shape_gets_its_container() {
    let mut doc = doc(1);
    assign(&mut doc, "trip", &trip());
    let map = doc.map("trip");
    let kind = |key| match map.get(key) {
        Some(Item::Container(kind)) => Some(kind),
        _ => None,
    };
    assert_eq!(kind("title"), None);
    assert_eq!(kind("notes"), Some(Kind::Text));
    assert_eq!(kind("days"), Some(Kind::List));
    assert_eq!(kind("tags"), Some(Kind::Set));
    assert_eq!(kind("likes"), Some(Kind::Counter));
    assert_eq!(kind("prices"), Some(Kind::Map));
    assert_eq!(kind("home"), None);
    assert_eq!(map.get("by"), Some(Item::Value("Foot".into())));
    let rome = map.list_at("days").map(0);
    assert_eq!(
        rome.get("at"),
        Some(Item::Value(vec![Value::Int(0); 2].into()))
    );
}

#[test]
fn concurrent_assignments_of_different_fields_merge() {
    let (mut a, mut b) = (doc(1), doc(2));
    assign(&mut a, "trip", &trip());
    exchange(&mut a, &mut b);

    let mut ann = trip();
    ann.title = "Tuscany".into();
    ann.notes = "Pack the big tent".into();
    ann.days[2].nights = 5;
    ann.tags = SetField(vec!["hot".into(), "far".into()]);
    ann.likes.0 += 1;
    assign(&mut a, "trip", &ann);

    let mut ben = trip();
    ben.year = None;
    ben.notes = "Pack the tent, and rope".into();
    ben.days[2].place = "Lucca".into();
    ben.days.insert(0, day("Milan"));
    ben.tags.push("cheap".into());
    ben.likes.0 += 10;
    assign(&mut b, "trip", &ben);

    exchange(&mut a, &mut b);
    let both: Trip = a.map("trip").read().unwrap();
    assert_eq!((both.title.as_str(), both.year), ("Tuscany", None));
    assert_eq!(both.notes.0, "Pack the big tent, and rope");
    let tags: BTreeSet<_> = both.tags.iter().map(String::as_str).collect();
    assert_eq!(tags, BTreeSet::from(["cheap", "far", "hot"]));
    assert_eq!(both.likes.0, 14);
    assert!(both.days.iter().any(|day| day.nights == 5));
    assert!(both.days.iter().any(|day| day.place == "Milan"));
}

#[test]
fn elements_beside_a_change_keep_their_names() {
    let mut doc = doc(1);
    let mut list: Vec<Day> = ["a", "b", "c", "d"].map(day).to_vec();
    let mut write = |list: &[Day]| {
        let mut edit = doc.edit(1);
        edit.list("days").assign(list).unwrap();
        let dots = changes(&edit.commit());
        assert_eq!(doc.list("days").read::<Vec<Day>>().unwrap(), list);
        (dots, doc.list("days").ids())
    };
    let (_, ids) = write(&list);
    list[1].place = "B".into();
    assert_eq!(write(&list), (1, ids.clone()), "changed in place");
    list.remove(2);
    assert_eq!(write(&list).1, [ids[0], ids[1], ids[3]]);
    list.insert(1, day("new"));
    let (_, now) = write(&list);
    assert_eq!([now[0], now[2], now[3]], [ids[0], ids[1], ids[3]]);
    // Several changes at once: one goes, one stays, one is changed, one is new.
    let list = [list[1].clone(), list[2].clone(), day("D"), day("e")];
    assert_eq!(write(&list).1[..3], now[1..]);
}

#[test]
fn a_text_is_edited_where_it_differs() {
    let mut doc = doc(1);
    let mut edit = doc.edit(1);
    edit.map("m")
        .text("body")
        .insert(0, "Grüße aus 𝄞 Rom")
        .unwrap();
    edit.commit();
    // A plain string suffices where a text is already.
    let delta = assign(
        &mut doc,
        "m",
        &BTreeMap::from([("body", "Grüße aus 𝄞 Pisa, Rom")]),
    );
    assert_eq!(
        changes(&delta),
        6,
        "`Pisa, ` is inserted and nothing deleted"
    );
    assert_eq!(
        doc.map("m").text_at("body").to_string(),
        "Grüße aus 𝄞 Pisa, Rom"
    );
    let delta = assign(&mut doc, "m", &BTreeMap::from([("body", "Grüße aus Rom")]));
    assert_eq!(changes(&delta), 1);
    let read: BTreeMap<String, String> = doc.map("m").read().unwrap();
    assert_eq!(read["body"], "Grüße aus Rom");
}

#[test]
fn numbers_and_sequences_go_into_counters_and_sets() {
    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Plain {
        n: i64,
        s: Vec<String>,
    }
    let mut doc = doc(1);
    let mut edit = doc.edit(1);
    edit.map("m").counter("n").add(4).unwrap();
    edit.map("m").set_at("s").add("old").unwrap();
    edit.commit();
    let plain = Plain {
        n: -2,
        s: vec!["new".into()],
    };
    assign(&mut doc, "m", &plain);
    assert_eq!(doc.map("m").counter_at("n").value(), -2);
    assert_eq!(doc.map("m").set_at("s").values(), ["new".into()]);
    assert_eq!(doc.map("m").read::<Plain>().unwrap(), plain);
}

#[test]
fn a_key_that_is_gone_is_deleted_and_a_flattened_map_keeps_others() {
    #[derive(Serialize, Deserialize)]
    struct Old {
        a: i32,
    }
    #[derive(Serialize, Deserialize)]
    struct Open {
        a: i32,
        #[serde(flatten)]
        rest: BTreeMap<String, Value>,
    }
    let mut doc = doc(1);
    assign(&mut doc, "m", &BTreeMap::from([("a", 1), ("b", 2)]));
    let mut edit = doc.edit(1);
    edit.map("m").text("c").insert(0, "text").unwrap();
    edit.commit();
    let mut open: Open = doc.map("m").read().unwrap();
    open.a = 3;
    assert_eq!(changes(&assign(&mut doc, "m", &open)), 1);
    assert_eq!(doc.map("m").keys(), ["a", "b", "c"]);
    assert_eq!(doc.map("m").get("c"), Some(Item::Container(Kind::Text)));
    let old: Old = doc.map("m").read().unwrap();
    assign(&mut doc, "m", &old);
    assert_eq!(doc.map("m").keys(), ["a"]);
}

#[test]
fn a_key_may_change_what_it_is() {
    let mut doc = doc(1);
    let mut other = self::doc(2);
    let steps: [Value; 6] = [
        Value::from("text"),
        Value::Map([("k".to_owned(), 1.into())].into_iter().collect()),
        Value::List(vec![1.into()]),
        Value::Int(1),
        Value::Map(driftwood_crdt::ValueMap::new()),
        Value::Bytes(vec![1, 2]),
    ];
    for value in steps.iter().chain(steps.iter().rev()) {
        let delta = assign(&mut doc, "m", &BTreeMap::from([("key", value)]));
        other.merge(&delta).unwrap();
        let read: BTreeMap<String, Value> = other.map("m").read().unwrap();
        assert_eq!(read["key"], *value);
    }
    // A container that a concurrent plain value hides is brought back to sight.
    exchange(&mut doc, &mut other);
    doc.edit(5).map("m").map("key").set("in", 1).unwrap();
    other.edit(9).map("m").set("key", "plain").unwrap();
    exchange(&mut doc, &mut other);
    let value = BTreeMap::from([("key", BTreeMap::from([("in", 1)]))]);
    assign(&mut doc, "m", &value);
    assert_eq!(
        doc.map("m").read::<BTreeMap<_, BTreeMap<_, _>>>().unwrap(),
        value
    );
}

#[test]
fn nothing_is_none() {
    let mut doc = doc(1);
    assert_eq!(doc.map("no").read::<Option<Trip>>().unwrap(), None);
    assert_eq!(
        doc.map("no").read::<BTreeMap<String, i32>>().unwrap(),
        BTreeMap::new()
    );
    assert!(doc.list("no").read::<Vec<i32>>().unwrap().is_empty());
    let path = Path::root("no", Kind::Text);
    assert_eq!(doc.at(&path).read::<Option<String>>().unwrap(), None);
    assign(&mut doc, "trip", &Some(trip()));
    assert!(doc.map("trip").read::<Option<Trip>>().unwrap().is_some());
    assign(&mut doc, "trip", &None::<Trip>);
    assert_eq!(doc.map("trip").read::<Option<Trip>>().unwrap(), None);
    assert!(doc.map("trip").is_empty());
}

fn path_of<T: DeserializeOwned + std::fmt::Debug>(doc: &Doc) -> (String, String) {
    let error = doc.map("trip").read::<T>().unwrap_err();
    (error.path().to_owned(), error.to_string())
}

#[test]
fn errors_of_reading_say_where() {
    let mut doc = doc(1);
    assign(&mut doc, "trip", &trip());
    doc.edit(2)
        .map("trip")
        .list("days")
        .map(1)
        .unwrap()
        .set("nights", 300)
        .unwrap();
    let (path, text) = path_of::<Trip>(&doc);
    assert_eq!(path, "days/[1]/nights");
    assert!(
        text.starts_with("days/[1]/nights: invalid value: integer `300`"),
        "{text}"
    );

    doc.edit(3)
        .map("trip")
        .list("days")
        .map(1)
        .unwrap()
        .delete("nights")
        .unwrap();
    assert_eq!(path_of::<Trip>(&doc).1, "days/[1]: missing field `nights`");

    doc.edit(3)
        .map("trip")
        .list("days")
        .map(1)
        .unwrap()
        .set("nights", 3)
        .unwrap();
    let triple = vec![Value::Int(1); 3];
    doc.edit(3)
        .map("trip")
        .list("days")
        .map(1)
        .unwrap()
        .set("at", triple)
        .unwrap();
    let (path, text) = path_of::<Trip>(&doc);
    assert_eq!(path, "days/[1]/at");
    assert!(text.contains("invalid length 3"), "{text}");

    doc.edit(4).map("trip").list("days").delete(1..2).unwrap();
    doc.edit(4).map("trip").set("by", "Rocket").unwrap();
    let (path, text) = path_of::<Trip>(&doc);
    assert_eq!(path, "by");
    assert!(text.contains("unknown variant `Rocket`"), "{text}");
    doc.edit(5).map("trip").set("by", 7).unwrap();
    assert_eq!(
        path_of::<Trip>(&doc).1,
        "by: an enum is a string, or a map of one key"
    );
    assert_eq!(path_of::<BTreeMap<u8, Value>>(&doc).0, "by");
    let error = doc
        .at(&Path::root("no", Kind::Map))
        .read::<Trip>()
        .unwrap_err();
    assert_eq!(error.to_string(), "missing field `title`");
}

#[test]
fn a_value_that_does_not_fit_changes_nothing() {
    let mut doc = doc(1);
    assign(&mut doc, "m", &BTreeMap::from([("a", 1)]));
    let before = doc.canonical();
    let mut refused = |value: &dyn Fn(&mut Doc) -> Result<(), AssignError>| {
        let error = value(&mut doc).unwrap_err();
        assert_eq!(doc.canonical(), before, "{error}");
        error
    };
    let error = refused(&|doc| doc.edit(1).map("m").assign("string"));
    assert_eq!(error.to_string(), "a Map cannot hold this value");
    let error = refused(&|doc| {
        doc.edit(1)
            .map("m")
            .assign(&BTreeMap::from([("a", [u64::MAX])]))
    });
    assert_eq!(
        (error.path(), error.to_string().as_str()),
        ("a/[0]", "a/[0]: 18446744073709551615 is beyond i64")
    );
    let error = refused(&|doc| doc.edit(1).map("m").assign(&BTreeMap::from([((1, 2), 1)])));
    assert_eq!(error.to_string(), "a key must be a string");
    let long = "k".repeat(limits::KEY_BYTES_MAX + 1);
    let error = refused(&|doc| {
        let inner = BTreeMap::from([("ok", 1), (&*long, 2)]);
        doc.edit(1)
            .map("m")
            .assign(&BTreeMap::from([("a", BTreeMap::new()), ("b", inner)]))
    });
    let is_limit = |error: &AssignError| {
        matches!(
            error,
            AssignError::Refused {
                error: EditError::Limit { .. },
                ..
            }
        )
    };
    assert!(is_limit(&error) && error.path() == "b", "{error}");
    let large = vec![0u8; limits::VALUE_BYTES_MAX + 1];
    let error = refused(&|doc| {
        let value = Value::Bytes(large.clone());
        doc.edit(1)
            .map("m")
            .assign(&BTreeMap::from([("a", 2.into()), ("b", value)]))
    });
    assert!(is_limit(&error) && error.path() == "b", "{error}");
}

#[derive(Default, PartialEq, Debug, Serialize, Deserialize)]
struct Chain {
    next: Option<Box<Chain>>,
}

impl Chain {
    fn new(len: usize) -> Self {
        (1..len).fold(Self::default(), |chain, _| Self {
            next: Some(Box::new(chain)),
        })
    }
}

#[test]
fn depth_is_bounded() {
    let mut doc = doc(1);
    let deepest = Chain::new(limits::DEPTH_MAX);
    assign(&mut doc, "m", &deepest);
    assert_eq!(doc.map("m").read::<Chain>().unwrap(), deepest);
    for len in [limits::DEPTH_MAX + 1, 5_000] {
        let error = doc.edit(1).map("m").assign(&Chain::new(len)).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("depth of containers: the limit is 64"),
            "{error}"
        );
    }
    assert_eq!(doc.map("m").read::<Chain>().unwrap(), deepest);
    let nested = format!("{}{}", "[".repeat(65), "]".repeat(65));
    assert!(serde_json::from_str::<Value>(&nested[1..129]).is_ok());
    assert!(serde_json::from_str::<Value>(&nested).is_err());
}

#[test]
fn a_deleted_container_refuses() {
    let mut doc = doc(1);
    let mut edit = doc.edit(1);
    let element = edit.list("l").insert_child(0, Kind::Map).unwrap();
    edit.list("l").delete(0..1).unwrap();
    let path = Path::root("l", Kind::List).element(element, Kind::Map);
    let refused = edit.at(&path).assign(&Chain::default());
    assert_eq!(refused, Err(EditError::Deleted.into()));
}

#[test]
fn a_plain_field_is_replaced_as_a_whole() {
    let mut doc = doc(1);
    let place = BTreeMap::from([("at", PlainField(day("Rome")))]);
    assign(&mut doc, "m", &place);
    assert!(matches!(
        doc.map("m").get("at"),
        Some(Item::Value(Value::Map(_)))
    ));
    assert_eq!(
        doc.map("m")
            .read::<BTreeMap<&str, PlainField<Day>>>()
            .unwrap(),
        place
    );
    assert!(assign(&mut doc, "m", &place).is_empty());
}

#[test]
fn every_way_to_write_an_enum_is_read() {
    #[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
    #[serde(tag = "kind")]
    enum Internal {
        Unit,
        Struct { x: i32 },
    }
    #[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
    #[serde(tag = "kind", content = "is")]
    enum Adjacent {
        Unit,
        New(Vec<i32>),
    }
    #[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        Number(i32),
        Text(String),
    }
    #[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
    struct All {
        internal: Internal,
        adjacent: Adjacent,
        untagged: Untagged,
        #[serde(flatten)]
        rest: BTreeMap<String, i32>,
    }
    let mut doc = doc(1);
    let first = All {
        internal: Internal::Struct { x: 1 },
        adjacent: Adjacent::New(vec![1, 2]),
        untagged: Untagged::Number(1),
        rest: BTreeMap::from([("more".into(), 1)]),
    };
    let second = All {
        internal: Internal::Unit,
        adjacent: Adjacent::Unit,
        untagged: Untagged::Text("one".into()),
        rest: BTreeMap::new(),
    };
    for all in [&first, &second, &first] {
        assign(&mut doc, "m", all);
        assert_eq!(doc.map("m").read::<All>().unwrap(), *all);
    }
}

#[test]
fn values_and_names_in_json() {
    let json = r#"{"a":[null,true,-1,1.5,"s"],"b":{}}"#;
    let value: Value = serde_json::from_str(json).unwrap();
    assert_eq!(serde_json::to_string(&value).unwrap(), json);
    assert_eq!(from_value::<Value>(&value).unwrap(), value);
    assert_eq!(to_value(&value).unwrap(), value);
    assert!(serde_json::from_str::<Value>("18446744073709551615").is_err());
    let bytes = Value::Bytes(vec![1, 2]);
    assert_eq!(to_value(&bytes).unwrap(), bytes);
    assert_eq!(from_value::<Vec<u8>>(&bytes).unwrap(), [1, 2]);
    assert_eq!(from_value::<&[u8]>(&Value::Null).ok(), None);

    let (a, b) = (ReplicaId::new(0xbeef), ReplicaId::new(u64::MAX));
    let version: VersionVector = [(a, 3), (b, limits::SEQ_MAX)].into_iter().collect();
    let json = serde_json::to_string(&version).unwrap();
    assert_eq!(
        json,
        r#"{"000000000000beef":3,"ffffffffffffffff":9007199254740991}"#
    );
    assert_eq!(
        serde_json::from_str::<VersionVector>(&json).unwrap(),
        version
    );
    assert_eq!(
        from_value::<VersionVector>(&to_value(&version).unwrap()).unwrap(),
        version
    );
    for wrong in [
        r#"{"beef":3}"#,
        r#"{"000000000000beef":0}"#,
        r#"{"00000000000000BE":1}"#,
    ] {
        assert!(
            serde_json::from_str::<VersionVector>(wrong).is_err(),
            "{wrong}"
        );
    }
    let names = (Dot::new(a, 7), Stamp::new(5, 1));
    let json = serde_json::to_string(&names).unwrap();
    assert_eq!(json, r#"[["000000000000beef",7],[5,1]]"#);
    assert_eq!(serde_json::from_str::<(Dot, Stamp)>(&json).unwrap(), names);
    assert!(serde_json::from_str::<Stamp>("[281474976710656,0]").is_err());
}
