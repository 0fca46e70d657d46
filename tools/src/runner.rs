//! `wasm-bindgen-test-runner`, of exactly the version that the workspace's crates are built with.

fn main() -> anyhow::Result<()> {
    wasm_bindgen_cli::wasm_bindgen_test_runner::run_cli_with_args(std::env::args_os())
}
