//! What an operator does with a relay: look at it, back it up, ask what is wrong.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser as _;
use driftwood_crdt::ReplicaId;
use driftwood_relay::config::{Args, Config};
use driftwood_relay::server::Server;
use driftwood_relay::store::{
    self, LogStore, MemoryStore, SledStore, Store, Stored, CHECKPOINT_RECORDS,
};
use driftwood_sync::{ErrorCode, Level};
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::loopback::http;
use crate::store_contract::{append, replay};
use crate::store_log::{find, segments};
use crate::support::{name, soon, until, Author, Guest, Program, Relay};

/// What a command on a data folder prints, and whether it found all well; or why it could not.
pub(crate) fn command(data: &Path, args: &[&str]) -> Result<(bool, String), String> {
    let data = data.to_str().expect("utf-8");
    let args = ["driftwood-relay"].into_iter().chain(args.iter().copied());
    let parsed = Args::try_parse_from(args.chain(["--data", data])).expect("flags parse");
    let (config, command) = parsed.split().expect("a configuration");
    let mut out = Vec::new();
    let done = command.expect("a command").run(&config, &mut out);
    let done = done.map_err(|error| format!("{error:#}"))?;
    Ok((done, String::from_utf8(out).expect("utf-8")))
}

/// The same while a relay of this process runs.
async fn meanwhile(data: &Path, args: &[&'static str]) -> (bool, String) {
    let (data, args) = (data.to_owned(), args.to_vec());
    let task = tokio::task::spawn_blocking(move || command(&data, &args));
    soon("an answer", task)
        .await
        .expect("no panic")
        .expect("it works")
}

pub(crate) fn metric(text: &str, name: &str) -> f64 {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let value = line.unwrap_or_else(|| panic!("no {name} in {text}"));
    value.parse().expect("a number")
}

pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n")
}

#[tokio::test]
async fn what_happens_is_counted_and_nothing_is_named() {
    let relay = Relay::start(Arc::new(MemoryStore::new())).await;
    let config = Config {
        listen: "127.0.0.1:0".into(),
        peers: vec![format!("ws://{}", relay.address)],
        ..Config::default()
    };
    let second = Relay::start_with(&config, Arc::new(MemoryStore::new())).await;
    let mut ann = Guest::at(relay.address, 1, "secret-plans");
    let mut bob = Guest::at(relay.address, 2, "secret-plans");
    for _ in 0..5 {
        ann.write("secret-plans", "whatever ");
        until("saved twice", [&mut ann, &mut bob], |[ann, bob]| {
            ann.saved("secret-plans", Level::Replicated)
                && bob.version("secret-plans") == ann.version("secret-plans")
        })
        .await;
    }
    let ready = http(relay.address, &get("/readyz")).await;
    assert!(ready.starts_with("HTTP/1.1 200"), "{ready}");
    let text = http(relay.address, &get("/metrics")).await;
    assert!(
        text.contains("openmetrics-text") && text.ends_with("# EOF\n"),
        "{text}"
    );
    for (name, least) in [
        ("driftwood_connections{kind=\"client\"}", 2.0),
        ("driftwood_connections{kind=\"relay\"}", 1.0),
        ("driftwood_documents", 1.0),
        ("driftwood_deltas_in_total", 5.0),
        ("driftwood_deltas_out_total", 10.0),
        ("driftwood_deltas_stored_total", 5.0),
        ("driftwood_received_bytes_total", 100.0),
        ("driftwood_sent_bytes_total", 100.0),
        ("driftwood_acknowledgement_seconds_count", 5.0),
        ("driftwood_fsync_seconds_count", 5.0),
        ("driftwood_replication_seconds_count", 1.0),
    ] {
        assert!(metric(&text, name) >= least, "{name}: {text}");
    }
    for name in [
        "driftwood_backlog_bytes",
        "driftwood_unstored_bytes",
        "driftwood_gossip_lag_seconds",
    ] {
        assert!(metric(&text, name) <= 0.0, "{name}: {text}");
    }
    assert!(!text.contains("secret"), "{text}");
    for relay in [second, relay] {
        relay.stop().await.expect("a clean end");
    }
}

