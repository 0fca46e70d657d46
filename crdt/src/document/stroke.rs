//! The short way for what comes most: a keystroke, made and merged.

mod merge;

use super::tree::{ContainerId, Tree, ROOT};
use crate::codec::{Step as Short, Thing, Writer};
use crate::container::Body;
use crate::document::path::{Key, Step};
use crate::{DotRun, Replicated, VersionVector};

impl Replicated<Tree> {
    /// Appends the bytes of what [`Self::commit`] gives, if that is a keystroke that builds on nothing of
    /// others; else does nothing and says so. O(log n).
    pub(super) fn commit_stroke(&mut self, out: &mut Vec<u8>) -> bool {
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
            None => Thing::Nothing,
            Some((made, id)) => {
                let body = &tree.get(id).body;
                // Of a sequence the removal takes a dot of its own, which makes nothing.
                let is_own = body.is_sequence() && removal.is_some();
                let len = dots.len - u64::from(is_own);
                let is_all = made == DotRun { len, ..dots };
                let rest = DotRun {
                    start: last,
                    len: 1,
                };
                if !is_all || is_own && tree.homes.first_of(rest).is_some() {
                    return None;
                }
                thing_of(body, made)?
            }
        };
        let step = Short::new(dots.start, last.seq, removal, thing)?;
        if !step.is_alone() {
            return None;
        }
        step.write_head(&VersionVector::new(), out);
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
    /// Writes the way to a container, from the top; `None` if it is not by names alone.
    fn write_path(
        &self,
        id: ContainerId,
        is_last: bool,
        as_step: &Short<'_>,
        out: &mut Writer,
    ) -> Option<()> {
        let container = self.get(id);
        let step = container.step.as_ref();
        let step = step.filter(|Step { key, .. }| matches!(key, Key::Name(_)))?;
        if container.parent != ROOT {
            self.write_path(container.parent, false, as_step, out)?;
        }
        as_step.write_place(step, is_last, out);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use crate::container::Changes;
    use crate::document::tree::Noted;
    use crate::{Delta, Doc, Edit, MergeError, ReplicaId};
    use proptest::prelude::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const NOW: u64 = 1_700_000_000_000;

    /// As [`Doc::merge`], always the long way.
    fn merge_long(doc: &mut Doc, delta: &Delta) -> Result<Changes, MergeError> {
        doc.merge_noting(delta, Noted::default())
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

    proptest! {
        /// Two write and hear of each other now and then; the short ways give what the long ones give.
        #[test]
        fn both_ways_agree(
            steps in prop::collection::vec((0..2usize, any::<u8>(), 0..40usize, 0..6usize, 0..9u8), 1..60),
        ) {
            let new = |id| Doc::new(ReplicaId::new(id));
            let (mut writers, mut unsent) = ([new(1), new(2)], [Vec::new(), Vec::new()]);
            let (mut short, mut long) = (new(3), new(3));
            for (i, (who, what, at, len, then)) in steps.into_iter().enumerate() {
                let now = NOW + i as u64 * 7_000;
                let mut edit = writers[who].edit(now);
                write(&mut edit, (what, at, len));
                if then == 0 {
                    // Its delta comes with the next one.
                    drop(edit);
                    continue;
                }
                drop(edit);
                let mut twin = writers[who].clone();
                let delta = writers[who].edit(now).commit();
                let bytes = twin.edit(now).commit_encoded();
                prop_assert_eq!(&bytes, &delta.encode());
                prop_assert_eq!(twin.edit(now).commit(), writers[who].edit(now).commit());
                unsent[1 - who].push(delta.clone());
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
            assert!(ben.merge_stroke(&delta).is_some(), "{what}");
            assert!(ben.merge_stroke(&delta).is_none(), "it came");
            assert_eq!(ada.canonical(), ben.canonical());
        }
    }
}
