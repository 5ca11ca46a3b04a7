//! How many answers are being sent: whether a processor is free to decrypt ahead of one.

use std::{sync::Arc, thread};

/// Counts the answers that are being sent: each holds a clone of the server's value.
#[derive(Clone)]
pub(super) struct Load {
    users: Arc<()>,
    processors: usize,
}

impl Default for Load {
    fn default() -> Self {
        Self { users: Arc::default(), processors: thread::available_parallelism().map_or(1, usize::from) }
    }
}

impl Load {
    /// Whether there are two processors for each answer: one decrypts while the other sends. Otherwise it takes less
    /// time overall to send each part while it is still in the cache of the processor that decrypted it.
    pub fn leaves_processors(&self) -> bool {
        let answers = Arc::strong_count(&self.users) - 1;
        answers * 2 <= self.processors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_left_until_half_as_many_answers_are_sent() {
        let load = Load { users: Arc::default(), processors: 4 };
        let mut answers = vec![load.clone(), load.clone()];
        assert!(load.leaves_processors());
        answers.push(load.clone());
        assert!(!load.leaves_processors());
        answers.truncate(2);
        assert!(load.leaves_processors());
    }
}
