use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// Which of a host's connections: told by the application name that it starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Link {
    /// One of the pool's.
    Pool,
    /// The listener's.
    Listener,
    /// The announcer's.
    Announcer,
}

impl Link {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Pool, Self::Listener, Self::Announcer];

    fn of(startup: &[u8]) -> Self {
        let starts = |name: &[u8]| {
            let parameter = [b"application_name\0".as_slice(), name, b"\0"].concat();
            contains(startup, &parameter)
        };
        if starts(b"realm listener") {
            Self::Listener
        } else if starts(b"realm announcer") {
            Self::Announcer
        } else {
            Self::Pool
        }
    }
}

/// What becomes of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They arrive.
    Pass,
    /// Those of the server arrive this much later.
    Delay(Duration),
    /// They vanish, in both directions, and the connection stays open.
    BlackHole,
    /// They arrive until a statement of the client contains this text; then something is lost, once.
    Lose(&'static str, Lost),
}

/// What is lost of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// It does not reach the server, and the connection ends.
    Statement,
    /// The server has carried it out, and the connection ends before the answer arrives.
    Answer,
    /// The server has carried it out, and the connection is a black hole from then on.
    AnswerAndPeer,
}

#[derive(Clone, Copy, Debug)]
struct State {
    mode: Mode,
    /// New connections get no further.
    held: bool,
    /// Connections with a smaller number are black holes.
    swallowed: u64,
    /// Connections with a smaller number end.
    cut: u64,
}

/// A TCP proxy before a Postgres, for what networks do to connections.
#[derive(Debug)]
pub struct Proxy {
    url: String,
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    server: String,
    links: HashMap<Link, watch::Sender<State>>,
    connections: AtomicU64,
}

impl Proxy {
    /// A proxy before the Postgres at `url`; everything passes.
    ///
    /// # Panics
    /// When `url` is not one of [`crate::Postgres::database`]'s.
    pub async fn start(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let (_, rest) = url.split_once('@').expect("a user");
        let (server, _) = rest.split_once('/').expect("a database");
        let state = State {
            mode: Mode::Pass,
            held: false,
            swallowed: 0,
            cut: 0,
        };
        let shared = Arc::new(Shared {
            server: server.to_owned(),
            links: Link::ALL
                .map(|link| (link, watch::Sender::new(state)))
                .into(),
            connections: AtomicU64::new(0),
        });
        let own = Arc::clone(&shared);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // A connection that breaks is what is being tested.
                tokio::spawn(carry(client, Arc::clone(&own)));
            }
        });
        Self {
            // In the clear, so that the proxy can read along.
            url: url.replace(server, &format!("127.0.0.1:{port}")) + "?sslmode=disable",
            shared,
            accepting: accepting.abort_handle(),
        }
    }

    /// The database's URL through this proxy.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Treats the bytes of `links` in this way, on open connections and on new ones.
    pub fn set(&self, links: &[Link], mode: Mode) {
        self.change(links, |state| state.mode = mode);
    }

    /// Whether new connections of `links` are held where they are; those that are open stay.
    pub fn hold_new(&self, links: &[Link], held: bool) {
        self.change(links, |state| state.held = held);
    }

    /// Ends the connections of `links` that are open now.
    pub fn cut_open(&self, links: &[Link]) {
        let next = self.shared.connections.load(Ordering::SeqCst);
        self.change(links, |state| state.cut = next);
    }

    /// Makes the connections of `links` that are open now black holes, for ever; new ones are none.
    pub fn black_hole_open(&self, links: &[Link]) {
        let next = self.shared.connections.load(Ordering::SeqCst);
        self.change(links, |state| state.swallowed = next);
    }

    fn change(&self, links: &[Link], change: impl Fn(&mut State)) {
        for link in links {
            self.shared.links[link].send_modify(&change);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Carries one connection to its end.
async fn carry(mut client: TcpStream, shared: Arc<Shared>) -> std::io::Result<()> {
    let startup = read_startup(&mut client).await?;
    let link = &shared.links[&Link::of(&startup)];
    let mut watched = link.subscribe();
    let _ = watched.wait_for(|state| !state.held).await;
    let number = shared.connections.fetch_add(1, Ordering::SeqCst);
    let mut server = TcpStream::connect(&shared.server).await?;
    let (mut from_client, mut from_server) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    let mut pending = startup;
    let mut hole = false;
    loop {
        let state = *watched.borrow_and_update();
        if number < state.cut {
            return Ok(());
        }
        let mode = if hole || number < state.swallowed {
            Mode::BlackHole
        } else {
            state.mode
        };
        match mode {
            Mode::BlackHole => pending.clear(),
            Mode::Lose(text, lost)
                if contains(&pending, text.as_bytes())
                    && link.send_if_modified(|state| {
                        std::mem::replace(&mut state.mode, Mode::Pass) == mode
                    }) =>
            {
                if lost == Lost::Statement {
                    return Ok(());
                }
                server.write_all(&pending).await?;
                let _ = server.read(&mut from_server).await?;
                if lost == Lost::Answer {
                    return Ok(());
                }
                pending.clear();
                hole = true;
            }
            Mode::Pass | Mode::Delay(_) | Mode::Lose(..) => {
                server.write_all(&pending).await?;
                pending.clear();
            }
        }
        tokio::select! {
            read = client.read(&mut from_client) => match read? {
                0 => return Ok(()),
                count => pending.extend_from_slice(&from_client[..count]),
            },
            read = server.read(&mut from_server) => match (read?, mode) {
                (0, _) => return Ok(()),
                (_, Mode::BlackHole) => {}
                (count, mode) => {
                    if let Mode::Delay(delay) = mode {
                        tokio::time::sleep(delay).await;
                    }
                    client.write_all(&from_server[..count]).await?;
                }
            },
            changed = watched.changed() => if changed.is_err() { return Ok(()) },
        }
    }
}

/// The first message: its length, then the protocol's version and the parameters.
async fn read_startup(client: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let length = client.read_u32().await?;
    let mut message = length.to_be_bytes().to_vec();
    message.resize(length.clamp(4, 1 << 16) as usize, 0);
    client.read_exact(&mut message[4..]).await?;
    Ok(message)
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
