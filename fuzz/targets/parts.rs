#![no_main]

#[allow(dead_code)]
#[path = "../../sync/tests/checks/mod.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::parts(bytes));
