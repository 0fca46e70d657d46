//! redb on disks that lose power at any moment.

use std::io;

use redb::{Builder, StorageBackend};

use super::super::power_cut::cut_at_every_moment;
use super::super::world::{Op, World};
use super::*;

struct FakeFile(World, usize);

impl std::fmt::Debug for FakeFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FakeFile")
    }
}

impl StorageBackend for FakeFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.length(self.1))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if self.0.read(self.1, out, offset) < out.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.act(Op::Truncate(self.1, len));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.act(Op::Sync(self.1));
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.act(Op::Write(self.1, offset, data.into()));
        Ok(())
    }
}

fn tables(world: &World, file: usize) -> Tables {
    let mut builder = Builder::new();
    builder.set_cache_size(1 << 20);
    let database = builder.create_with_backend(FakeFile(world.clone(), file));
    Tables::of(database.expect("it opens, whatever was lost")).expect("it opens")
}

/// As [`Tables::open`] does it.
fn open(world: &World) -> Box<dyn Store> {
    let file = world.find(FILE).unwrap_or_else(|| {
        let file = world.create("new");
        drop(tables(world, file));
        world.act(Op::Sync(file));
        world.rename("new", FILE);
        world.act(Op::SyncNames);
        file
    });
    Box::new(RedbStore::on(tables(world, file), None, None).expect("it opens"))
}

#[test]
fn a_power_cut_at_any_moment_leaves_the_old_or_the_new_state() {
    let images = cut_at_every_moment(open, 60, 10);
    assert!(images > 200, "{images} images");
}
