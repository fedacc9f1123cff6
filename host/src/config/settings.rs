use super::setting::{Secrecy, Setting, hidden, setting};

/// All settings, in the order in which `realm config` prints them.
pub const SETTINGS: &[Setting] = &[
    setting(
        "data-dir",
        ".realm",
        "folder of the embedded database, the compiled plugins and the running host's address",
    ),
    hidden(
        Secrecy::Url,
        "database-url",
        "a Postgres (postgres://…); none: the embedded SQLite under the data folder",
    ),
    setting(
        "database-connections",
        "16",
        "most connections to the database, the listener's and the announcer's not counted",
    ),
    setting(
        "database-timeout",
        "5s",
        "longest wait for the database before a request is told so",
    ),
    setting(
        "listen",
        "127.0.0.1:4200",
        "public socket; port 0 takes any free one",
    ),
    setting(
        "admin-listen",
        "127.0.0.1:4201",
        "admin socket; `off` for none",
    ),
    setting(
        "origin",
        "",
        "scheme, host and port that realms without a host of their own live under; none: http://<bound socket>",
    ),
    setting(
        "role",
        "serve,work",
        "what this replica does: `serve` answers requests, `work` indexes and renders documents, and collects what nothing refers to any more",
    ),
    setting(
        "auth",
        "",
        "`none` lets everyone do everything, `jwt` asks for bearer tokens; `none` is the default when both sockets are on loopback, must be chosen otherwise",
    ),
    setting(
        "secret-file",
        "",
        "file with the secret of HS256 tokens, at least 32 bytes, a newline at its end not counted (`openssl rand -hex 32`); hosts that have it also sign with it",
    ),
    setting(
        "public-keys",
        "",
        "instead of a secret: Ed25519 public keys of EdDSA tokens, a PEM file or a folder of them (*.pem); a file's name without `.pem` is the `kid` of its keys",
    ),
    setting(
        "private-key-file",
        "",
        "Ed25519 private key (PKCS#8, PEM) with which commands sign EdDSA tokens; hosts do without",
    ),
    setting(
        "audience",
        "realm",
        "the `aud` that a token must have; give each cluster of one issuer its own",
    ),
    hidden(
        Secrecy::Secret,
        "token",
        "bearer token that commands send to a host; better as REALM_TOKEN, for `ps` shows flags",
    ),
    setting(
        "create-under",
        "",
        "URL prefixes under which users may create realms, comma-separated (https://example.org/sites/, https://*.example.org/); none: this origin; `off`: operators alone may",
    ),
    setting(
        "publish-under",
        "",
        "URL prefixes under which users may publish, written alike; none: this origin; `off`: operators alone may",
    ),
    setting(
        "cors-origins",
        "",
        "origins whose pages may read, and with a token write, from a browser, comma-separated; `*` lets all read; none: no CORS",
    ),
    setting(
        "plugin-dir",
        "",
        "folder of plugin components (*.wasm) to install beside the built-in ones",
    ),
    setting(
        "plugin-component-bytes",
        "64MiB",
        "bytes of a component that is installed",
    ),
    setting(
        "plugin-compile-memory",
        "4GiB",
        "memory (address space) of the process in which a plugin that is not part of the host is compiled; there is one at a time",
    ),
    setting(
        "plugin-compile-time",
        "5m",
        "time that compiling such a plugin may take",
    ),
    setting(
        "plugin-keys",
        "",
        "minisign public keys whose signatures are believed, each with its signer's name, comma-separated (`alice=RWQ…`); a name may have several",
    ),
    setting(
        "plugin-signatures",
        "optional",
        "`required` runs no plugin but those of the binary and those that a key of `plugin-keys` has signed; `optional` refuses only a signature that does not verify",
    ),
    setting(
        "plugin-fetch-timeout",
        "2m",
        "longest time in which `realm plugin install` fetches a component",
    ),
    setting(
        "plugin-fetch-redirects",
        "5",
        "how often a server may lead `realm plugin install` on to another URL",
    ),
    setting(
        "registry-user",
        "",
        "user of the registry that `realm plugin install oci://…` fetches from; none: who docker or podman is logged in as, else nobody",
    ),
    hidden(
        Secrecy::Secret,
        "registry-password",
        "password, or token, of `registry-user`; better as REALM_REGISTRY_PASSWORD, for `ps` shows flags",
    ),
    setting(
        "lease",
        "5s",
        "longest time for which a lost notification can leave old bytes in a cache",
    ),
    setting(
        "stale-limit",
        "60s",
        "how long after the lease cached bytes are still served, and said to be stale, while the database is away",
    ),
    setting(
        "cache-bytes",
        "512MiB",
        "most bytes that all caches hold together",
    ),
    setting(
        "max-file-bytes",
        "5MiB",
        "largest file that a write may leave",
    ),
    setting(
        "max-body-bytes",
        "64MiB",
        "largest request body (a multi-file write)",
    ),
    setting(
        "max-header-bytes",
        "64KiB",
        "largest head of a request; 431 beyond",
    ),
    setting(
        "max-connections",
        "10000",
        "most open connections of the public socket; further ones wait to be accepted",
    ),
    setting(
        "max-requests",
        "1024",
        "most requests at work at one time; beyond, a request is told to come again (503)",
    ),
    setting(
        "max-event-streams",
        "1000",
        "most open streams of `_events`, which are not counted among the requests",
    ),
    setting(
        "header-timeout",
        "10s",
        "longest wait for a request's head, and for the next request of an idle connection",
    ),
    setting(
        "body-timeout",
        "60s",
        "longest wait for a request's body; 408 beyond",
    ),
    setting(
        "write-timeout",
        "60s",
        "how long a client may take nothing of its answer before it is cut off",
    ),
    setting(
        "compression",
        "br,gzip",
        "content codings that answers may have, the preferred one first; `off` for none",
    ),
    setting(
        "lock-timeout",
        "10s",
        "longest wait for a realm's write lock",
    ),
    setting(
        "write-queue",
        "256",
        "most writes of one realm that wait for their turn on this replica",
    ),
    setting(
        "generation-wait",
        "5s",
        "longest wait for the generation that a request names in Realm-Generation",
    ),
    setting("search-page", "100", "most entries of a page of a search"),
    setting(
        "search-conditions",
        "100",
        "most conditions, words and sort keys of a search together; at most 500",
    ),
    setting(
        "search-depth",
        "16",
        "how deep the conditions of a search may lie in one another; at most 64",
    ),
    setting(
        "search-body-bytes",
        "64KiB",
        "largest body of a search; 413 beyond",
    ),
    setting(
        "search-answer-bytes",
        "16MiB",
        "most bytes of titles, types and search documents on a page of a search; 400 beyond",
    ),
    setting(
        "definition-error-ttl",
        "30s",
        "how long it is remembered that a module defines nothing because something is wrong, though nothing that it reads changes",
    ),
    setting(
        "drain",
        "10s",
        "how long a stopping host lets requests finish before it cancels their calls",
    ),
    setting(
        "changes-retention",
        "7d",
        "how long rows of the change log are kept",
    ),
    setting(
        "collect-every",
        "1h",
        "how often a replica with the role `work` takes away what nothing refers to any more, unless another one is at it",
    ),
    setting(
        "collect-after",
        "1h",
        "how long the bytes of a file are kept after nothing refers to them any more; longer than `lease`, `stale-limit` and the longer of `plugin-deadline` and `plugin-render-deadline` together, or a replica could still come for them",
    ),
    setting(
        "index-concurrency",
        "0",
        "documents that a replica with the role `work` renders at one time for the index; 0: as many as there are cores",
    ),
    setting(
        "job-lease",
        "30s",
        "how long a worker that says nothing more keeps its jobs: so long the realms of one that was killed wait for another; jobs that nobody has announced are looked for every third of it",
    ),
    setting(
        "job-pause",
        "1m",
        "longest pause before a job or a document that has failed for reasons that pass is tried again; the first is 100ms, each further one twice as long",
    ),
    setting(
        "log",
        "",
        "what is logged, as in `debug` or `warn,realm_host::changes=trace`; none: what an operator wants to know",
    ),
    setting(
        "log-format",
        "text",
        "`text` for people, `json` for machines: an object per line on standard error",
    ),
    setting("access-log", "off", "`on`: a line per request"),
    setting(
        "otlp-endpoint",
        "",
        "where to send traces, as OTLP over HTTP (http://collector:4318); none: nowhere",
    ),
    setting(
        "trace-ratio",
        "1",
        "the part of the requests that are traced, of those that come without a trace of their own",
    ),
    setting("plugin-memory", "256MiB", "linear memory of one call"),
    setting("plugin-deadline", "10s", "time that one call may run"),
    setting(
        "plugin-render-deadline",
        "30s",
        "time that one call of a prerenderer may run; what it waits for its modules does not count",
    ),
    setting(
        "plugin-output",
        "16MiB",
        "bytes that one call may give back",
    ),
    setting(
        "plugin-log",
        "64KiB",
        "bytes that one call may log, standard output and error included",
    ),
    setting(
        "plugin-reads",
        "10000",
        "files that one call may read, absent ones included",
    ),
    setting("plugin-stack", "8MiB", "WebAssembly stack of one call"),
    setting(
        "plugin-handles",
        "10000",
        "component handles that one call may hold",
    ),
    setting(
        "plugin-table-elements",
        "100000",
        "table elements that one call may have",
    ),
    setting(
        "plugin-concurrency",
        "0",
        "calls of one plugin at a time; 0: as many as there are cores",
    ),
    setting(
        "plugin-queue",
        "256",
        "calls of one plugin that wait for their turn before new ones are turned away",
    ),
    setting(
        "plugin-slot-wait",
        "10s",
        "longest wait of an admitted call for an instance slot, where other plugins' calls have them all: there are four for each of `plugin-concurrency`, and eight at least; a request is told to come again (503) after that",
    ),
    setting(
        "plugin-failures",
        "10",
        "failures of a plugin in a row, in one realm, after which it is not called there for a while (503); 0: it always is",
    ),
    setting(
        "plugin-pause",
        "1s",
        "for how long it is not, before one call tries it again; each further time twice as long",
    ),
    setting("plugin-longest-pause", "1m", "the longest such pause"),
    setting(
        "plugin-map-segments",
        "1000000",
        "segments and lines of one source map; of a larger one there is none",
    ),
    setting(
        "plugin-stages",
        "8",
        "stages that the pipeline of one file may have",
    ),
    setting(
        "plugin-restarts",
        "3",
        "how often a request starts anew because what it read has changed, before it is told to come again",
    ),
    setting(
        "plugin-resident",
        "64MiB",
        "memory that each pooled instance slot keeps between calls",
    ),
];

