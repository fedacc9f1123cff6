use std::sync::Arc;
use std::time::Instant;

use realm_tests::Host;

use crate::built::{Built, Document, Foreign};
use crate::load::{Ask, Load, Phase, phase};
use crate::stage::{calls, difference, install, is_installed, pair, run, soon};

/// The whole life of a transpiler on two hosts.
pub(crate) async fn live(plugin: &Foreign) {
    let Some(built) = Built::find(plugin) else {
        return;
    };
    let begun = Instant::now();
    let documents: Arc<Vec<_>> = Arc::new(built.documents());
    let hosts = pair(&built, "serve").await;
    let [a, b] = &hosts;
    let first = format!("/r/{}", documents[0].path);
    for host in &hosts {
        assert_eq!(host.get(&first).await.text(), documents[0].source);
    }

    // Installed once, and there on both.
    let installing = Instant::now();
    let one = install(a, &built, "one").await;
    let installed = installing.elapsed();
    let heard = soon("the other replica has it", async || {
        is_installed(b, plugin.name).await
    })
    .await;
    let cold = Instant::now();
    for host in &hosts {
        serves_all(host, &built, &documents, "one").await;
    }
    let cold = cold.elapsed();
    let made = calls(&hosts, plugin.name).await;
    assert!(made as usize >= documents.len(), "{made} calls");
    for host in &hosts {
        for document in documents.iter() {
            serves(host, &built, document, "one").await;
            let since = calls(&hosts, plugin.name).await - made;
            assert_eq!(since, 0, "{} is not kept", document.path);
        }
    }
    refuses(a, plugin).await;

    // Upgraded under load.
    let ask = asking(&built, &documents);
    let load = Load::start(&hosts, documents.len(), &ask);
    load.go_on(documents.len()).await;
    load.begin(Phase::Two);
    let two = install(a, &built, "two").await;
    load.is_in_force(0, Phase::Two);
    assert_ne!(one, two);
    let upgraded = arrives(b, &ask, Phase::Two).await;
    load.is_in_force(1, Phase::Two);
    load.go_on(4 * documents.len()).await;

    // Removed under load.
    load.begin(Phase::Removed);
    run(a, &["plugin", "remove", &two]).await;
    load.is_in_force(0, Phase::Removed);
    let removed = arrives(b, &ask, Phase::Removed).await;
    load.is_in_force(1, Phase::Removed);
    load.go_on(documents.len()).await;
    let answers = load.end(plugin.name).await;
    for host in &hosts {
        host.running(0).await;
        assert!(!is_installed(host, plugin.name).await);
        for document in documents
            .iter()
            .filter(|document| document.styles.is_some())
        {
            let styles = host.get(&format!("/r/{}.css", document.path)).await;
            assert_eq!(styles.status, 404, "{}: {}", document.path, styles.text());
        }
    }
    eprintln!(
        "{}: {} files, {} calls; installed in {installed:.1?}, on the other replica {heard:.1?} later; all files of both \
         for the first time {cold:.1?}; upgrade and removal on the other replica after {upgraded:.1?} and {removed:.1?}; \
         {:.0?} in all\nunder load, {answers}",
        plugin.name,
        documents.len(),
        calls(&hosts, plugin.name).await,
        begun.elapsed(),
    );
}

/// Everything is what the wrapped program itself gives, and the edition's mark.
async fn serves_all(host: &Host, built: &Built<'_>, documents: &[Document], edition: &str) {
    for document in documents {
        serves(host, built, document, edition).await;
    }
}

async fn serves(host: &Host, built: &Built<'_>, document: &Document, edition: &str) {
    let answer = host.get(&format!("/r/{}", document.path)).await;
    let (text, wanted) = (answer.text(), built.wanted(document, edition));
    assert!(
        answer.status == 200 && text == wanted,
        "{}: {}, {}",
        document.path,
        answer.status,
        difference(&text, &wanted)
    );
    if let Some(styles) = &document.styles {
        let answer = host.get(&format!("/r/{}.css", document.path)).await;
        assert_eq!(answer.header("content-type"), "text/css; charset=utf-8");
        assert_eq!(&answer.text(), styles, "{}", document.path);
    }
}

/// What is wrong with a file is the plugin's own to say, and leads to the line.
async fn refuses(host: &Host, plugin: &Foreign) {
    let (text, code, line) = plugin.broken;
    if text.is_empty() {
        return;
    }
    let path = format!("/r/broken{}", plugin.takes);
    host.put(&path, text).await;
    let answer = host.get(&path).await;
    assert_eq!(answer.status, 406, "{}", answer.text());
    let text = answer.text();
    assert!(text.contains(code), "{text}");
    assert!(
        text.contains(&format!("\"line\":{line}")) || text.contains(&format!("\"line\": {line}")),
        "line {line}: {text}"
    );
}

/// Asks for a document; anything but one of the three texts is a wrong answer.
fn asking(built: &Built<'_>, documents: &Arc<Vec<Document>>) -> Ask {
    let texts = documents
        .iter()
        .map(|document| [built.wanted(document, "one"), built.wanted(document, "two")]);
    let (texts, documents) = (Arc::new(texts.collect::<Vec<_>>()), Arc::clone(documents));
    Arc::new(move |host, at| {
        let (texts, documents) = (Arc::clone(&texts), Arc::clone(&documents));
        tokio::spawn(async move {
            let Document { path, source, .. } = &documents[at];
            let answer = host.get(&format!("/r/{path}")).await;
            let [one, two] = &texts[at];
            let of = phase(&answer, one, two, |answer| {
                answer.status == 200 && answer.text() == *source
            });
            of.unwrap_or_else(|| {
                let text = answer.text();
                panic!("{path}: {}, {}", answer.status, difference(&text, two))
            })
        })
    })
}

/// How long it takes until a host shows a phase.
async fn arrives(host: &Arc<Host>, ask: &Ask, phase: Phase) -> std::time::Duration {
    soon("the other replica follows", async || {
        ask(Arc::clone(host), 0).await.expect("a right answer") == phase
    })
    .await
}
