//! A supervised producer: it is ended when it stalls or takes too much memory, and started again when it has ended.
//!
//! [`SupervisedSource`] is the source of a recording whose producer may be started any number of times: another segment
//! begins with each start. The decisions are made by parts without a clock of their own: `back_off` says how long to
//! wait before the next start, and `watchdog` when a producer has stalled. A signal or the status server makes requests
//! through [`Control`].

mod back_off;
mod control;
mod plan;
mod producer;
mod producer_run;
mod running_producer;
mod supervised_source;
mod watchdog;

pub(crate) use control::Control;
pub(crate) use plan::{Restarts, Supervision};
pub(crate) use producer::{ProducerEnd, SupervisorEvent, Why};
pub(crate) use running_producer::CommandProducers;
pub(crate) use supervised_source::SupervisedSource;
