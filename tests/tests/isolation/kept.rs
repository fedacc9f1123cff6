//! What a guest keeps of one realm is never seen in another.

use std::sync::Arc;

use crate::quiet;

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_keeps_all_that_it_sees_shows_nothing_of_it_elsewhere() {
    let host = quiet().start().await;
    for realm in ["/a/", "/b/"] {
        host.create(realm).await;
        let secret = format!("the secret of {realm}");
        host.put(&format!("{realm}secret.txt"), secret).await;
    }
    let host = Arc::new(host);
    // One after the other in the slot that the other realm's call has just left, and several at one time.
    for width in [1, 4] {
        let mut tasks = Vec::new();
        for lane in 0..width {
            let host = Arc::clone(&host);
            tasks.push(tokio::spawn(async move {
                for round in 0..40 {
                    let realm = if (round + lane) % 2 == 0 {
                        "/a/"
                    } else {
                        "/b/"
                    };
                    let other = if realm == "/a/" { "/b/" } else { "/a/" };
                    let path = format!("{realm}{width}-{lane}-{round}.misbehave");
                    host.put(&path, format!("hoard ./secret.txt\n{realm} {round}\n"))
                        .await;
                    let answer = host.get(&path).await;
                    let text = answer.text();
                    assert_eq!(answer.status, 200, "{text}");
                    assert!(text.contains(&format!("the secret of {realm}")), "{text}");
                    assert!(!text.contains(&format!("the secret of {other}")), "{text}");
                    // Nor of another call of its own realm: it has seen its own file, and the one that it has read.
                    assert!(text.contains("\"seen\":2"), "{text}");
                }
            }));
        }
        for task in tasks {
            task.await.expect("nothing is seen");
        }
    }
}
