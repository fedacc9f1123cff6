// The JSX runtime as browsers get it. `plugins/cards/tests` has it in the prerenderer's engine.

import assert from "node:assert/strict";
import test from "node:test";

import { Fragment, jsx, jsxDEV, jsxs, raw, render } from "../../host/src/runtime/jsx-runtime.js";

const html = (tag, props) => String(jsx(tag, props ?? {}));
const attribute = (name, value, tag = "x") => html(tag, { [name]: value }).slice(tag.length + 1, -tag.length - 4);

test("text is escaped, markup is not", () => {
  assert.equal(html("p", { children: `<b>&"'` }), `<p>&lt;b&gt;&amp;"'</p>`);
  assert.equal(html("p", { children: raw("<b>&amp;</b>") }), "<p><b>&amp;</b></p>");
  assert.equal(render("<"), "&lt;");
  assert.equal(`${jsx("p", { children: jsx("b", { children: "x" }) })}`, "<p><b>x</b></p>");
  assert.equal(JSON.stringify({ a: jsx("br", {}) }), '{"a":"<br>"}');
  assert.throws(() => raw({ toString: () => "<b>" }), /takes a string/);
});

test("children are whatever can be shown", () => {
  const children = ["a", 1, 0, -0.5, 10n, null, undefined, true, false, ["b", ["c"]], new Set(["<"]), (function* () { yield "d"; })()];
  assert.equal(html("p", { children }), "<p>a10-0.510bc&lt;d</p>");
  assert.equal(String(jsxs(Fragment, { children: [jsx("i", {}), "&"] })), "<i></i>&amp;");
  assert.equal(String(jsxDEV("i", { children: "x" }, "key", false, {}, undefined)), "<i>x</i>");
  assert.equal(render(undefined), "");
  for (const [child, message] of [
    [{ a: 1 }, /an object is not something to show/],
    [Symbol("s"), /a symbol is not something to show/],
    [() => 1, /a function is not something to show/],
    [Promise.resolve(1), /is a promise: `await` it/],
    [{ __html: "<b>" }, /an object/],
  ]) assert.throws(() => html("p", { children: child }), message);
});

test("components are functions of their attributes and children", () => {
  const Box = ({ title, children }) => jsx("div", { title, children });
  assert.equal(String(jsx(Box, { title: "t", children: ["a", jsx("b", {})] }, "key")), '<div title="t">a<b></b></div>');
  assert.equal(String(jsx(() => "<", {})), "&lt;");
  // One that is not shown does not run.
  const Never = () => assert.fail();
  assert.equal(String(jsx(() => null, { children: jsx(Never, {}) })), "");
  assert.throws(() => jsx(undefined, {}), /a component is undefined, not a function/);
  assert.throws(() => jsx(null, {}), /a component is null/);
});

test("void elements end where they begin", () => {
  for (const tag of ["br", "IMG", "input", "meta"]) assert.equal(html(tag, {}), `<${tag.toLowerCase()}>`);
  assert.throws(() => html("br", { children: "x" }), /<br> has no children/);
  assert.equal(html("path", { d: "M0" }), '<path d="M0"></path>');
});

test("names that are none are refused", () => {
  for (const tag of ["", "a b", "a>", "<a", "1a", "a\n", "!--", "a/", "img src=x"]) assert.throws(() => jsx(tag, {}), /no name of an element/, tag);
  for (const name of ["", "a b", "a=b", "a>b", 'a"', "a'", "a/", "<a", "a\0", "é", "{"]) {
    assert.throws(() => html("x", { [name]: "v" }), /no name of an attribute/, name);
  }
  assert.equal(html("my-element", { "@x": "1", "v-on:y.z": "2", "xlink:title": "3" }), '<my-element @x="1" v-on:y.z="2" xlink:title="3"></my-element>');
});

test("attributes are there, or not, or say what they say", () => {
  assert.equal(attribute("title", `"<>&'`), ` title="&quot;&lt;&gt;&amp;'"`);
  assert.equal(attribute("className", "a b"), ' class="a b"');
  assert.equal(attribute("class", ["a", false, "b"]), ' class="a b"');
  assert.equal(attribute("htmlFor", "x"), ' for="x"');
  assert.equal(attribute("strokeWidth", 2), ' stroke-width="2"');
  assert.equal(attribute("viewBox", "0 0 1 1"), ' viewBox="0 0 1 1"');
  assert.equal(attribute("xlinkHref", "#a"), ' xlink:href="#a"');
  assert.equal(attribute("disabled", true), " disabled");
  assert.equal(attribute("value", 0), ' value="0"');
  for (const gone of [false, null, undefined, () => 1]) assert.equal(attribute("disabled", gone), "");
  assert.equal(attribute("aria-hidden", false), ' aria-hidden="false"');
  assert.equal(attribute("data-on", true), ' data-on="true"');
  assert.equal(attribute("contentEditable", false), ' contentEditable="false"');
  for (const name of ["key", "ref", "children"]) assert.equal(html("x", { [name]: null }), "<x></x>");
  assert.throws(() => attribute("title", { a: 1 }), /is given an object/);
  assert.throws(() => attribute("title", Symbol("s")), /is given a symbol/);
  assert.throws(() => attribute("title", Promise.resolve()), /is a promise/);
  assert.throws(() => attribute("dangerouslySetInnerHTML", { __html: "" }), /raw\(html\)/);
  assert.equal(html("x", JSON.parse('{"__proto__": "p"}')), '<x __proto__="p"></x>');
});

