use wasm_bindgen_test::wasm_bindgen_test;

use super::*;

/// Two clients of one page are as two tabs: each has its own channel, its own id, its own store.
async fn two_tabs(name: &str) -> [Rc<Document>; 2] {
    let here = open(name, setup(&[]), &Heard::default())
        .await
        .expect("it opens");
    let there = open(name, setup(&[NOWHERE]), &Heard::default())
        .await
        .expect("it opens");
    [here, there]
}

#[wasm_bindgen_test]
async fn siblings_see_each_other_without_a_relay() {
    let name = unique("doc");
    let [here, there] = two_tabs(&name).await;
    assert_ne!(here.replica(), there.replica());
    write(&here, "one ");
    until("it arrives", || body(&there) == "one ").await;
    write(&there, "two ");
    until("it arrives", || body(&here) == "two one ").await;
    assert_eq!(here.client.reach(), (0, 1));
    stored(&here).await;
    stored(&there).await;
    assert_eq!(
        records(&name).await.len(),
        2,
        "what both store is stored once"
    );
    close(&here).await;
    until("the other is told", || there.client.reach().1 == 0).await;
    close(&there).await;
    let again = open_plain(&name).await;
    assert_eq!(body(&again), "two one ");
    close(&again).await;
}

#[wasm_bindgen_test]
async fn a_late_sibling_gets_what_is_only_in_memory_elsewhere() {
    let name = unique("doc");
    let memory = Setup {
        relays: Vec::new(),
        token: None,
        memory: true,
    };
    let first = open(&name, memory, &Heard::default())
        .await
        .expect("it opens");
    write(&first, "not stored");
    let second = open_plain(&name).await;
    until("it arrives", || body(&second) == "not stored").await;
    close(&first).await;
    stored(&second).await;
    close(&second).await;
}

#[wasm_bindgen_test]
async fn presence_comes_and_goes() {
    use driftwood_sync::Input;
    let name = unique("doc");
    let heard = Heard::default();
    let here = open(&name, setup(&[]), &heard).await.expect("it opens");
    let there = open(&name, setup(&[NOWHERE]), &Heard::default())
        .await
        .expect("it opens");
    let state = Some(br#"{"name":"Ada"}"#.as_slice().into());
    let document = there.name.clone();
    there.client.input(Input::Presence { document, state });
    let peer = there.client.node.borrow().config().node.to_string();
    until("it is heard", || heard.has(2, &peer)).await;
    heard.0.borrow_mut().clear();
    close(&there).await;
    until("it is heard", || heard.has(2, &peer)).await;
    close(&here).await;
}
