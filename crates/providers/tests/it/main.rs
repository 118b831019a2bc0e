//! The providers against servers on 127.0.0.1: our own fake, and where they are
//! installed, the official Python client (against the fake) and a mock server that
//! others wrote (against our client). Nothing here leaves the machine, and every
//! process is ended by the test that started it.

// Marked as tests one by one: lints for tests then hold for their helpers too.
#[cfg(test)]
mod anthropic;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod mock_server;
#[cfg(test)]
mod ollama;
#[cfg(test)]
mod python_client;
#[cfg(test)]
mod simulated;
#[cfg(test)]
mod support;
