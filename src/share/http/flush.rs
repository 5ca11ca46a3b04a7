//! Knowing when everything before an error has been sent: hyper drops what it has not yet written when a body fails.

use std::{
    io::{self, IoSlice},
    mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
};

use hyper::rt::{Read, ReadBufCursor, Write};

/// Lets the body of an answer wait until its connection has no unsent bytes.
#[derive(Clone, Default)]
pub(super) struct Flush(Arc<Mutex<State>>);

#[derive(Default)]
enum State {
    #[default]
    Idle,
    Awaited(Waker),
    Done,
}

/// A connection that reports each flush. hyper flushes it only after writing everything in its buffer.
pub(super) struct Flushing<Connection> {
    connection: Connection,
    flush: Flush,
}

impl Flush {
    /// Ready after the next flush, and so after all bytes that existed at the first call have been written.
    pub fn poll(&self, context: &Context<'_>) -> Poll<()> {
        let mut state = self.state();
        match &mut *state {
            State::Done => {
                *state = State::Idle;
                return Poll::Ready(());
            }
            State::Awaited(waker) => waker.clone_from(context.waker()),
            State::Idle => {
                *state = State::Awaited(context.waker().clone());
                // With an empty buffer, hyper may not flush in this round.
                context.waker().wake_by_ref();
            }
        }
        Poll::Pending
    }

    fn done(&self) {
        let mut state = self.state();
        if let State::Awaited(waker) = &mut *state {
            let waker = waker.clone();
            let _ = mem::replace(&mut *state, State::Done);
            drop(state);
            waker.wake();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Connection> Flushing<Connection> {
    pub fn new(connection: Connection, flush: Flush) -> Self {
        Self { connection, flush }
    }
}

impl<Connection: Read + Unpin> Read for Flushing<Connection> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, area: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_read(context, area)
    }
}

impl<Connection: Write + Unpin> Write for Flushing<Connection> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.connection).poll_flush(context))?;
        self.flush.done();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write_vectored(context, slices)
    }
}
