//! Logs: for people on a terminal, as JSON lines elsewhere. Always on the error stream; never
//! content or tokens.

use std::io::{stderr, IsTerminal as _};

use tracing_subscriber::filter::ParseError;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{fmt, EnvFilter};

/// Starts logging what `filter` lets through, for the whole process.
///
/// # Errors
/// When the filter cannot be understood.
///
/// # Panics
/// When called twice.
pub fn start(filter: &str) -> Result<(), ParseError> {
    let filter = EnvFilter::try_new(filter)?;
    let registry = tracing_subscriber::registry().with(filter);
    if stderr().is_terminal() {
        registry
            .with(fmt::layer().with_writer(stderr).with_target(false))
            .init();
    } else {
        registry
            .with(fmt::layer().json().flatten_event(true).with_writer(stderr))
            .init();
    }
    Ok(())
}
