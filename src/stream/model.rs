//! The cache of frames, under a model checker that runs the threads in many orders.

use std::sync::atomic::{AtomicUsize, Ordering};

use shuttle::{check_dfs, check_random, thread};

mod sync {
    pub use std::sync::PoisonError;

    pub use shuttle::sync::{Arc, Condvar, Mutex, MutexGuard};
}

#[allow(clippy::duplicate_mod, reason = "the same source, with the primitives of the model checker")]
#[path = "frame_cache.rs"]
mod frame_cache;

use frame_cache::FrameCache;
use sync::Arc;

const ORDERS: usize = 5_000;

/// Counts how often each of eight values is loaded, and whether twice at once.
#[derive(Default)]
struct Loads {
    counts: [AtomicUsize; 8],
    under_way: [AtomicUsize; 8],
}

impl Loads {
    fn load(&self, index: u64, fails: bool) -> Result<u64, &'static str> {
        let at = index as usize;
        assert_eq!(self.under_way[at].fetch_add(1, Ordering::SeqCst), 0, "loaded twice at once");
        thread::yield_now();
        self.under_way[at].fetch_sub(1, Ordering::SeqCst);
        self.counts[at].fetch_add(1, Ordering::SeqCst);
        if fails { Err("damaged") } else { Ok(index * 10) }
    }

    fn counts(&self) -> [usize; 8] {
        self.counts.each_ref().map(|count| count.load(Ordering::SeqCst))
    }
}

/// Each thread asks for its values in turn; those in `failing` cannot be loaded. Returns how often each was loaded.
fn ask(most: usize, threads: &'static [&'static [u64]], failing: &'static [u64]) -> [usize; 8] {
    let cache: Arc<FrameCache<u64, &'static str>> = Arc::new(FrameCache::new(most));
    let loads = Arc::new(Loads::default());
    let running: Vec<_> = threads
        .iter()
        .map(|indexes| {
            let (cache, loads) = (Arc::clone(&cache), Arc::clone(&loads));
            thread::spawn(move || {
                for &index in *indexes {
                    let fails = failing.contains(&index);
                    match cache.get(index, |_| loads.load(index, fails)) {
                        Ok(value) => assert!(!fails && *value == index * 10),
                        Err(error) => assert!(fails && error == "damaged"),
                    }
                }
            })
        })
        .collect();
    running.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(cache.kept() <= most, "{} are kept", cache.kept());
    loads.counts()
}

#[test]
fn a_value_that_two_threads_ask_for_is_loaded_once_in_every_order() {
    check_dfs(|| assert_eq!(ask(4, &[&[1], &[1]], &[])[1], 1), Some(100_000));
    check_random(|| assert_eq!(ask(4, &[&[1, 2], &[2, 1], &[1, 1], &[2]], &[])[1..3], [1, 1]), ORDERS);
}

#[test]
fn a_failure_reaches_all_waiting_threads_and_none_waits_for_ever() {
    check_dfs(|| assert!((1..=2).contains(&ask(4, &[&[1], &[1]], &[1])[1])), Some(100_000));
    check_random(
        || {
            let loaded = ask(4, &[&[1, 2], &[1, 2], &[2, 1], &[1, 1]], &[1]);
            assert!((1..=5).contains(&loaded[1]) && loaded[2] == 1, "{loaded:?}");
        },
        ORDERS,
    );
}

#[test]
fn a_cache_that_is_too_small_for_all_still_gives_each_what_it_asks_for() {
    check_random(|| assert!(ask(1, &[&[1, 2, 3], &[3, 2, 1], &[2, 2, 1]], &[])[3] <= 2), ORDERS);
    check_random(|| assert!(ask(2, &[&[1, 2, 3, 1], &[4, 3, 2, 1], &[1, 4]], &[4])[1] <= 4), ORDERS);
}

#[test]
fn a_cache_keeps_no_more_than_it_may_after_more_were_loaded_at_once() {
    check_dfs(|| _ = ask(1, &[&[1], &[2]], &[]), Some(100_000));
    check_random(|| _ = ask(2, &[&[1], &[2], &[3], &[4, 1]], &[]), ORDERS);
}

#[test]
fn the_least_recently_used_is_evicted_first_and_passed_to_the_next_load() {
    check_random(
        || {
            let cache: FrameCache<u64, ()> = FrameCache::new(2);
            let get = |index| {
                let mut evicted = None;
                let value = cache.get(index, |old| {
                    evicted = old;
                    Ok(index)
                });
                assert_eq!(*value.unwrap(), index);
                evicted
            };
            assert_eq!([get(1), get(2), get(1), get(3), get(1), get(4)], [None, None, None, Some(2), None, Some(3)]);
        },
        1,
    );
}

#[test]
fn a_panic_while_loading_does_not_keep_the_others_waiting() {
    check_random(
        || {
            let cache: Arc<FrameCache<u64, ()>> = Arc::new(FrameCache::new(2));
            let waiting = {
                let cache = Arc::clone(&cache);
                thread::spawn(move || *cache.get(1, |_| Ok(7)).unwrap())
            };
            let load = |_| -> Result<u64, ()> { std::panic::panic_any("a stage's fault") };
            let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| cache.get(1, load).is_ok()));
            assert!(!panicked.is_ok_and(|loaded| !loaded));
            assert_eq!(waiting.join().unwrap(), 7);
        },
        500,
    );
}
