//! Pieces of each target's grammar, the awkward ones among them.

/// What paths are made of.
#[rustfmt::skip]
const PATHS: &[&str] = &[
    "a", "b.ts", "d.e.ts", ".env", "...ts", "é", "日本", "a b", ":y", "*", "_info", "_atomic", "_x",
    "~", "'", "/", "//", ".", "..", "./", "../", "\\", "\0", "\n", "%", "%25", "%2e", "%2E%2e",
    "%2f", "%5c", "%00", "%C3%A9", "%ff", "%zz", "%2", "?", "#", "?v=1", "|", "^", "[", "]", "{",
    "}", "`", "\"", "<", ">", "+", "&", "=", ";", "@", "\u{7f}", "\u{feff}", "\u{202e}",
];
/// What URLs are made of, beside paths.
#[rustfmt::skip]
const URLS: &[&str] = &[
    "http://", "https://", "HTTP://", "ftp://", "http:", "//", "://", "h", "Example.ORG",
    "127.0.0.1", "0x7f.1", "[::1]", "bücher.example", "xn--bcher-kva.example", ":80", ":443",
    ":4200", ":0", ":99999", ":", "u@", "u:p@", "/", "/r/", "/a/b/", "/:", "/%3A", "/./", "/../",
    "/%2e%2E/", "//", "\\", "?q", "#f", "?", "#", " ", "\t", "%", "%zz", "é", "|",
];
#[rustfmt::skip]
const PAYLOADS: &[&str] = &[
    "http://h/r/", "http://localhost:4201/", "http://[::1]:4201/r/", "@cardstack/base/", "/", ":",
    "/:", "//:", "*", "/:*", "::", "a.ts", "a/b.ts", "..", "\0", "\\", "é", "%25", " ", "\n",
];
#[rustfmt::skip]
const RANGES: &[&str] = &[
    "bytes", "Bytes", "lines", "=", "-", ",", " ", "\t", "0", "1", "9", "10", "99", "100",
    "18446744073709551615", "18446744073709551616", "340282366920938463463374607431768211456", "+",
    "\n", "\"t\"", "W/\"t\"", "\"u\"", "*", "é", "Sun, 06 Nov 1994 08:49:37 GMT",
    "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
];
#[rustfmt::skip]
const TAGS: &[&str] = &[
    "a", "b", "ab", "x,y", "\"", "\"a\"", "\"b\"", "\"ab\"", "\"x,y\"", "\"\"", "W/\"a\"", "W/",
    "w/\"a\"", "*", "\"*\"", "W/\"*\"", ",", ", ", ",,", " ", "\t", "\n", "é", "\"é\"", "\\\"",
    "W/W/\"a\"",
];
#[rustfmt::skip]
const REALM_JSON: &[&str] = &[
    "{", "}", "[", "]", ",", ":", "\"", "\n", "\\u0000", "null", "0.1", "1e400", "name",
    "extensions", "plugins", "imports", "cacheControl", "use", "options", "target", ".ts", ".gts",
    ".", "..", "./", ".\0", ".\\", "ts", "svelte@5", "typescript", "max-age=60", "no-store", "é",
    "a\nb", "@lib/", "/lib/", "https://cdn.example/lit.js", " at line 3", "\"name\":\"x\",",
];
#[rustfmt::skip]
const ATOMIC: &[&str] = &[
    "{", "}", "[", "]", ",", ":", "\"", "null", "0.1", "atomic:operations", "op", "add", "update",
    "remove", "href", "data", "type", "source", "card", "file", "attributes", "content",
    "relationships", "meta", "http://h.example/r/", "://", "http://h.example/", "http://other/r/",
    "HTTP://H.example:80/r/", "./", "../", "/", "a.ts", "b c.json", "%2e%2e", "%5finfo", "_info",
    "_atomic", "%2f", "%", "%00", "\\\\", "*", "?v=1", "#f", "a:b", "é",
];

#[rustfmt::skip]
const TOKENS: &[&str] = &[
    "{", "}", "[", "]", ",", ":", "\"", "\n", "null", "true", "1", "1e300", "-1", "alg", "typ", "kid", "crit",
    "HS256", "hs256", "none", "EdDSA", "JWT", "sub", "aud", "exp", "nbf", "iat", "operator", "ann", "*", "",
    " ", "\u{85}", "\u{3000}", "\u{200b}", "\0", "é", "http://h.example", "http://h.example/", "4102444800",
];
#[rustfmt::skip]
const QUERIES: &[&str] = &[
    "{", "}", "[", "]", ",", ":", "\"", "null", "true", "0", "1", "-1", "0.1", "1e300", "18446744073709551616", "filter", "sort",
    "page", "size", "number", "by", "direction", "asc", "desc", "title", "lastModified", "eq", "contains", "range", "gt",
    "gte", "lt", "lte", "type", "module", "name", "matches", "any", "every", "not", "a", "a.b", ".", "..", "\\", "\\.",
    "\\\\", "\0", "./person", "http://[", "*", "x*", " ", "é", "ﬁ", "İ", "ß", "日本", "क्षि", "ㄱㄴ", "\u{301}", "\u{3099}", "'", "…",
];
#[rustfmt::skip]
const MAPS: &[&str] = &[
    "{", "}", "[", "]", ",", ":", "\"", "\n", "null", "version", "3", "2", "sources", "sourcesContent", "sourceRoot", "names",
    "mappings", "sections", "file", "A", "C", "D", "gB", "ggggggB", "+/////D", ";", ";;", "AAAA", "AAAAA", "ACAA,", "b/a.x", "./a.x",
    "https://h/b/a.x", "", "é", "!", "ignoreList", "1e9",
];
#[rustfmt::skip]
const SCHEMAS: &[&str] = &[
    "{", "}", "[", "]", ",", ":", "\"", "\n", "null", "true", "false", "0", "1", "-1", "1.5", "type", "object", "array", "string",
    "integer", "number", "boolean", "properties", "additionalProperties", "patternProperties", "propertyNames", "required", "enum", "const", "items", "prefixItems",
    "minItems", "uniqueItems", "contains", "pattern", "(a+)+$", "[", "(", "^a{9}$", "\\p{L}", "(?=a)", "minimum", "maximum", "multipleOf", "minLength", "format",
    "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "$ref", "#", "#/$defs/a", "$defs", "$id", "$anchor", "$dynamicRef", "$schema",
    "https://json-schema.org/draft/2020-12/schema", "http://json-schema.org/draft-07/schema#", "dependentSchemas", "unevaluatedProperties", "default", "a", "b", "é",
];

/// What a target's inputs are made of.
pub(crate) fn words(target: &str) -> &'static [&'static str] {
    match target {
        "path" => PATHS,
        "realm_url" => URLS,
        "payload" => PAYLOADS,
        "range" => RANGES,
        "if_none_match" => TAGS,
        "realm_json" => REALM_JSON,
        "atomic" => ATOMIC,
        "query" => QUERIES,
        "token" => TOKENS,
        "source_map" => MAPS,
        "options_schema" => SCHEMAS,
        other => panic!("nothing is known of `{other}`"),
    }
}
