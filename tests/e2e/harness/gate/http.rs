//! As much HTTP/1.1 as a proxy needs: one request a connection.

use std::io;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

/// The operator's end of one.
pub(super) type Connection = BufReader<TcpStream>;

/// A request, read to its end.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) method: String,
    /// Path and query.
    pub(super) target: String,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// What concerns a single connection, and is not passed on.
const HOP_BY_HOP: [&str; 5] = ["connection", "content-length", "transfer-encoding", "keep-alive", "host"];

impl Request {
    /// Reads one; an error, or nothing, where the connection ends before.
    pub(super) async fn read(stream: &mut Connection) -> io::Result<Self> {
        let first = line(stream).await?;
        let mut words = first.split(' ').map(str::to_owned);
        let (Some(method), Some(target)) = (words.next(), words.next()) else {
            return Err(io::Error::other(format!("no request line: {first:?}")));
        };
        let mut headers = Vec::new();
        loop {
            let text = line(stream).await?;
            let Some((name, value)) = text.split_once(':') else { break };
            headers.push((name.to_lowercase(), value.trim().to_owned()));
        }
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length: usize = length.map_or(Ok(0), |(_, length)| length.parse()).map_err(io::Error::other)?;
        assert!(headers.iter().all(|(name, _)| name != "transfer-encoding"), "neither client sends chunks");
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        Ok(Self { method, target, headers, body })
    }

    /// The path, without the query.
    pub(super) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The query.
    pub(super) fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// The headers to pass on.
    pub(super) fn end_to_end(&self) -> impl Iterator<Item = &(String, String)> {
        self.headers.iter().filter(|(name, _)| !HOP_BY_HOP.contains(&name.as_str()))
    }
}

async fn line(stream: &mut Connection) -> io::Result<String> {
    let mut text = String::new();
    if stream.read_line(&mut text).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(text.trim_end().to_owned())
}

/// An answer whose body is known.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn succeeded(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub(super) async fn write(&self, stream: &mut Connection) -> io::Result<()> {
        self.write_part(stream, self.body.len()).await
    }

    /// Promises the whole body, and sends so many bytes of it.
    pub(super) async fn write_part(&self, stream: &mut Connection, bytes: usize) -> io::Result<()> {
        let length = format!("content-length: {}", self.body.len());
        stream.write_all(head(self.status, &self.headers, &length).as_bytes()).await?;
        stream.write_all(&self.body[..bytes]).await?;
        stream.flush().await
    }
}

/// Begins an answer that comes in pieces.
pub(super) async fn begin(stream: &mut Connection, status: u16, headers: &[(String, String)]) -> io::Result<()> {
    stream.write_all(head(status, headers, "transfer-encoding: chunked").as_bytes()).await?;
    stream.flush().await
}

/// One piece; an empty one ends the answer.
pub(super) async fn piece(stream: &mut Connection, data: &[u8]) -> io::Result<()> {
    stream.write_all(format!("{:x}\r\n", data.len()).as_bytes()).await?;
    stream.write_all(data).await?;
    stream.write_all(b"\r\n").await?;
    stream.flush().await
}

fn head(status: u16, headers: &[(String, String)], framing: &str) -> String {
    let passed_on = headers.iter().filter(|(name, _)| !HOP_BY_HOP.contains(&name.as_str()));
    let mut lines = vec![format!("HTTP/1.1 {status} -"), "connection: close".to_owned(), framing.to_owned()];
    lines.extend(passed_on.map(|(name, value)| format!("{name}: {value}")));
    format!("{}\r\n\r\n", lines.join("\r\n"))
}
