use std::io::{Error, ErrorKind, Result};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// The host name that every request names: the origin of the realms.
pub(crate) const HOST: &str = "realm.test";

/// A request's bytes.
pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: {HOST}\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if method != "GET" {
        text.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// GET of a path.
pub(crate) fn get(path: &str) -> Vec<u8> {
    request("GET", path, &[], b"")
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Status line and headers as they came, the empty line included.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    /// The answer, if its status is one of a good end.
    pub(crate) fn good(self) -> anyhow::Result<Self> {
        if self.status < 400 {
            return Ok(self);
        }
        let body = String::from_utf8_lossy(&self.body);
        anyhow::bail!("{} {body}", self.status)
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = lines.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    Some(value.trim())
}

/// A connection that is kept: the same client for every side, as small as can be.
#[derive(Debug)]
pub(crate) struct Connection(BufReader<TcpStream>);

impl Connection {
    /// Connects to `http://host:port`.
    pub(crate) async fn open(url: &str) -> Result<Self> {
        let stream = TcpStream::connect(url.trim_start_matches("http://")).await?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::with_capacity(64 * 1024, stream)))
    }

    /// Sends a request, and reads the answer to its end.
    pub(crate) async fn send(&mut self, request: &[u8]) -> Result<Reply> {
        self.0.get_mut().write_all(request).await?;
        let mut head = String::new();
        loop {
            let before = head.len();
            if self.0.read_line(&mut head).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            if &head[before..] == "\r\n" {
                break;
            }
        }
        let status = head.split(' ').nth(1).and_then(|text| text.parse().ok());
        let status = status.ok_or_else(|| Error::new(ErrorKind::InvalidData, head.clone()))?;
        let mut body = Vec::new();
        if let Some(length) = header(&head, "content-length").filter(|_| status != 304) {
            body.resize(length.parse().map_err(Error::other)?, 0);
            self.0.read_exact(&mut body).await?;
        } else if header(&head, "transfer-encoding").is_some() {
            self.chunks(&mut body).await?;
        }
        Ok(Reply { status, head, body })
    }

    async fn chunks(&mut self, body: &mut Vec<u8>) -> Result<()> {
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).await?;
            let length = usize::from_str_radix(line.trim(), 16).map_err(Error::other)?;
            let start = body.len();
            body.resize(start + length + 2, 0);
            self.0.read_exact(&mut body[start..]).await?;
            body.truncate(start + length);
            if length == 0 {
                return Ok(());
            }
        }
    }
}
