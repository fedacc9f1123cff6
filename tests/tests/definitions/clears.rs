//! The four effects of a clear: what is in flight is discarded and ended, nobody joins it any more, rows go, peers are told.

use realm_tests::{Host, eventually};

use crate::{Scene, answered, ask, clear, definition, is_cached, outcomes, wanted};

/// Hosts over a realm with a module whose call does not end by itself, and one whose definition is stored.
async fn spinning(count: usize) -> Scene {
    let scene = Scene::of(count).await;
    let a = &scene.hosts[0];
    a.create("/r/").await;
    a.create("/q/").await;
    a.put("/r/flag.txt", "go").await;
    a.put("/r/m.misbehave", "spin-if ./flag.txt go\n").await;
    for module in ["/r/o.js", "/q/o.js"] {
        a.put(module, "export default 1;\n").await;
        definition(a, module).await.unwrap();
    }
    for host in &scene.hosts {
        eventually("the host knows", || async {
            is_cached(host, "/q/o.js").await.then_some(())
        })
        .await;
    }
    scene
}

/// Waits until no call runs that is known by one of these numbers.
async fn have_ended(host: &Host, calls: &[u64]) {
    eventually("the calls to end", || async {
        let running = host.calls().await;
        let known = |call: &serde_json::Value| calls.contains(&call["id"].as_u64().unwrap());
        (!running.iter().any(known)).then_some(())
    })
    .await;
}

async fn numbers(host: &Host) -> Vec<u64> {
    let calls = host.calls().await;
    calls
        .iter()
        .filter_map(|call| call["id"].as_u64())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clear_ends_what_is_in_flight_here_and_on_every_peer() {
    for realm in [Some("/r/"), None] {
        let scene = spinning(2).await;
        let (a, b) = (&scene.hosts[0], &scene.hosts[1]);
        let mut callers = Vec::new();
        for host in [a, b] {
            callers.push(ask(wanted(host, "/r/m.misbehave")));
            host.call_that_has_read(0).await;
        }
        let (of_a, of_b) = (numbers(a).await, numbers(b).await);
        let newest = |calls: &[u64]| calls.iter().copied().max().unwrap();
        clear(a, realm).await;
        let left: Vec<_> = scene
            .rows()
            .await
            .into_iter()
            .map(|(path, _)| path)
            .collect();
        let others: &[&str] = if realm.is_some() { &["/q/o.js"] } else { &[] };
        assert_eq!(left, others);
        have_ended(a, &of_a).await;
        have_ended(b, &of_b).await;
        // Whoever waited still gets an answer, by a call that is made anew …
        a.call_that_has_read(newest(&of_a)).await;
        let again = b.call_that_has_read(newest(&of_b)).await;
        // … and is not made to wait for ever by whoever goes on clearing.
        clear(a, realm).await;
        assert!(numbers(b).await.contains(&again));
        a.put("/r/flag.txt", "stop").await;
        for caller in callers {
            let answer = answered(caller).await;
            assert!(answer.text().contains("stop"), "{}", answer.text());
        }
        assert_eq!(scene.stored("stop").await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clear_of_another_realm_ends_nothing() {
    let scene = spinning(1).await;
    let host = &scene.hosts[0];
    let caller = ask(wanted(host, "/r/m.misbehave"));
    host.call_that_has_read(0).await;
    let calls = numbers(host).await;
    clear(host, Some("/q/")).await;
    assert_eq!(numbers(host).await, calls);
    host.put("/r/flag.txt", "stop").await;
    assert!(answered(caller).await.text().contains("stop"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_begun_before_a_clear_is_not_stored_after_it_though_nobody_has_heard_of_it() {
    let scene = spinning(2).await;
    let (a, b) = (&scene.hosts[0], &scene.hosts[1]);
    a.put("/r/n.js", "export default 5;\n").await;
    eventually("the peer knows", || async {
        (b.get("/r/n.js").await.status == 200).then_some(())
    })
    .await;
    b.close_gate("definitions-store", "n.js").await;
    let caller = ask(wanted(b, "/r/n.js"));
    b.at_gate("definitions-store", 1).await;
    a.close_gate("announce", "").await;
    clear(a, Some("/r/")).await;
    b.open_gate("definitions-store").await;
    assert!(answered(caller).await.text().contains("default 5"));
    assert_eq!(outcomes(b, "discarded").await, 1);
    assert_eq!(scene.stored("default 5").await, 1);
    a.open_gate("announce").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn anybody_may_clear_by_a_notification_and_nonsense_does_nothing() {
    let scene = spinning(1).await;
    let host = &scene.hosts[0];
    let url = crate::at("/r/m");
    for payload in [
        format!(
            r#"{{"k":"module","r":"{}","m":["{url}"]}}"#,
            crate::at("/r/")
        ),
        format!(r#"{{"k":"realm","r":"{}"}}"#, crate::at("/r/")),
        r#"{"k":"global"}"#.to_owned(),
    ] {
        let caller = ask(wanted(host, "/r/m.misbehave"));
        eventually("a call", || async {
            (!host.calls().await.is_empty()).then_some(())
        })
        .await;
        host.call_that_has_read(0).await;
        let calls = numbers(host).await;
        for other in [
            "nonsense",
            r#"{"k":"else"}"#,
            r#"{"k":"realm","r":"http://x/"}"#,
        ] {
            scene.notify("module_cache_invalidated", other).await;
        }
        host.says(r#"{"k":"else"}"#).await;
        assert_eq!(numbers(host).await, calls);
        scene.notify("module_cache_invalidated", &payload).await;
        have_ended(host, &calls).await;
        // It is made anew, once: spared by the next clear, so that the next round's caller must not join it.
        host.call_that_has_read(calls.into_iter().max().unwrap())
            .await;
        caller.abort();
        eventually("nobody looks anything up", || async {
            let metrics = host.admin("/_metrics").await.text();
            let in_flight = "realm_definitions_in_flight 0";
            metrics.lines().any(|line| line == in_flight).then_some(())
        })
        .await;
        eventually("no call", || async {
            host.calls().await.is_empty().then_some(())
        })
        .await;
    }
    assert_eq!(scene.rows().await.len(), 2, "rows that are true stay");
}