test("no attribute is a handler", () => {
  for (const name of ["onclick", "onClick", "ONCLICK", "onfocusin", "on", "onanything"]) assert.equal(attribute(name, "alert(1)"), "", name);
});

test("URLs that run are not written", () => {
  const evil = [
    "javascript:alert(1)", "JavaScript:alert(1)", " javascript:x", "\u0000\u0001javascript:x", "java\tscript:x", "java\nscript:x", "j\r\na\tv\na\rs\tcript\n:x",
    "\u00a0javascript:x", "vbscript:x", "VBSCRIPT:x", "data:text/html,<script>", "data:text/html;base64,x", "data:TEXT/HTML,x", " da\nta:text/html,x",
    "data:application/xhtml+xml,x", "data:text/xml,x", "data:application/javascript,x",
  ];
  for (const name of ["href", "src", "action", "formaction", "formAction", "xlink:href", "xlinkHref", "data", "poster", "to", "from", "HREF", "background"]) {
    for (const url of evil) assert.match(attribute(name, url), /="about:blank#blocked"$/, `${name} ${JSON.stringify(url)}`);
  }
  assert.match(attribute("values", "#a;javascript:x", "animate"), /blocked/);
  assert.match(attribute("ping", "/a javascript:x", "a"), /blocked/);
  assert.match(attribute("href", new URL("javascript:x")), /blocked/);
  assert.match(attribute("href", { toString: () => "javascript:x" }), /blocked/);
  for (const url of ["/a", "#javascript:x", "./javascript:x", "https://h/javascript:", "mailto:a@b", "data:image/png;base64,x", "data:,x", "data:text/plain,x", "tel:1", "?javascript:", ""]) {
    assert.equal(attribute("href", url), ` href="${url}"`);
  }
  // Where it is no URL, it is text.
  assert.equal(attribute("title", "javascript:x"), ' title="javascript:x"');
  // An entity is text too: it is not decoded again.
  assert.equal(attribute("href", "&#106;avascript:x"), ' href="&amp;#106;avascript:x"');
});

test("a document within the document has text for text", () => {
  assert.equal(html("iframe", { srcdoc: "<script>" }), '<iframe srcdoc="&amp;lt;script&amp;gt;"></iframe>');
  assert.equal(html("iframe", { srcDoc: raw("<b>") }), '<iframe srcDoc="&lt;b&gt;"></iframe>');
});

test("a value of a style stays one", () => {
  const style = (value) => attribute("style", value);
  assert.equal(style({ color: "red", fontSize: 3, lineHeight: 2, margin: 0, "--x": 5, WebkitBoxFlex: "1", msFlex: "1" }),
    ' style="color:red;font-size:3px;line-height:2;margin:0;--x:5;-webkit-box-flex:1;-ms-flex:1"');
  assert.equal(style({ a: null, b: undefined, c: false, d: "" }), ' style=""');
  for (const evil of ["red;x:y", "red}", "{", "/*", "url(x", '"', "x)", "\\", "'\n;x:y'", '";" ; y']) {
    assert.equal(style({ color: evil, top: 1 }), ' style="top:1px"', evil);
  }
  assert.equal(style({ background: "url(data:image/png;base64,x)", content: "';'" }), ` style="background:url(data:image/png;base64,x);content:';'"`);
  assert.throws(() => style({ "a:b;c": "x" }), /no name of a style property/);
  assert.equal(style("color:red;x"), ' style="color:red;x"');
});

test("scripts and style sheets end where their element does", () => {
  const escaped = html("script", { children: "const a = '</script><b>' + \"</SCRIPT \" + '<!--<script>' + (1 < 2 && 3 > 2);" });
  assert.equal(escaped, "<script>const a = '\\u003C/script><b>' + \"\\u003C/SCRIPT \" + '\\u003C!--\\u003Cscript>' + (1 < 2 && 3 > 2);</script>");
  const data = { text: "</script><script>alert(1)</script><!--" };
  const json = html("script", { type: "application/json", children: JSON.stringify(data) });
  assert.deepEqual(JSON.parse(json.slice(json.indexOf(">") + 1, -"</script>".length)), data);
  assert.equal(html("style", { children: "a > b { c: '</style>' }" }), "<style>a > b { c: '\\3C /style>' }</style>");
  assert.equal(html("style", { children: "@media (width < 9px) {} a { b: '<img onerror=x>' }" }), "<style>@media (width < 9px) {} a { b: '\\3C img onerror=x>' }</style>");
  assert.equal(html("SCRIPT", { children: raw("</script>") }), "<script>\\u003C/script></script>");
  assert.equal(html("textarea", { children: "</textarea>" }), "<textarea>&lt;/textarea&gt;</textarea>");
  assert.equal(html("title", { children: "</title>" }), "<title>&lt;/title&gt;</title>");
});

test("long texts are escaped whole", () => {
  const text = "a<b>&".repeat(10_000);
  assert.equal(html("p", { children: text }), `<p>${"a&lt;b&gt;&amp;".repeat(10_000)}</p>`);
});
