//! Who somebody is: passwords, tokens, tickets, sessions, and what has to be done
//! to get one. What a person may do with which object is not decided here.

pub mod email;
pub mod login;
pub mod password;
pub mod session;
pub mod token;
