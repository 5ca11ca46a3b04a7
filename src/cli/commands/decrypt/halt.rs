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
    /// The output accepts no more: its reader may be gone.
    NotTaken(StreamError),
}

impl From<Failure> for Halt {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl Halt {
    /// The delivery failed with `error`; `failure` says how that is reported if it is not about the output.
    pub fn of(error: StreamError, failure: impl FnOnce(&StreamError) -> Failure) -> Self {
        match error {
            StreamError::Write(_) | StreamError::Stopped => Self::NotTaken(error),
            error => Self::Failed(failure(&error)),
        }
    }
}

impl Decryption<'_> {
    /// Ends a `delivery` that is complete (`delivered`) or was halted. A command that exits early has got what it
    /// wanted.
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
