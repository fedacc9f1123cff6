//! What a URL leads to and is not taken, with the reason.

use realm_tests::component_digest;

use crate::server::{Reply, Server};
use crate::{Desk, component};

#[tokio::test]
async fn plain_http_is_refused_unless_the_digest_is_known() {
    let desk = Desk::new();
    let url = "http://plugins.invalid/x.wasm";
    let wanted = format!(
        "{url}: plain http is refused, for whoever is on the way could send another component; use https, or give the component's digest with `--pin`"
    );
    assert_eq!(desk.refused(&[url]).await, wanted);
    let digest = component_digest(b"any");
    let told = desk.refused(&[url, "--pin", &digest]).await;
    // It is asked for, and nobody is there.
    assert!(told.starts_with(url) && !told.contains("refused"), "{told}");
}

#[tokio::test]
async fn nobody_is_led_on_to_plain_http() {
    let desk = Desk::new();
    let to = "http://plugins.invalid/x.wasm";
    let server = Server::always(Reply::redirect(to)).await;
    let url = format!("{}/x.wasm", server.url);
    let wanted = format!(
        "{url}: the server leads on to {to}, and plain http is refused, for whoever is on the way could send another component; ask for an https URL, or give the component's digest with `--pin`"
    );
    assert_eq!(desk.refused(&[&url]).await, wanted);
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_server_may_lead_on_so_often() {
    let desk = Desk::new();
    let server = Server::always(Reply::redirect("/again")).await;
    let url = format!("{}/x.wasm", server.url);
    let told = desk.refused(&[&url, "--plugin-fetch-redirects", "2"]).await;
    let wanted = format!(
        "{url}: the server leads on more than 2 times (`plugin-fetch-redirects`), at last to {}/again",
        server.url
    );
    assert_eq!(told, wanted);
    assert_eq!(server.asked().len(), 3);
    let nowhere = Server::always(Reply::new(302, "")).await;
    let url = format!("{}/x.wasm", nowhere.url);
    let wanted = format!("{url}: the server answers 302 Found and not where it is");
    assert_eq!(desk.refused(&[&url]).await, wanted);
}

#[tokio::test]
async fn what_a_server_does_not_give_is_told() {
    let desk = Desk::new();
    for (status, told) in [
        (404, "there is no such thing there (404 Not Found)"),
        (
            401,
            "the server gives it only to those whom it knows (401 Unauthorized); give a user and a password in the URL, `https://user:password@…`, or fetch the file by other means and install that",
        ),
        (500, "the server answers 500 Internal Server Error"),
        (204, "the server answers 204 No Content"),
    ] {
        let server = Server::always(Reply::new(status, "")).await;
        let url = format!("{}/x.wasm", server.url);
        assert_eq!(desk.refused(&[&url]).await, format!("{url}: {told}"));
    }
}

#[tokio::test]
async fn a_download_that_is_cut_off_is_not_taken() {
    let desk = Desk::new();
    let wasm = component("one");
    let (whole, half) = (wasm.len(), wasm[..20_000].to_vec());
    let server = Server::always(Reply::new(200, half.clone()).said(whole)).await;
    let url = format!("{}/x.wasm", server.url);
    let wanted = format!("{url}: it was not fetched whole: 20000 of {whole} bytes");
    assert_eq!(desk.refused(&[&url]).await, wanted);
    // Nor one of which nobody knows how long it is.
    let server = Server::always(Reply::new(200, half).chunked(false)).await;
    let url = format!("{}/x.wasm", server.url);
    let wanted = format!("{url}: it was not fetched whole: 20000 of an unknown number of bytes");
    assert_eq!(desk.refused(&[&url]).await, wanted);
}

#[tokio::test]
async fn a_component_that_is_too_large_is_not_fetched() {
    let desk = Desk::new();
    let wasm = component("one");
    let size = wasm.len();
    let bound = ["--plugin-component-bytes", "20KiB"];
    let server = Server::always(Reply::new(200, wasm.clone())).await;
    let url = format!("{}/x.wasm", server.url);
    let wanted = format!(
        "{url}: it has {size} bytes, and a component may have 20480 (`plugin-component-bytes`)"
    );
    assert_eq!(desk.refused(&[&url, bound[0], bound[1]]).await, wanted);
    // Where nobody says how large it is, no more is read than that.
    let server = Server::always(Reply::new(200, wasm).chunked(true)).await;
    let url = format!("{}/x.wasm", server.url);
    let wanted = format!(
        "{url}: it has more than 20480 bytes, and a component may have 20480 (`plugin-component-bytes`)"
    );
    assert_eq!(desk.refused(&[&url, bound[0], bound[1]]).await, wanted);
}

#[tokio::test]
async fn a_web_page_is_no_component() {
    let desk = Desk::new();
    let page = Reply::new(200, "<!doctype html><title>x.wasm</title>");
    let server = Server::always(page.clone().with("content-type", "text/html")).await;
    let url = format!("{}/x.wasm", server.url);
    let wanted = format!(
        "{url}: this is no WebAssembly component but a web page (text/html); ask for the file itself: the address of a page that shows it is another one"
    );
    assert_eq!(desk.refused(&[&url]).await, wanted);
    let server = Server::always(Reply::new(200, "hello").with("content-type", "text/plain")).await;
    let url = format!("{}/x.wasm", server.url);
    let wanted = format!(
        "{url}: this is no WebAssembly component but something else (text/plain); it does not begin as WebAssembly does"
    );
    assert_eq!(desk.refused(&[&url]).await, wanted);
    // A server that has a page for everything has no signature.
    let wasm = component("one");
    let server = Server::start(move |request| match request.path.as_str() {
        "/x.wasm" => Reply::new(200, wasm.clone()),
        _ => page.clone(),
    })
    .await;
    let installed = desk.installed(&[&format!("{}/x.wasm", server.url)]).await;
    assert!(installed["signature"].is_null(), "{installed}");
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_not_waited_for() {
    let desk = Desk::new();
    let server = Server::always(Reply::never()).await;
    let url = format!("{}/x.wasm", server.url);
    let told = desk
        .refused(&[&url, "--plugin-fetch-timeout", "200ms"])
        .await;
    let wanted =
        format!("{url}: it did not come within 200ms (`plugin-fetch-timeout`): 0 bytes did");
    assert_eq!(told, wanted);
}

#[tokio::test]
async fn a_component_of_another_digest_is_not_installed() {
    let desk = Desk::new();
    let wasm = component("one");
    let (found, wanted) = (component_digest(&wasm), component_digest(b"another"));
    let server = Server::start(move |request| match request.path.as_str() {
        "/x.wasm" => Reply::new(200, wasm.clone()),
        _ => Reply::new(404, ""),
    })
    .await;
    let url = format!("{}/x.wasm", server.url);
    let told = desk.refused(&[&url, "--pin", &wanted]).await;
    let told_both = told.contains(&found) && told.contains(&wanted);
    assert!(told.starts_with(&url) && told_both, "{told}");
}
