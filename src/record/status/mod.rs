//! What a recorder reports about itself while it runs, and to whom.
//!
//! The [`Board`] is where the recording's threads note what happens, without waiting for anybody. A [`StatusServer`]
//! reports it to local clients over HTTP, on a Unix socket or a loopback address, and takes requests for a cut or a
//! restart. One thread serves all connections, which are limited in number, size and time, so that no client can hold
//! up the recording.

mod address;
mod board;
mod connection;
mod listener;
mod metrics;
mod request;
mod response;
mod routes;
mod server;

pub(crate) use address::{AddressError, StatusAddress};
pub(crate) use board::{Board, Snapshot};
pub(crate) use listener::{ListenError, Listener};
pub(crate) use server::{StatusServer, StopServer};
