//! No work outlives its inputs.

use realm_tests::Host;

use crate::{alone, answered, ask, clear};

/// How many calls the host has ended early.
async fn cancelled(host: &Host) -> f64 {
    let metrics = host.admin("/_metrics").await.text();
    let lines = metrics.lines();
    let counts = lines.filter(|line| line.starts_with("realm_calls_cancelled_total{"));
    counts
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

#[tokio::test]
async fn a_call_is_not_begun_on_bytes_that_are_known_to_be_old() {
    let host = alone("3").await;
    host.put("/r/x.misbehave", "spin\n").await;
    host.close_gate("path-read", "x.misbehave").await;
    let caller = ask(&host, "/r/x.misbehave");
    host.at_gate("path-read", 1).await;
    host.put("/r/x.misbehave", "echo new\n").await;
    host.open_gate("path-read").await;
    let answer = answered("an answer from the new bytes", caller).await;
    assert!(answer.text().contains("new"), "{}", answer.text());
}

#[tokio::test]
async fn a_file_that_changes_while_a_guest_reads_it_is_read_again() {
    let host = alone("3").await;
    host.put("/r/flag.txt", "go").await;
    host.put("/r/x.misbehave", "spin-if ./flag.txt go\n").await;
    host.close_gate("path-read", "flag.txt").await;
    let caller = ask(&host, "/r/x.misbehave");
    host.at_gate("path-read", 1).await;
    host.put("/r/flag.txt", "stop").await;
    host.open_gate("path-read").await;
    let answer = answered("an answer from the new bytes", caller).await;
    assert!(answer.text().contains("stop"), "{}", answer.text());
}

#[tokio::test]
async fn a_call_ends_when_what_it_has_read_changes() {
    let host = alone("3").await;
    host.put("/r/flag.txt", "go").await;
    host.put("/r/x.misbehave", "spin-if ./flag.txt go\n").await;
    let caller = ask(&host, "/r/x.misbehave");
    host.call_that_has_read(0).await;
    host.put("/r/flag.txt", "stop").await;
    let answer = answered("an answer from the new bytes", caller).await;
    assert!(answer.text().contains("stop"), "{}", answer.text());
}

#[tokio::test]
async fn a_call_ends_when_an_alias_that_it_has_read_means_another_file() {
    let host = alone("3").await;
    host.put("/r/flag.js", "go").await;
    host.put("/r/x.misbehave", "spin-if ./flag go\n").await;
    let caller = ask(&host, "/r/x.misbehave");
    host.call_that_has_read(0).await;
    host.put("/r/flag.ts", "stop").await;
    let answer = answered("an answer from the other file", caller).await;
    assert!(answer.text().contains("stop"), "{}", answer.text());
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_ends() {
    let host = alone("3").await;
    host.put("/r/x.misbehave", "spin\n").await;
    let caller = ask(&host, "/r/x.misbehave");
    host.running(1).await;
    caller.abort();
    host.running(0).await;
}

#[tokio::test]
async fn a_payload_without_a_change_costs_no_restart_and_the_next_one_ends_nothing() {
    let host = alone("0").await;
    host.put("/r/flag.txt", "go").await;
    host.put("/r/x.misbehave", "spin-if ./flag.txt go\n").await;
    let caller = ask(&host, "/r/x.misbehave");
    let first = host.call_that_has_read(0).await;
    clear(&host).await;
    host.call_that_has_read(first).await;
    let before = cancelled(&host).await;
    assert!(before > 0.0);
    clear(&host).await;
    assert_eq!(cancelled(&host).await, before);
    host.put("/r/flag.txt", "stop").await;
    let answer = answered("the change is obeyed", caller).await;
    assert_eq!(answer.json()["errors"][0]["code"], "overtaken");
}
