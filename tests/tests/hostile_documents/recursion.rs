use realm_tests::Host;

use crate::scene::{
    all_is_well, body, card, errors, first, indexed, put_all, put_cards, scene, sqlite,
};

/// What recurses, as the value of `isolated`.
const MEMBERS: [&str; 44] = [
    "function f() { return f() + 1; }",
    "() => { const f = (n) => [n].map(f)[0]; return f(1); }",
    "() => { const f = () => 'a'.replace(/a/, f); return f(); }",
    "() => { const f = (a, b) => { [1, 2].sort(f); return 0; }; return f(); }",
    "() => { const f = () => [1].reduce(() => f(), 0); return f(); }",
    "() => { const f = () => new Map([[1, 1]]).forEach(f); return f(); }",
    "() => { const f = () => Array.from({ length: 1 }, f); return f(); }",
    "() => { const f = () => Reflect.apply(f, null, []); return f(); }",
    "() => { const f = () => Reflect.construct(class { constructor() { f(); } }, []); return f(); }",
    "() => { const f = () => JSON.parse('[1]', f); return f(); }",
    "() => { const f = { toJSON: () => JSON.stringify(f) }; return JSON.stringify(f); }",
    "() => { let a = []; for (let i = 0; i < 1e5; i++) a = [a]; return a; }",
    "() => { let a = []; for (let i = 0; i < 1e5; i++) a = [a]; return `${a}`; }",
    "() => { let a = []; for (let i = 0; i < 1e5; i++) a = [a]; return a.flat(Infinity).join(); }",
    "() => { let a = {}; for (let i = 0; i < 1e5; i++) a = { a }; return JSON.stringify(a); }",
    "() => { let a = {}; for (let i = 0; i < 1e5; i++) a = { a }; return structuredClone(a); }",
    "() => { let a = {}; for (let i = 0; i < 1e5; i++) a = { a }; console.log(a); return a; }",
    "() => JSON.parse('['.repeat(1e6))",
    "() => JSON.parse('['.repeat(1e5) + ']'.repeat(1e5))",
    "() => new Function('return ' + '('.repeat(1e6))()",
    "() => new Function('{'.repeat(1e5) + '}'.repeat(1e5))()",
    "() => new Function('return ' + '1+'.repeat(1e5) + '1')()",
    "() => new Function('return ' + '2**'.repeat(1e5) + '1')()",
    "() => new Function('return ' + '()=>'.repeat(1e5) + '1')()",
    "() => new Function('return ' + '`${'.repeat(1e5) + '1' + '}`'.repeat(1e5))()",
    "() => new Function('const ' + '['.repeat(1e5) + 'a' + ']'.repeat(1e5) + ' = []')()",
    "() => new Function('if (0); ' + 'else if (0); '.repeat(1e5))()",
    "() => new Function('return ' + '!'.repeat(1e6) + '1')()",
    "() => eval('return ' + 'a?.'.repeat(1e5) + 'b')",
    "() => `${new RegExp('('.repeat(1e5)).exec('a')}`",
    "() => `${new RegExp('(?:'.repeat(2e4) + 'a' + ')*'.repeat(2e4)).exec('a'.repeat(1e4))}`",
    "() => `${/^(?:a|b|ab)*c$/.exec('ab'.repeat(10))}`",
    "() => { const e = {}; e.toString = () => `${e}`; throw { message: e, name: e, get stack() { return `${e}`; } }; }",
    "() => { const o = { get a() { return this.a; } }; return o.a; }",
    "() => { const o = { [Symbol.toPrimitive]() { return +o; } }; return `${o}`; }",
    "() => { let p = {}; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); return `${p.x}${'y' in p}${Object.keys(p)}`; }",
    "() => { let p = {}; p = new Proxy(p, { get: (t, k, r) => r[k] }); return p.x; }",
    "() => { let p = () => 1; for (let i = 0; i < 1e5; i++) p = p.bind(null); return p(); }",
    "() => { let p = {}; for (let i = 0; i < 1e5; i++) p = Object.create(p); return `${p.x}`; }",
    "() => { function* g(n) { yield* g(n + 1); } return [...g(0)]; }",
    "async () => { const f = async () => { await f(); }; await f(); }",
    "() => { let p = Promise.resolve(1); for (let i = 0; i < 1e5; i++) { const q = p; p = { then: (r) => q.then(r) }; } return Promise.resolve(p).then(() => 'done'); }",
    "() => { let e = new Error('x'); for (let i = 0; i < 1e5; i++) e = new Error('x', { cause: e }); throw e; }",
    "() => { let s = 'x'; for (let i = 0; i < 2e4; i++) s = 'y' + s + 'z'; return /x/.test(s) ? s.slice(0, 5) : ''; }",
];

/// Whole modules.
const MODULES: [&str; 11] = [
    "function f() { return f() + 1; } f(); export class Card {}",
    "export class Card { static get isolated() { return this.isolated; } }",
    "export class Card { static get title() { return this.title; } }",
    "export class Card { static searchDocument() { let a = {}; for (let i = 0; i < 1e5; i++) a = { a }; return a; } }",
    "export class Card { static searchDocument() { let a = {}; for (let i = 0; i < 500; i++) a = { a }; return a; } }",
    "let C = class {}; for (let i = 0; i < 1e5; i++) C = class extends C {}; export { C as Card };",
    "let C = class { constructor() { this.x = 1; } }; for (let i = 0; i < 1e4; i++) C = class extends C {}; export class Card { static isolated = () => `${new C().x}`; }",
    "class Card { static [Symbol.hasInstance]() { return {} instanceof Card; } static isolated = () => `${{} instanceof Card}`; } export { Card };",
    "import * as own from './m08.js'; export const f = () => own.f(); export class Card { static isolated = f; }",
    "import { jsx } from 'realm/jsx-runtime'; const Loop = (p) => jsx(Loop, p); export class Card { static isolated = () => jsx(Loop, {}); }",
    "import { jsx } from 'realm/jsx-runtime'; export class Card { static isolated() { let e = jsx('b', {}); for (let i = 0; i < 12; i++) e = jsx('iframe', { srcdoc: e, children: e }); return e; } }",
];

