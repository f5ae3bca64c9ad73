//! An HTTP/1.1 server that remembers what it was asked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Error, ErrorKind};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// A request as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Such as `POST`.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, as UTF-8.
    pub body: String,
}

impl Request {
    /// The first header of a name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    delay: Duration,
}

impl Answer {
    /// An answer with a status and a body.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), delay: Duration::ZERO }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Makes it come late.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }
}

/// A running server; it ends when it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    task: JoinHandle<()>,
}

impl Server {
    /// Starts one on a free port of the loopback address.
    ///
    /// # Panics
    /// No port can be had.
    pub async fn start(handler: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        Self::start_keeping(Duration::ZERO, handler).await
    }

    /// Starts one whose connections can be used again within this time. After it they are dead: what comes over one is
    /// neither answered nor refused, as after a NAT gateway has forgotten it.
    ///
    /// # Panics
    /// No port can be had.
    pub async fn start_keeping(kept: Duration, handler: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(accept(listener, kept, Arc::new(handler), Arc::clone(&requests)));
        Self { address, requests, task }
    }

    /// Its host and port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What it was asked so far.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.requests).clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A mutex whose content stays usable after another test thread panicked.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept<H>(listener: TcpListener, kept: Duration, handler: Arc<H>, requests: Arc<Mutex<Vec<Request>>>)
where
    H: Fn(&Request) -> Answer + Send + Sync + 'static,
{
    while let Ok((stream, _)) = listener.accept().await {
        let (handler, requests) = (Arc::clone(&handler), Arc::clone(&requests));
        tokio::spawn(async move {
            // A client that goes away early is the test's own doing.
            let _ = serve(stream, kept, &*handler, &requests).await;
        });
    }
}

async fn serve(
    stream: TcpStream,
    kept: Duration,
    handler: &(impl Fn(&Request) -> Answer + Sync),
    log: &Mutex<Vec<Request>>,
) -> Result<(), Error> {
    let mut stream = BufReader::new(stream);
    loop {
        let idle = Instant::now();
        let request = read(&mut stream).await?;
        if !kept.is_zero() && idle.elapsed() > kept {
            return std::future::pending().await;
        }
        answer(&mut stream, request, kept, handler, log).await?;
        if kept.is_zero() {
            return stream.shutdown().await;
        }
    }
}

async fn answer(
    stream: &mut BufReader<TcpStream>,
    request: Request,
    kept: Duration,
    handler: &(impl Fn(&Request) -> Answer + Sync),
    log: &Mutex<Vec<Request>>,
) -> Result<(), Error> {
    let answer = handler(&request);
    let connection = if kept.is_zero() { "close" } else { "keep-alive" };
    let has_body = request.method != "HEAD";
    lock(log).push(request);
    let Answer { status, headers, body, delay } = answer;
    tokio::time::sleep(delay).await;
    let headers = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect::<Vec<_>>().concat();
    let head = format!(
        "HTTP/1.1 {status} Status\r\ncontent-length: {}\r\nconnection: {connection}\r\n{headers}\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    if has_body {
        stream.write_all(&body).await?;
    }
    stream.flush().await
}

async fn read(stream: &mut BufReader<TcpStream>) -> Result<Request, Error> {
    let first = line(stream).await?;
    let mut words = first.split(' ').map(str::to_owned);
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Err(ErrorKind::InvalidData.into());
    };
    let mut headers = Vec::new();
    loop {
        let line = line(stream).await?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request = Request { method, path, headers, body: String::new() };
    let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    request.body = String::from_utf8_lossy(&body).into_owned();
    Ok(request)
}

async fn line(stream: &mut BufReader<TcpStream>) -> Result<String, Error> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end().to_owned())
}
