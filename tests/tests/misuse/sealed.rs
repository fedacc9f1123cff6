//! Compiled code on disk is trusted only as far as this host has put it there.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use realm_tests::{Edition, Host, HostOptions, Storage, component_digest};
use tempfile::TempDir;

/// A data folder with compiled code of its own, as another host has left it, under the key of all tests.
async fn folder() -> (TempDir, HostOptions, String) {
    let first = HostOptions::new(Storage::Sqlite).start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let compiled = folder.path().join("compiled");
    std::fs::create_dir(&compiled).expect("a fresh folder");
    for plugin in first.admin("/_plugins").await.json()["data"]
        .as_array()
        .expect("a list")
    {
        let digest = plugin["digest"].as_str().expect("a digest");
        let file = compiled_file(&first.data.join("compiled"), digest);
        let name = file.file_name().expect("a name");
        std::fs::copy(&file, compiled.join(name)).expect("a file");
    }
    let options = HostOptions::new(Storage::Sqlite).with("role", "serve");
    let options = options.in_folder(folder.path());
    let host = options.clone().with_realm().await.0;
    host.put("/r/x.edition", "hello").await;
    let component = Edition::new("one").component();
    let digest = component_digest(&component);
    let request = host.admin_request("PUT", &format!("/_plugins/{digest}"));
    assert_eq!(host.send(request.body(component)).await.status, 200);
    assert!(host.stop().await);
    (folder, options, digest)
}

fn compiled_file(folder: &Path, digest: &str) -> PathBuf {
    let hex = digest.trim_start_matches("sha256:");
    let mut files = std::fs::read_dir(folder).expect("a folder").flatten();
    let file = files.find(|file| file.file_name().to_string_lossy().starts_with(hex));
    file.expect("a compiled plugin").path()
}

const TOLD: &str =
    "a compiled plugin is not what this host has put there: it is not used, and compiled again";

async fn serves(host: &Host) {
    assert_eq!(host.get("/r/x.edition").await.text(), "one: hello\n");
}

#[tokio::test]
async fn code_that_was_tampered_with_is_compiled_again_and_said_so() {
    let (folder, options, digest) = folder().await;
    let compiled = folder.path().join("compiled");
    let file = compiled_file(&compiled, &digest);
    let good = std::fs::read(&file).expect("a file");
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        bytes
    };
    let middle = good.len() / 2;
    // Of the same host, the same engine and the same length of name: another plugin's.
    let other = std::fs::read_dir(&compiled).expect("a folder").flatten();
    let other = other.map(|other| other.path()).find(|other| *other != file);
    let other = std::fs::read(other.expect("another")).expect("a file");
    for bad in [
        with(&|bytes| bytes[middle] ^= 1),
        with(&|bytes| bytes[0] ^= 1),
        with(&|bytes| bytes.truncate(middle)),
        with(&|bytes| bytes.truncate(7)),
        with(&|bytes| bytes.push(0)),
        other,
    ] {
        std::fs::write(&file, &bad).expect("a file");
        let host = options.clone().start().await;
        host.says(TOLD).await;
        host.says(file.file_name().expect("a name").to_str().expect("text"))
            .await;
        serves(&host).await;
        assert!(host.stop().await);
        // It was put right.
        assert_ne!(std::fs::read(&file).expect("a file"), bad);
    }
    let host = options.start().await;
    serves(&host).await;
    assert!(!host.log().contains(TOLD), "{}", host.log());
}

#[tokio::test]
async fn code_of_another_key_is_not_trusted() {
    let (folder, options, _) = folder().await;
    let key = folder.path().join("compiled.key");
    std::fs::remove_file(&key).expect("a key");
    let mut bytes = [0; 32];
    bytes[7] = 1;
    std::fs::write(&key, bytes).expect("a key");
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).expect("a key");
    let log = options.clone().try_start().await.expect_err("a refusal");
    assert!(
        log.contains("compiled.key: the key of the compiled plugins must be a file that nobody but the user who runs the host may read"),
        "{log}"
    );
}

#[tokio::test]
async fn code_that_nobody_uses_goes() {
    let (folder, options, digest) = folder().await;
    let compiled = folder.path().join("compiled");
    let (old, recent) = (compiled.join("old.cwasm"), compiled.join("recent.cwasm"));
    let days = |days: u64| SystemTime::now() - Duration::from_secs(days * 24 * 3600);
    for (file, age) in [(&old, 31), (&recent, 29)] {
        let file = std::fs::File::create(file).expect("a file");
        file.set_modified(days(age)).expect("a time");
    }
    // What is used is young again.
    let used = compiled_file(&compiled, &digest);
    let file = std::fs::File::options().append(true).open(&used);
    file.and_then(|file| file.set_modified(days(29)))
        .expect("a time");
    let host = options.start().await;
    serves(&host).await;
    assert!(!old.exists() && recent.exists());
    let modified = std::fs::metadata(&used).and_then(|used| used.modified());
    assert!(modified.expect("a time") > days(1));
}