#[tokio::test]
async fn a_backup_of_a_running_relay_fills_a_new_one() {
    let folder = TempDir::new().expect("temporary folder");
    let data = folder.path().join("data");
    let config = Config {
        listen: "127.0.0.1:0".into(),
        data: data.clone(),
        ..Config::default()
    };
    let server = Server::bind(&config).await.expect("a relay");
    let address = server.address();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(server.serve(async {
        let _ = stopped.await;
    }));
    let mut ann = Guest::at(address, 1, "trip");
    ann.open("work");
    ann.write("trip", "boots");
    ann.write("work", "mail");
    until("saved", [&mut ann], |[ann]| {
        ann.saved("trip", Level::Relay) && ann.saved("work", Level::Relay)
    })
    .await;

    let file = folder.path().join("backup");
    let path: &'static str = Box::leak(file.to_str().expect("utf-8").into());
    let (good, said) = meanwhile(&data, &["backup", path]).await;
    assert!(good && said.contains("2 documents in 2 deltas"), "{said}");
    let (good, said) = meanwhile(&data, &["verify"]).await;
    assert!(
        good && said.contains("2 documents in 2 deltas, 0 damaged"),
        "{said}"
    );
    let (good, said) = meanwhile(&data, &["inspect"]).await;
    assert!(
        good && said.contains("trip") && said.contains("in 2 documents"),
        "{said}"
    );
    let (good, said) = meanwhile(&data, &["inspect", "trip"]).await;
    assert!(
        good && said.contains("replica   0000000000000001"),
        "{said}"
    );
    assert!(!said.contains("boots"));
    let (good, said) = meanwhile(&data, &["doctor"]).await;
    assert!(good && said.contains("in 2 documents"), "{said}");
    drop(stop);
    soon("the end", serving)
        .await
        .expect("no panic")
        .expect("a clean end");
    assert!(!data.join("relay.sock").exists());

    // Stopped, the folder itself is read; and what is there already is left alone.
    let (good, said) = command(&data, &["inspect"]).expect("it works");
    assert!(good && said.contains("in 2 documents"), "{said}");
    let again = command(&data, &["backup", path]).expect_err("it is there");
    assert!(again.contains("choose another name"), "{again}");
    let full = command(&data, &["restore", path]).expect_err("it is not empty");
    assert!(full.contains("new folder"), "{full}");

    let new = folder.path().join("new");
    let (good, said) = command(&new, &["restore", path]).expect("it works");
    assert!(good && said.contains("2 documents"), "{said}");
    let store = Arc::new(LogStore::open(&new).expect("a store"));
    let relay = Relay::start(store).await;
    let mut bob = Guest::at(relay.address, 2, "trip");
    until("bob has it", [&mut bob], |[bob]| {
        bob.body("trip") == "boots"
    })
    .await;
    relay.stop().await.expect("a clean end");
}

#[test]
fn a_damaged_backup_restores_nothing() {
    let folder = TempDir::new().expect("temporary folder");
    let data = folder.path().join("data");
    let store = LogStore::open(&data).expect("a store");
    append(&store, "trip", &Author::new(1).write("boots"));
    store.flush().expect("flushed");
    drop(store);
    let file = folder.path().join("backup");
    let path = file.to_str().expect("utf-8");
    command(&data, &["backup", path]).expect("it works");
    let whole = std::fs::read(&file).expect("read");
    std::fs::write(&file, &whole[..whole.len() - 1]).expect("written");
    let new = folder.path().join("new");
    for args in [["verify", path], ["restore", path]] {
        let error = command(&new, &args).expect_err("it is cut off");
        assert!(error.contains("cannot be used: it is cut off"), "{error}");
    }
    assert!(!new.exists());
}

