/// One setting: a flag `--<key>`, a variable `REALM_<KEY>`, a key of `realm.toml`.
#[derive(Debug)]
pub struct Setting {
    /// Its name, in kebab case.
    pub key: &'static str,
    /// What holds when nobody sets it; empty: nothing.
    pub default: &'static str,
    /// What it means, and its unit.
    pub help: &'static str,
}

const fn setting(key: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { key, default, help }
}

/// All settings, in the order in which `realm config` prints them.
pub const SETTINGS: &[Setting] = &[
    setting(
        "data-dir",
        ".realm",
        "folder of the embedded database, the compiled plugins and the running host's address",
    ),
    setting(
        "database-url",
        "",
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
        "what this replica does: `serve` answers requests, `work` collects what nothing refers to any more (there is nothing to index yet)",
    ),
    setting(
        "auth",
        "",
        "`none` lets everyone do everything; the default when both sockets are on loopback, must be chosen otherwise",
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
        "how long the bytes of a file are kept after nothing refers to them any more; longer than `lease`, `stale-limit` and `plugin-deadline` together, or a replica could still come for them",
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
