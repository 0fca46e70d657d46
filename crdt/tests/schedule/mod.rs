//! Random schedules: many replicas edit, exchange, lose, repeat, reload, and are held against the
//! model at every step.

mod calls;
mod changes;
mod checks;
mod exchange;
mod fork;
mod hunt;
mod rng;
mod seeds;
mod shapes;
mod shrink;
mod steps;
mod world;

pub(crate) use hunt::{hold_panics, hunt, quietly, Failure, Task};
pub(crate) use shrink::shrink;
pub(crate) use steps::{Schedule, Step};
#[allow(unused_imports, reason = "wasm runs them one by one")]
pub(crate) use world::{run, Care};
