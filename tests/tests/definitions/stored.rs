//! What is stored, and when it is believed.

use realm_tests::{HostOptions, Storage, eventually, on_both, server};

use crate::{
    Scene, answered, ask, at, cached, defines, definition, is_cached, options, outcomes, wanted,
};

on_both! {
    a_definition_is_stored_and_found_under_every_name_of_its_module
    a_definition_ends_with_anything_that_it_was_made_from
}

async fn a_definition_is_stored_and_found_under_every_name_of_its_module(options: HostOptions) {
    let (host, _) = options.with("role", "serve").with_realm().await;
    host.put("/r/a b.js", "export default 1;\n").await;
    host.put("/r/c.js", "export default 2;\n").await;
    host.put("/r/d.txt", "no module").await;
    assert!(!is_cached(&host, "/r/a%20b.js").await);
    let found = definition(&host, "/r/a%20b").await.unwrap();
    assert_eq!(found["url"], at("/r/a%20b.js"));
    let schema = found["outcome"]["definitions"][0]["schema"]
        .as_str()
        .unwrap();
    assert!(schema.contains("export default 1;"), "{found}");
    let names = ["/r/a%20b.js", "/r/a%20b", "/r/a%20b.js?x=1", "/r/a%20b#y"];
    let calls = host.guest_calls("misbehave").await;
    let all = cached(
        &host,
        &[&names[..], &["/r/c.js", "/r/gone", "/nowhere/x.js"]].concat(),
    )
    .await;
    assert_eq!(all.as_object().unwrap().len(), names.len(), "{all}");
    for name in names {
        assert_eq!(all[at(name)], found, "{name}");
        assert_eq!(definition(&host, name).await.as_ref(), Some(&found));
    }
    assert!(definition(&host, "/r/gone").await.is_none());
    assert!(definition(&host, "/nowhere/x.js").await.is_none());
    assert_eq!(
        host.guest_calls("misbehave").await,
        calls,
        "no guest is asked"
    );
    assert!(definition(&host, "/r/c.js").await.is_some());
    // What defines nothing is known not to.
    let error = definition(&host, "/r/d.txt").await.unwrap();
    assert!(error["outcome"]["failed"].is_array(), "{error}");
    let all = cached(&host, &["/r/a%20b", "/r/c", "/r/d.txt"]).await;
    assert_eq!(all.as_object().unwrap().len(), 3);
}

