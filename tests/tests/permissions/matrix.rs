//! Every cell of `matrix.txt`.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use realm_tests::{Answer, Host, Storage, Token};
use reqwest::RequestBuilder;
use serde_json::json;

use crate::{Bearing, SECRET, asking, at, create, of, operator, publish, put, share};

const MATRIX: &str = include_str!("matrix.txt");

/// What one who asks gets for a request in a kind of realm.
struct Cell {
    kind: &'static str,
    request: &'static str,
    role: &'static str,
    status: u16,
}

fn cells() -> Vec<Cell> {
    let (mut cells, mut kind, mut roles) = (Vec::new(), "", Vec::new());
    for line in MATRIX
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        if let Some(name) = line.strip_prefix('[') {
            kind = name.trim_end_matches(']');
            continue;
        }
        let (request, columns) = line.split_at(24);
        let columns: Vec<_> = columns.split_whitespace().collect();
        if request.trim().is_empty() {
            roles = columns;
            continue;
        }
        assert_eq!(columns.len(), roles.len(), "{line}");
        cells.extend(roles.iter().zip(columns).map(|(role, status)| Cell {
            kind,
            request: request.trim(),
            role,
            status: status.parse().unwrap_or_else(|_| panic!("{line}")),
        }));
    }
    cells
}

/// The realms of a host, made when they are asked for.
struct Realms<'a> {
    host: &'a Host,
    shared: HashMap<&'static str, String>,
    made: usize,
}

impl Realms<'_> {
    /// A realm of a kind: its path. Requests that change no realm share one.
    async fn of(&mut self, cell: &Cell) -> String {
        let alone = cell.request.ends_with(" it") || cell.request == "PATCH _permissions";
        if cell.kind == "folder" {
            return "/folder/".to_owned();
        }
        if let Some(known) = self.shared.get(cell.kind).filter(|_| !alone) {
            return known.clone();
        }
        self.made += 1;
        let path = format!("/r{}/", self.made);
        self.make(cell.kind, &path).await;
        if !alone {
            self.shared.insert(cell.kind, path.clone());
        }
        path
    }

    async fn make(&self, kind: &str, path: &str) {
        let host = self.host;
        if kind == "none" {
            return;
        }
        let published = kind.ends_with("published");
        let source = if published {
            format!("/of{path}")
        } else {
            path.to_owned()
        };
        create(host, "owner", &source).await;
        let mut users = json!({ "reader": ["read"], "writer": ["write"] });
        if kind == "public source" || kind == "archived" {
            users["*"] = json!(["read"]);
        }
        share(host, &source, users).await;
        let written = put(host, &operator(), &format!("{source}a.txt"), "a").await;
        assert_eq!(written.status, 201, "{}", written.text());
        if published {
            let done = publish(host, &of("owner"), &source, path).await;
            assert_eq!(done.status, 202, "{}", done.text());
        }
        if kind == "private published" {
            share(host, path, json!({ "*": [] })).await;
        }
        if kind == "archived" {
            let body = json!({ "data": { "type": "realm", "id": at(path) } });
            let done = crate::post(host, &of("owner"), "/_archive-realm", &body).await;
            assert_eq!(done.status, 200, "{}", done.text());
        }
    }
}

fn token(role: &str) -> String {
    match role {
        "nobody" => String::new(),
        "operator" => operator(),
        "expired" => {
            let now = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap()
                .as_secs();
            Token::of("owner")
                .with("exp", json!(now - 1))
                .signed(SECRET)
        }
        user => of(user),
    }
}

/// Asks for what a cell is about.
async fn ask(host: &Host, cell: &Cell, realm: &str, number: usize) -> Answer {
    if cell.request == "DELETE file" {
        // It is there, in a realm where it can be.
        put(host, &operator(), &new(realm, number), "x").await;
    }
    let request = request(host, cell, realm, number);
    host.send(request.bearing(&token(cell.role))).await
}

fn new(realm: &str, number: usize) -> String {
    format!("{realm}new-{number}.txt")
}

