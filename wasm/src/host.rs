//! The few things every page and worker offers and that everything else here needs: time, timers,
//! randomness, and listeners that end when they are dropped.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;

use js_sys::{Function, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::EventTarget;

use crate::error::Failure;

#[wasm_bindgen]
extern "C" {
    // A timer's handle is a number in browsers and an object in Node.
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &Function, ms: f64) -> JsValue;
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(handle: &JsValue);
    #[wasm_bindgen(js_name = queueMicrotask)]
    fn queue_microtask(callback: &Function);
    #[wasm_bindgen(js_namespace = crypto, js_name = getRandomValues)]
    fn get_random_values(array: &Uint8Array);
}

/// A member of the global object, or `undefined`. Some hosts throw where they forbid one: that is
/// `undefined` as well.
pub(crate) fn global(name: &str) -> JsValue {
    Reflect::get(&js_sys::global(), &name.into()).unwrap_or(JsValue::UNDEFINED)
}

/// A member of a member, with the same forbearance.
pub(crate) fn member(of: &JsValue, name: &str) -> JsValue {
    if of.is_object() {
        Reflect::get(of, &name.into()).unwrap_or(JsValue::UNDEFINED)
    } else {
        JsValue::UNDEFINED
    }
}

/// Milliseconds since the Unix epoch. It can go back: whoever needs a clock that does not, sees to it.
#[allow(clippy::cast_sign_loss, reason = "before 1970 it is 1970")]
pub(crate) fn now_ms() -> u64 {
    js_sys::Date::now() as u64
}

/// 64 bits from the host's cryptographic source.
pub(crate) fn random_u64() -> u64 {
    let array = Uint8Array::new_with_length(8);
    get_random_values(&array);
    let mut bytes = [0; 8];
    array.copy_to(&mut bytes);
    u64::from_le_bytes(bytes)
}

/// A function for JavaScript to call at most once. Whatever it closes over, it is of one type here:
/// each type of its own would cost a kilobyte of WebAssembly, and so it is below.
pub(crate) fn once(callback: impl FnOnce(JsValue) + 'static) -> Function {
    let callback: Box<dyn FnOnce(JsValue)> = Box::new(callback);
    Closure::once_into_js(callback).unchecked_into()
}

/// Has a future run.
pub(crate) fn spawn(future: impl Future<Output = ()> + 'static) {
    let future: Pin<Box<dyn Future<Output = ()>>> = Box::pin(future);
    wasm_bindgen_futures::spawn_local(future);
}

/// Has a future run whose result is a promise.
pub(crate) fn promise(future: impl Future<Output = Result<JsValue, Failure>> + 'static) -> Promise {
    let future: Pin<Box<dyn Future<Output = Result<JsValue, Failure>>>> = Box::pin(future);
    settle(future)
}

fn settle(future: Pin<Box<dyn Future<Output = Result<JsValue, Failure>>>>) -> Promise {
    wasm_bindgen_futures::future_to_promise(async move { future.await.map_err(JsValue::from) })
}

/// Has `callback` called when the present task has run, before the next one.
pub(crate) fn microtask(callback: &Closure<dyn FnMut()>) {
    queue_microtask(callback.as_ref().unchecked_ref());
}

/// A timer with one callback, which can be set again and again. Dropping it cancels it.
pub(crate) struct Timer {
    callback: Closure<dyn FnMut()>,
    handle: RefCell<Option<JsValue>>,
}

impl Timer {
    /// A timer that is not set.
    pub(crate) fn new(callback: impl FnMut() + 'static) -> Self {
        Self {
            callback: Closure::wrap(Box::new(callback)),
            handle: RefCell::new(None),
        }
    }

    /// Has the callback called in `ms` milliseconds; what was set before is cancelled.
    pub(crate) fn set(&self, ms: f64) {
        self.cancel();
        // Beyond 2^31 ms hosts fire at once.
        let handle = set_timeout(self.callback.as_ref().unchecked_ref(), ms.clamp(0.0, 2e9));
        *self.handle.borrow_mut() = Some(handle);
    }

    /// Has nothing called.
    pub(crate) fn cancel(&self) {
        if let Some(handle) = self.handle.borrow_mut().take() {
            clear_timeout(&handle);
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.cancel();
    }
}

/// An event listener. Dropping it removes it.
pub(crate) struct Listener {
    target: EventTarget,
    event: &'static str,
    callback: Closure<dyn FnMut(JsValue)>,
}

impl Listener {
    /// Listens to `event` of `target`.
    pub(crate) fn new(
        target: &EventTarget,
        event: &'static str,
        callback: impl FnMut(JsValue) + 'static,
    ) -> Self {
        let callback: Closure<dyn FnMut(JsValue)> = Closure::wrap(Box::new(callback));
        // Adding a listener fails only for a null callback.
        let _ = target.add_event_listener_with_callback(event, callback.as_ref().unchecked_ref());
        Self {
            target: target.clone(),
            event,
            callback,
        }
    }

    /// Listens to an event of the page or worker itself, where there is such a thing.
    pub(crate) fn global(
        event: &'static str,
        callback: impl FnMut(JsValue) + 'static,
    ) -> Option<Self> {
        let global = js_sys::global();
        // Node's global object is no event target.
        member(&global, "addEventListener")
            .is_function()
            .then(|| Self::new(global.unchecked_ref(), event, callback))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.target.remove_event_listener_with_callback(
            self.event,
            self.callback.as_ref().unchecked_ref(),
        );
    }
}
