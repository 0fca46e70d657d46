//! The protocol's tests: its bytes, its flows one by one, and a small world in which everything
//! goes wrong.

mod convergence;
mod flows;
mod host;
mod login;
mod lone;
mod mesh;
mod parts;
mod presence;
mod purge;
mod random;
mod refusals;
mod saving;
mod survey;
mod wire;
mod world;
