//! What a call has spent, told by an engine without a host.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use realm_host::config::{Config, RawConfig};
use realm_host::plugins::{
    Call, CallError, CallToken, Compiler, Contents, EngineOptions, Kind, NoFiles, Outcome, Plugin,
    PluginEngine, Spent, Work,
};

async fn engine(folder: &Path, meter: bool) -> (Arc<PluginEngine>, Arc<Plugin>) {
    let flags = [("plugin-deadline", "500ms"), ("plugin-memory", "64MiB")];
    let flags = flags.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let settings = RawConfig::gather(&BTreeMap::from(flags), folder).expect("settings");
    let options = EngineOptions {
        limits: Config::new(&settings).expect("settings").limits,
        compiled: folder.join("compiled"),
        meter,
        compiler: Compiler::Here,
    };
    let engine = PluginEngine::new(&options).expect("an engine");
    let component = std::fs::read(realm_tests::guests().join("misbehave.wasm"));
    let component = component.expect("the guest");
    let plugin = Plugin::install(&engine, "misbehave", component).await;
    (engine, plugin.expect("a plugin"))
}

async fn run(
    (engine, plugin): &(Arc<PluginEngine>, Arc<Plugin>),
    directive: &str,
) -> (Result<Outcome, CallError>, Spent) {
    let call = Call {
        id: 1,
        plugin: Arc::clone(plugin),
        realm: String::new(),
        input: Contents {
            url: "https://realm.invalid/x.misbehave".to_owned(),
            path: "x.misbehave".to_owned(),
            media_type: "text/plain".to_owned(),
            bytes: format!("{directive}\n").into(),
        },
        work: Work::Transpile,
        options: "{}".to_owned(),
        files: Arc::new(NoFiles),
        token: CallToken::default(),
    };
    engine.measure(call).await
}

#[tokio::test]
async fn every_call_says_what_it_has_spent_and_a_metered_one_how_much_it_did() {
    let folder = tempfile::tempdir().expect("a folder");
    let metered = engine(folder.path(), true).await;
    let (outcome, quick) = run(&metered, "echo hi").await;
    let Ok(Outcome::Output(output)) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(quick.output_bytes, output.contents.len());
    assert_eq!(quick.input_bytes, "echo hi\n".len());
    assert!(
        quick.memory_peak >= 64 << 10 && quick.memory_peak < 32 << 20,
        "{quick:?}"
    );
    assert!(
        (Duration::from_micros(1)..Duration::from_secs(20)).contains(&quick.time),
        "{quick:?}"
    );
    assert_eq!((quick.reads, quick.log_bytes, quick.refused), (0, 0, false));
    let (_, again) = run(&metered, "echo hi").await;
    assert!(
        quick.fuel > Some(0) && again.fuel == quick.fuel,
        "{quick:?} {again:?}"
    );
    let (_, reads) = run(&metered, "reads 7").await;
    assert_eq!(reads.reads, 7);
    assert!(reads.fuel > quick.fuel, "{reads:?}");
    let (_, logs) = run(&metered, "log 600").await;
    assert!((1_800..4_000).contains(&logs.log_bytes), "{logs:?}");
    // Those that fail too.
    let (outcome, spun) = run(&metered, "spin").await;
    assert_eq!(outcome.expect_err("it spins").kind, Kind::Timeout);
    assert!(
        spun.time > Duration::from_millis(1) && spun.fuel > Some(0),
        "{spun:?}"
    );
    let (outcome, greedy) = run(&metered, "allocate").await;
    assert!(matches!(
        outcome.expect_err("it wants all").kind,
        Kind::Memory | Kind::Timeout
    ));
    assert!(greedy.memory_peak > quick.memory_peak, "{greedy:?}");
    let (_, room) = run(&metered, "room 134217728").await;
    assert!(room.refused, "{room:?}");
    // An engine as hosts have it does not count.
    let plain = engine(folder.path(), false).await;
    let (outcome, spent) = run(&plain, "echo hi").await;
    assert!(outcome.is_ok() && spent.fuel.is_none(), "{spent:?}");
}
