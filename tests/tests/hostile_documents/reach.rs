use realm_tests::{Host, ORIGIN, Token};
use serde_json::{Value, json};

use crate::scene::{all_is_well, body, errors, first, indexed, put_cards, scene_of, sqlite};

const SECRET: &str = "a secret of the tests, which has more than 32 bytes";

async fn ask(host: &Host, method: &str, path: &str, body: String) -> u16 {
    let token = Token::of("root").with("operator", json!(true));
    let request = host.request(method, path).body(body);
    let bearing = format!("Bearer {}", token.signed(SECRET));
    host.send(request.header("authorization", bearing))
        .await
        .status
}

/// A realm of somebody's own, and who may do what there.
async fn realm(host: &Host, path: &str, users: &Value) {
    let attributes = json!({ "url": format!("{ORIGIN}{path}"), "owner": "ann" });
    let made = json!({ "data": { "attributes": attributes } }).to_string();
    assert_eq!(ask(host, "POST", "/_create-realm", made).await, 202);
    let shared =
        json!({ "data": { "type": "permissions", "attributes": { "permissions": users } } });
    let path = format!("{path}_permissions");
    assert_eq!(ask(host, "PATCH", &path, shared.to_string()).await, 200);
}

/// Modules have the rights of nobody, whoever writes them, and no network.
#[tokio::test]
async fn modules_reach_no_further_than_everyone_may_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, SECRET).unwrap();
    let options = sqlite()
        .with("auth", "jwt")
        .with("secret-file", file.to_str().unwrap());
    let host = options.start().await;
    realm(&host, "/hidden/", &json!({ "*": [] })).await;
    realm(&host, "/r/", &json!({ "*": ["read", "write"] })).await;
    for (name, text) in [
        ("m.js", "export const secret = 'SECRET';"),
        ("d.json", "\"SECRET\""),
    ] {
        let put = ask(&host, "PUT", &format!("/hidden/{name}"), text.to_owned()).await;
        assert_eq!(put, 201);
    }
    scene_of(&host).await;
    let admin = format!("{}/_metrics", host.admin);
    let told = [
        ("private", format!("{ORIGIN}/hidden/m.js")),
        ("absent", format!("{ORIGIN}/hidden/absent.js")),
        ("data", format!("{ORIGIN}/hidden/d.json")),
        ("climbing", "../hidden/m.js".to_owned()),
        ("encoded", "./..%2fhidden/m.js".to_owned()),
        ("outside", "https://evil.example/x.js".to_owned()),
        (
            "inline",
            "data:text/javascript,export const secret = 1".to_owned(),
        ),
        ("file", "file:///etc/passwd".to_owned()),
        ("admin", admin),
        ("own", "https://realm.invalid/../hidden/m.js".to_owned()),
        ("bare", "fs".to_owned()),
    ];
    let mut modules = Vec::new();
    for (name, url) in &told {
        modules.push((
            format!("{name}.js"),
            format!("import * as m from {url:?}; export class Card {{ static isolated = () => JSON.stringify(m); }}"),
        ));
        // Whoever catches the error learns nothing more.
        modules.push((
            format!("{name}-caught.js"),
            format!("let m; try {{ m = await import({url:?}); }} catch (e) {{ m = String(e.message); }} export class Card {{ static isolated = () => JSON.stringify(m); }}"),
        ));
    }
    put_cards(&host, &modules).await;
    indexed(&host, "/r/").await;
    let errors = errors(&host, "/r/").await;
    for (name, url) in &told {
        let row = &errors[&format!("{name}.json")];
        let (code, detail) = first(row);
        assert_eq!(code, "card-import", "{name}: {detail}");
        assert_eq!(row["errors"][0]["source"]["path"], format!("{name}.js"));
        assert!(!row.to_string().contains("SECRET"), "{row}");
        let caught = body(&host, &format!("/r/{name}-caught.json")).await;
        assert!(caught.contains("cannot import"), "{url}: {caught}");
    }
    // There and not there read alike.
    let [private, absent] = ["private", "absent"].map(|name| {
        let detail = first(&errors[&format!("{name}.json")]).1;
        let why = detail
            .split_once(&format!("from {name}.js"))
            .expect("the importer");
        why.1.to_owned()
    });
    assert_eq!(private, absent);
    all_is_well(&host, 1).await;
}
