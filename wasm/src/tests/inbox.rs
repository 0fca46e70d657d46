use std::cell::Cell;

use wasm_bindgen_test::wasm_bindgen_test;

use super::*;

const MESSAGES: usize = 100;

/// A face that takes five milliseconds over every change, and counts them.
fn slow_face(told: &Rc<Cell<usize>>) -> Face {
    let told = told.clone();
    let face = Closure::<dyn FnMut(f64)>::new(move |event: f64| {
        if event == 0.0 {
            told.set(told.get() + 1);
            let begun = host::now_ms();
            while host::now_ms() < begun + 5 {}
        }
    });
    face_of(&face.into_js_value())
}

#[wasm_bindgen_test]
async fn a_flood_of_messages_leaves_the_page_its_turns() {
    let memory = |relays: &[&str]| Setup {
        memory: true,
        ..setup(relays)
    };
    let name = unique("doc");
    let writer = open(&name, memory(&[]), &Heard::default())
        .await
        .expect("it opens");
    let told = Rc::new(Cell::new(0));
    let reader = Client::get(memory(&[NOWHERE])).await.expect("a client");
    let reader = reader
        .open(
            DocumentName::new(&name).expect("a good name"),
            slow_face(&told),
        )
        .await
        .expect("it opens");
    write(&writer, "first ");
    until("it arrives", || body(&reader) == body(&writer)).await;

    // Nothing is waited for here: each is a message, and all of them are under way at once.
    for i in 0..MESSAGES {
        write(&writer, &format!("{i} "));
        writer.commit();
    }
    let mut most = 0;
    while body(&reader) != body(&writer) {
        let before = told.get();
        sleep(0.0).await;
        most = most.max(told.get() - before);
    }
    assert!(
        told.get() > MESSAGES / 2,
        "they came one by one: {}",
        told.get()
    );
    assert!(most <= 10, "the page had to wait for {most} messages");
    close(&writer).await;
    close(&reader).await;
}
