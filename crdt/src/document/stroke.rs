//! The short way for what comes most: a keystroke, made and merged.

mod bytes;
mod merge;

use super::tree::{Container, ContainerId, Tree, ROOT};
use crate::codec::{Made, Step as Short, Thing, Writer};
use crate::container::Body;
use crate::document::path::{Key, Step};
use crate::{DotRun, Replicated};

impl Replicated<Tree> {
    /// Appends the bytes of what [`Self::commit`] gives, if that is a keystroke; else does nothing and says so. O(log n).
    pub(super) fn commit_stroke(&mut self, out: &mut Vec<u8>) -> bool {
        // In the browser it takes longer to come than it saves.
        if !cfg!(target_arch = "wasm32") && self.write_keystroke(out).is_some() {
            self.set_committed();
            return true;
        }
        let start = out.len();
        let mut writer = Writer::after(std::mem::take(out));
        let written = self.write_stroke(&mut writer);
        *out = writer.into_vec();
        let done = written.is_some() && Short::fits(out.len() - start);
        if done {
            self.set_committed();
        } else {
            out.truncate(start);
        }
        done
    }

    fn write_stroke(&self, out: &mut Writer) -> Option<()> {
        let dots = self.to_commit()?;
        let tree = self.store();
        let removed = match self.removals().first_of(dots) {
            [None, None] => None,
            [Some(removal), None] => Some(removal),
            _ => return None,
        };
        let last = dots.start.plus(dots.len - 1);
        let is_last = removed.is_none_or(|(by, ..)| by == last);
        if !is_last || !tree.erased_after(dots.start).is_empty() {
            return None;
        }
        let removal = removed.map(|(_, minute, run)| (minute, run));
        let made = tree.homes.first_of(dots);
        let thing = match made {
            None => (Thing::Nothing, Made::default()),
            Some((made, id)) => {
                let body = &tree.get(id).body;
                let after = made.start.plus(made.len);
                let rest = DotRun {
                    start: after,
                    len: dots.len.checked_sub(made.len)?,
                };
                // Of a sequence the removal takes a dot of its own, which makes nothing.
                let is_own = body.is_sequence() && removal.is_some();
                let is_removal = is_own && rest.len == 1 && tree.homes.first_of(rest).is_none();
                let marks = if is_removal {
                    Made::default()
                } else {
                    tree.marked(id, rest)?
                };
                if made.start != dots.start {
                    return None;
                }
                (thing_of(body, made)?, marks)
            }
        };
        let mut step = Short::new(dots.start, last.seq, removal, thing)?;
        if !step.name_others(self.news()) {
            return None;
        }
        step.write_head(self.news(), out);
        if let Some((_, id)) = made {
            tree.write_path(id, true, &step, out)?;
        }
        step.write_thing(out);
        Some(())
    }
}

/// What was made by these dots, if it is one thing.
fn thing_of(body: &Body, made: DotRun) -> Option<Thing<'_>> {
    let one = (made.len == 1).then_some(made.start);
    match body {
        Body::Text(text) => {
            let (link, typed) = text.chars.typed(made)?;
            Some(Thing::Text(link, typed))
        }
        Body::List(list) => {
            let (link, cells) = list.cells.typed(made)?;
            Thing::list(link, cells)
        }
        Body::Map(map) => {
            let (key, sibling) = map.values.written(one?)?;
            Some(Thing::Value(key, sibling))
        }
        Body::Set(set) => {
            let (element, sibling) = set.elements().written(one?)?;
            Some(Thing::Element(element, sibling))
        }
        Body::Counter(counter) => {
            let tally = counter.written(one?)?;
            Some(Thing::Tally(tally))
        }
        Body::Tree(_) => None,
    }
}

impl Tree {
    /// Writes the way to a container, from the top; `None` if it is not by names alone. Gives its place on it.
    fn write_path(
        &self,
        id: ContainerId,
        is_last: bool,
        as_step: &Short<'_>,
        out: &mut Writer,
    ) -> Option<usize> {
        let container = self.get(id);
        let step = container.step.as_ref();
        let step = step.filter(|Step { key, .. }| matches!(key, Key::Name(_)))?;
        let at = match container.parent {
            ROOT => 0,
            parent => self.write_path(parent, false, as_step, out)? + 1,
        };
        as_step.write_place(step, at, is_last, out);
        Some(at)
    }

