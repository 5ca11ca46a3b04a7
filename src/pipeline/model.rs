//! Turns, and reporting the lowest failure, under a model checker that runs the threads in many orders.

use shuttle::{check_dfs, check_random, sync::Arc, thread};

mod sync {
    pub use std::sync::PoisonError;

    pub use shuttle::sync::{Condvar, Mutex, MutexGuard};
}

#[allow(clippy::duplicate_mod, reason = "the same source, with the primitives of the model checker")]
#[path = "lowest_failure.rs"]
mod lowest_failure;
#[allow(clippy::duplicate_mod, reason = "the same source, with the primitives of the model checker")]
#[path = "turns.rs"]
mod turns;

use lowest_failure::LowestFailure;
use sync::Mutex;
use turns::Turns;

/// How many orders are tried where trying all of them would take too long.
const ORDERS: usize = 5_000;

/// The state that the workers of a run share. Each hand is one frame.
struct Run {
    next: Mutex<u64>,
    hands: u64,
    refused: &'static [u64],
    turns: Turns,
    delivered: Mutex<Vec<u64>>,
    failure: LowestFailure<u64>,
}

impl Run {
    fn take(&self) -> Option<u64> {
        let mut next = self.next.lock().unwrap();
        let hand = *next;
        *next += 1;
        (hand < self.hands).then_some(hand)
    }

    fn work_in_turn(&self) {
        while !self.failure.is_some() {
            let Some(hand) = self.take() else { return };
            let Some(turn) = self.turns.wait(hand) else { return };
            if self.refused.contains(&hand) {
                return self.failure.publish(hand, hand);
            }
            self.delivered.lock().unwrap().push(hand);
            turn.pass();
        }
    }

    fn work_in_any_order(&self) {
        while !self.failure.is_some() {
            let Some(hand) = self.take() else { return };
            if self.refused.contains(&hand) {
                return self.failure.publish(hand, hand);
            }
            self.delivered.lock().unwrap().push(hand);
        }
    }
}

/// Runs `work` on this many workers; returns what was delivered, and the failure.
fn run(workers: usize, hands: u64, refused: &'static [u64], work: fn(&Run)) -> (Vec<u64>, Result<(), u64>) {
    let (next, delivered) = (Mutex::new(0), Mutex::new(Vec::new()));
    let (turns, failure) = (Turns::new(workers), LowestFailure::none());
    let run = Arc::new(Run { next, hands, refused, turns, delivered, failure });
    let threads: Vec<_> = (0..workers)
        .map(|_| {
            let run = Arc::clone(&run);
            thread::spawn(move || work(&run))
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let run = Arc::into_inner(run).unwrap();
    (run.delivered.into_inner().unwrap(), run.failure.into_result())
}

fn in_turn(workers: usize, hands: u64, refused: &'static [u64]) {
    let (delivered, result) = run(workers, hands, refused, Run::work_in_turn);
    let first = refused.first().copied();
    assert_eq!(delivered, (0..first.unwrap_or(hands)).collect::<Vec<_>>());
    assert_eq!(result.err(), first);
}

fn in_any_order(workers: usize, hands: u64, refused: &'static [u64]) {
    let (mut delivered, result) = run(workers, hands, refused, Run::work_in_any_order);
    let first = refused.first().copied();
    assert_eq!(result.err(), first);
    delivered.sort_unstable();
    let before: Vec<_> = (0..first.unwrap_or(hands)).collect();
    assert!(delivered.starts_with(&before), "{delivered:?}");
}

#[test]
fn in_every_order_of_two_workers_hands_leave_in_turn_up_to_the_first_that_is_refused() {
    check_dfs(|| in_turn(2, 3, &[]), Some(100_000));
    check_dfs(|| in_turn(2, 3, &[1, 2]), Some(100_000));
}

#[test]
fn in_many_orders_of_four_workers_hands_leave_in_turn_up_to_the_first_that_is_refused() {
    check_random(|| in_turn(4, 9, &[]), ORDERS);
    check_random(|| in_turn(4, 9, &[3, 4, 7]), ORDERS);
    check_random(|| in_turn(3, 6, &[0, 5]), ORDERS);
}

#[test]
fn whichever_worker_fails_first_the_lowest_failure_is_kept_and_all_before_it_is_delivered() {
    check_dfs(|| in_any_order(2, 3, &[1, 2]), Some(100_000));
    check_random(|| in_any_order(4, 9, &[2, 3, 5]), ORDERS);
}

#[test]
fn a_dropped_turn_and_the_end_of_all_turns_release_all_waiting_workers() {
    let released = |end: fn(&Turns)| {
        let turns = Arc::new(Turns::new(3));
        let waiting: Vec<_> = [1, 2]
            .into_iter()
            .map(|hand| {
                let turns = Arc::clone(&turns);
                thread::spawn(move || turns.wait(hand).is_none())
            })
            .collect();
        end(&turns);
        waiting.into_iter().for_each(|thread| assert!(thread.join().unwrap()));
        assert!(turns.wait(0).is_none());
    };
    check_random(move || released(|turns| drop(turns.wait(0).unwrap())), ORDERS);
    check_random(move || released(Turns::end), ORDERS);
}
