//! The floor: one thread, the same bytes for every request. It looks for the end of a request's headers, and at nothing
//! else. Once on epoll alone, and once on tokio, which the host is built on.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use anyhow::{Context, Result};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::process::{Owned, SERVER, alone, on_core};

/// A responder in a process of its own.
#[derive(Debug)]
pub(crate) struct RawTcp {
    pub(crate) url: String,
    pub(crate) process: Owned,
}

impl RawTcp {
    /// Answers each request with the bytes of a file.
    pub(crate) fn start(answer: &Path, tokio: bool) -> Result<Self> {
        let own = std::env::current_exe()?;
        let mut command = on_core(SERVER, &own.display().to_string());
        let child = command
            .arg("raw-tcp")
            .arg(answer)
            .args(tokio.then_some("--tokio"))
            .stdout(Stdio::piped())
            .spawn();
        let mut process = Owned(child.context("starting the responder")?);
        let stdout = process.0.stdout.take().context("piped")?;
        let mut url = String::new();
        BufReader::new(stdout).read_line(&mut url)?;
        let url = url.trim().to_owned();
        Ok(Self { url, process })
    }
}

struct Peer {
    stream: TcpStream,
    end: End,
    /// Bytes that are still to be sent, counted in whole answers and what is left of one.
    answers: usize,
    sent: usize,
}

const END: &[u8] = b"\r\n\r\n";

/// The end of the headers, as far as it has come.
#[derive(Clone, Copy, Debug, Default)]
struct End(usize);

impl End {
    /// How many requests end in these bytes.
    fn count(&mut self, bytes: &[u8]) -> usize {
        let mut ends = 0;
        for byte in bytes {
            self.0 = match (*byte == END[self.0], *byte) {
                (true, _) => self.0 + 1,
                (false, b'\r') => 1,
                (false, _) => 0,
            };
            if self.0 == END.len() {
                (self.0, ends) = (0, ends + 1);
            }
        }
        ends
    }
}

/// On tokio, for ever.
pub(crate) fn run_on_tokio(answer: &Path) -> Result<()> {
    let answer: Arc<[u8]> = std::fs::read(answer)?.into();
    alone(None, || async move {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("http://{}", listener.local_addr()?);
        loop {
            let (mut stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let answer = Arc::clone(&answer);
            tokio::spawn(async move {
                let (mut end, mut buffer) = (End::default(), vec![0; 8 * 1024]);
                while let Ok(length @ 1..) = stream.read(&mut buffer).await {
                    for _ in 0..end.count(&buffer[..length]) {
                        if stream.write_all(&answer).await.is_err() {
                            return;
                        }
                    }
                }
            });
        }
    })
}

/// On epoll alone, for ever.
pub(crate) fn run(answer: &Path) -> Result<()> {
    let answer = std::fs::read(answer)?;
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::bind("127.0.0.1:0".parse()?)?;
    println!("http://{}", listener.local_addr()?);
    poll.registry()
        .register(&mut listener, Token(0), Interest::READABLE)?;
    let mut events = Events::with_capacity(1024);
    let mut peers: HashMap<Token, Peer> = HashMap::new();
    let mut next = 1;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == Token(0) {
                while let Ok((mut stream, _)) = listener.accept() {
                    let _ = stream.set_nodelay(true);
                    let both = Interest::READABLE | Interest::WRITABLE;
                    poll.registry().register(&mut stream, Token(next), both)?;
                    let peer = Peer {
                        stream,
                        end: End::default(),
                        answers: 0,
                        sent: 0,
                    };
                    peers.insert(Token(next), peer);
                    next += 1;
                }
                continue;
            }
            let Some(peer) = peers.get_mut(&event.token()) else {
                continue;
            };
            if !peer.step(&mut buffer, &answer) {
                peers.remove(&event.token());
            }
        }
    }
}

impl Peer {
    /// Reads what has come and answers it; whether the peer is still there.
    fn step(&mut self, buffer: &mut [u8], answer: &[u8]) -> bool {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => return false,
                Ok(length) => {
                    self.answers += self.end.count(&buffer[..length]);
                    // Less than there was room for: nothing is left, and the next event says when there is.
                    if length < buffer.len() {
                        return self.flush(answer);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return self.flush(answer),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return false,
            }
            if !self.flush(answer) {
                return false;
            }
        }
    }

    fn flush(&mut self, answer: &[u8]) -> bool {
        while self.answers > 0 {
            match self.stream.write(&answer[self.sent..]) {
                Ok(length) => self.sent += length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
            if self.sent == answer.len() {
                (self.sent, self.answers) = (0, self.answers - 1);
            }
        }
        true
    }
}