/// All settings as a page of Markdown: `host/SETTINGS.md`.
#[must_use]
pub fn reference() -> String {
    let mut page = String::from(
        "# Settings\n\nEvery setting is a flag (`--lease 2s`), a variable (`REALM_LEASE=2s`) and a key of `realm.toml` in the working folder \
         (`lease = \"2s\"`); a flag wins over a variable, that over the file. `realm config` prints what is in force and where it came from. \
         Durations are written as `250ms`, `5s`, `7d`, sizes as `64KiB`, `512MiB`.\n\n\
         This page is printed by `realm config --reference`.\n\n| setting | default | meaning |\n|---|---|---|\n",
    );
    for setting in SETTINGS {
        let default = if setting.default.is_empty() {
            String::new()
        } else {
            format!("`{}`", setting.default)
        };
        let meaning = setting.help.replace('|', "\\|");
        page.push_str(&format!("| `{}` | {default} | {meaning} |\n", setting.key));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::SETTINGS;

    fn shown(key: &str, text: &str) -> String {
        let setting = SETTINGS.iter().find(|setting| setting.key == key);
        setting.unwrap().shown(text)
    }

    #[test]
    fn secrets_are_not_shown() {
        assert_eq!(shown("token", "a.b.c"), "***");
        assert_eq!(shown("token", "https://x/"), "***");
        assert_eq!(shown("token", ""), "");
        assert_eq!(
            shown("database-url", "postgres://u:secret@h/d"),
            "postgres://u:***@h/d"
        );
        assert_eq!(
            shown("database-url", "postgres://h/d?user=u&password=secret"),
            "postgres://h/d?user=u&password=***"
        );
        assert_eq!(shown("database-url", "postgres://u:secret@h:x/d"), "***");
        assert_eq!(
            shown("otlp-endpoint", "http://u:secret@h/"),
            "http://u:***@h/"
        );
        assert_eq!(shown("lease", "5s"), "5s");
        assert_eq!(
            shown("database-url", "postgres://h/d?options=-c%20a"),
            "postgres://h/d?options=-c%20a"
        );
    }

    #[test]
    fn the_page_in_the_repository_is_this_one() {
        let page = include_str!("../../SETTINGS.md");
        assert_eq!(
            page,
            super::reference(),
            "print it anew: realm config --reference > host/SETTINGS.md"
        );
    }
}
