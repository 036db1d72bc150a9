//! The server with real clients, and with clients that mean no good.

mod clients;
mod doors;
mod load;
mod policy;
mod protocol;
mod psql;
mod tools;
mod users;