#[test]
fn a_damaged_document_is_named_and_the_others_are_backed_up() {
    let folder = TempDir::new().expect("temporary folder");
    let data = folder.path().join("data");
    let store = LogStore::open(&data).expect("a store");
    for document in ["hurt", "well"] {
        let mut author = Author::new(1);
        append(&store, document, &author.write("a"));
        append(&store, document, &author.write("b"));
    }
    store.flush().expect("flushed");
    drop(store);
    let log = segments(&data).remove(0);
    let mut bytes = std::fs::read(&log).expect("read");
    bytes[find(&log, "hurt")] ^= 1;
    std::fs::write(&log, bytes).expect("written");

    for args in [&["verify"][..], &["doctor"], &["inspect"]] {
        let (good, said) = command(&data, args).expect("it works");
        assert!(!good && said.contains("hurt"), "{args:?}: {said}");
    }
    let file = folder.path().join("backup");
    let path = file.to_str().expect("utf-8");
    let (good, said) = command(&data, &["backup", path]).expect("it works");
    assert!(
        !good && said.contains("1 documents in 2 deltas, 1 damaged ones left out"),
        "{said}"
    );
    assert!(command(&data, &["verify", path]).expect("it is whole").0);
}

#[test]
fn a_folder_is_put_into_one_of_another_kind_with_all_that_is_in_it() {
    let folder = TempDir::new().expect("temporary folder");
    let [old, log, redb] = ["old", "log", "redb"].map(|name| folder.path().join(name));
    let store = SledStore::open(&old).expect("a store");
    let mut author = Author::new(1);
    for at in 0..CHECKPOINT_RECORDS {
        append(&store, "trip", &author.write("boots "));
        if at == 900 {
            store.checkpoint(&name("trip")).expect("made");
        }
    }
    append(&store, "work", &Author::new(2).write("desk"));
    let replica = ReplicaId::new(1);
    store.bind(&name("trip"), replica, "ada").expect("bound");
    let (documents, owners) = (store.documents(), store.owners());
    drop(store);

    // As a relay that finds the old folder says.
    let said = command(&old, &["inspect"]).expect_err("it is the old kind");
    assert!(said.contains("driftwood-relay migrate --from"), "{said}");
    for (from, to, kind) in [(&old, &log, "log"), (&log, &redb, "redb")] {
        let [from, into] = [from, to].map(|path| path.to_str().expect("utf-8"));
        let args = ["migrate", "--from", from, "--to", into, "--store", kind];
        let (good, said) = command(&old, &args).expect("it works");
        assert!(good && said.contains("2 documents"), "{said}");
        let again = command(&old, &args).expect_err("it has documents");
        assert!(again.contains("choose a new folder"), "{again}");

        let store = store::open(to, None).expect("a store");
        let versions = |stored: &Vec<Stored>| -> Vec<_> {
            let stored = stored.iter();
            stored
                .map(|it| (it.name.clone(), it.version.clone()))
                .collect()
        };
        let moved = store.documents().expect("read");
        assert_eq!(
            versions(&moved),
            versions(documents.as_ref().expect("read"))
        );
        assert_eq!(
            store.owners().expect("read"),
            *owners.as_ref().expect("read")
        );
        assert_eq!(replay(&*store, "trip").canonical(), author.doc.canonical());
        drop(store);
        for args in ["verify", "inspect", "doctor"] {
            let (good, said) = command(to, &[args]).expect("it works");
            assert!(good && said.contains("2 documents"), "{args}: {said}");
        }
        let file = folder.path().join(format!("backup of {kind}"));
        let path = file.to_str().expect("utf-8");
        command(to, &["backup", path]).expect("it works");
        let new = folder.path().join(format!("new {kind}"));
        let args = ["restore", path, "--store", kind];
        assert!(command(&new, &args)
            .expect("it works")
            .1
            .contains("2 documents"));
        let store = store::open(&new, None).expect("a store");
        assert_eq!(replay(&*store, "trip").canonical(), author.doc.canonical());
    }
}

