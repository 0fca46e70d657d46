//! Documents over HTTP: what a script sees that has no CRDT.

use std::sync::atomic::Ordering;
use std::sync::Arc;

use driftwood_relay::store::{MemoryStore, Store};
use serde_json::{json, Value};

use crate::login::Office;
use crate::loopback::http;
use crate::staged::Staged;
use crate::support::{until, Guest, Relay};

/// An answer: its status, its `ETag`, its body.
struct Answer {
    status: u16,
    tag: String,
    body: Value,
}

async fn ask(relay: &Relay, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
    let headers = headers
        .iter()
        .flat_map(|line| [line, "\r\n"])
        .collect::<String>();
    let len = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len}\r\n{headers}\r\n{body}"
    );
    let text = http(relay.address, &request).await;
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let tag = head.lines().find_map(|line| line.strip_prefix("etag: "));
    Answer {
        status: head[9..12].parse().expect("a status"),
        tag: tag.unwrap_or_default().to_owned(),
        body: serde_json::from_str(body).unwrap_or_default(),
    }
}

const JSON: &str = "Content-Type: application/json";

async fn post(relay: &Relay, document: &str, headers: &[&str], changes: Value) -> Answer {
    let headers = [&[JSON], headers].concat();
    let body = json!({ "changes": changes }).to_string();
    ask(relay, "POST", &path(document), &headers, &body).await
}

async fn get(relay: &Relay, document: &str, headers: &[&str]) -> Answer {
    ask(relay, "GET", &path(document), headers, "").await
}

fn path(document: &str) -> String {
    format!("/api/documents/{document}")
}

fn insert(text: &str) -> Value {
    json!([{ "op": "text", "at": ["body"], "index": 0, "insert": text }])
}

#[tokio::test]
async fn what_is_posted_is_stored_told_and_read_back() {
    let relay = Relay::start(Arc::new(MemoryStore::new())).await;
    let mut ann = Guest::at(relay.address, 1, "notes/trip");
    ann.write("notes/trip", "by Ann");
    until("saved", [&mut ann], |[ann]| {
        ann.saved("notes/trip", driftwood_sync::Level::Relay)
    })
    .await;

    let posted = post(
        &relay,
        "notes/trip",
        &[],
        json!([
            { "op": "text", "at": ["body"], "index": 0, "insert": "Boots, 👢! " },
            { "op": "text", "at": ["body"], "index": 7, "delete": 1 },
            { "op": "set", "at": ["meta"], "key": "days", "value": 3 },
            { "op": "set", "at": ["meta", "where"], "key": "hut", "value": { "beds": [1, 2.5, null] } },
            { "op": "set", "at": ["meta"], "key": "gone", "value": true },
            { "op": "delete", "at": ["meta"], "key": "gone" },
            { "op": "list", "at": ["items"], "index": 0, "insert": ["a", "b", "c"] },
            { "op": "list", "at": ["items"], "index": 1, "delete": 1, "insert": ["B"] },
            { "op": "add", "at": ["tags"], "value": "snow" },
            { "op": "add", "at": ["tags"], "value": "ice" },
            { "op": "remove", "at": ["tags"], "value": "ice" },
            { "op": "count", "at": ["likes"], "by": 2 },
            { "op": "count", "at": ["likes"], "by": -1 },
            { "op": "assign", "at": ["todos"], "kind": "list", "value": [{ "text": "pack" }] },
        ]),
    )
    .await;
    assert_eq!(
        (posted.status, &posted.body["changed"]),
        (200, &json!(true))
    );
    until("Ann sees it", [&mut ann], |[ann]| {
        ann.body("notes/trip") == "Boots, ! by Ann"
    })
    .await;
    let read = get(&relay, "notes/trip", &[]).await;
    assert_eq!((read.status, &read.tag), (200, &posted.tag));
    let expected = json!({
        "body": "Boots, ! by Ann",
        "meta": { "days": 3, "where": { "hut": { "beds": [1, 2.5, null] } } },
        "items": ["a", "B", "c"],
        "tags": ["snow"],
        "likes": 1,
        "todos": [{ "text": "pack" }],
    });
    assert_eq!(read.body, expected);

    // A second request goes on where the first one ended, also inside of a list's element.
    let change =
        json!([{ "op": "assign", "at": ["todos", 0, "done"], "kind": "counter", "value": 5 }]);
    let posted = post(&relay, "notes/trip", &[], change).await;
    assert_eq!(posted.status, 200, "{}", posted.body);
    let read = get(&relay, "notes/trip", &[]).await;
    assert_eq!(read.body["todos"], json!([{ "text": "pack", "done": 5 }]));
    // What is so already is no change.
    let same =
        json!([{ "op": "assign", "at": ["body"], "kind": "text", "value": "Boots, ! by Ann" }]);
    let again = post(&relay, "notes/trip", &[], same).await;
    assert_eq!(
        (again.status, &again.body["changed"], &again.tag),
        (200, &json!(false), &read.tag)
    );

    let known = format!("If-None-Match: {}", read.tag);
    assert_eq!(get(&relay, "notes/trip", &[&known]).await.status, 304);
    let seen = format!("If-Match: {}", read.tag);
    assert_eq!(
        post(&relay, "notes/trip", &[&seen], insert("first. "))
            .await
            .status,
        200
    );
    assert_eq!(
        post(&relay, "notes/trip", &[&seen], insert("second. "))
            .await
            .status,
        412
    );
    assert_eq!(
        get(&relay, "notes/trip", &[&known]).await.body["body"],
        "first. Boots, ! by Ann"
    );

    relay.stop().await.expect("a clean end");
}

