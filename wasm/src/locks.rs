//! Web Locks: a name that one page or worker of the origin holds at a time. The browser lets go of it
//! when the page ends, however it ends.

use js_sys::{Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::host;

#[wasm_bindgen]
extern "C" {
    type LockManager;
    #[wasm_bindgen(method, catch)]
    fn request(
        this: &LockManager,
        name: &str,
        options: &Object,
        callback: &JsValue,
    ) -> Result<Promise, JsValue>;
}

/// A lock that is held until this is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    release: Function,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Resolving a promise cannot fail.
        let _ = self.release.call0(&JsValue::UNDEFINED);
    }
}

/// The answer to asking for a lock.
#[derive(Debug)]
pub(crate) enum Answer {
    /// It is ours.
    Held(Lock),
    /// Someone else has it.
    Busy,
    /// This host has no Web Locks (an insecure origin, a sandboxed frame, Node).
    Unsupported,
}

/// Takes the lock `name` if nobody holds it. Does not wait for a holder.
pub(crate) async fn try_lock(name: &str) -> Answer {
    let manager = host::member(&host::global("navigator"), "locks");
    if !host::member(&manager, "request").is_function() {
        return Answer::Unsupported;
    }
    let manager: LockManager = manager.unchecked_into();
    let options = Object::new();
    let _ = Reflect::set(&options, &"ifAvailable".into(), &JsValue::TRUE);

    // The promise that we await gets: the function that releases the lock, or null when it is taken.
    let answer = Promise::new(&mut |resolve, reject| {
        let granted: Closure<dyn FnMut(JsValue) -> JsValue> = {
            let resolve = resolve.clone();
            Closure::wrap(Box::new(move |lock: JsValue| {
                if lock.is_null() || lock.is_undefined() {
                    let _ = resolve.call1(&JsValue::UNDEFINED, &JsValue::NULL);
                    return JsValue::UNDEFINED;
                }
                // The lock is held for as long as the promise returned from here is pending.
                let hold = Promise::new(&mut |release, _| {
                    let _ = resolve.call1(&JsValue::UNDEFINED, &release);
                });
                hold.into()
            }))
        };
        match manager.request(name, &options, &granted.into_js_value()) {
            Ok(request) => {
                let refused = host::once(move |error| {
                    let _ = reject.call1(&JsValue::UNDEFINED, &error);
                });
                // `then(undefined, refused)`: what it returns settles after the lock is released.
                if let Ok(then) = Reflect::get(&request, &"then".into()) {
                    let then: Function = then.unchecked_into();
                    let _ = then.call2(&request, &JsValue::UNDEFINED, &refused);
                }
            }
            Err(error) => {
                let _ = reject.call1(&JsValue::UNDEFINED, &error);
            }
        }
    });
    match JsFuture::from(answer).await {
        Ok(release) if release.is_function() => Answer::Held(Lock {
            release: release.unchecked_into(),
        }),
        Ok(_) => Answer::Busy,
        Err(_) => Answer::Unsupported,
    }
}