fn request(host: &Host, cell: &Cell, realm: &str, number: usize) -> RequestBuilder {
    let new = new(realm, number);
    let id = json!({ "data": { "type": "realm", "id": at(realm) } });
    let server = |method: &str, path: &str, body: serde_json::Value| {
        host.request(method, path).body(body.to_string())
    };
    let child = |path: String| json!({ "data": { "attributes": { "url": at(&path) } } });
    let file = format!("{realm}a.txt");
    let in_realm = |method: &str, rest: &str| host.request(method, &format!("{realm}{rest}"));
    match cell.request {
        "GET file" => host.request("GET", &file),
        "HEAD file" => host.request("HEAD", &file),
        "GET source" => host
            .request("GET", &file)
            .header("accept", "application/vnd.card+source"),
        "GET page" => host.request("GET", &file).header("accept", "text/html"),
        "GET listing" => in_realm("GET", "").header("accept", "application/vnd.api+json"),
        "GET without slash" => host.request("GET", realm.trim_end_matches('/')),
        "OPTIONS file" => host.request("OPTIONS", &file),
        "PUT file" => host.request("PUT", &new).body("x"),
        "POST file" => host
            .request("POST", &new)
            .header("content-type", "application/octet-stream")
            .body("x"),
        "DELETE file" => host.request("DELETE", &new),
        "PATCH file" => host.request("PATCH", &file).body("x"),
        "POST _atomic" => {
            let add = json!({ "op": "add", "href": format!("atomic-{number}.txt"), "data": { "type": "source", "attributes": { "content": "x" } } });
            in_realm("POST", "_atomic").body(json!({ "atomic:operations": [add] }).to_string())
        }
        "QUERY _search" => in_realm("QUERY", "_search").body("{}"),
        "POST _invalidate" => in_realm("POST", "_invalidate"),
        "PATCH _permissions" => {
            let body =
                json!({ "data": { "attributes": { "permissions": { "somebody": ["read"] } } } });
            in_realm("PATCH", "_permissions").body(body.to_string())
        }
        "publish it" => {
            let body = json!({ "sourceRealmURL": at(realm), "publishedRealmURL": at(&format!("/at-{number}/")) });
            server("POST", "/_publish-realm", body)
        }
        "unpublish it" => server(
            "POST",
            "/_unpublish-realm",
            json!({ "publishedRealmURL": at(realm) }),
        ),
        "publish progress" => host.request(
            "GET",
            &format!("/_publish-progress?published_realm_url={}", at(realm)),
        ),
        "delete it" => server("DELETE", "/_delete-realm", id),
        "archive it" => server("POST", "/_archive-realm", id),
        "unarchive it" => server("POST", "/_unarchive-realm", id),
        "create a realm" => server("POST", "/_create-realm", child(format!("/new-{number}/"))),
        "create inside /mine/" => server(
            "POST",
            "/_create-realm",
            child(format!("/mine/new-{number}/")),
        ),
        "create at the root" => server("POST", "/_create-realm", child("/".to_owned())),
        other => match other.strip_prefix("admin GET ") {
            Some(path) => host.admin_request("GET", path),
            None => {
                let (method, rest) = other.split_once(' ').expect("a method");
                match rest.strip_prefix('/') {
                    Some(rest) => host.request(method, &format!("/{rest}")),
                    None => in_realm(method, rest),
                }
            }
        },
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_cell_of_the_matrix() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("folder");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("a.txt"), "a").unwrap();
    let options = asking(Storage::Sqlite, temporary.path()).serving(&folder);
    let host = options.start().await;
    let users = json!({ "reader": ["read"], "writer": ["write"], "owner": ["owner"] });
    share(&host, "/folder/", users).await;
    create(&host, "owner", "/mine/").await;
    let (cells, mut wrong) = (cells(), Vec::new());
    let mut realms = Realms {
        host: &host,
        shared: HashMap::new(),
        made: 0,
    };
    for (number, cell) in cells.iter().enumerate() {
        let realm = if cell.kind == "server" {
            String::new()
        } else {
            realms.of(cell).await
        };
        let status = ask(&host, cell, &realm, number).await.status;
        if status != cell.status {
            wrong.push(format!(
                "[{}] {} as {}: {status}, not {}",
                cell.kind, cell.request, cell.role, cell.status
            ));
        }
    }
    println!("{} cells", cells.len());
    assert!(
        wrong.is_empty(),
        "{} of {} cells:\n{}",
        wrong.len(),
        cells.len(),
        wrong.join("\n")
    );
}

/// Whoever may not know of a realm gets the same as where there is none, to the byte.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_tells_a_private_realm_from_none() {
    let temporary = tempfile::tempdir().unwrap();
    let host = asking(Storage::Sqlite, temporary.path()).start().await;
    create(&host, "owner", "/hidden/").await;
    put(&host, &of("owner"), "/hidden/a.txt", "a").await;
    publish(&host, &of("owner"), "/hidden/", "/shown/").await;
    share(&host, "/shown/", json!({ "*": [] })).await;
    let requests = MATRIX.lines().filter_map(|line| {
        let (request, cells) = line.split_at_checked(24)?;
        cells
            .trim()
            .starts_with(|c: char| c.is_ascii_digit())
            .then(|| request.trim())
    });
    let mut requests: Vec<_> = requests
        .filter(|request| {
            !request.contains("create") && !request.contains('/') || request.starts_with("GET _")
        })
        .collect();
    requests.sort_unstable();
    requests.dedup();
    for request in requests {
        for role in ["nobody", "stranger"] {
            let mut answers = Vec::new();
            for realm in ["/hidden/", "/shown/", "/nothing/"] {
                let cell = Cell {
                    kind: "",
                    request,
                    role,
                    status: 0,
                };
                answers.push(told(&host, &cell, realm).await);
            }
            assert_eq!(answers[0], answers[2], "{request} as {role}");
            assert_eq!(answers[1], answers[2], "{request} as {role}");
        }
    }
}

/// An answer without what is new each time, and with the realm's own name left out.
async fn told(host: &Host, cell: &Cell, realm: &str) -> String {
    let answer = ask(host, cell, realm, 0).await;
    let mut headers: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "date" | "x-request-id" | "content-length"))
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    headers.sort();
    let text = format!(
        "{}\n{}\n{}",
        answer.status,
        headers.join("\n"),
        answer.text()
    );
    text.replace(realm.trim_end_matches('/'), "/REALM")
}
