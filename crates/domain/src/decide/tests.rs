//! Random histories of commands against a complete view: after each, every
//! invariant holds. Plus the histories that went wrong once, one by one.

mod external;
mod harness;
mod histories;
mod life;
