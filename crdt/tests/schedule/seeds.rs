//! Defaults that every replica may write, and that come once.

use driftwood_crdt::{EditError, Expand, Kind, Path, SeedError};

use super::calls::{on_doc, on_model, path_of, Do};
use super::world::World;
use crate::model::{Edit, Key, Place, Replica, TOP};

impl World {
    /// A replica writes one of two seeds. For the model it is a replica that somebody hears from.
    pub(super) fn seed(&mut self, who: usize, which: usize) {
        let which = which % 2;
        let calls = self.calls_of(which);
        let paths: Vec<Path> = calls
            .iter()
            .map(|(p, _)| path_of(&self.history, *p))
            .collect();
        let history = &self.history;
        let fill = |edit: &mut driftwood_crdt::Edit<'_>| -> Result<(), EditError> {
            let mut calls = paths.iter().zip(&calls);
            calls.try_for_each(|(path, (_, what))| on_doc(edit, history, path, what))
        };
        let peer = &mut self.peers[who];
        let name = ["welcome", "template"][which];
        let result = peer.doc.seed(name, fill).expect("it is the same each time");
        let again = peer.doc.seed(name, fill).expect("it is there");
        assert_eq!(again, None, "a seed came twice");
        let changed = peer
            .doc
            .seed(name, |edit| edit.text("a").insert(0, "changed"));
        assert_eq!(
            changed,
            Err(SeedError::Changed),
            "another seed of the same name"
        );
        let known = self.seeds.get(&which);
        let known = known.is_some_and(|ops| ops.iter().all(|&op| peer.model.known.contains(op)));
        assert_eq!(result.is_none(), known, "a seed came twice, or not at all");
        let Some((delta, _)) = result else { return };
        peer.canonical = None;
        peer.heard();

        let (replica, last) = delta.to().iter().next().expect("it wrote something");
        if !self.seeds.contains_key(&which) {
            let mut seeder = Replica::new(replica.get());
            let mut edit = Edit::new(&mut self.history, &mut seeder, 0);
            for (place, what) in &calls {
                on_model(&mut edit, *place, what).expect("a seed can be written");
            }
            self.seeds.insert(which, seeder.known.iter().collect());
        }
        let ops = &self.seeds[&which];
        assert_eq!(ops.len() as u64, last, "what a seed writes");
        assert_eq!(
            self.history.ops[ops[0]].dot.replica,
            replica.get(),
            "another seed"
        );
        let mut seeder = Replica::new(replica.get());
        for &op in ops {
            self.peers[who].model.learn(&self.history, op);
            seeder.learn(&self.history, op);
        }
        let number = self.sent.len();
        self.tell(|| format!("#{number} = the seed {name}, written by the {who}. replica"));
        self.send(&delta, seeder.living());
    }

    fn calls_of(&mut self, which: usize) -> Vec<(Place, Do)> {
        let mut root = |kind| self.history.place(TOP, Key::Name("a".to_owned()), kind);
        let (text, list, map) = (root(Kind::Text), root(Kind::List), root(Kind::Map));
        let (tree, counter) = (root(Kind::Tree), root(Kind::Counter));
        if which == 0 {
            let inner = self
                .history
                .place(map, Key::Name("b".to_owned()), Kind::Map);
            vec![
                (text, Do::Replace(0..0, "seed".to_owned())),
                (text, Do::Mark(1..3, "bold", 1.into(), Expand::After)),
                (list, Do::Insert(0, "seed".into())),
                (counter, Do::Count(5)),
                (inner, Do::Set("a".to_owned(), "seed".into())),
            ]
        } else {
            vec![
                (tree, Do::CreateNode(None, 0)),
                (tree, Do::CreateNode(None, 0)),
                (list, Do::InsertChild(0, Kind::Map)),
                (list, Do::Move(0, 0)),
                (map, Do::Create("a".to_owned(), Kind::Set)),
            ]
        }
    }
}
