//! A tree over HTTP, for players and browsers: GET and HEAD as in RFC 9110.
//!
//! [`Server`] listens, and decides who is let in. `service` finds out what is asked for, `file` answers with a stream
//! and `body` sends it; `page`, `entries` and `hls` show what is there.

mod answer;
mod batch;
mod body;
mod conditions;
mod entries;
mod file;
mod flush;
mod hls;
mod host;
mod load;
mod media_type;
mod pace;
mod page;
mod path;
mod peer;
mod ranges;
mod requests;
mod server;
mod service;
mod token;

pub(crate) use entries::addresses;
pub(crate) use requests::Requests;
pub(crate) use server::{Server, ServerError};
pub(crate) use service::GENERATED;