async fn a_definition_ends_with_anything_that_it_was_made_from(options: HostOptions) {
    let (host, _) = options.with("role", "serve").with_realm().await;
    host.put("/r/m.misbehave", "read ./dep.txt ./absent ./env.d/x.txt\n")
        .await;
    host.put("/r/dep.txt", "first").await;
    host.put("/r/o.js", "export default 1;\n").await;
    for path in ["/r/m.misbehave", "/r/o.js"] {
        definition(&host, path).await.unwrap();
    }
    let made = async |what: &str, text: &str| {
        assert!(!is_cached(&host, "/r/m.misbehave").await, "{what}");
        let found = definition(&host, "/r/m.misbehave")
            .await
            .unwrap()
            .to_string();
        assert!(found.contains(text), "{what}: {found}");
        assert!(is_cached(&host, "/r/m.misbehave").await);
        assert!(
            is_cached(&host, "/r/o.js").await,
            "{what}: what has read none of it stays"
        );
    };
    // A name that begins alike is another one.
    for other in [
        "/r/dep.txt.d/x",
        "/r/dep",
        "/r/absents.ts",
        "/r/absent/x.ts",
        "/r/m.ts.x",
    ] {
        host.put(other, "other").await;
        assert!(is_cached(&host, "/r/m.misbehave").await, "{other}");
    }
    host.put("/r/dep.txt", "second").await;
    made("what it reads", "second").await;
    host.put("/r/absent.ts", "there now").await;
    made("what was absent, under an alias", "there now").await;
    host.put("/r/env.d/x.txt", "there too").await;
    made("what was absent, by its name", "there too").await;
    host.delete("/r/dep.txt").await;
    made("what is gone", "not-found").await;
    host.put("/r/realm.json", r#"{"extensions": [".ts", ".misbehave"]}"#)
        .await;
    let found = definition(&host, "/r/m").await.unwrap();
    assert_eq!(found["url"], at("/r/m.misbehave"));
    host.delete("/r/m.misbehave").await;
    assert!(!is_cached(&host, "/r/m.misbehave").await);
    assert!(definition(&host, "/r/m.misbehave").await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_callers_share_one_call_and_every_host_its_outcome() {
    let scene = Scene::of(2).await;
    let (a, b) = (&scene.hosts[0], &scene.hosts[1]);
    a.create("/r/").await;
    a.put("/r/m.js", "export default 1;\n").await;
    defines(b, "/r/m.js", "default 1").await;
    sqlx::query("DELETE FROM definitions")
        .execute(&scene.pool)
        .await
        .unwrap();
    sqlx::query("DELETE FROM derivations")
        .execute(&scene.pool)
        .await
        .unwrap();
    a.put("/r/m.js", "export default 2;\n").await;
    let before = a.guest_calls("misbehave").await;
    a.close_gate("before-call", "m.js").await;
    let callers: Vec<_> = (0..20).map(|_| ask(wanted(a, "/r/m.js"))).collect();
    a.at_gate("before-call", 1).await;
    a.open_gate("before-call").await;
    for caller in callers {
        assert!(answered(caller).await.text().contains("default 2"));
    }
    assert_eq!(a.guest_calls("misbehave").await, before + 1);
    let theirs = b.guest_calls("misbehave").await;
    defines(b, "/r/m.js", "default 2").await;
    assert_eq!(b.guest_calls("misbehave").await, theirs);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_nobody_asks_for_go_with_what_they_were_made_from() {
    let database = server().database().await;
    let host = options(&database).start().await;
    host.create("/r/").await;
    host.put("/r/dep.txt", "first").await;
    for module in ["a", "b"] {
        host.put(&format!("/r/{module}.misbehave"), "read ./dep.txt\n")
            .await;
    }
    host.put("/r/c.js", "export default 1;\n").await;
    let pool = sqlx::PgPool::connect(&database).await.unwrap();
    let rows = async || -> Vec<String> {
        let sql = "SELECT path FROM definitions ORDER BY path";
        sqlx::query_scalar(sql).fetch_all(&pool).await.unwrap()
    };
    for path in ["/r/a.misbehave", "/r/b.misbehave", "/r/c.js"] {
        definition(&host, path).await.unwrap();
    }
    assert_eq!(rows().await.len(), 3);
    let mut ear = sqlx::postgres::PgListener::connect(&database)
        .await
        .unwrap();
    ear.listen("module_cache_invalidated").await.unwrap();
    host.put("/r/dep.txt", "second").await;
    eventually("the dependents to go", || async {
        (rows().await == ["c.js"]).then_some(())
    })
    .await;
    let told = ear.recv().await.unwrap();
    let told: serde_json::Value = serde_json::from_str(told.payload()).unwrap();
    let mut modules: Vec<_> = told["m"]
        .as_array()
        .unwrap()
        .iter()
        .map(|url| url.as_str().unwrap())
        .collect();
    modules.sort_unstable();
    assert_eq!(
        (told["k"].as_str(), told["r"].as_str()),
        (Some("module"), Some(&*at("/r/")))
    );
    assert_eq!(modules, [at("/r/a.misbehave"), at("/r/b.misbehave")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_is_remembered_for_a_while_or_until_what_was_missing_is_there() {
    let scene = Scene::of(1).await;
    let host = &scene.hosts[0];
    host.create("/r/").await;
    host.put("/r/m.misbehave", "spin-if ./dep.txt never\n")
        .await;
    let error = definition(host, "/r/m.misbehave").await.unwrap();
    assert!(error["outcome"]["failed"].is_array(), "{error}");
    assert!(is_cached(host, "/r/m.misbehave").await);
    let age = async |seconds: i64| {
        let sql = "UPDATE definitions SET failed_at = failed_at - 1000 * $1";
        sqlx::query(sql)
            .bind(seconds)
            .execute(&scene.pool)
            .await
            .unwrap();
    };
    age(10).await;
    let stored = outcomes(host, "stored").await;
    assert_eq!(
        definition(host, "/r/m.misbehave").await.as_ref(),
        Some(&error)
    );
    assert_eq!(outcomes(host, "stored").await, stored + 1);
    age(20).await;
    assert!(
        !is_cached(host, "/r/m.misbehave").await,
        "after half a minute"
    );
    assert_eq!(
        definition(host, "/r/m.misbehave").await.as_ref(),
        Some(&error)
    );
    assert_eq!(
        outcomes(host, "stored").await,
        stored + 1,
        "it was looked at again"
    );
    assert!(is_cached(host, "/r/m.misbehave").await);
    host.put("/r/dep.txt", "there now").await;
    assert!(!is_cached(host, "/r/m.misbehave").await);
    let found = definition(host, "/r/m.misbehave").await.unwrap();
    assert!(found.to_string().contains("there now"), "{found}");
    age(1000).await;
    assert!(
        is_cached(host, "/r/m.misbehave").await,
        "nothing is wrong any more"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_is_remembered_for_as_long_as_the_setting_says() {
    let options = HostOptions::new(Storage::Sqlite).with("definition-error-ttl", "1ms");
    let (host, _) = options.with_realm().await;
    host.put("/r/m.misbehave", "invalid\n").await;
    definition(&host, "/r/m.misbehave").await.unwrap();
    eventually("a millisecond to be over", || async {
        (!is_cached(&host, "/r/m.misbehave").await).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_with_other_plugins_keep_their_own() {
    let scene = Scene::of(1).await;
    let a = &scene.hosts[0];
    a.create("/r/").await;
    a.put("/r/m.js", "export default 1;\n").await;
    definition(a, "/r/m.js").await.unwrap();
    let none = tempfile::tempdir().unwrap();
    let other = options(&scene.database)
        .with("plugin-dir", none.path().to_str().unwrap())
        .start()
        .await;
    assert!(
        !is_cached(&other, "/r/m.js").await,
        "another host's plugins made it"
    );
    let nothing = definition(&other, "/r/m.js").await.unwrap();
    assert_eq!(nothing["outcome"]["definitions"], serde_json::json!([]));
    for host in [a, &other] {
        assert!(is_cached(host, "/r/m.js").await);
    }
    assert_eq!(scene.rows().await.len(), 2);
    // What a host with other plugins made goes when it is old, and a start takes no other.
    sqlx::query("UPDATE definitions SET created_at = created_at - 86400000")
        .execute(&scene.pool)
        .await
        .unwrap();
    let again = options(&scene.database).start().await;
    eventually("what is old to go", || async {
        (scene.rows().await.len() == 1).then_some(())
    })
    .await;
    assert!(is_cached(&again, "/r/m.js").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_moves_on_with_commits_that_do_not_touch_it_and_a_log_that_lacks_some_is_not_believed()
 {
    let scene = Scene::of(1).await;
    let host = &scene.hosts[0];
    host.create("/r/").await;
    for module in ["m", "n"] {
        host.put(&format!("/r/{module}.js"), "export default 1;\n")
            .await;
        definition(host, &format!("/r/{module}.js")).await.unwrap();
    }
    for number in 0..70 {
        host.put("/r/other.txt", format!("{number}")).await;
    }
    // Looking one up moves it on.
    assert!(is_cached(host, "/r/m.js").await);
    sqlx::query("DELETE FROM changes")
        .execute(&scene.pool)
        .await
        .unwrap();
    assert!(is_cached(host, "/r/m.js").await);
    assert!(!is_cached(host, "/r/n.js").await);
    assert_eq!(scene.rows().await.len(), 1, "what is not believed goes");
}
