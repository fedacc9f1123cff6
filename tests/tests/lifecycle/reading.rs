//! Clients that read the same files of a host again and again, and write down what they saw.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use realm_tests::{Answer, Host};
use tokio::sync::watch;

/// Every file of a tree; each says the tree's number. `even.txt` is there where that is even.
pub(crate) const FILES: [&str; 5] = ["a.ts", "main.scss", "even.txt", "c.txt", "sub/b.ts"];

/// What an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The file, of the tree of this number.
    Tree(u64),
    /// The realm, without the file.
    NoFile,
    /// No realm.
    NoRealm,
}

/// What there is at a path while its realm has the tree of this number; none: while there is no realm.
pub(crate) fn expected(path: &str, tree: Option<u64>) -> Outcome {
    match tree {
        None => Outcome::NoRealm,
        Some(number) if path.ends_with("even.txt") && number % 2 == 1 => Outcome::NoFile,
        Some(number) => Outcome::Tree(number),
    }
}

/// One answer.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) host: usize,
    pub(crate) path: String,
    pub(crate) sent: Instant,
    pub(crate) outcome: Outcome,
    /// What it names; none where there is no realm.
    pub(crate) generation: Option<i64>,
    /// Whether it was a 304.
    pub(crate) confirmed: bool,
}

/// A client of one host.
pub(crate) struct Reader {
    pub(crate) number: usize,
    pub(crate) host: Arc<Host>,
    pub(crate) paths: Vec<String>,
    /// Whether it asks only for what it does not have.
    pub(crate) conditional: bool,
    /// How many times it has read every path.
    pub(crate) passes: Arc<AtomicUsize>,
    pub(crate) stop: watch::Receiver<bool>,
}

impl Reader {
    /// Reads until it is told to stop.
    pub(crate) async fn run(self) -> Vec<Seen> {
        let mut all = Vec::new();
        // What it has of each path, by tag.
        let mut kept: HashMap<&str, (String, Outcome)> = HashMap::new();
        while !*self.stop.borrow() {
            for path in &self.paths {
                let mut request = self.host.request("GET", path);
                let known = kept.get(path.as_str()).filter(|_| self.conditional);
                if let Some((tag, _)) = known {
                    request = request.header("if-none-match", tag);
                }
                let sent = Instant::now();
                let answer = self.host.send(request).await;
                let confirmed = answer.status == 304;
                let outcome = match known {
                    Some((tag, outcome)) if confirmed => {
                        assert_eq!(answer.header("etag"), tag);
                        *outcome
                    }
                    _ => outcome(&answer),
                };
                let generation = (outcome != Outcome::NoRealm).then(|| answer.generation());
                if answer.status == 200 {
                    kept.insert(path, (answer.header("etag").to_owned(), outcome));
                }
                all.push(Seen {
                    host: self.number,
                    path: path.clone(),
                    sent,
                    outcome,
                    generation,
                    confirmed,
                });
            }
            self.passes.fetch_add(1, Ordering::SeqCst);
        }
        all
    }
}

fn outcome(answer: &Answer) -> Outcome {
    let text = answer.text();
    match answer.status {
        200 => {
            let digits = text.split(|c: char| !c.is_ascii_digit());
            let number = digits.filter_map(|digits| digits.parse().ok()).next();
            Outcome::Tree(number.unwrap_or_else(|| panic!("no number: {text}")))
        }
        404 if answer.errors()[0]["code"] == "no-realm" => Outcome::NoRealm,
        404 => Outcome::NoFile,
        status => panic!("{status}: {text}"),
    }
}
