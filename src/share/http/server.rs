//! Listening, and limiting how many clients are let in.

use std::{
    convert::Infallible,
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread,
    time::Duration,
};

use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::system::uname;
use tokio::{
    net::TcpStream,
    runtime::Builder,
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
    time::{sleep, timeout},
};

use super::{
    answer::refusal,
    body::Content,
    flush::{Flush, Flushing},
    load::Load,
    pace::Paces,
    peer::is_admitted,
    requests::Requests,
    service::Service,
    token::Token,
};
use crate::{keys::RandomnessUnavailable, share::tree::Tree};

/// Connections that are served at the same time; the next ones get a 503.
const MOST: usize = 64;
/// Connections that are being sent a 503.
const MOST_REFUSED: usize = 64;
/// How long a client may take for the head of a request, and be silent between requests.
const HEAD: Duration = Duration::from_secs(15);
/// How long a client that was refused may take to read why.
const REFUSED: Duration = Duration::from_secs(1);
/// Memory for the head of a request, and for data not yet sent.
const BUFFER: usize = 64 << 10;
/// Threads that wait for connections; other threads produce the content.
const MOST_THREADS: usize = 4;
const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 21\r\n\
                      Content-Type: text/plain\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n\
                      Referrer-Policy: no-referrer\r\nCross-Origin-Resource-Policy: same-origin\r\n\
                      Content-Security-Policy: sandbox; default-src 'none'; frame-ancestors 'none'\r\n\
                      Connection: close\r\n\r\ntoo many connections\n";

/// A server that listens, but does not answer yet.
pub(crate) struct Server {
    listener: TcpListener,
    address: SocketAddr,
    /// What others call this machine.
    name: Option<String>,
    token: Token,
    stop: Arc<Notify>,
    requests: Requests,
}

/// Stops a server.
#[derive(Clone)]
pub(crate) struct Stopper(Arc<Notify>);

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServerError {
    #[error("cannot listen")]
    Listen(#[from] io::Error),
    #[error(transparent)]
    Randomness(#[from] RandomnessUnavailable),
}

impl Server {
    /// Listens on `address`.
    ///
    /// # Errors
    ///
    /// [`ServerError`].
    pub fn bind(address: SocketAddr) -> Result<Self, ServerError> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let name = uname().nodename().to_str().ok().filter(|name| !name.is_empty()).map(str::to_owned);
        let (token, stop, requests) = (Token::random()?, Arc::default(), Requests::default());
        Ok(Self { listener, address, name, token, stop, requests })
    }

    /// The address of the tree's root, with the token: anyone who has it may read. If the server listens on all
    /// addresses of this machine, the address contains the machine's name.
    pub fn url(&self) -> String {
        let host = match &self.name {
            Some(name) if self.address.ip().is_unspecified() => format!("{name}:{}", self.address.port()),
            _ => self.address.to_string(),
        };
        format!("http://{host}/{}/", self.token.reveal())
    }

    pub fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.stop))
    }

    pub fn requests(&self) -> Requests {
        self.requests.clone()
    }

    /// Answers until it is stopped. Connections that are open then are cut.
    ///
    /// # Errors
    ///
    /// The error that the system reports.
    pub fn run(self, tree: Arc<Tree>) -> io::Result<()> {
        let threads = thread::available_parallelism().map_or(1, |threads| threads.get().min(MOST_THREADS));
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads)
            .max_blocking_threads(MOST)
            .enable_io()
            .enable_time()
            .build()?;
        let (token, name, requests) = (self.token, self.name, self.requests);
        let (load, paces) = (Load::default(), Paces::default());
        let service = Arc::new(Service { tree, token, load, paces, name, requests });
        let (listener, stop) = (self.listener, self.stop);
        let result = runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            let accepting = tokio::spawn(async move { accept(&listener, &service).await });
            stop.notified().await;
            accepting.abort();
            Ok(())
        });
        runtime.shutdown_background();
        result
    }
}

impl Stopper {
    pub fn stop(&self) {
        self.0.notify_one();
    }
}

async fn accept(listener: &tokio::net::TcpListener, service: &Arc<Service>) {
    let (room, refused) = (Arc::new(Semaphore::new(MOST)), Arc::new(Semaphore::new(MOST_REFUSED)));
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            // The system is out of descriptors, or the client is gone.
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        if let Ok(permit) = Arc::clone(&room).try_acquire_owned() {
            tokio::spawn(connection(stream, peer, Arc::clone(service), permit));
        } else if let Ok(permit) = Arc::clone(&refused).try_acquire_owned() {
            tokio::spawn(refuse(stream, permit));
        }
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, service: Arc<Service>, _permit: OwnedSemaphorePermit) {
    let Ok(local) = stream.local_addr() else { return };
    if !spawn_blocking(move || is_admitted(peer, local)).await.unwrap_or(false) {
        return;
    }
    // Small answers should not wait for more data.
    let _ = stream.set_nodelay(true);
    let flush = Flush::default();
    let connection = Flushing::new(TokioIo::new(stream), flush.clone());
    let answered = service_fn(move |request: Request<Incoming>| {
        let (service, flush) = (Arc::clone(&service), flush.clone());
        // The body is never read.
        let request = request.map(drop);
        async move {
            let answer = spawn_blocking(move || service.answer(&request, local)).await;
            let broken = |_| refusal(hyper::StatusCode::INTERNAL_SERVER_ERROR, "this should not happen");
            let answer = answer.unwrap_or_else(broken).map(|content| content.failing_after(flush));
            Ok::<hyper::Response<Content>, Infallible>(answer)
        }
    });
    // How the connection ended is the client's business; damage was reported where it was found.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(BUFFER)
        // A client that has finished sending still waits for the answer.
        .half_close(true)
        .serve_connection(connection, answered)
        .await;
}

/// Answers that there are too many connections. What the client has sent must be read first: otherwise the system would
/// discard the answer together with it.
async fn refuse(stream: TcpStream, _permit: OwnedSemaphorePermit) {
    let _ = timeout(REFUSED, async {
        stream.writable().await?;
        stream.try_write(BUSY)?;
        let stream = stream.into_std()?;
        stream.shutdown(std::net::Shutdown::Write)?;
        let stream = TcpStream::from_std(stream)?;
        let mut area = [0; 1024];
        loop {
            stream.readable().await?;
            match stream.try_read(&mut area) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err::<(), io::Error>(error),
            }
        }
    })
    .await;
}
