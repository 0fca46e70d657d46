//! The log on disks that lose power at any moment.

use std::io;
use std::sync::Arc;

use super::super::power_cut::cut_at_every_moment;
use super::super::world::{Entries, Op, World};
use super::disk::DiskFile;
use super::*;

/// So small that every few records something is ended, moved, given back or indexed.
const SIZES: Sizes = Sizes {
    segment_min: 1_500,
    segment_max: 12_000,
    slack: 1_500,
    index_step: 3_000,
};

struct FakeFile(World, usize);

impl Disk for World {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.names())
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.find(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(FakeFile(self.clone(), file)))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = World::create(self, name);
        Ok(Arc::new(FakeFile(self.clone(), file)))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        World::remove(self, name);
        Ok(())
    }

    fn sync_names(&self) -> io::Result<()> {
        self.act(Op::SyncNames);
        Ok(())
    }

    fn available_bytes(&self) -> io::Result<u64> {
        Ok(1 << 40)
    }
}

impl DiskFile for FakeFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.0.length(self.1))
    }

    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<usize> {
        Ok(self.0.read(self.1, bytes, at))
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.0.act(Op::Write(self.1, at, bytes.into()));
        Ok(())
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.0.act(Op::Truncate(self.1, length));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.0.act(Op::Sync(self.1));
        Ok(())
    }
}

struct FakeTable(World);

impl Table for FakeTable {
    fn read(&mut self) -> Option<Entries> {
        self.0.table().map(|entries| (*entries).clone())
    }

    fn write(&mut self, entries: Vec<(Vec<u8>, Vec<u8>)>, alone: bool) -> Result<(), String> {
        let mut all = match self.0.table() {
            Some(all) if !alone => (*all).clone(),
            _ => Entries::new(),
        };
        all.extend(entries);
        self.0.act(Op::Table(Arc::new(all)));
        Ok(())
    }
}

fn open(world: &World) -> Box<dyn Store> {
    let table = Box::new(FakeTable(world.clone()));
    let store = LogStore::on(Box::new(world.clone()), table, SIZES, 0, None);
    Box::new(store.expect("it opens, whatever was lost"))
}

#[test]
fn a_power_cut_at_any_moment_leaves_the_old_or_the_new_state() {
    let images = cut_at_every_moment(open, 420, 5);
    assert!(images > 1_000, "{images} images");
}
