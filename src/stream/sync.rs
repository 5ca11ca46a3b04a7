//! The primitives with which readers of one cache wait for each other, in one place so that a model checker can
//! substitute its own.

pub use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
