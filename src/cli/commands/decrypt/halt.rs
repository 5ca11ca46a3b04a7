//! How a delivery of several pieces ends early, and how it is cleaned up.

use super::Decryption;
use crate::{
    cli::{
        job::{consumer::Consumer, delivery::Delivery},
        messages::failure::Failure,
    },
    stream::StreamError,
};

/// Why a delivery ended early.
pub(super) enum Halt {
    Failed(Failure),
    /// The output takes no more: its reader may have left.
    NotTaken(StreamError),
}

impl From<Failure> for Halt {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl Halt {
    /// The delivery failed with `error`; `failure` says how that is reported, where it is not about the output.
    pub fn of(error: StreamError, failure: impl FnOnce(&StreamError) -> Failure) -> Self {
        match error {
            StreamError::Write(_) | StreamError::Stopped => Self::NotTaken(error),
            error => Self::Failed(failure(&error)),
        }
    }
}

impl Decryption<'_> {
    /// Ends a `delivery` of which all was `delivered`, or which was halted. A command that leaves early is done with it.
    pub(super) fn end_pieces(
        &self,
        delivery: Delivery<'_>,
        consumer: Option<Consumer<'_>>,
        delivered: Result<(), Halt>,
    ) -> Result<(), Failure> {
        match delivered {
            Ok(()) => self.end_delivery(delivery, consumer, Ok(())).map(drop),
            Err(Halt::NotTaken(error)) => self.end_delivery(delivery, consumer, Err(error)).map(drop),
            Err(Halt::Failed(failure)) => {
                consumer.into_iter().for_each(Consumer::end);
                Err(failure)
            }
        }
    }
}