    /// The containers from this one up that these dots mark as there, the innermost first; `None` if they do
    /// anything else.
    fn marked(&self, mut id: ContainerId, mut dots: DotRun) -> Option<Made> {
        let mut made = Made::default();
        if dots.len == 0 {
            return Some(made);
        }
        let mut at = self.depth(id);
        while id != ROOT && dots.len > 0 {
            at -= 1;
            let Container { parent, step, .. } = self.get(id);
            let (step, map) = (step.as_ref()?, self.map_body(*parent));
            if let Some(((name, kind), mark)) = map.and_then(|map| map.children.written(dots.start))
            {
                if *kind != step.kind || !step.key.is_name(name) {
                    return None;
                }
                made.add(at, &step.key, mark.stamp)?;
                dots = DotRun {
                    start: dots.start.plus(1),
                    len: dots.len - 1,
                };
            }
            id = *parent;
        }
        (dots.len == 0).then_some(made)
    }
}

#[cfg(test)]
mod tests {
    use crate::container::Changes;
    use crate::document::tree::Noted;
    use crate::{Delta, Doc, Edit, ImportError, MergeError, ReplicaId};
    use proptest::prelude::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const NOW: u64 = 1_700_000_000_000;

    /// As [`Doc::merge`], always the long way.
    fn merge_long(doc: &mut Doc, delta: &Delta) -> Result<Changes, MergeError> {
        doc.merge_noting(delta, Noted::default())
    }

    /// As [`Doc::merge_encoded`], always the long way.
    fn merge_bytes_long(doc: &mut Doc, bytes: &[u8]) -> Result<Changes, ImportError> {
        Ok(merge_long(doc, &Delta::decode(bytes)?)?)
    }

    /// The bytes of a delta merged in all ways into copies of a document say and do the same.
    fn check_merges(doc: &Doc, bytes: &[u8]) {
        let mut doc = doc.clone();
        if bytes.len() % 2 == 1 {
            // What was seen since is no part of the delta of this.
            let mut edit = doc.edit(NOW);
            edit.text("t").insert(0, "own").expect("at the start");
        }
        let [mut long, mut told, mut untold] = [doc.clone(), doc.clone(), doc.clone()];
        let merged = merge_bytes_long(&mut long, bytes);
        assert_eq!(told.merge_encoded(bytes), merged);
        assert_eq!(untold.merge_quietly(bytes), merged.map(drop));
        for mut short in [told, untold] {
            short.assert_invariants();
            assert_eq!(short.save(), long.save());
            assert_eq!(short.version(), long.version());
            let news = |copy: &Doc| copy.delta_since(doc.version());
            assert_eq!(news(&short), news(&long));
            let next = |doc: &mut Doc| {
                doc.edit(NOW)
                    .text("t")
                    .insert(0, "mine")
                    .expect("at the start");
                doc.edit(NOW).commit()
            };
            let mut long = long.clone();
            assert_eq!(short.edit(NOW).commit(), long.edit(NOW).commit());
            for _ in 0..2 {
                assert_eq!(next(&mut short), next(&mut long));
            }
        }
    }

