use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};

use realm_tests::eventually;

use crate::{Desk, has, read, write};

/// A command that goes on, and what it prints and says.
struct Going {
    process: Child,
    out: Text,
    said: Text,
}

#[derive(Clone, Default)]
struct Text(Arc<Mutex<String>>);

impl Text {
    fn gather(&self, from: impl std::io::Read + Send + 'static) {
        let own = self.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(from).lines().map_while(Result::ok) {
                let mut text = own.0.lock().expect("never poisoned");
                text.push_str(&line);
                text.push('\n');
            }
        });
    }

    /// Waits until a line with this is there; all until then.
    async fn until(&self, what: &str) -> String {
        eventually(what, || async {
            let mut text = self.0.lock().expect("never poisoned");
            let found = text.find(what)?;
            let end = found + text[found..].find('\n')? + 1;
            Some(text.drain(..end).collect())
        })
        .await
    }
}

impl Going {
    fn begin(desk: &Desk, folder: &str, arguments: &[&str]) -> Self {
        let all: Vec<_> = ["plugin"].iter().chain(arguments).copied().collect();
        let mut process = desk.options(folder).begin(&all);
        let (out, said) = (Text::default(), Text::default());
        out.gather(process.stdout.take().expect("piped"));
        said.gather(process.stderr.take().expect("piped"));
        Self { process, out, said }
    }

    /// Waits until it waits for changes; all that it has said.
    async fn waits(&self) -> String {
        self.said
            .until("-- waiting for changes; Ctrl-C ends it")
            .await
    }

    /// Ends it as a user does; its exit code.
    async fn interrupted(mut self) -> Option<i32> {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args(["-INT", &id]).status();
        assert!(sent.expect("kill runs").success());
        let status = eventually("its end", || {
            let status = self.process.try_wait().expect("a process of ours");
            async move { status }
        });
        status.await.code()
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            let text = |text: &Text| text.0.lock().expect("never poisoned").clone();
            let (out, said) = (text(&self.out), text(&self.said));
            eprintln!("--- what it printed besides:\n{out}--- what it said besides:\n{said}");
        }
    }
}

#[tokio::test]
async fn a_change_of_a_source_or_an_input_is_built_and_run_again() {
    let desk = Desk::new("watching-sources");
    desk.done(".", &["new", "seen-ini", "--lang", "rust"]).await;
    let at = "seen-ini";
    desk.done(at, &["build"]).await;
    let input = desk.folder("seen-ini/cases/settings/input.ini");
    let going = Going::begin(&desk, at, &["run", "cases/settings/input.ini", "--watch"]);
    going.out.until("Cats & dogs").await;
    going.waits().await;
    write(&input, "title = Cows\n");
    going.out.until("Cows").await;
    let said = going.waits().await;
    has(&said, &["-- cases/settings/input.ini has changed"]);

    let source = desk.folder("seen-ini/src/lib.rs");
    let good = read(&source);
    let new = good.replace("export default {json}", "export default /* new */ {json}");
    write(&source, &new);
    going.out.until("export default /* new */ {").await;
    let said = going.waits().await;
    has(&said, &["-- src/lib.rs has changed", "Compiling seen-ini"]);

    // What does not build is said, and is no end of it.
    write(&source, "no Rust");
    let said = going.waits().await;
    has(&said, &["error: cargo: ", "src/lib.rs"]);
    write(&source, &good);
    going.out.until("export default {").await;
    going.waits().await;
    assert_eq!(going.interrupted().await, Some(0));
}

#[tokio::test]
async fn a_change_of_a_case_is_tested_again_and_what_is_written_is_no_change() {
    let desk = Desk::new("watching-cases");
    desk.done(".", &["new", "case-ini", "--lang", "rust"]).await;
    let at = "case-ini";
    desk.done(at, &["test", "--build", "--bless"]).await;
    let both = ["test", "--watch", "--bless"];
    let (_, refused) = desk.failed(at, &both, 2).await;
    has(&refused, &["--bless"]);
    let going = Going::begin(&desk, at, &["test", "--watch"]);
    let said = going.waits().await;
    has(&said, &["2 cases passed"]);
    // What the tools write is nobody's change.
    for written in ["target/x", "node_modules/x", "Cargo.lock"] {
        let file = desk.folder(at).join(written);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder to write to");
        write(&file, "");
    }
    let expected = desk.folder("case-ini/cases/settings/expected/output.js");
    write(&expected, "export default {};\n");
    going.out.until("FAILED   settings").await;
    let said = going.waits().await;
    has(&said, &["1 of 2 cases failed"]);
    let changed: Vec<_> = said
        .lines()
        .filter(|line| line.contains("has changed"))
        .collect();
    assert_eq!(
        changed,
        ["-- cases/settings/expected/output.js has changed"]
    );
    std::fs::remove_dir_all(desk.folder("case-ini/cases/settings")).expect("there");
    going.said.until("1 case passed").await;
    going.waits().await;
    assert_eq!(going.interrupted().await, Some(0));
}