#[test]
fn the_doctor_says_what_is_wrong() {
    let folder = TempDir::new().expect("temporary folder");
    let data = folder.path().join("data");
    let (good, said) = command(&data, &["doctor"]).expect("it works");
    assert!(good && said.contains("not there yet"), "{said}");
    let key = folder.path().join("key");
    std::fs::write(&key, "nonsense").expect("written");
    let key = key.to_str().expect("utf-8");
    let foreign = folder.path().join("foreign");
    std::fs::create_dir(&foreign).expect("made");
    std::fs::write(foreign.join("holiday.jpg"), "not ours").expect("written");
    for (data, flags, wanted) in [
        (
            &data,
            &["--listen", "0.0.0.0:4455"][..],
            "whoever reaches it",
        ),
        (&data, &["--listen", "nonsense"], "--listen nonsense"),
        (&data, &["--auth-key", key], "no JSON Web Key"),
        (&data, &["--peer", "http://localhost"], "http://localhost"),
        (&data, &["--peer-token", "/nowhere"], "/nowhere"),
        (&data, &["--tls-cert", key], "go together"),
        (
            &data,
            &["--tls-cert", key, "--tls-key", key],
            "no certificate",
        ),
        (&data, &["--peer-ca", "/nowhere/ca"], "/nowhere/ca"),
        (&foreign, &[], "not a Driftwood store"),
    ] {
        let (good, said) = command(data, &[&["doctor"], flags].concat()).expect("it works");
        let wrong = said
            .lines()
            .any(|line| line.starts_with("WRONG") && line.contains(wanted));
        assert!(!good && wrong, "{flags:?}: {said}");
    }
}

/// A certificate for `localhost`, good from and to so many days from now, and its key.
fn certificate(folder: &Path, from: i64, upto: i64) -> [String; 2] {
    let day = rcgen::date_time_ymd(1970, 1, 2) - rcgen::date_time_ymd(1970, 1, 1);
    let now = driftwood_relay::now().as_millis() / 86_400_000;
    let now = rcgen::date_time_ymd(1970, 1, 1) + day * now as i32;
    let names = vec!["localhost".to_owned()];
    let mut params = rcgen::CertificateParams::new(names).expect("a name");
    params.not_before = now + day * from as i32;
    params.not_after = now + day * upto as i32;
    let key = rcgen::KeyPair::generate().expect("a key");
    let signed = params.self_signed(&key).expect("signed");
    let files = ["cert", "key"].map(|kind| folder.join(format!("{kind}{from}{upto}")));
    std::fs::write(&files[0], signed.pem()).expect("written");
    std::fs::write(&files[1], key.serialize_pem()).expect("written");
    files.map(|file| file.to_str().expect("utf-8").to_owned())
}

