use realm_tests::{Answer, HostOptions, on_both};
use serde_json::json;

use crate::scene::{
    all_is_well, body, card, errors, first, indexed, page, put_all, rendering, scene,
};

on_both! {
    what_a_document_says_is_text_on_its_page
    a_page_runs_what_the_host_put_there_and_no_more
}

/// What would run if it got into a page as it is.
const MARKUP: [&str; 6] = [
    "</title></style></textarea></div></body><script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<!--<script>",
    "]]><iframe srcdoc='<script>alert(1)</script>'>",
    "{{constructor.constructor('alert(1)')()}}<math><mi xlink:href=javascript:alert(1)>",
];

/// Where a link must not lead.
const LINKS: [&str; 8] = [
    "javascript:alert(1)",
    " JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)",
    "java\nscript:alert(1)",
    "\u{1}javascript:alert(1)",
    "vbscript:x",
    "data:text/html,<script>alert(1)</script>",
    "data:image/svg+xml,<svg onload=alert(1)>",
];

/// Every place that JSX puts text or an attribute at.
const CARD: &str = r#"export class Card {
    static isolated(a) {
        return <article title={a.text} class={[a.text]} data-x={a.text} style={{ color: a.text }} onclick={a.text} onMouseOver={() => 1} {...a.spread}>
            <h1>{a.text}</h1>{[a.text, [a.text]]}
            <a href={a.link}>{a.link}</a><img src={a.link} alt={a.text} /><form action={a.link}><button formAction={a.link}>x</button></form>
            <object data={a.link} /><iframe src={a.link} srcdoc={a.text} /><svg><a xlinkHref={a.link}>x</a></svg><textarea>{a.text}</textarea>
            <script type="application/json">{JSON.stringify(a.text)}</script><style>{a.text}</style>
        </article>;
    }
    static head = (a) => <><meta name="description" content={a.text} /><link rel="x" href={a.link} /></>;
    static title = (a) => a.text;
    static searchDocument = (a) => ({ text: a.text, lang: a.text });
}"#;

/// That a page has one script that runs, the host's, and no markup that a document could only have said.
fn is_harmless(path: &str, shown: &Answer) {
    let mut text = shown.text();
    assert_eq!(shown.status, 200, "{path}: {text}");
    // Data of the document's own is in a script that runs nothing, and goes up to that script's end.
    if let Some((before, data)) = text.split_once("<script type=\"application/json\">") {
        let (_, after) = data.split_once("</script>").expect("its end");
        text = format!("{before}{after}");
    }
    assert_eq!(text.matches("<script").count(), 1, "{path}: {text}");
    for bad in [
        "<img src=x",
        "<svg/onload",
        "<math>",
        "<!--",
        " onclick",
        " onmouseover",
        "=\"javascript",
        "=\" javascript",
        "=\"vbscript",
        "=\"data:text/html",
        "=\"java",
        "=\"\u{1}",
        "<base",
    ] {
        assert!(!text.to_lowercase().contains(bad), "{path}: {bad}: {text}");
    }
    for once in ["</title>", "</head>", "<body>", "</body>", "</html>"] {
        assert_eq!(text.matches(once).count(), 1, "{path}: {once}: {text}");
    }
    assert!(text.contains("<html lang=\"en\">"), "{path}: {text}");
}

