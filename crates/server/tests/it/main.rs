//! The server as its clients see it: real sockets, real database, a model that
//! does as it is told.

mod accounts;
mod app;
mod edges;
mod life;
mod ownership;
mod streams;
mod validation;
