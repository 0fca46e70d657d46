//! `driftwood-relay purge`: deletes a document for good, here and on all relays.

use std::collections::BTreeSet;
use std::io::Write;

use anyhow::{bail, ensure};
use driftwood_sync::{DocumentName, Mark, MarkId, RelayId};

use super::say;
use crate::admin::{self, Request};
use crate::config::Config;
use crate::purge::Purge;
use crate::store::{self, Store};

/// What to purge.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The document
    document: String,
    /// Allow the name again instead
    #[arg(long)]
    lift: bool,
    /// Wait so long for the other relays
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    wait: u64,
}

pub(super) fn run(args: Args, config: &Config, out: &mut dyn Write) -> anyhow::Result<bool> {
    let name = DocumentName::new(&args.document)?;
    let lift = args.lift;
    let request = Request::Purge {
        document: args.document,
        lift,
        wait: args.wait,
    };
    let data = &config.data;
    let done = if let Some(done) = admin::ask(data, &request, out)? {
        done
    } else {
        ensure!(
            data.exists(),
            "there is no data folder {}; name it with --data",
            data.display()
        );
        let store = store::open(data, config.store)?;
        let own = store::relay_id(data)?;
        let purge = at_rest(&*store, own, &name, lift, &config.peers)?;
        purge.tell(out)?;
        purge.is_done()
    };
    if !done {
        say(
            out,
            "ask again with the same command when the others are there",
        )?;
    }
    if !lift {
        say(
            out,
            "backups that were made before have it; clients keep their copies to themselves",
        )?;
    }
    Ok(done)
}

/// On a folder that no relay runs on. Other relays learn of it from the next that does.
fn at_rest(
    store: &dyn Store,
    own: RelayId,
    name: &DocumentName,
    lift: bool,
    peers: &[String],
) -> anyhow::Result<Purge> {
    let id = MarkId::of(name);
    let known = store.marks()?.into_iter().find(|mark| mark.id == id);
    let count = known.as_ref().map_or(0, |mark| mark.count);
    let mut mark = match known {
        Some(mark) if mark.is_purged() != lift => mark,
        None if lift => bail!("`{name}` was not purged"),
        known => Mark {
            id,
            count: count + 1,
            time: crate::now(),
            by: own,
            // Who had to do with it before has to again.
            relays: known.map_or_else(Default::default, |mark| {
                mark.relays
                    .into_keys()
                    .map(|relay| (relay, false))
                    .collect()
            }),
        },
    };
    mark.note(own, false);
    store.mark(&mark)?;
    if mark.is_purged() {
        store.purge(&BTreeSet::from([id]))?;
    }
    store.flush()?;
    ensure!(
        store.scrub()?,
        "something of it may be left in a damaged piece of the store; `driftwood-relay migrate` puts all \
         that is whole into a new folder"
    );
    mark.note(own, true);
    store.mark(&mark)?;
    store.flush()?;
    Ok(Purge::at_rest(&mark, own, peers))
}