    /// Does something, mostly in the first text.
    fn write(edit: &mut Edit<'_>, (what, at, len): (u8, usize, usize)) {
        let name = if what % 20 == 15 { "u" } else { "t" };
        let mut text = edit.text(name);
        let all = text.extent().chars;
        let start = at.min(all);
        let end = (start + len).min(all);
        let end_of_text = all.saturating_sub(at % 3);
        match what % 20 {
            0..4 => text.insert(end_of_text, "x"),
            4 => text.insert(start, "é🌊"),
            5 => text.insert(start, &"words and ".repeat(1 + at % 2 * 2)),
            6 => text.insert(0, "y"),
            7 => text.delete(end_of_text.saturating_sub(1)..end_of_text),
            8 => text.delete(start..end),
            9 => text.replace(start..end, "new"),
            10 => text.mark(
                crate::Unit::Chars,
                start..end,
                "bold",
                true,
                crate::Expand::After,
            ),
            11 => edit.map("m").set("k", len > 2),
            12 => edit.map("m").text("t").insert(0, "deep"),
            13 => edit.list("l").insert(0, "one"),
            16 => edit.list("l").push(len as u32),
            17 => edit.set("s").add(at as u32 % 3),
            18 => edit.counter("c").add(if len > 2 { 2 } else { -1 }),
            19 => edit.map("m").delete("k").map(drop),
            14 => text
                .insert(start, "gone")
                .and_then(|()| text.delete(start..start + 4)),
            _ => text.insert(start, "z"),
        }
        .expect("all of it is inside");
    }

    /// What is damaged in a byte: small numbers turn into others that are near, which says most that can be read.
    fn flips() -> impl Strategy<Value = u8> {
        prop_oneof![any::<u8>(), 1..8u8, (0..8u8).prop_map(|bit| 1 << bit)]
    }

    proptest! {
        /// Two write and hear of each other now and then; the short ways give what the long ones give.
        #[test]
        fn both_ways_agree(
            steps in prop::collection::vec((0..2usize, any::<u8>(), 0..40usize, 0..6usize, 0..9u8), 1..60),
            damage in prop::collection::vec((0..40usize, flips()), 4),
        ) {
            let new = |id| Doc::new(ReplicaId::new(id));
            let (mut writers, mut unsent) = ([new(1), new(2)], [Vec::new(), Vec::new()]);
            let (mut short, mut long) = (new(3), new(3));
            for (i, (who, what, at, len, then)) in steps.into_iter().enumerate() {
                let now = NOW + i as u64 * 7_000;
                // Who watches goes the long way.
                let mut watched = writers[who].clone();
                let mut edit = watched.edit(now).watch();
                write(&mut edit, (what, at, len));
                drop(edit);
                let mut edit = writers[who].edit(now);
                write(&mut edit, (what, at, len));
                drop(edit);
                prop_assert_eq!(watched.save(), writers[who].save());
                writers[who].assert_invariants();
                if then == 0 {
                    // Its delta comes with the next one.
                    continue;
                }
                let mut twin = writers[who].clone();
                let delta = writers[who].edit(now).commit();
                let bytes = twin.edit(now).commit_encoded();
                prop_assert_eq!(&bytes, &delta.encode());
                prop_assert_eq!(twin.edit(now).commit(), writers[who].edit(now).commit());
                prop_assert_eq!(&delta, &watched.edit(now).commit());
                unsent[1 - who].push(delta.clone());
                check_merges(&short, &bytes);
                for &(at, byte) in &damage {
                    let mut bytes = bytes.clone();
                    let at = at % bytes.len();
                    bytes[at] ^= byte;
                    check_merges(&short, &bytes);
                    check_merges(&short, &bytes[..at]);
                }
                let (a, b) = (short.merge(&delta), merge_long(&mut long, &delta));
                prop_assert_eq!(a, b);
                prop_assert_eq!(short.save(), long.save());
                prop_assert_eq!(short.version(), long.version());
                prop_assert_eq!(short.merge(&delta), merge_long(&mut long, &delta));
                short.assert_invariants();
                if then < 3 {
                    for delta in std::mem::take(&mut unsent[who]) {
                        writers[who].merge(&delta).expect("it comes in order");
                    }
                    writers[who].assert_invariants();
                }
            }
            let mine = |doc: &mut Doc| {
                doc.edit(NOW).text("t").insert(0, "mine").expect("at the start");
                (doc.edit(NOW).commit(), doc.delta_since(&crate::VersionVector::new()))
            };
            prop_assert_eq!(mine(&mut short), mine(&mut long));
        }
    }

