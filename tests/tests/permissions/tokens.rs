//! Tokens that are none.

use std::time::{SystemTime, UNIX_EPOCH};

use realm_tests::{Host, HostOptions, Storage, Token};
use serde_json::{Value, json};

use crate::{SECRET, asking, create, get, of, operator, post, put};

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap().as_secs()
}

async fn refused(host: &Host, what: &str, token: &str) -> Value {
    let answer = get(host, token, "/p/a.txt").await;
    assert_eq!(answer.status, 401, "{what}: {}", answer.text());
    let challenge = answer.header("www-authenticate");
    assert!(
        challenge.starts_with("Bearer") && challenge.contains("invalid_token"),
        "{what}: {challenge}"
    );
    answer.errors()[0]["code"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_good_opens_nothing_not_even_what_everyone_may_read() {
    let temporary = tempfile::tempdir().unwrap();
    let host = asking(Storage::Sqlite, temporary.path()).start().await;
    create(&host, "owner", "/p/").await;
    put(&host, &of("owner"), "/p/a.txt", "a").await;
    crate::share(&host, "/p/", json!({ "*": ["read"] })).await;
    assert_eq!(get(&host, "", "/p/a.txt").await.status, 200);
    let good = Token::of("owner");
    assert_eq!(
        get(&host, &good.signed(SECRET), "/p/a.txt").await.status,
        200
    );
    let none = good.clone().header("alg", json!("none"));
    let cases = [
        (
            "expired",
            "token-expired",
            good.clone().with("exp", json!(now() - 1)).signed(SECRET),
        ),
        (
            "without an end",
            "token-claim",
            good.clone().with("exp", Value::Null).signed(SECRET),
        ),
        (
            "without a user",
            "token-claim",
            good.clone().with("sub", Value::Null).signed(SECRET),
        ),
        (
            "for another audience",
            "token-audience",
            good.clone().with("aud", json!("other")).signed(SECRET),
        ),
        (
            "for no audience",
            "token-claim",
            good.clone().with("aud", Value::Null).signed(SECRET),
        ),
        (
            "of another key",
            "token-signature",
            good.signed("another secret, which has more than 32 bytes"),
        ),
        (
            "alg none",
            "token-algorithm",
            format!("{}.", none.unsigned()),
        ),
        ("alg none, signed", "token-algorithm", none.signed(SECRET)),
        (
            "alg HS512",
            "token-algorithm",
            good.clone().header("alg", json!("HS512")).signed(SECRET),
        ),
        (
            "alg EdDSA",
            "token-algorithm",
            good.clone().header("alg", json!("EdDSA")).signed(SECRET),
        ),
        ("not a token", "token-malformed", "abc".to_owned()),
    ];
    for (what, code, token) in cases {
        assert_eq!(refused(&host, what, &token).await, code, "{what}");
    }
    let mut changed = good.signed(SECRET).into_bytes();
    let middle = good.unsigned().len() / 2;
    changed[middle] = if changed[middle] == b'A' { b'B' } else { b'A' };
    refused(&host, "changed", &String::from_utf8(changed).unwrap()).await;
    let basic = host
        .request("GET", "/p/a.txt")
        .header("authorization", "Basic YTpi");
    assert_eq!(host.send(basic).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_tokens_are_the_hosts() {
    let temporary = tempfile::tempdir().unwrap();
    let options = asking(Storage::Sqlite, temporary.path());
    let secret = temporary.path().join("secret");
    let host = options.start().await;
    let token = async |more: &[&str]| {
        let arguments = [
            &["--secret-file", secret.to_str().unwrap(), "token", "create"],
            more,
        ]
        .concat();
        let output = host.command(&arguments).await;
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let (user, root) = (
        token(&["--user", "mango"]).await,
        token(&["--user", "root", "--operator"]).await,
    );
    let body = json!({ "data": { "attributes": { "url": crate::at("/m/") } } });
    assert_eq!(
        post(&host, &user, "/_create-realm", &body).await.status,
        202
    );
    assert_eq!(put(&host, &user, "/m/a.txt", "a").await.status, 201);
    assert_eq!(get(&host, &root, "/m/a.txt").await.text(), "a");
    assert_eq!(get(&host, &of("other"), "/m/a.txt").await.status, 404);
    assert_eq!(get(&host, &operator(), "/m/a.txt").await.text(), "a");
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_read_what_their_token_may_read() {
    let temporary = tempfile::tempdir().unwrap();
    let host = asking(Storage::Sqlite, temporary.path()).start().await;
    crate::create(&host, "mango", "/m/").await;
    let written = put(&host, &of("mango"), "/m/f/a.txt", "a").await;
    assert_eq!(written.status, 201);
    let export = async |user: &str| {
        let to = temporary.path().join(user);
        let (token, to_shown) = (of(user), to.display().to_string());
        let realm = crate::at("/m/");
        let arguments = ["--token", &token, "export", &realm, &to_shown];
        (host.command(&arguments).await, to)
    };
    let (output, folder) = export("mango").await;
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert_eq!(std::fs::read(folder.join("f/a.txt")).unwrap(), b"a");
    let (output, folder) = export("other").await;
    assert_eq!(output.status.code(), Some(1));
    assert!(!folder.join("f").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_asks_for_tokens_needs_a_key() {
    let without = HostOptions::new(Storage::Sqlite).with("auth", "jwt");
    let log = without.try_start().await.unwrap_err();
    assert!(
        log.contains("secret-file") && log.contains("public-keys"),
        "{log}"
    );
}
