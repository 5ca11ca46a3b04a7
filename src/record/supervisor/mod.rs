//! A producer that is looked after: ended when it stalls or takes too much memory, and started again when it has ended.
//!
//! [`SupervisedSource`] is the source of a recording whose producer may be started any number of times: with each start,
//! another segment begins. What decides is in machines without a clock of their own: `back_off` says how long to wait before
//! the next start, `watchdog` when a producer has stalled. Whoever wants something of the recorder (a signal, the status
//! server) asks by [`Control`].

mod back_off;
mod control;
mod plan;
mod producer;
mod running_producer;
mod supervised_source;
mod watchdog;

pub(crate) use control::Control;
pub(crate) use plan::{Restarts, Supervision};
pub(crate) use producer::{ProducerEnd, SupervisorEvent, Why};
pub(crate) use running_producer::CommandProducers;
pub(crate) use supervised_source::SupervisedSource;
