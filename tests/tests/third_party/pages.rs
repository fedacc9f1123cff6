use std::sync::Arc;
use std::time::{Duration, Instant};

use realm_tests::Host;
use serde_json::json;

use crate::built::{Built, Document, Foreign};
use crate::load::{Ask, Load, Phase, phase};
use crate::stage::{calls, difference, install, is_installed, pair, rendering, run, soon};

/// The document that includes others, one of those, and what is said in it.
const HANDBOOK: &str = "handbook.adoc";
const CHAPTER: &str = "docs/mcp/COSTS.adoc";
const NEWS: &str = "An edit that the handbook has to show.";

/// The whole life of a prerenderer on two hosts that both serve and work.
pub(crate) async fn live(plugin: &Foreign) {
    let Some(built) = Built::find(plugin) else {
        return;
    };
    let begun = Instant::now();
    let documents: Arc<Vec<_>> = Arc::new(built.documents());
    let hosts = pair(&built, "serve,work").await;
    let [a, b] = &hosts;

    // Installed once, and rendered for both.
    let installing = Instant::now();
    install(a, &built, "one").await;
    let installed = installing.elapsed();
    let ask = asking(&built, &documents);
    for host in &hosts {
        become_pages(host, &documents, &built, "one").await;
    }
    let rendered = installing.elapsed() - installed;
    for document in &*documents {
        shows(b, &built, document, "one").await;
    }
    for (edition, found) in [("one", documents.len()), ("two", 0)] {
        assert_eq!(found_by(b, edition).await, found, "of edition {edition}");
    }

    // Upgraded under load.
    let load = Load::start(&hosts, documents.len(), &ask);
    load.go_on(documents.len()).await;
    load.begin(Phase::Two);
    let two = install(a, &built, "two").await;
    let upgrading = Instant::now();
    for (number, host) in hosts.iter().enumerate() {
        become_pages(host, &documents, &built, "two").await;
        load.is_in_force(number, Phase::Two);
    }
    let upgraded = upgrading.elapsed();
    load.go_on(4 * documents.len()).await;
    assert_eq!(found_by(b, "two").await, documents.len());
    assert_eq!(found_by(b, "one").await, 0);

    // Removed under load.
    load.begin(Phase::Removed);
    run(a, &["plugin", "remove", &two]).await;
    let removing = Instant::now();
    for (number, host) in hosts.iter().enumerate() {
        become_files(host, &documents).await;
        load.is_in_force(number, Phase::Removed);
    }
    let removed = removing.elapsed();
    load.go_on(documents.len()).await;
    let answers = load.end(plugin.name).await;
    for host in &hosts {
        host.running(0).await;
        assert!(!is_installed(host, plugin.name).await);
        for edition in ["one", "two"] {
            assert_eq!(found_by(host, edition).await, 0, "of edition {edition}");
        }
        for document in &*documents {
            let answer = browse(host, &document.path).await;
            assert_eq!(answer, (200, document.source.clone()), "{}", document.path);
        }
    }

    // Once more: what a document includes is a part of it.
    install(b, &built, "one").await;
    become_pages(a, &documents, &built, "one").await;
    let before = calls(&hosts, plugin.name).await;
    let chapter = documents.iter().find(|document| document.path == CHAPTER);
    let edited = format!("{}\n\n{NEWS}\n", chapter.expect("a chapter").source);
    b.put(&format!("/r/{CHAPTER}"), edited).await;
    for host in &hosts {
        soon("the handbook has the edit", async || {
            rendering(host, HANDBOOK).await.text().contains(NEWS)
        })
        .await;
    }
    let calls_of_edit = calls(&hosts, plugin.name).await - before;
    assert!(
        (2..=6).contains(&calls_of_edit),
        "{calls_of_edit} calls for two documents"
    );
    eprintln!(
        "{}: {} documents, {} calls; installed in {installed:.1?}, all pages on both {rendered:.1?} later; upgraded and \
         removed everywhere after {upgraded:.1?} and {removed:.1?}; {:.0?} in all\nunder load, {answers}",
        plugin.name,
        documents.len(),
        calls(&hosts, plugin.name).await,
        begun.elapsed(),
    );
}

/// A page, as a browser gets it.
async fn browse(host: &Host, path: &str) -> (u16, String) {
    let request = host.request("GET", &format!("/r/{path}"));
    let answer = host
        .send(request.header("accept", "text/html,*/*;q=0.8"))
        .await;
    (answer.status, answer.text())
}

/// A page is what the wrapped program itself gives, and is listed as what it is called.
async fn shows(host: &Host, built: &Built<'_>, document: &Document, edition: &str) {
    let path = &document.path;
    let (text, wanted) = (
        rendering(host, path).await.text(),
        built.wanted(document, edition),
    );
    assert!(text == wanted, "{path}: {}", difference(&text, &wanted));
    let (status, page) = browse(host, path).await;
    assert_eq!(status, 200, "{path}: {page}");
    assert!(page.contains(&wanted), "{path}: {page}");
    if let Some(title) = &document.title {
        assert!(
            page.contains(&format!("<title>{title}</title>")),
            "{path}: {page}"
        );
    }
}

/// Waits until every page is this edition's.
async fn become_pages(host: &Host, documents: &[Document], built: &Built<'_>, edition: &str) {
    for document in documents {
        let wanted = built.wanted(document, edition);
        let mut last = String::new();
        let begun = Instant::now();
        loop {
            let answer = rendering(host, &document.path).await;
            if answer.status == 200 && answer.text() == wanted {
                break;
            }
            if answer.text() != last {
                last = answer.text();
            }
            assert!(
                begun.elapsed() < Duration::from_secs(120),
                "{}: {}, {}",
                document.path,
                answer.status,
                difference(&last, &wanted)
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

/// Waits until there is no page any more.
async fn become_files(host: &Host, documents: &[Document]) {
    for document in documents {
        soon("there is no page", async || {
            rendering(host, &document.path).await.status == 404
        })
        .await;
    }
}

/// How many documents are found by the edition that they were rendered by.
async fn found_by(host: &Host, edition: &str) -> usize {
    let query = json!({ "filter": { "eq": { "edition": edition } }, "page": { "size": 100 } });
    let request = host.request("QUERY", "/r/_search").body(query.to_string());
    let answer = host.send(request).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["data"].as_array().expect("a list").len()
}

/// Asks for a document's page; anything but either edition's, or that there is none, is a wrong answer.
fn asking(built: &Built<'_>, documents: &Arc<Vec<Document>>) -> Ask {
    let texts = documents
        .iter()
        .map(|document| ["one", "two"].map(|edition| built.wanted(document, edition)));
    let (texts, documents) = (Arc::new(texts.collect::<Vec<_>>()), Arc::clone(documents));
    Arc::new(move |host, at| {
        let (texts, documents) = (Arc::clone(&texts), Arc::clone(&documents));
        tokio::spawn(async move {
            let path = &documents[at].path;
            let answer = rendering(&host, path).await;
            let [one, two] = &texts[at];
            let of = phase(&answer, one, two, |answer| answer.status == 404);
            of.unwrap_or_else(|| {
                let text = answer.text();
                panic!("{path}: {}, {}", answer.status, difference(&text, two))
            })
        })
    })
}
