use super::{History, Outcome, Promise, Seen, read};

#[test]
fn an_unknown_outcome_may_be_either_until_it_is_seen() {
    let mut history = History::new();
    history
        .put(10, 7, 1)
        .write(0, 20, &["a", "b"], 8, Outcome::Unknown)
        .put(30, 9, 3);
    history.read(1, 40, 2, Seen::Value(7));
    assert_eq!(history.found(), [], "2 may have been another's");
    history.read(1, 50, 2, Seen::Value(8));
    assert_eq!((history.found(), history.0.unknown()), (vec![], (0, 1)));
    history.read(1, 60, 2, Seen::Value(7));
    assert_eq!(
        history.found(),
        [Promise::Snapshot],
        "now it is known who wrote 2"
    );
    history.0.read(read(1, 70, 3, &[("b", Seen::Absent)]));
    assert_eq!(
        history.found(),
        [Promise::Snapshot, Promise::Snapshot],
        "in both files"
    );
}

#[test]
fn an_unknown_outcome_needs_a_generation_that_nobody_else_has() {
    let mut history = History::new();
    history
        .put(10, 7, 1)
        .write(0, 20, &["a"], 8, Outcome::Unknown)
        .put(30, 9, 2);
    history
        .read(1, 40, 1, Seen::Value(8))
        .read(1, 40, 2, Seen::Value(8));
    assert_eq!(history.found(), [Promise::Snapshot, Promise::Snapshot]);
    history.read(1, 50, 3, Seen::Value(8));
    assert_eq!(history.found().len(), 2, "it came late");
    let mut history = History::new();
    history
        .put(10, 7, 1)
        .remove(20, Outcome::Unknown)
        .read(1, 40, 2, Seen::Absent)
        .read(1, 40, 2, Seen::Value(7));
    assert_eq!(history.found(), []);
    history.read(1, 40, 1, Seen::Absent);
    assert_eq!(history.found(), [Promise::Snapshot]);
}

#[test]
fn what_was_refused_is_never_seen() {
    let mut history = History::new();
    history
        .put(10, 7, 1)
        .write(0, 20, &["a"], 8, Outcome::Refused)
        .read(1, 30, 1, Seen::Value(8));
    assert_eq!(history.found(), [Promise::Snapshot]);
    let mut history = History::new();
    history
        .put(10, 7, 1)
        .write(0, 20, &["a"], 8, Outcome::Refused)
        .read(1, 30, 2, Seen::Value(7));
    assert_eq!(history.found(), [Promise::Order], "nobody wrote 2");
}
