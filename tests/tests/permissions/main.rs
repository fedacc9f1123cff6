//! Who may do what: the matrix of roles, requests and kinds of realms; tokens; what becomes of rights that are taken.

mod foreign;
mod kept;
mod matrix;
mod revoked;
mod tokens;

use realm_tests::{Answer, Host, HostOptions, ORIGIN, Storage, Token};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

/// The secret of every host here.
const SECRET: &str = "a secret of the tests, which has more than 32 bytes";

/// A host that asks for tokens.
fn asking(storage: Storage, folder: &std::path::Path) -> HostOptions {
    let file = folder.join("secret");
    std::fs::write(&file, SECRET).unwrap();
    HostOptions::new(storage)
        .with("auth", "jwt")
        .with("secret-file", file.to_str().unwrap())
}

/// A good token of a user.
fn of(user: &str) -> String {
    Token::of(user).signed(SECRET)
}

/// A good token of an operator.
fn operator() -> String {
    Token::of("root")
        .with("operator", json!(true))
        .signed(SECRET)
}

trait Bearing {
    fn bearing(self, token: &str) -> Self;
}

impl Bearing for RequestBuilder {
    fn bearing(self, token: &str) -> Self {
        if token.is_empty() {
            return self;
        }
        self.header("authorization", format!("Bearer {token}"))
    }
}

fn at(path: &str) -> String {
    format!("{ORIGIN}{path}")
}

async fn post(host: &Host, token: &str, path: &str, body: &Value) -> Answer {
    let request = host.request("POST", path).bearing(token);
    host.send(request.body(body.to_string())).await
}

/// Makes a realm for a user.
async fn create(host: &Host, owner: &str, path: &str) {
    let body = json!({ "data": { "attributes": { "url": at(path) } } });
    let made = post(host, &of(owner), "/_create-realm", &body).await;
    assert_eq!(made.status, 202, "{}", made.text());
}

/// Gives users rights, as an operator does.
async fn share(host: &Host, path: &str, users: Value) -> Answer {
    let body = json!({ "data": { "type": "permissions", "attributes": { "permissions": users } } });
    let request = host.request("PATCH", &format!("{path}_permissions"));
    let shared = host
        .send(request.bearing(&operator()).body(body.to_string()))
        .await;
    assert_eq!(shared.status, 200, "{}", shared.text());
    shared
}

async fn publish(host: &Host, token: &str, source: &str, target: &str) -> Answer {
    let body = json!({ "sourceRealmURL": at(source), "publishedRealmURL": at(target) });
    post(host, token, "/_publish-realm", &body).await
}

async fn get(host: &Host, token: &str, path: &str) -> Answer {
    host.send(host.request("GET", path).bearing(token)).await
}

async fn put(host: &Host, token: &str, path: &str, body: &str) -> Answer {
    let request = host.request("PUT", path).bearing(token);
    host.send(request.body(body.to_owned())).await
}
