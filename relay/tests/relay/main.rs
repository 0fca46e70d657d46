//! The relay from outside: its stores, and real servers and clients over loopback.

mod bad_input;
mod crash;
mod full_disk;
mod login;
mod loopback;
mod mesh;
mod operation;
mod proxy;
mod slow_reader;
mod staged;
mod store_contract;
mod store_folder;
mod store_log;
mod store_sled;
mod support;
mod tls;
