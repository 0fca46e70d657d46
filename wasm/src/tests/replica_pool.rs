use wasm_bindgen_test::wasm_bindgen_test;

use super::{sleep, unique};
use crate::indexeddb::Database;
use crate::locks::{try_lock, Answer};
use crate::replica_pool::{ids, lease, retire};

#[wasm_bindgen_test]
async fn a_lock_has_one_holder() {
    let name = unique("lock");
    let Answer::Held(lock) = try_lock(&name).await else {
        panic!("nobody holds it")
    };
    assert!(matches!(try_lock(&name).await, Answer::Busy));
    drop(lock);
    for _ in 0..100 {
        if let Answer::Held(_) = try_lock(&name).await {
            return;
        }
        sleep(5.0).await;
    }
    panic!("it was let go of");
}

#[wasm_bindgen_test]
async fn ids_are_used_by_one_at_a_time_and_return_to_the_pool() {
    let name = unique("db");
    let db = Database::open(&name).await.expect("it opens");
    let (first, second) = (lease(&db, None).await, lease(&db, None).await);
    assert_ne!(first.replica, second.replica);
    let pool = ids(&db).await.expect("read");
    assert_eq!(pool.len(), 2);
    assert!(pool.contains(&first.replica) && pool.contains(&second.replica));

    let (one, two) = (first.replica, second.replica);
    drop(first);
    drop(second);
    sleep(50.0).await;
    // Twenty sessions one after the other need no third id, and get the one they ask for.
    for _ in 0..10 {
        for wanted in [one, two] {
            let again = lease(&db, Some(wanted)).await;
            assert_eq!(again.replica, wanted);
            drop(again);
            sleep(10.0).await;
        }
    }
    assert_eq!(ids(&db).await.expect("read"), pool);
}

#[wasm_bindgen_test]
async fn a_retired_id_is_never_leased_again() {
    let name = unique("db");
    let db = Database::open(&name).await.expect("it opens");
    let first = lease(&db, None).await;
    let bad = first.replica;
    retire(&db, bad).await.expect("written");
    drop(first);
    sleep(50.0).await;
    let next = lease(&db, Some(bad)).await;
    assert_ne!(next.replica, bad);
    assert_eq!(ids(&db).await.expect("read"), [next.replica]);
}
