use realm_tests::{Host, HostOptions, ORIGIN, on_both};
use serde_json::json;

use crate::scene::{all_is_well, body, card, errors, first, indexed, put_all, put_cards, scene};

on_both! {
    poison_ends_with_the_call_that_it_was_for
}

/// Everything that later code could trip over, made another thing.
const POISON: &str = "
    const evil = function () { return 'EVIL'; };
    const { defineProperty, getOwnPropertyNames } = Object;
    for (const target of [Object, Array, String, Promise, Symbol, Proxy, Reflect, Map, RegExp, Number, Function])
        if (target.prototype) for (const key of ['isolated', 'title', 'data', 'attributes', 'name', 'html', 'toHtml'])
            try { defineProperty(target.prototype, key, { configurable: true, get: () => evil, set() {} }); } catch {}
    JSON.parse = () => ({ data: { type: 'card', attributes: { name: 'EVIL' } } });
    JSON.stringify = () => '\"EVIL\"';
    Promise.prototype.then = evil; Promise.resolve = evil;
    Array.prototype[Symbol.iterator] = function* () { yield 'EVIL'; };
    Array.prototype.map = Array.prototype.join = evil;
    String.prototype.replace = String.prototype.slice = evil;
    RegExp.prototype.exec = () => null;
    Function.prototype.call = Function.prototype.apply = evil;
    for (const name of getOwnPropertyNames(globalThis)) if (name !== 'globalThis') try { globalThis[name] = evil; } catch {}
";

/// Exports that are other than they seem, and what becomes of them: an error's code, or none.
const PRETENDERS: [(&str, &str); 8] = [
    (
        "getter",
        "export class Card { static get isolated() { throw new Error('mine'); } }",
    ),
    (
        "proxy",
        "export const Card = new Proxy({}, { get() { throw new Error('trap'); }, getOwnPropertyDescriptor() { throw new Error('trap'); } });",
    ),
    (
        "parent",
        "export const Card = new Proxy(class {}, { getPrototypeOf() { throw new Error('trap'); } });",
    ),
    (
        "circle",
        "const Card = new Proxy(function () {}, { getPrototypeOf() { return Card; } }); export { Card };",
    ),
    (
        "revoked",
        "export const { proxy: Card, revoke } = Proxy.revocable({}, {}); revoke();",
    ),
    (
        "thenable",
        "export function then(resolve) { resolve({}); } export class Card {}",
    ),
    (
        "thrown",
        "throw { get message() { throw 1; }, get name() { throw 2; }, get stack() { throw 3; } };",
    ),
    ("nothing", "throw undefined;"),
];

async fn types(host: &Host, realm: &str) -> Vec<String> {
    let answer = host.get(&format!("{realm}_types")).await.json();
    let rows = answer["data"].as_array().cloned().unwrap();
    let id = |row: &serde_json::Value| row["id"].as_str().unwrap().to_owned();
    rows.iter().map(id).collect()
}

async fn poison_ends_with_the_call_that_it_was_for(options: HostOptions) {
    // One call at a time: each takes the place of the one before.
    let host = scene(options.with("plugin-concurrency", "1")).await;
    host.create("/s/").await;
    let person = "export class Person { static isolated = (a) => `<p>${a.name}</p>`; static title = (a) => a.name; }";
    let ann = card("./person.js", "Person", &json!({ "name": "Ann" }));
    put_all(
        &host,
        "/s/",
        &[("person.js", person.into()), ("ann.json", ann)],
    )
    .await;
    let forged = format!("{ORIGIN}/s/person.js/Person");
    let mut modules = vec![
        (
            "poison.js".to_owned(),
            format!("{POISON} export class Card {{ static isolated = '<p>poison</p>'; }}"),
        ),
        // A class that calls itself another realm's.
        (
            "forged.js".to_owned(),
            format!(
                "export class Card {{ static isolated = 'x'; static name = {forged:?}; static url = {forged:?}; static types = [{forged:?}]; static [Symbol.toStringTag] = {forged:?}; static toString() {{ return {forged:?}; }} }} export const type = {forged:?}; export default {forged:?};"
            ),
        ),
    ];
    let pretend = |(name, module): &(&str, &str)| (format!("{name}.js"), (*module).to_owned());
    modules.extend(PRETENDERS.iter().map(pretend));
    put_cards(&host, &modules).await;
    indexed(&host, "/r/").await;
    indexed(&host, "/s/").await;
    for round in 1..4 {
        // Poisoned once more, and whoever comes next is well.
        host.put(
            "/r/poison.js",
            format!("{POISON} export class Card {{ static isolated = '<p>poison {round}</p>'; }}"),
        )
        .await;
        let ann = card(
            "./person.js",
            "Person",
            &json!({ "name": format!("Ann {round}") }),
        );
        host.put("/s/ann.json", ann).await;
        all_is_well(&host, round).await;
        indexed(&host, "/s/").await;
        assert_eq!(
            body(&host, "/r/poison.json").await,
            format!("<p>poison {round}</p>")
        );
        assert_eq!(
            body(&host, "/s/ann.json").await,
            format!("<p>Ann {round}</p>")
        );
    }
    assert_eq!(types(&host, "/s/").await, [forged]);
    let own = types(&host, "/r/").await;
    let is_own = |name: &String| name.starts_with(&format!("{ORIGIN}/r/"));
    assert!(own.iter().all(is_own), "{own:?}");
    assert!(
        own.contains(&format!("{ORIGIN}/r/poison.js/Card")),
        "{own:?}"
    );
    let query = json!({ "filter": { "type": { "module": format!("{ORIGIN}/s/person.js"), "name": "Person" } } });
    for (realm, total) in [("/r/", 0), ("/s/", 1)] {
        let request = host.request("QUERY", &format!("{realm}_search"));
        let found = host.send(request.body(query.to_string())).await;
        assert_eq!(
            found.json()["meta"]["page"]["total"],
            total,
            "{}",
            found.text()
        );
    }
    let errors = errors(&host, "/r/").await;
    for name in ["getter", "proxy", "revoked", "thrown", "nothing"] {
        let (code, detail) = first(&errors[&format!("{name}.json")]);
        assert!(code.starts_with("card-"), "{name}: {code}: {detail}");
    }
    assert!(!errors.contains_key("poison.json"), "{errors:?}");
}
