//! Log lines to standard error: all that was configured for a server, only what
//! failed for commands that talk to a person.

use tracing_subscriber::filter::LevelFilter;

use crate::config::types::{LogFormat, LogLevel};

/// Logs for a person at a terminal.
pub fn start_quiet(is_verbose: bool) {
    let level = if is_verbose { LevelFilter::DEBUG } else { LevelFilter::ERROR };
    start(LogFormat::Text, level);
}

fn start(format: LogFormat, level: LevelFilter) {
    let builder = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr);
    // An error means that logging was started before, which is as good.
    let _ = match format {
        LogFormat::Json => builder.json().try_init(),
        LogFormat::Text => builder.with_ansi(console::colors_enabled_stderr()).try_init(),
    };
}

/// Logs as configured, for a server.
pub fn start_configured(format: LogFormat, level: LogLevel) {
    let level = match level {
        LogLevel::Trace => LevelFilter::TRACE,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    };
    start(format, level);
}