#[test]
fn the_doctor_looks_at_the_certificate_and_at_other_servers() {
    let folder = TempDir::new().expect("temporary folder");
    let data = folder.path().join("data");
    let doctor = |flags: &[&str]| {
        let said = command(&data, &[&["doctor"], flags].concat()).expect("it works");
        println!("{}", said.1);
        said
    };
    for (from, upto, wanted) in [
        (-1, 100, Ok("days, with its key")),
        (-30, 3, Err("expires in")),
        (-30, -2, Err("has expired")),
        (3, 100, Err("not good yet")),
    ] {
        let [cert, key] = certificate(folder.path(), from, upto);
        let (good, said) = doctor(&["--tls-cert", &cert, "--tls-key", &key]);
        let (is_good, words) = wanted.map_or_else(|it| (false, it), |it| (true, it));
        assert!(good == is_good && said.contains(words), "{said}");
    }
    let [cert, _] = certificate(folder.path(), -1, 50);
    let [_, key] = certificate(folder.path(), -1, 51);
    let (good, said) = doctor(&["--tls-cert", &cert, "--tls-key", &key]);
    assert!(
        !good && said.contains("not the key of the certificate"),
        "{said}"
    );

    // A port where nobody listens, and one where somebody does.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let nowhere = nobody.local_addr().expect("bound");
    drop(nobody);
    let hook = folder
        .path()
        .join("hook")
        .to_str()
        .expect("utf-8")
        .to_owned();
    command(&data, &["token", "--new-key", "hs256", &hook]).expect("a key");
    let url = |address| format!("http://{address}/there");
    let (good, said) = doctor(&["--webhook", &url(address), "--webhook-key", &hook]);
    assert!(good && said.contains("can be reached"), "{said}");
    let (good, said) = doctor(&["--webhook", &url(nowhere), "--webhook-key", &hook]);
    assert!(!good && said.contains("wait until it answers"), "{said}");
    let (good, said) = doctor(&["--webhook", &url(address)]);
    assert!(!good && said.contains("needs --webhook-key"), "{said}");
    let (good, said) = doctor(&["--auth-keys-url", &url(nowhere)]);
    assert!(!good && said.contains("nobody is let in"), "{said}");
    // A set of keys of which none can be used.
    let serving = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let (mut stream, _) = listener.accept().expect("who looks whether it is there");
        drop(stream.read(&mut [0; 16]));
        drop(stream);
        let (mut stream, _) = listener.accept().expect("who wants the keys");
        drop(stream.read(&mut [0; 1024]));
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{\"keys\":[]}";
        stream.write_all(answer.as_bytes()).expect("answered");
    });
    let (good, said) = doctor(&["--auth-keys-url", &url(address)]);
    serving.join().expect("served");
    assert!(!good && said.contains("no Ed25519 key"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_answers_its_commands_while_it_runs() {
    let folder = TempDir::new().expect("temporary folder");
    let data = folder.path().join("data");
    let program = Program::start(&data, "127.0.0.1:0", &[]);
    let mut ann = Guest::at(program.address, 1, "trip");
    ann.write("trip", "boots");
    until("saved", [&mut ann], |[ann]| ann.saved("trip", Level::Relay)).await;
    let run = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_driftwood-relay"));
        command.args(args).arg("--data").arg(&data);
        let output = command.output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.success(), said)
    };
    let (good, said) = run(&["verify"]);
    assert!(good && said.contains("1 documents"), "{said}");
    let (good, said) = run(&["--print-config"]);
    assert!(
        good && said.contains("listen = \"127.0.0.1:4455\""),
        "{said}"
    );
    // Killed, it leaves its socket behind: nobody answers there, so the folder is read.
    program.kill();
    let (good, said) = run(&["inspect"]);
    assert!(good && said.contains("trip"), "{said}");
}

#[tokio::test]
async fn refusals_are_counted() {
    let relay = Relay::start(Arc::new(MemoryStore::new())).await;
    let mut ann = Guest::at(relay.address, 1, "trip");
    let far = name("trip");
    let author = ann.client.host_mut().authors.get_mut(&far).expect("open");
    let ahead = driftwood_relay::now() + Duration::from_secs(3_600);
    let mut edit = author.doc.edit(ahead.as_millis());
    edit.map("meta").set("title", "x").expect("fits");
    let delta = edit.commit().encode().into();
    let document = far;
    ann.client
        .handle(driftwood_sync::Input::Local { document, delta });
    until("refused", [&mut ann], |[ann]| {
        ann.problems().contains(&ErrorCode::ClockAhead)
    })
    .await;
    let text = http(relay.address, &get("/metrics")).await;
    let refused = metric(&text, "driftwood_refusals_total{code=\"CLOCK_AHEAD\"}");
    assert!(refused >= 1.0);
    relay.stop().await.expect("a clean end");
}
