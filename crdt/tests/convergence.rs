//! The law of the house in wasm, where no threads are: the first of the schedules.

#![cfg(target_arch = "wasm32")]

#[allow(
    dead_code,
    reason = "one test needs less than all that schedules can do"
)]
mod model;
#[allow(dead_code, unused_imports, reason = "as above")]
mod schedule;
#[allow(dead_code, reason = "as above")]
mod support;

use schedule::{run, Care, Schedule};
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn the_first_schedules_converge_to_what_the_model_shows() {
    (1..=200).for_each(|seed| run(&Schedule::new(seed), Care::Full, None));
}
