//! The primitives with which workers wait for each other, in one place so that a model checker can replace them.

pub use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