#[tokio::test]
async fn no_recursion_of_a_module_ends_the_engine() {
    let host = scene(sqlite().with("plugin-render-deadline", "5s")).await;
    let members = MEMBERS.iter().enumerate().map(|(number, member)| {
        let module = format!("export class Card {{}}\nCard.isolated = {member};\n");
        (format!("f{number:02}.js"), module)
    });
    let modules = MODULES
        .iter()
        .enumerate()
        .map(|(number, module)| (format!("m{number:02}.js"), (*module).to_owned()));
    let all: Vec<_> = members.chain(modules).collect();
    put_cards(&host, &all).await;
    judge(&host, 40).await;
}

/// The engine's own word for a recursion, and others for what it comes to where it is not the stack that ends first.
const WORDS: [&str; 7] = [
    "card-recursion",
    "front-matter",
    "card-syntax",
    "card-error",
    "card-memory",
    "card-search-document",
    "card-json",
];

/// What became of them: none has ended the engine, and where that is asked for, most are told to be a recursion.
async fn judge(host: &Host, least: usize) {
    indexed(host, "/r/").await;
    let mut told = 0;
    for (path, row) in errors(host, "/r/").await {
        let (code, detail) = first(&row);
        assert!(WORDS.contains(&&*code), "{path}: {code}: {detail}");
        if code == "card-recursion" {
            let place = &row["errors"][0]["source"];
            assert!(place["line"].as_u64().is_some(), "{path}: {row}");
            told += 1;
        }
    }
    assert!(told >= least, "{told} recursions");
    assert!(!host.log().contains("(trap)"), "{}", host.log());
    all_is_well(host, 1).await;
}

#[tokio::test]
async fn no_nesting_of_a_document_ends_a_plugin() {
    let host = scene(sqlite().with("plugin-render-deadline", "20s")).await;
    let n = 100_000;
    let nest = |open: &str, inner: &str, close: &str, n: usize| {
        format!("{}{inner}{}", open.repeat(n), close.repeat(n))
    };
    let deep = |attribute: String| {
        let adopts = r#"{"adoptsFrom":{"module":"./deep.js","name":"Card"}}"#;
        format!(r#"{{"data":{{"type":"card","attributes":{{"a":{attribute}}},"meta":{adopts}}}}}"#)
    };
    let module = "export class Card { static isolated = (a) => JSON.stringify(a).slice(0, 10); }";
    let files = [
        ("deep.js", module.to_owned()),
        ("lists.json", deep(nest("[", "1", "]", n))),
        ("objects.json", deep(nest("{\"a\":", "1", "}", n))),
        ("within.json", deep(nest("[", "1", "]", 100))),
        ("open.json", "[".repeat(n)),
        ("quotes.md", nest("> ", "a", "", n)),
        ("items.md", nest("- ", "a", "", n)),
        ("brackets.md", nest("[", "a", "](x)", n)),
        ("stars.md", nest("*", "a", "*", n)),
        (
            "yaml.md",
            format!("---\na: {}\n---\n# x\n", nest("[", "1", "]", n)),
        ),
        ("divs.html", nest("<div>", "a", "</div>", 10_000)),
        ("bold.html", nest("<b>", "a", "", 10_000)),
        ("tables.html", nest("<table><td>", "a", "", 10_000)),
    ];
    put_all(&host, "/r/", &files).await;
    indexed(&host, "/r/").await;
    assert_eq!(body(&host, "/r/within.json").await, "{\"a\":[[[[[");
    judge(&host, 0).await;
}

/// Here it is the transpiler of the module that gives up, and the document is told which file that was.
#[tokio::test]
async fn a_module_too_deep_for_its_transpiler_is_an_error_of_the_card() {
    let host = scene(sqlite()).await;
    let n = 100_000;
    let mut files = Vec::new();
    for (name, text) in [
        ("parens", "(".repeat(n) + "1" + &")".repeat(n)),
        (
            "types",
            "1 as ".to_owned() + &"Array<".repeat(n) + "1" + &">".repeat(n),
        ),
        ("sum", "1 + ".repeat(n) + "1"),
    ] {
        let class = "export class Card { static isolated = () => 'x'; }";
        files.push((
            format!("{name}.ts"),
            format!("export const x = {text};\n{class}"),
        ));
        let document = card(&format!("./{name}.ts"), "Card", &serde_json::json!({}));
        files.push((format!("{name}.json"), document));
    }
    let files: Vec<_> = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.clone()))
        .collect();
    put_all(&host, "/r/", &files).await;
    indexed(&host, "/r/").await;
    let errors = errors(&host, "/r/").await;
    for name in ["parens", "types", "sum"] {
        let row = &errors[&format!("{name}.json")];
        let (code, detail) = first(row);
        assert_eq!(code, "plugin-trap", "{detail}");
        assert!(detail.contains("typescript@"), "{detail}");
        assert_eq!(row["errors"][0]["source"]["path"], format!("{name}.ts"));
    }
    all_is_well(&host, 1).await;
}
