//! What a host reaches the database through: it can fall silent, as a network does that loses everything, and break.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

#[derive(Clone, Copy, Debug, Default)]
struct State {
    silent: bool,
    /// Connections of an earlier one are broken.
    era: u64,
}

/// A proxy in front of one server.
#[derive(Debug)]
pub(super) struct Link {
    /// Where it listens.
    pub(super) port: u16,
    state: watch::Sender<State>,
}

impl Link {
    /// A link to a server on this machine.
    pub(super) async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let state = watch::Sender::new(State::default());
        let watched = state.subscribe();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(connect(client, server, watched.clone()));
            }
        });
        Self { port, state }
    }

    /// Holds back everything that comes, on old connections and on new ones.
    pub(super) fn silence(&self) {
        self.state.send_modify(|state| state.silent = true);
    }

    /// Lets everything through again: what was held back comes late, or never when the connections `break`.
    pub(super) fn speak(&self, breaks: bool) {
        self.state.send_modify(|state| {
            state.silent = false;
            state.era += u64::from(breaks);
        });
    }
}

async fn connect(client: TcpStream, server: u16, mut state: watch::Receiver<State>) {
    let era = state.borrow().era;
    let Ok(State { era: now, .. }) = state
        .wait_for(|state| !state.silent)
        .await
        .map(|state| *state)
    else {
        return;
    };
    if now != era {
        return;
    }
    let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else {
        return;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ((from_client, to_client), (from_server, to_server)) =
        (client.into_split(), server.into_split());
    let mut era_ends = state.clone();
    tokio::select! {
        () = copy(from_client, to_server, state.clone()) => {}
        () = copy(from_server, to_client, state) => {}
        _ = era_ends.wait_for(|state| state.era != era) => {}
    }
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut state: watch::Receiver<State>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if state.wait_for(|state| !state.silent).await.is_err()
            || to.write_all(&buffer[..count]).await.is_err()
        {
            return;
        }
    }
}
