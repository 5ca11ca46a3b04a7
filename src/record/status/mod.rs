//! What a recorder says of itself while it runs, and to whom.
//!
//! The [`Board`] is where the recording's threads note what happens, without waiting for anybody. A [`StatusServer`] reads it
//! for local clients over HTTP, on a Unix socket or a loopback address, and takes requests for a cut or a restart: one thread
//! for all connections, whose number, size and time are bounded, so that no client can hold up the recording.

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
