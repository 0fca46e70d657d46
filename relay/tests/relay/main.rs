//! The relay from outside: its stores, and real servers and clients over loopback.

#[cfg(target_os = "linux")]
mod abuse;
mod api;
mod bad_input;
mod crash;
#[cfg(target_os = "linux")]
mod crowd;
mod full_disk;
mod heal;
mod hostile;
mod login;
mod loopback;
mod mesh;
mod operation;
mod otlp;
mod proxy;
mod purge;
mod quic;
mod quic_hostile;
mod slow_reader;
mod staged;
mod store_contract;
mod store_folder;
mod store_log;
mod store_sled;
mod storm;
mod stranger;
mod support;
mod tls;
#[cfg(target_os = "linux")]
mod transports;
mod webhook;
