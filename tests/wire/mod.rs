//! The server with real clients, and with clients that mean no good.

mod catalog;
mod clients;
mod doors;
mod load;
mod outside;
mod policy;
mod protocol;
mod psql;
mod scram;
mod secrets;
mod tools;
mod users;