#[tokio::test]
async fn documents_are_made_and_listed() {
    let relay = Relay::start(Arc::new(MemoryStore::new())).await;
    for name in ["notes/trip", "notes/new", "a"] {
        assert_eq!(post(&relay, name, &[], insert("hello")).await.status, 200);
    }
    let read = get(&relay, "notes/new", &[]).await;
    assert_eq!(read.body, json!({ "body": "hello" }));
    let listed = ask(
        &relay,
        "GET",
        "/api/documents?prefix=notes/&limit=1",
        &[],
        "",
    )
    .await;
    assert_eq!(
        (&listed.body["documents"][0]["name"], &listed.body["next"]),
        (&json!("notes/new"), &json!("notes/new"))
    );
    let listed = ask(&relay, "GET", "/api/documents?after=notes%2Fnew", &[], "").await;
    assert_eq!(
        (&listed.body["documents"][0]["name"], &listed.body["next"]),
        (&json!("notes/trip"), &Value::Null)
    );
    relay.stop().await.expect("a clean end");
}

#[tokio::test]
async fn many_at_once_are_all_kept() {
    let relay = Relay::start(Arc::new(MemoryStore::new())).await;
    let posts = (0..20).map(|number| {
        let change = json!([
            { "op": "count", "at": ["sum"], "by": number },
            { "op": "add", "at": ["all"], "value": number },
        ]);
        post(&relay, "counted", &[], change)
    });
    for answer in futures_util::future::join_all(posts).await {
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    let read = get(&relay, "counted", &[]).await.body;
    assert_eq!(read["sum"], 190);
    assert_eq!(read["all"].as_array().map(Vec::len), Some(20));
    relay.stop().await.expect("a clean end");
}

#[tokio::test]
async fn what_cannot_be_is_said_and_changes_nothing() {
    let store = Arc::new(Staged::default());
    let relay = Relay::start(Arc::clone(&store) as Arc<dyn Store>).await;
    let made = post(&relay, "trip", &[], insert("boots")).await;
    assert_eq!(made.status, 200);
    for (status, why, changes) in [
        (
            422,
            "past the end",
            json!([{ "op": "set", "at": ["m"], "key": "k", "value": 1 }, { "op": "text", "at": ["body"], "index": 9 }]),
        ),
        (
            422,
            "past the end",
            json!([{ "op": "list", "at": ["l"], "index": 3, "insert": [1] }]),
        ),
        (
            422,
            "not a Map",
            json!([{ "op": "list", "at": ["l"], "index": 0, "insert": [1] }, { "op": "set", "at": ["l", 0], "key": "k", "value": 1 }]),
        ),
        (
            422,
            "limit",
            json!([{ "op": "set", "at": ["m"], "key": "k".repeat(9_000), "value": 1 }]),
        ),
        (400, "unknown variant", json!([{ "op": "explode" }])),
        (
            400,
            "unknown field",
            json!([{ "op": "count", "at": ["c"], "by": 1, "times": 2 }]),
        ),
        (
            400,
            "starts with a name",
            json!([{ "op": "count", "at": [], "by": 1 }]),
        ),
        (
            400,
            "key (text) or an index",
            json!([{ "op": "count", "at": ["c", 1.5], "by": 1 }]),
        ),
    ] {
        let number = changes.as_array().expect("a list").len() - 1;
        let answer = post(&relay, "trip", &[], changes).await;
        let said = answer.body["error"].as_str().unwrap_or_default();
        assert!(
            answer.status == status && said.contains(why),
            "{status} {why}: {said}"
        );
        if status == 422 {
            assert_eq!(answer.body["change"], number, "{said}");
        }
    }
    let long = "x".repeat(2 << 20);
    assert_eq!(post(&relay, "trip", &[], insert(&long)).await.status, 413);
    let here = path("trip");
    assert_eq!(
        ask(&relay, "POST", &here, &["Content-Type: text/plain"], "{}")
            .await
            .status,
        415
    );
    assert_eq!(ask(&relay, "POST", &here, &[], "{}").await.status, 415);
    assert_eq!(ask(&relay, "POST", &here, &[JSON], "{").await.status, 400);
    assert_eq!(ask(&relay, "PUT", &here, &[], "").await.status, 405);
    assert_eq!(get(&relay, "nowhere", &[]).await.status, 404);
    assert_eq!(get(&relay, &"n".repeat(5_000), &[]).await.status, 400);
    assert_eq!(
        ask(&relay, "GET", "/api/documents?limit=many", &[], "")
            .await
            .status,
        400
    );
    store.full.store(true, Ordering::Relaxed);
    let full = post(&relay, "trip", &[], insert("more ")).await;
    assert_eq!(
        (full.status, full.body["error"].as_str()),
        (507, Some("not stored: STORAGE_FULL"))
    );
    store.full.store(false, Ordering::Relaxed);
    let read = get(&relay, "trip", &[]).await;
    assert_eq!(
        (read.body, &read.tag),
        (json!({ "body": "boots" }), &made.tag)
    );
    assert_eq!(post(&relay, "trip", &[], insert("more ")).await.status, 200);
    assert_eq!(
        get(&relay, "trip", &[]).await.body,
        json!({ "body": "more boots" })
    );
    relay.stop().await.expect("a clean end");
}

#[tokio::test]
async fn pages_of_other_sites_are_kept_out() {
    let relay = Relay::start(Arc::new(MemoryStore::new())).await;
    let made = post(&relay, "trip", &[], insert("boots")).await;
    assert_eq!(made.status, 200);
    // By their Origin, or by a name that was made to lead here.
    assert_eq!(
        get(&relay, "trip", &["Origin: https://evil.example"])
            .await
            .status,
        403
    );
    let rebound =
        "GET /api/documents/trip HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    assert!(http(relay.address, rebound)
        .await
        .starts_with("HTTP/1.1 403"));
    relay.stop().await.expect("a clean end");
}

