#![no_main]

#[allow(dead_code)]
#[path = "../../crdt/tests/checks/mod.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    checks::delta(bytes);
});
