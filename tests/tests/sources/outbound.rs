//! The way that commands take to other servers: TLS, and the proxies of the environment.

use std::sync::{Arc, Mutex};

use realm_tests::{HostOptions, component_digest};
use tokio::io::{AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::server::{Reply, Request, Server, head, tls};
use crate::{Desk, component, stderr};

/// A proxy that leads everyone to one server, however they call it.
struct Tunnel {
    address: String,
    asked: Arc<Mutex<Vec<Request>>>,
}

impl Tunnel {
    async fn to(server: &Server) -> Self {
        let (_, to) = server.url.rsplit_once(':').expect("a port");
        let to = format!("127.0.0.1:{to}");
        let (listener, address) = listen().await;
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let Some(request) = head(&mut near).await else {
                    continue;
                };
                noted.lock().expect("never poisoned").push(request);
                let mut far = TcpStream::connect(&to).await.expect("it listens");
                near.write_all(b"HTTP/1.1 200 Connected\r\n\r\n")
                    .await
                    .expect("who asks is there");
                // Whoever is done is gone.
                let _ = copy_bidirectional(&mut near, &mut far).await;
            }
        });
        Self { address, asked }
    }
}

/// Whoever has one component, and no signature of it.
fn gives(wasm: Vec<u8>) -> impl Fn(&Request) -> Reply {
    move |request| {
        if request.path.ends_with("/x.wasm") {
            Reply::new(200, wasm.clone())
        } else {
            Reply::new(404, "")
        }
    }
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    (listener, address)
}

/// A desk whose environment names proxies.
fn desk(proxies: &[(&str, &str)]) -> Desk {
    let with = |options: HostOptions, (name, value): &(&str, &str)| options.env(name, value);
    Desk::with(|options| proxies.iter().fold(options.env("NO_PROXY", ""), with))
}

fn trusting(mut desk: Desk, certificate: &str) -> Desk {
    let trusted = desk.file("trusted.pem", certificate.as_bytes(), None);
    desk.options = desk.options.env("SSL_CERT_FILE", &trusted);
    desk
}

#[tokio::test]
async fn components_come_through_the_proxies_of_the_environment() {
    let wasm = component("one");
    let digest = component_digest(&wasm);
    let (server, certificate) = Server::secure(gives(wasm.clone())).await;
    let tunnel = Tunnel::to(&server).await;
    let proxy = format!("http://ann:secret@{}", tunnel.address);
    let secure = trusting(desk(&[("HTTPS_PROXY", &proxy)]), &certificate);
    let url = "https://plugins.test/x.wasm";
    let installed = secure.installed(&[url]).await;
    assert_eq!(installed["source"], url, "{installed}");
    // Who one is to the proxy is for the proxy.
    for request in tunnel.asked.lock().expect("never poisoned").iter() {
        assert_eq!(request.path, "plugins.test:443");
        assert_eq!(
            request.headers["proxy-authorization"],
            "Basic YW5uOnNlY3JldA=="
        );
    }
    let asked = server.asked();
    assert_eq!(asked[0].path, "/x.wasm");
    assert!(
        asked
            .iter()
            .all(|request| !request.headers.contains_key("proxy-authorization"))
    );

    // Of plain http a proxy is asked itself.
    let plain = Server::start(gives(wasm)).await;
    let desk = desk(&[("HTTP_PROXY", &plain.url)]);
    let url = "http://plugins.test/x.wasm";
    let installed = desk.installed(&[url, "--pin", &digest]).await;
    assert_eq!(installed["source"], url, "{installed}");
    assert_eq!(plain.asked()[0].path, url);
}

#[tokio::test]
async fn this_machine_is_asked_without_a_proxy() {
    let proxy = Server::always(Reply::new(502, "")).await;
    let names = ["ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY"];
    let desk = desk(&names.map(|name| (name, proxy.url.as_str())));
    let server = Server::start(gives(component("one"))).await;
    let url = format!("{}/x.wasm", server.url);
    let host = desk.host().await;
    // Of the host that runs here, and of one that is named.
    desk.installed(&[&url]).await;
    let listed = desk.run(&["list", "--host", &host.admin]).await;
    assert!(listed.status.success(), "{}", stderr(&listed));
    assert!(proxy.asked().is_empty(), "{:?}", proxy.asked());
}

#[tokio::test]
async fn a_proxy_that_refuses_is_named() {
    let proxy = Server::always(Reply::new(403, "")).await;
    let named = proxy.url.replace("http://", "http://ann:secret@");
    let desk = desk(&[("HTTPS_PROXY", &named)]);
    let told = desk.refused(&["https://plugins.test/x.wasm"]).await;
    let wanted = format!("asked through the environment's proxy, {}/", proxy.url);
    assert!(
        told.starts_with("https://plugins.test/x.wasm: ") && told.ends_with(&wanted),
        "{told}"
    );
}

#[tokio::test]
async fn hosts_behind_tls_are_talked_to() {
    let (acceptor, certificate) = tls();
    let desk = trusting(desk(&[]), &certificate);
    let host = desk.host().await;
    let to = host.admin.trim_start_matches("http://").to_owned();
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let (acceptor, to) = (acceptor.clone(), to.clone());
            tokio::spawn(async move {
                let mut far = TcpStream::connect(to).await.expect("it listens");
                if let Ok(mut near) = acceptor.accept(near).await {
                    // Whoever is done is gone.
                    let _ = copy_bidirectional(&mut near, &mut far).await;
                }
            });
        }
    });
    let url = format!("https://{}", address.replace("127.0.0.1", "localhost"));
    let file = desk.file("x.wasm", &component("one"), None);
    desk.installed(&[&file, "--host", &url]).await;
    host.put("/r/x.edition", "hello").await;
    assert_eq!(host.get("/r/x.edition").await.text(), "one: hello\n");

    // One that leads to another one is not followed: it would be asked for something else.
    let elsewhere = Server::always(Reply::redirect(&url)).await;
    let told = desk.refused(&[&file, "--host", &elsewhere.url]).await;
    let wanted = format!("the host at {} leads on to {url}", elsewhere.url);
    assert!(told.starts_with(&wanted), "{told}");
    assert_eq!(elsewhere.asked().len(), 1);
}
