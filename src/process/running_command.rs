//! A running command, and its end.

use std::{
    os::fd::OwnedFd,
    process::Child,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};

use super::{channel::Channel, failure::CommandFailure, message::Order, watch::Watch};
use crate::{
    mutex::lock,
    signals::{EndedBeforeDeath, Starting},
};

/// A running command. When it is dropped, it is ended with its group, unless it was released.
pub(crate) struct RunningCommand {
    run: Arc<Run>,
    guardian: Child,
    monitor: Option<JoinHandle<()>>,
    /// `None` once nothing is left to end.
    before_death: Option<EndedBeforeDeath>,
}

/// What the handler of a fatal signal needs as well.
pub(super) struct Run {
    pub channel: Arc<Channel>,
    pub watch: Arc<Watch>,
    /// Our end of the pipe to a consumer, which is closed once it may end.
    pub to_consumer: Arc<Mutex<Option<OwnedFd>>>,
    pub is_released: AtomicBool,
    /// The command's process, and its group.
    pub command: Pid,
    /// The longest that a group takes to end once it was asked to.
    pub end_limit: Duration,
}

impl RunningCommand {
    /// The command that was `starting`, and that `watch` and `monitor` look after.
    pub(super) fn new(starting: Starting<Arc<Run>>, run: Run, guardian: Child, monitor: JoinHandle<()>) -> Self {
        let run = Arc::new(run);
        let before_death = Some(starting.started(Arc::clone(&run)));
        Self { run, guardian, monitor: Some(monitor), before_death }
    }

    pub(super) fn watch(&self) -> Arc<Watch> {
        Arc::clone(&self.run.watch)
    }

    /// Waits for the command's end.
    ///
    /// # Errors
    ///
    /// How the command failed.
    pub fn wait(&self) -> Result<(), CommandFailure> {
        self.run.watch.wait()
    }

    /// Calls `call`, from another thread, whenever something becomes known about its end.
    pub fn on_change(&self, call: Box<dyn Fn() + Send>) {
        self.run.watch.on_change(call);
    }

    /// Whether it has ended, as far as that was seen.
    pub fn has_ended(&self) -> bool {
        self.run.watch.has_ended()
    }

    /// Whether nothing is left of its group, or nothing more will be known of it.
    pub fn is_gone(&self) -> bool {
        self.run.watch.is_gone()
    }

    /// The command's process, and its group.
    pub fn process(&self) -> Pid {
        self.run.command
    }

    /// Calls `stop` once nobody reads what is written to a consumer any more.
    pub fn on_no_reader(&self, stop: Box<dyn Fn() + Send>) {
        self.run.watch.on_no_reader(stop);
    }

    /// Whether nobody reads what is written to a consumer, as far as that was seen.
    pub fn has_no_reader(&self) -> bool {
        self.run.watch.has_no_reader()
    }

    /// Ends the command with its group, and waits until nothing is left of it. A consumer does not see its input end.
    pub fn end(&self) {
        self.run.end();
    }

    /// A function that asks the command to end, with its group, and does not wait for that.
    pub fn asks_to_end(&self) -> impl Fn() + Send + 'static {
        self.orders(Order::End)
    }

    /// What kills the command, with its group, and does not wait for that.
    pub fn kills(&self) -> impl Fn() + Send + 'static {
        self.orders(Order::Kill)
    }

    fn orders(&self, order: Order) -> impl Fn() + Send + use<> {
        let channel = Arc::clone(&self.run.channel);
        move || {
            // The end of a guardian that is gone is noticed elsewhere.
            let _ = channel.send(&order.encode(), &[]);
        }
    }

    /// Kills the command, with its group, and does not wait for that.
    pub fn kill(&self) {
        self.kills()();
    }

    /// Lets a consumer's input end, and waits for the end of the command. What it started may go on.
    ///
    /// # Errors
    ///
    /// How the command failed.
    pub fn finish(&self) -> Result<(), CommandFailure> {
        self.run.release();
        self.wait()
    }

    /// Waits until a consumer has read all that was written to it so far, or has ended; returns whether it has read
    /// all.
    pub fn has_read_all(&self) -> bool {
        let pipe = lock(&self.run.to_consumer).as_ref().and_then(|pipe| pipe.try_clone().ok());
        let Some(pipe) = pipe else { return false };
        loop {
            match rustix::io::ioctl_fionread(&pipe) {
                Ok(0) => return true,
                Ok(_) if !self.run.watch.has_ended() => thread::sleep(Duration::from_millis(5)),
                Ok(_) | Err(_) => return false,
            }
        }
    }
}

impl Run {
    fn release(&self) {
        self.is_released.store(true, Ordering::Relaxed);
        // If the guardian is gone, there is nothing that it could end.
        let _ = self.channel.send(&Order::Release.encode(), &[]);
        *lock(&self.to_consumer) = None;
    }

    pub fn end(&self) {
        // The end of a guardian that is gone is noticed elsewhere.
        let _ = self.channel.send(&Order::End.encode(), &[]);
        if !self.watch.wait_until_gone(self.end_limit) {
            // The guardian does not answer.
            let _ = kill_process_group(self.command, Signal::KILL);
        }
        *lock(&self.to_consumer) = None;
    }
}

impl Drop for RunningCommand {
    fn drop(&mut self) {
        if !self.run.is_released.load(Ordering::Relaxed) {
            self.end();
        }
        self.before_death = None;
        self.run.channel.close();
        if let Some(monitor) = self.monitor.take() {
            let _ = monitor.join();
        }
        if self.run.is_released.load(Ordering::Relaxed) {
            let _ = self.guardian.wait();
        } else {
            // It may have to outlive us, for readers that have left the group.
            let _ = self.guardian.try_wait();
        }
    }
}
