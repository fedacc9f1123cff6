//! The reference's race: a definition is made of the old tree while a publish, or a write, replaces it.

use realm_tests::eventually;

use crate::{Scene, answered, ask, defines, publishing, wanted};

const MODULE: &str = "/p/m.misbehave";

/// Where a look-up can be while something happens.
const GATES: [&str; 7] = [
    "definitions-read",
    "before-call",
    "after-call",
    "rendered",
    "reads-held",
    "definitions-store",
    "path-read",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_definition_of_the_old_tree_outlives_a_publish() {
    let scene = Scene::published(3).await;
    let [a, b, c] = &scene.hosts[..] else {
        unreachable!()
    };
    // Whether or not the others hear of it: a notification alone must not be what keeps the old tree out.
    let rounds = [true, false].map(|heard| GATES.map(|gate| (heard, gate)));
    for (number, (heard, gate)) in rounds.as_flattened().iter().enumerate() {
        let (old, new) = (
            format!("version {}", number + 1),
            format!("version {}", number + 2),
        );
        sqlx::query("DELETE FROM definitions")
            .execute(&scene.pool)
            .await
            .unwrap();
        sqlx::query("DELETE FROM derivations")
            .execute(&scene.pool)
            .await
            .unwrap();
        b.close_gate(gate, "").await;
        let before = ask(wanted(b, MODULE));
        if *gate == "path-read" {
            // Nobody passes it whose look is cached.
            b.send(b.request("POST", "/p/_invalidate")).await;
        } else {
            b.at_gate(gate, 1).await;
        }
        if !heard {
            a.close_gate("announce", "").await;
        }
        a.put("/s/dep.txt", new.clone()).await;
        let publisher = publishing(a);
        // It waits for a transaction that stores, or is not held up.
        eventually("the publish", || async {
            (publisher.is_finished() || scene.anybody_waits().await).then_some(())
        })
        .await;
        let after = publisher.is_finished().then(|| ask(wanted(a, MODULE)));
        b.open_gate(gate).await;
        assert_eq!(answered(publisher).await.status, 202, "{gate}");
        assert_eq!(scene.stored(&old).await, 0, "{gate}: once it is published");
        assert_eq!(answered(before).await.status, 200, "{gate}");
        assert_eq!(
            scene.stored(&old).await,
            0,
            "{gate}: when the look-up has ended"
        );
        if let Some(after) = after {
            let answer = answered(after).await.text();
            assert!(
                answer.contains(&new),
                "{gate}: the publisher's own host: {answer}"
            );
        }
        a.open_gate("announce").await;
        for host in [a, b, c] {
            defines(host, MODULE, &new).await;
        }
        assert_eq!(scene.stored(&old).await, 0, "{gate}: at the end");
    }
}

/// A look-up that has made its answer on a host that nobody tells of the publish.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_has_not_heard_of_a_publish_stores_nothing_of_the_old_tree() {
    let scene = Scene::published(2).await;
    let (a, b) = (&scene.hosts[0], &scene.hosts[1]);
    b.close_gate("rendered", "m.misbehave").await;
    let caller = ask(wanted(b, MODULE));
    b.at_gate("rendered", 1).await;
    a.close_gate("announce", "").await;
    a.put("/s/dep.txt", "version 2").await;
    a.publish("/s/", "/p/").await;
    b.open_gate("rendered").await;
    let answer = answered(caller).await.text();
    assert!(answer.contains("version 2"), "{answer}");
    assert_eq!(scene.stored("version 1").await, 0);
    assert_eq!(scene.stored("version 2").await, 1);
    a.open_gate("announce").await;
}

/// What a transaction holds, nobody changes; a write that comes then is a write of after.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_between_check_and_store_waits_and_ends_what_was_stored() {
    let scene = Scene::published(2).await;
    let (a, b) = (&scene.hosts[0], &scene.hosts[1]);
    for (number, gate) in ["reads-held", "definitions-store"].into_iter().enumerate() {
        let (old, new) = (
            format!("version {}", number + 1),
            format!("version {}", number + 2),
        );
        sqlx::query("DELETE FROM definitions")
            .execute(&scene.pool)
            .await
            .unwrap();
        defines(b, "/s/m.misbehave", &old).await;
        sqlx::query("DELETE FROM definitions")
            .execute(&scene.pool)
            .await
            .unwrap();
        b.close_gate(gate, "m.misbehave").await;
        let caller = ask(wanted(b, "/s/m.misbehave"));
        b.at_gate(gate, 1).await;
        let writer = ask(a.request("PUT", "/s/dep.txt").body(new.clone()));
        eventually("the writer waits", || async {
            scene.anybody_waits().await.then_some(())
        })
        .await;
        assert!(!writer.is_finished());
        b.open_gate(gate).await;
        assert_eq!(answered(writer).await.status, 204);
        assert!(answered(caller).await.text().contains(&old));
        assert!(
            !crate::is_cached(a, "/s/m.misbehave").await,
            "it is not believed any more"
        );
        for host in [a, b] {
            defines(host, "/s/m.misbehave", &new).await;
        }
    }
}

/// One who comes after a write does not share what was found before it.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_after_a_change_joins_nothing_of_before() {
    let scene = Scene::published(1).await;
    let host = &scene.hosts[0];
    defines(host, "/s/m.misbehave", "version 1").await;
    host.close_gate("definitions-read", "m.misbehave").await;
    let before = ask(wanted(host, "/s/m.misbehave"));
    host.at_gate("definitions-read", 1).await;
    host.put("/s/dep.txt", "version 2").await;
    let after = ask(wanted(host, "/s/m.misbehave"));
    // With whoever joins the first, nobody else comes there.
    for _ in 0..200 {
        if host.admin("/_gates/definitions-read").await.json()["waiting"] == 2 {
            break;
        }
    }
    host.open_gate("definitions-read").await;
    assert_eq!(answered(before).await.status, 200);
    let answer = answered(after).await.text();
    assert!(answer.contains("version 2"), "{answer}");
}