async fn what_a_document_says_is_text_on_its_page(options: HostOptions) {
    let host = scene(options).await;
    let mut files = vec![("markup.jsx".to_owned(), CARD.to_owned())];
    let mut paths = Vec::new();
    for (number, text) in MARKUP.iter().enumerate() {
        let spread = json!({ "onfocus": text, "oNcLiCk": text });
        let attributes = json!({ "text": text, "link": LINKS[number], "spread": spread });
        files.push((
            format!("card{number}.json"),
            card("./markup.jsx", "Card", &attributes),
        ));
        let quoted = serde_json::to_string(text).unwrap();
        let title = format!("---\ntitle: {quoted}\ndescription: {quoted}\nlang: {quoted}\n---\n");
        let fenced = text.replace('`', "");
        let said = format!(
            "{text}\n\n# {text}\n\na {text} b\n\n- {text}\n\n> {text}\n\n| {text} |\n|---|\n| {text} |\n\n[^1]\n\n[^1]: {text}\n\n```{fenced}\n{text}\n```\n\n[x](y '{text}') ![{text}](z)\n"
        );
        files.push((format!("said{number}.md"), format!("{title}{said}")));
        paths.extend([format!("card{number}.json"), format!("said{number}.md")]);
    }
    for (number, link) in LINKS.iter().enumerate() {
        let attributes = json!({ "text": "a b", "link": link, "spread": {} });
        files.push((
            format!("link{number}.json"),
            card("./markup.jsx", "Card", &attributes),
        ));
        let link = link.replace('\t', "&Tab;").replace('\n', "&NewLine;");
        let linked = format!(
            "[a](<{link}>) ![a](<{link}>) <{link}> [r] ![r]\n\n[r]: <{link}> 't'\n\n[a]({link}) www.{link}\n"
        );
        files.push((format!("linked{number}.md"), linked));
        paths.extend([format!("link{number}.json"), format!("linked{number}.md")]);
    }
    let files: Vec<_> = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.clone()))
        .collect();
    put_all(&host, "/r/", &files).await;
    indexed(&host, "/r/").await;
    let failed = errors(&host, "/r/").await;
    assert!(failed.is_empty(), "{failed:?}");
    for path in &paths {
        is_harmless(path, &page(&host, &format!("/r/{path}")).await);
    }
    // What other libraries take for markup is an error that names what to do.
    let spread = json!({ "dangerouslySetInnerHTML": { "__html": MARKUP[0] } });
    let attributes = json!({ "text": "x", "link": "x", "spread": spread });
    host.put("/r/danger.json", card("./markup.jsx", "Card", &attributes))
        .await;
    indexed(&host, "/r/").await;
    let row = errors(&host, "/r/").await["danger.json"].clone();
    let (code, detail) = first(&row);
    assert!(
        code == "card-error" && detail.contains("dangerouslySetInnerHTML"),
        "{detail}"
    );
    // As data it is what it was, and data is not opened as a page.
    let request = host.request("QUERY", "/r/_search");
    let query = json!({ "filter": { "eq": { "description": MARKUP[0] } } });
    let found = host.send(request.body(query.to_string())).await;
    assert_eq!(found.json()["meta"]["page"]["total"], 1, "{}", found.text());
    assert!(
        found.header("content-type").starts_with("application/"),
        "{found:?}"
    );
    assert_eq!(found.header("x-content-type-options"), "nosniff");
    all_is_well(&host, 1).await;
}

async fn a_page_runs_what_the_host_put_there_and_no_more(options: HostOptions) {
    let host = scene(options).await;
    let html = "<!doctype html><title>Own</title><base href='https://evil.example/'><script>alert(1)</script><script nonce=''>alert(2)</script>\
        <body onload='alert(3)'><p onclick='alert(4)'>x</p><a href='javascript:alert(5)'>x</a><script src='https://evil.example/x.js'></script>";
    put_all(&host, "/r/", &[("own.html", html.to_owned())]).await;
    indexed(&host, "/r/").await;
    let mut nonces = Vec::new();
    for path in ["own.html", "own.html", "good.json", "note.md"] {
        let shown = page(&host, &format!("/r/{path}")).await;
        let text = shown.text();
        let policy = shown.header("content-security-policy");
        let scripts = policy
            .split("; ")
            .find(|part| part.starts_with("script-src"));
        let scripts = scripts.unwrap_or_else(|| panic!("{path}: {policy}"));
        for bad in [
            "unsafe-inline",
            "unsafe-eval",
            "unsafe-hashes",
            "*",
            "data:",
            "blob:",
        ] {
            assert!(!scripts.contains(bad), "{path}: {scripts}");
        }
        assert!(policy.contains("base-uri 'none'") && policy.contains("object-src 'none'"));
        let nonce = scripts
            .split_once("'nonce-")
            .and_then(|(_, rest)| rest.split_once('\''));
        let nonce = nonce.unwrap_or_else(|| panic!("{scripts}")).0.to_owned();
        assert_eq!(text.matches(&nonce).count(), 1, "{path}: {text}");
        let import_map = format!("<script type=\"importmap\" nonce=\"{nonce}\">");
        assert!(text.contains(&import_map), "{path}: {text}");
        nonces.push(nonce);
    }
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), 4, "a nonce is for one answer");
    assert!(
        body(&host, "/r/own.html").await.contains("alert(4)"),
        "as it is written"
    );
    for (path, format) in [
        ("own.html", "isolated"),
        ("own.html", "head"),
        ("good.json", "isolated"),
    ] {
        let part = rendering(&host, &format!("/r/{path}"), format).await;
        assert_eq!(part.status, 200, "{}", part.text());
        let policy = part.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'") && policy.ends_with("sandbox"),
            "{policy}"
        );
    }
    all_is_well(&host, 1).await;
}
