//! The JSX runtime in the engine; `tests/runtime/` has it in Node, in more detail.

use serde_json::json;

use crate::{error, html, isolated};

#[test]
fn text_is_escaped_wherever_a_document_puts_it() {
    let evil = "</p><script>alert(1)</script>\"' onload=x &amp;";
    let a = json!({ "evil": evil, "url": "java\nscript:alert(1)", "spread": { "onclick": "alert(1)", "onError": "x", "title": "\"><b>" } });
    assert_eq!(
        html("<p title={a.evil}>{a.evil}{[a.evil]}</p>", &a)
            .unwrap()
            .matches("<script")
            .count(),
        0
    );
    assert_eq!(
        html("<a href={a.url}>x</a>", &a).unwrap(),
        r#"<a href="about:blank#blocked">x</a>"#
    );
    assert_eq!(
        html("<p {...a.spread} />", &a).unwrap(),
        r#"<p title="&quot;&gt;&lt;b&gt;"></p>"#
    );
    assert_eq!(
        html("<script>{a.evil}</script>", &a)
            .unwrap()
            .matches("</script")
            .count(),
        1
    );
    assert_eq!(html("raw('<b>')", &a).unwrap(), "<b>");
}

#[test]
fn keys_of_a_document_cannot_be_markup() {
    let a = json!({ "spread": { "x><script>": "1" }, "tag": "img src=x onerror=alert(1)" });
    let (at, message) = error(html("<p {...a.spread} />", &a));
    assert_eq!(at, "card-error card.tsx:3:58");
    assert_eq!(
        message,
        "TypeError: `x><script>` of <p> is no name of an attribute (while `isolated` was rendered)"
    );
    assert!(
        error(html("{ const T = a.tag; return <T />; }", &a))
            .1
            .contains("is no name of an element")
    );
}

#[test]
fn a_document_cannot_make_markup() {
    // What a node looks like from outside makes none.
    let a = json!({ "node": { "type": "b", "props": { "children": "x" } }, "html": { "__html": "<b>" } });
    assert!(
        error(html("<p>{a.node}</p>", &a))
            .1
            .contains("an object is not something to show")
    );
    assert!(
        error(html("<p dangerouslySetInnerHTML={a.html} />", &a))
            .1
            .contains("raw(html)")
    );
}

#[test]
fn components_compose() {
    let source = "
        function List({ items, children }) { return <><ul>{items.map((item) => <li key={item}>{item}</li>)}</ul>{children}</>; }
        const Never = () => { throw new Error('not shown'); };
        const Maybe = ({ show, children }) => show ? children : null;
        export class Card {
            static isolated = (a) => <List items={new Set(a.items)}><Maybe show={false}><Never /></Maybe>{a.items.length > 0 && <b>{a.items.length}</b>}</List>;
        }".replace("items.map(", "[...items].map(");
    assert_eq!(
        isolated(&source, &json!({ "items": ["a", "b"] })).unwrap(),
        "<ul><li>a</li><li>b</li></ul><b>2</b>"
    );
}

#[test]
fn a_promise_among_children_is_told_to_be_awaited() {
    let (_, message) = error(html("<p>{Promise.resolve(1)}</p>", &json!({})));
    assert!(message.contains("is a promise: `await` it"), "{message}");
}

#[test]
fn what_has_no_text_is_an_error_at_its_place() {
    for (value, says) in [
        ("Symbol('s')", "a symbol is not something to show"),
        ("() => 1", "a function is not something to show"),
        ("({ a: 1 })", "an object is not something to show"),
    ] {
        let source = format!("export class Card {{ static isolated = () => [{value}]; }}");
        let (_, message) = error(isolated(&source, &json!({})));
        assert!(message.contains(says), "{message}");
    }
    assert_eq!(
        isolated(
            "export class Card { static isolated = () => [1n, 2.5]; }",
            &json!({})
        )
        .unwrap(),
        "12.5"
    );
}
