//! The server as its clients see it: real sockets, real database, a model that
//! does as it is told.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail their test")]

mod accounts;
mod analytics;
mod app;
mod edges;
mod etags;
mod external;
mod life;
mod openapi;
mod ownership;
mod pages;
mod streams;
mod validation;