#[tokio::test]
async fn a_token_says_what_may_be_done() {
    let office = Office::new("eddsa");
    let relay = Relay::start_with(&office.config(), Arc::new(MemoryStore::new())).await;
    let bearer = |doc: &[&str]| {
        let docs = doc.iter().flat_map(|doc| ["--doc", doc]);
        let args: Vec<&str> = docs.collect();
        format!("Authorization: Bearer {}", office.token("ada", &args))
    };
    let writer = bearer(&["*:write"]);
    assert_eq!(
        post(&relay, "notes/trip", &[&writer], insert("a"))
            .await
            .status,
        200
    );
    assert_eq!(
        post(&relay, "plans", &[&writer], insert("b")).await.status,
        200
    );

    for headers in [&[][..], &["Authorization: Bearer sesame"]] {
        assert_eq!(get(&relay, "plans", headers).await.status, 401);
        assert_eq!(
            post(&relay, "plans", headers, insert("c")).await.status,
            401
        );
        assert_eq!(
            ask(&relay, "GET", "/api/documents", headers, "")
                .await
                .status,
            401
        );
    }
    let reader = bearer(&["notes/*:read"]);
    assert_eq!(
        get(&relay, "notes/trip", &[&reader]).await.body,
        json!({ "body": "a" })
    );
    assert_eq!(get(&relay, "plans", &[&reader]).await.status, 403);
    assert_eq!(
        post(&relay, "notes/trip", &[&reader], insert("c"))
            .await
            .status,
        403
    );
    let listed = ask(&relay, "GET", "/api/documents", &[&reader], "")
        .await
        .body;
    let names: Vec<_> = listed["documents"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|it| &it["name"])
        .collect();
    assert_eq!(names, [&json!("notes/trip")]);
    relay.stop().await.expect("a clean end");
}
