//! The hard figures of the field: what each type must come to when two people do two things at once.

use driftwood_crdt::{Doc, Edit, EditError, Expand, Item, MapRef, ReplicaId, TextRef, Unit, Value};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn doc(id: u64) -> Doc {
    Doc::new(ReplicaId::new(id))
}

fn write(doc: &mut Doc, now: u64, edit: impl FnOnce(&mut Edit<'_>)) {
    let mut open = doc.edit(now);
    edit(&mut open);
    let _ = open.commit();
}

fn exchange(a: &mut Doc, b: &mut Doc) {
    b.merge(&a.delta_since(b.version())).unwrap();
    a.merge(&b.delta_since(a.version())).unwrap();
    assert_eq!(a.canonical(), b.canonical());
    assert_eq!(a.to_value(), b.to_value());
    a.assert_invariants();
}

/// Two copies with the same start, and each way round of who has which replica id.
fn both_ways(start: impl Fn(&mut Edit<'_>), then: impl Fn(&mut Doc, &mut Doc)) {
    for (first, second) in [(1, 2), (2, 1)] {
        let (mut a, mut b) = (doc(first), doc(second));
        write(&mut a, 1, &start);
        exchange(&mut a, &mut b);
        then(&mut a, &mut b);
    }
}

/// `bold[The ]plain`
fn shown(text: TextRef<'_>) -> String {
    let segments = text.segments().into_iter().map(|segment| {
        let names: Vec<String> = segment
            .marks
            .iter()
            .map(|(name, value)| match value {
                Value::Bool(true) => name.clone(),
                Value::String(value) => format!("{name}={value}"),
                other => format!("{name}={other:?}"),
            })
            .collect();
        if names.is_empty() {
            segment.text
        } else {
            format!("{}[{}]", names.join("+"), segment.text)
        }
    });
    segments.collect()
}

fn mark(edit: &mut Edit<'_>, range: std::ops::Range<usize>, name: &str, value: impl Into<Value>) {
    let mut text = edit.text("t");
    text.mark(Unit::Chars, range, name, value, Expand::usual(name))
        .unwrap();
}

// Litt, Lim, Kleppmann, van Hardenberg, "Peritext", CSCW 2022, §3.

#[test]
fn peritext_1_formatting_covers_what_is_typed_into_it_meanwhile() {
    both_ways(
        |e| e.text("t").insert(0, "The fox jumped.").unwrap(),
        |a, b| {
            write(a, 2, |e| mark(e, 0..15, "bold", true));
            write(b, 2, |e| e.text("t").insert(4, "quick ").unwrap());
            exchange(a, b);
            assert_eq!(shown(a.text("t")), "bold[The quick fox jumped.]");
        },
    );
}

#[test]
fn peritext_2_overlapping_formats_of_one_kind_are_joined() {
    both_ways(
        |e| e.text("t").insert(0, "The fox jumped.").unwrap(),
        |a, b| {
            write(a, 2, |e| mark(e, 0..7, "bold", true));
            write(b, 2, |e| mark(e, 4..15, "bold", true));
            exchange(a, b);
            assert_eq!(shown(a.text("t")), "bold[The fox jumped.]");
        },
    );
}

#[test]
fn peritext_3_formats_of_different_kinds_overlap() {
    both_ways(
        |e| e.text("t").insert(0, "The fox jumped.").unwrap(),
        |a, b| {
            write(a, 2, |e| mark(e, 0..7, "bold", true));
            write(b, 2, |e| mark(e, 4..15, "italic", true));
            exchange(a, b);
            assert_eq!(
                shown(a.text("t")),
                "bold[The ]bold+italic[fox]italic[ jumped.]"
            );
        },
    );
}

#[test]
fn peritext_4_conflicting_values_come_to_one_of_them() {
    both_ways(
        |e| e.text("t").insert(0, "The fox jumped.").unwrap(),
        |a, b| {
            write(a, 2, |e| mark(e, 0..7, "color", "red"));
            write(b, 3, |e| mark(e, 4..15, "color", "blue"));
            exchange(a, b);
            assert_eq!(shown(a.text("t")), "color=red[The ]color=blue[fox jumped.]");
        },
    );
}

#[test]
fn peritext_5_bold_and_not_bold_at_once() {
    both_ways(
        |e| {
            e.text("t").insert(0, "The fox jumped.").unwrap();
            mark(e, 0..15, "bold", true);
        },
        |a, b| {
            write(a, 2, |e| {
                e.text("t").unmark(Unit::Chars, 4..15, "bold").unwrap();
            });
            write(b, 3, |e| mark(e, 0..7, "bold", true));
            exchange(a, b);
            // On "fox" they contradict each other: either is right, as long as all agree.
            let text = shown(a.text("t"));
            assert!(
                ["bold[The fox] jumped.", "bold[The ]fox jumped."].contains(&&*text),
                "{text}"
            );
        },
    );
}

#[test]
fn peritext_6_bold_grows_at_its_end_and_links_do_not() {
    both_ways(
        |e| {
            e.text("t").insert(0, "The fox jumped.").unwrap();
            mark(e, 4..7, "bold", true);
            mark(e, 8..14, "link", "x");
        },
        |a, b| {
            write(a, 2, |e| e.text("t").insert(7, "es").unwrap());
            write(b, 2, |e| e.text("t").insert(14, " over").unwrap());
            write(b, 3, |e| e.text("t").insert(8, "all ").unwrap());
            exchange(a, b);
            assert_eq!(
                shown(a.text("t")),
                "The bold[foxes] all link=x[jumped] over."
            );
            write(a, 4, |e| e.text("t").insert(4, "old ").unwrap());
            assert_eq!(
                shown(a.text("t")),
                "The old bold[foxes] all link=x[jumped] over."
            );
        },
    );
}

#[test]
fn peritext_7_a_link_does_not_grow_when_its_last_letters_are_deleted() {
    both_ways(
        |e| {
            e.text("t").insert(0, "see here now").unwrap();
            mark(e, 4..8, "link", "x");
        },
        |a, b| {
            write(a, 2, |e| e.text("t").delete(6..8).unwrap());
            write(a, 3, |e| e.text("t").insert(6, "!").unwrap());
            exchange(a, b);
            assert_eq!(shown(b.text("t")), "see link=x[he]! now");
            write(b, 4, |e| e.text("t").delete(4..6).unwrap());
            write(b, 5, |e| e.text("t").insert(4, "there").unwrap());
            exchange(a, b);
            assert_eq!(
                shown(a.text("t")),
                "see there! now",
                "nothing is left of the link"
            );
        },
    );
}

#[test]
fn comments_of_two_people_overlap() {
    both_ways(
        |e| e.text("t").insert(0, "The fox jumped.").unwrap(),
        |a, b| {
            write(a, 2, |e| mark(e, 0..7, "comment:1", "who?"));
            write(b, 2, |e| mark(e, 4..14, "comment:2", "why?"));
            exchange(a, b);
            assert_eq!(
                shown(a.text("t")),
                "comment:1=who?[The ]comment:1=who?+comment:2=why?[fox]comment:2=why?[ jumped]."
            );
        },
    );
}

#[test]
fn who_has_seen_a_mark_wins_over_it_whatever_the_clock_says() {
    both_ways(
        |e| e.text("t").insert(0, "word").unwrap(),
        |a, b| {
            write(a, 1_000_000, |e| mark(e, 0..4, "color", "red"));
            exchange(a, b);
            write(b, 2, |e| mark(e, 0..2, "color", "blue"));
            exchange(a, b);
            assert_eq!(shown(a.text("t")), "color=blue[wo]color=red[rd]");
        },
    );
}

// Kleppmann, "Moving Elements in List CRDTs", PaPoC 2020.

fn items(doc: &Doc) -> String {
    let values = doc.list("l").values();
    values
        .iter()
        .map(|value| match value {
            Value::String(text) => text.clone(),
            Value::Map(map) => format!("{:?}", map.values().next()),
            other => format!("{other:?}"),
        })
        .collect()
}

fn push(edit: &mut Edit<'_>, all: &str) {
    for item in all.chars() {
        edit.list("l").push(item.to_string()).unwrap();
    }
}

#[test]
fn an_element_that_two_move_is_in_one_place() {
    both_ways(
        |e| push(e, "ABCD"),
        |a, b| {
            write(a, 2, |e| e.list("l").move_to(0, 3).unwrap());
            write(b, 3, |e| e.list("l").move_to(0, 1).unwrap());
            exchange(a, b);
            assert_eq!(items(a), "BACD", "the later one counts");
            write(a, 1, |e| e.list("l").move_to(1, 0).unwrap());
            exchange(a, b);
            assert_eq!(
                items(b),
                "ABCD",
                "who has seen both decides, whatever the clock says"
            );
        },
    );
}

#[test]
fn what_is_edited_inside_of_a_moved_element_is_kept() {
    both_ways(
        |e| {
            push(e, "A");
            e.list("l")
                .insert_map(1)
                .unwrap()
                .set("text", "milk")
                .unwrap();
        },
        |a, b| {
            write(a, 2, |e| e.list("l").move_to(1, 0).unwrap());
            write(b, 3, |e| {
                e.list("l")
                    .map(1)
                    .unwrap()
                    .set("text", "phone joe")
                    .unwrap();
            });
            exchange(a, b);
            assert_eq!(a.list("l").len(), 2);
            assert_eq!(
                a.list("l").map(0).get("text"),
                Some(Item::Value("phone joe".into()))
            );
        },
    );
}

#[test]
fn a_deleted_element_does_not_come_back_by_being_moved() {
    both_ways(
        |e| push(e, "ABC"),
        |a, b| {
            write(a, 2, |e| e.list("l").delete(1..2).unwrap());
            write(b, 3, |e| e.list("l").move_to(1, 0).unwrap());
            exchange(a, b);
            assert_eq!(items(a), "AC");
        },
    );
}

#[test]
fn a_deleted_element_shows_again_with_what_survived_inside() {
    both_ways(
        |e| {
            push(e, "AB");
            let mut list = e.list("l");
            let mut map = list.insert_map(1).unwrap();
            map.set("text", "milk").unwrap();
            map.set("done", false).unwrap();
        },
        |a, b| {
            write(a, 2, |e| e.list("l").delete(1..2).unwrap());
            write(b, 3, |e| {
                e.list("l").map(1).unwrap().set("done", true).unwrap();
            });
            exchange(a, b);
            assert_eq!(a.list("l").len(), 3, "where it was");
            let survivor: MapRef<'_> = a.list("l").map(1);
            assert_eq!(survivor.keys(), ["done"]);
            write(a, 4, |e| e.list("l").delete(1..2).unwrap());
            exchange(a, b);
            assert_eq!(items(b), "AB");
        },
    );
}

// Kleppmann, Mulligan, Gomes, Beresford, "A Highly-Available Move Operation for Replicated Trees",
// TPDS 2022, figures 1 and 2.

#[test]
fn a_node_that_two_move_is_in_one_place() {
    both_ways(
        |e| {
            for _ in 0..3 {
                e.tree("t").create(None, 0).unwrap();
            }
        },
        |a, b| {
            let [x, y, z] = a.tree("t").children(None) else {
                panic!("three")
            };
            let (x, y, z) = (*x, *y, *z);
            write(a, 2, |e| e.tree("t").move_to(x, Some(y), 0).unwrap());
            write(b, 3, |e| e.tree("t").move_to(x, Some(z), 0).unwrap());
            exchange(a, b);
            assert_eq!(a.tree("t").parent(x), Some(z), "the later one counts");
            assert_eq!(a.tree("t").children(None), [y, z]);
            assert_eq!(a.tree("t").children(Some(y)), []);
        },
    );
}

#[test]
fn two_moves_that_would_close_a_cycle() {
    both_ways(
        |e| {
            let a = e.tree("t").create(None, 0).unwrap();
            let b = e.tree("t").create(None, 1).unwrap();
            e.tree("t").create(Some(a), 0).unwrap();
            e.tree("t").data(b).set("name", "B").unwrap();
        },
        |a, b| {
            let [x, y] = a.tree("t").children(None) else {
                panic!("two")
            };
            let (x, y) = (*x, *y);
            write(a, 2, |e| e.tree("t").move_to(x, Some(y), 0).unwrap());
            write(b, 3, |e| e.tree("t").move_to(y, Some(x), 0).unwrap());
            exchange(a, b);
            assert_eq!(a.tree("t").nodes().len(), 3, "nothing is lost");
            assert_eq!(a.tree("t").parent(y), Some(x), "the later one counts");
            assert_eq!(a.tree("t").parent(x), None);
            assert_eq!(
                a.tree("t").data(y).get("name"),
                Some(Item::Value("B".into()))
            );
            let refused = a.edit(4).tree("t").move_to(x, Some(y), 0);
            assert_eq!(refused, Err(EditError::Cycle));
        },
    );
}

#[test]
fn a_move_made_later_by_a_slow_clock_counts() {
    both_ways(
        |e| {
            let x = e.tree("t").create(None, 0).unwrap();
            e.tree("t").create(Some(x), 0).unwrap();
        },
        |a, b| {
            let x = a.tree("t").children(None)[0];
            let y = a.tree("t").children(Some(x))[0];
            write(a, 1_000_000, |e| e.tree("t").move_to(y, None, 0).unwrap());
            exchange(a, b);
            write(b, 5, |e| e.tree("t").move_to(x, Some(y), 0).unwrap());
            exchange(a, b);
            assert_eq!(a.tree("t").parent(x), Some(y));
        },
    );
}

#[test]
fn what_is_made_under_a_deleted_node_is_not_lost() {
    both_ways(
        |e| {
            e.tree("t").create(None, 0).unwrap();
        },
        |a, b| {
            let x = a.tree("t").children(None)[0];
            write(a, 2, |e| assert!(e.tree("t").delete(x).unwrap()));
            let mut made = None;
            write(b, 3, |e| {
                made = Some(e.tree("t").create(Some(x), 0).unwrap());
            });
            exchange(a, b);
            assert_eq!(a.tree("t").children(None), [made.unwrap()]);
        },
    );
}

// Add-wins, nested: Rinberg et al., "DSON", VLDB 2022, §2.

#[test]
fn a_nested_write_survives_the_removal_of_what_it_is_in() {
    both_ways(
        |e| {
            let mut trip = e.map("notes");
            let mut trip = trip.map("trip");
            trip.set("title", "Rome").unwrap();
            trip.map("cost").set("hotel", 100).unwrap();
            trip.text("body").insert(0, "Pack").unwrap();
            trip.set_at("tags").add("hot").unwrap();
            trip.counter("likes").add(2).unwrap();
        },
        |a, b| {
            write(a, 2, |e| assert!(e.map("notes").delete("trip").unwrap()));
            write(b, 3, |e| {
                let mut notes = e.map("notes");
                let mut trip = notes.map("trip");
                trip.map("cost").set("train", 40).unwrap();
                trip.text("body").insert(4, " light").unwrap();
                trip.set_at("tags").add("cheap").unwrap();
                trip.counter("likes").add(1).unwrap();
            });
            exchange(a, b);
            let trip = a.map("notes").map_at("trip");
            assert_eq!(
                trip.keys(),
                ["body", "cost", "likes", "tags"],
                "the title was only seen"
            );
            assert_eq!(trip.map_at("cost").keys(), ["train"]);
            assert_eq!(trip.text_at("body").to_string(), " light");
            assert_eq!(trip.set_at("tags").values(), ["cheap".into()]);
            assert_eq!(
                trip.counter_at("likes").value(),
                1,
                "what was added meanwhile"
            );
        },
    );
}
