//! `wasm-bindgen`, of exactly the version that the workspace's crates are built with.

fn main() -> anyhow::Result<()> {
    wasm_bindgen_cli::wasm_bindgen::run_cli_with_args(std::env::args_os())
}
