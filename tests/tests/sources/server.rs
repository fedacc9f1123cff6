use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

/// What somebody has asked a server for.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// With its query; whole of a proxy, or the name and port to lead to.
    pub(crate) path: String,
    /// By lower-case name.
    pub(crate) headers: HashMap<String, String>,
}

/// What a server answers, however wrong that is.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    length: Length,
}

/// What a server says of the length of an answer.
#[derive(Clone, Copy, Debug)]
enum Length {
    /// What it is.
    True,
    /// This, and cuts the connection.
    Said(usize),
    /// Nothing; whether it ends as it should.
    Chunked { ends: bool },
    /// Nothing, for it never answers.
    Never,
}

impl Reply {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
            length: Length::True,
        }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Leads on.
    pub(crate) fn redirect(to: &str) -> Self {
        Self::new(302, "").with("location", to)
    }

    /// Says that it has so many bytes, and cuts the connection.
    pub(crate) fn said(mut self, bytes: usize) -> Self {
        self.length = Length::Said(bytes);
        self
    }

    /// Does not say how many bytes it has; whether it ends as it should.
    pub(crate) fn chunked(mut self, ends: bool) -> Self {
        self.length = Length::Chunked { ends };
        self
    }

    /// Never comes.
    pub(crate) fn never() -> Self {
        Self {
            length: Length::Never,
            ..Self::new(200, "")
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} Told\r\nconnection: close\r\n", self.status);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let mut body = self.body.clone();
        match self.length {
            Length::True => head.push_str(&format!("content-length: {}\r\n", body.len())),
            Length::Said(bytes) => head.push_str(&format!("content-length: {bytes}\r\n")),
            Length::Chunked { ends } => {
                head.push_str("transfer-encoding: chunked\r\n");
                let mut chunk = format!("{:x}\r\n", body.len()).into_bytes();
                chunk.append(&mut body);
                chunk.extend_from_slice(b"\r\n");
                if ends {
                    chunk.extend_from_slice(b"0\r\n\r\n");
                }
                body = chunk;
            }
            Length::Never => {}
        }
        let mut bytes = format!("{head}\r\n").into_bytes();
        bytes.append(&mut body);
        bytes
    }
}

type Handler = Arc<dyn Fn(&Request) -> Reply + Send + Sync>;

/// A server on loopback.
pub(crate) struct Server {
    /// Without a slash at its end.
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub(crate) async fn start(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::serve(Arc::new(handler), None).await
    }

    /// One that always answers the same.
    pub(crate) async fn always(reply: Reply) -> Self {
        Self::start(move |_| reply.clone()).await
    }

    /// The same over TLS, as `localhost` and as `plugins.test`; and its certificate, in PEM.
    pub(crate) async fn secure(
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> (Self, String) {
        let (acceptor, certificate) = tls();
        let mut server = Self::serve(Arc::new(handler), Some(acceptor)).await;
        server.url = server.url.replace("http://127.0.0.1", "https://localhost");
        (server, certificate)
    }

    async fn serve(handler: Handler, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (handler, noted, tls) = (Arc::clone(&handler), Arc::clone(&noted), tls.clone());
                tokio::spawn(accept(stream, tls, handler, noted));
            }
        });
        Self { url, asked }
    }

    /// What it was asked for.
    pub(crate) fn asked(&self) -> Vec<Request> {
        self.asked.lock().expect("never poisoned").clone()
    }
}

/// Speaks TLS as `localhost` and as `plugins.test`; and with which certificate, in PEM.
pub(crate) fn tls() -> (TlsAcceptor, String) {
    let names = ["localhost", "plugins.test"].map(str::to_owned);
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions of TLS")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a certificate and its key");
    (TlsAcceptor::from(Arc::new(config)), made.cert.pem())
}

async fn accept(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    handler: Handler,
    noted: Arc<Mutex<Vec<Request>>>,
) {
    match tls {
        None => answer(stream, handler, noted).await,
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                answer(stream, handler, noted).await;
            }
        }
    }
}

async fn answer(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    handler: Handler,
    noted: Arc<Mutex<Vec<Request>>>,
) {
    let Some(request) = head(&mut stream).await else {
        return;
    };
    let reply = handler(&request);
    noted.lock().expect("never poisoned").push(request);
    if !matches!(reply.length, Length::Never) {
        // Whoever has heard enough is gone.
        let _ = stream.write_all(&reply.bytes()).await;
        let _ = stream.shutdown().await;
    }
    let mut rest = [0; 64];
    while matches!(stream.read(&mut rest).await, Ok(read) if read > 0) {}
}

/// The beginning of what somebody asks.
pub(crate) async fn head(stream: &mut (impl AsyncRead + Unpin)) -> Option<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let mut lines = head.lines();
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    Some(Request {
        path,
        headers: headers.collect(),
    })
}