    /// Who writes with a stolen id may use the dot of a mark for a character of the same text.
    #[test]
    fn a_mark_is_no_character() {
        let (mut ada, mut ben) = (Doc::new(ReplicaId::new(1)), Doc::new(ReplicaId::new(2)));
        ada.edit(NOW).text("t").insert(0, "Hello").unwrap();
        let before = ada.edit(NOW).commit();
        let mut thief = ada.clone();
        let mut edit = ada.edit(NOW);
        let mut text = edit.text("t");
        text.mark(crate::Unit::Chars, 1..4, "bold", true, crate::Expand::After)
            .unwrap();
        drop(edit);
        let mark = ada.edit(NOW).commit();
        thief.edit(NOW).text("t").insert(2, "xyz").unwrap();
        let stolen = thief.edit(NOW).commit();
        let whole = thief.delta_since(&crate::VersionVector::new());
        ben.merge(&before).unwrap();
        ben.merge(&mark).unwrap();
        let dot = crate::Dot::new(ReplicaId::new(1), mark.to().get(ReplicaId::new(1)));
        for delta in [stolen, whole] {
            let was = ben.save();
            assert_eq!(ben.merge(&delta), Err(MergeError::DotConflict { dot }));
            let merged = ben.merge_encoded(&delta.encode());
            assert_eq!(merged, Err(MergeError::DotConflict { dot }.into()));
            assert_eq!(ben.save(), was);
            ben.assert_invariants();
        }
    }

    #[test]
    fn keystrokes_go_the_short_way() {
        let (mut ada, mut ben) = (Doc::new(ReplicaId::new(1)), Doc::new(ReplicaId::new(2)));
        ada.edit(NOW).text("t").insert(0, "Hello").unwrap();
        ben.merge(&ada.edit(NOW).commit()).unwrap();
        for what in [0, 4, 5, 6, 7, 8, 9, 7, 7, 0] {
            // What is deleted is of one run.
            let at = if matches!(what, 8 | 9) { 7 } else { 2 };
            let mut edit = ada.edit(NOW);
            write(&mut edit, (what, at, 2));
            drop(edit);
            let mut out = vec![7];
            assert!(ada.clone().inner.commit_stroke(&mut out), "{what}");
            let delta = ada.edit(NOW).commit();
            assert_eq!(out[1..], delta.encode(), "{what}");
            let changes = ben.clone().merge_keystroke(&out[1..]);
            assert_eq!(changes, ben.clone().merge(&delta).ok(), "{what}");
            assert!(ben.merge_stroke(&delta).is_some(), "{what}");
            assert!(ben.merge_stroke(&delta).is_none(), "it came");
            assert_eq!(ada.canonical(), ben.canonical());
        }
    }

    /// Who writes into a container first makes it; of several who do, the others come the short way too.
    #[test]
    fn the_first_in_a_container_goes_the_short_way() {
        type Do = fn(&mut Edit<'_>);
        let firsts: [Do; 5] = [
            |edit| edit.text("t").insert(0, "né").unwrap(),
            |edit| edit.map("m").map("n").list("l").push(1).unwrap(),
            |edit| edit.map("m").set("k", "v").unwrap(),
            |edit| edit.set("s").add(1).unwrap(),
            |edit| edit.map("m").counter("c").add(2).unwrap(),
        ];
        for (number, first) in firsts.into_iter().enumerate() {
            let (mut short, mut long) = (Doc::new(ReplicaId::new(8)), Doc::new(ReplicaId::new(9)));
            for id in 1..5 {
                let mut doc = Doc::new(ReplicaId::new(id));
                let mut edit = doc.edit(NOW + id * 7_000);
                first(&mut edit);
                drop(edit);
                let mut out = Vec::new();
                assert!(doc.clone().inner.commit_stroke(&mut out), "{number}");
                let delta = doc.edit(NOW).commit();
                assert_eq!(out, delta.encode(), "{number}");
                let changes = merge_long(&mut long, &delta).unwrap();
                let merged = short.merge_stroke(&delta);
                assert_eq!(merged.is_some(), id > 1, "{number}");
                assert_eq!(
                    merged.unwrap_or_else(|| short.merge(&delta).unwrap()),
                    changes
                );
                assert_eq!(short.save(), long.save(), "{number}");
                short.assert_invariants();
            }
        }
    }
}
