//! What a registry has.

use realm_tests::component_digest;
use serde_json::json;

use crate::registry::{Door, Registry, manifest};
use crate::server::Reply;
use crate::{Desk, Signer, component, write};

const REPOSITORY: &str = "ann/edition";

#[tokio::test]
async fn a_component_is_pulled_by_its_tag_and_by_its_manifest() {
    let desk = Desk::new();
    let host = desk.host().await;
    host.put("/r/x.edition", "hello").await;
    let registry = Registry::start(Door::Open).await;
    let wasm = component("one");
    let digest = registry.push(REPOSITORY, "1.0.0", &wasm);
    let tagged = registry.reference("ann/edition:1.0.0");
    let pin = component_digest(&wasm);
    let installed = desk.installed(&[&tagged, "--pin", &pin]).await;
    // Which manifest the tag was is kept.
    let source = format!("{tagged}@{digest}");
    assert_eq!(installed["source"], *source, "{installed}");
    assert_eq!(installed["pin"], *pin);
    assert_eq!(host.get("/r/x.edition").await.text(), "one: hello\n");
    // As others have pushed them.
    let kind = "application/vnd.wasm.content.layer.v1+wasm";
    let readme = registry.layer(REPOSITORY, "text/markdown", b"# Edition");
    let layer = registry.layer(REPOSITORY, kind, &component("two"));
    let digest = registry.manifest(REPOSITORY, "latest", &manifest(&[readme, layer]));
    let source = registry.reference(&format!("ann/edition@{digest}"));
    let installed = desk.installed(&[&source]).await;
    assert_eq!(installed["source"], *source, "{installed}");
    assert_eq!(host.get("/r/x.edition").await.text(), "two: hello\n");
    let latest = registry.reference("ann/edition");
    let installed = desk.installed(&[&latest]).await;
    assert_eq!(installed["source"], *source, "{installed}");
}

#[tokio::test]
async fn a_manifest_has_the_signature() {
    let alice = Signer::new("alice");
    let desk = Desk::with(|options| options.env("REALM_PLUGIN_KEYS", &alice.setting()));
    let registry = Registry::start(Door::Open).await;
    let wasm = component("one");
    let layer = registry.layer(REPOSITORY, "application/wasm", &wasm);
    let mut signed = manifest(&[layer]);
    signed["annotations"] = json!({ "realm.plugin.signature": alice.sign(&wasm) });
    registry.manifest(REPOSITORY, "1.0.0", &signed);
    let tagged = registry.reference("ann/edition:1.0.0");
    let installed = desk.installed(&[&tagged]).await;
    assert_eq!(installed["signer"], "alice", "{installed}");
    signed["annotations"] = json!({ "realm.plugin.signature": alice.sign(b"another") });
    registry.manifest(REPOSITORY, "1.0.0", &signed);
    let told = desk.refused(&[&tagged]).await;
    assert!(
        told.contains("its signature does not verify with the key of `alice`"),
        "{told}"
    );
}

#[tokio::test]
async fn registries_know_whom_they_give_to() {
    let wasm = component("one");
    let known = |desk: Desk| Desk {
        options: desk
            .options
            .env("REALM_REGISTRY_USER", "ann")
            .env("REALM_REGISTRY_PASSWORD", "sesame"),
        ..desk
    };
    let config = tempfile::tempdir().expect("a folder");
    for door in [Door::Basic, Door::Token, Door::TokenOfAnn] {
        let registry = Registry::start(door).await;
        registry.push(REPOSITORY, "1", &wasm);
        let reference = registry.reference("ann/edition:1");
        let nobody = Desk::new();
        if door == Door::Token {
            nobody.installed(&[&reference]).await;
        } else {
            let told = nobody.refused(&[&reference]).await;
            let wanted = format!(
                "{reference}: the server gives it only to those whom it knows (401 Unauthorized); `docker login {}` keeps a login, or set REALM_REGISTRY_USER and REALM_REGISTRY_PASSWORD",
                registry.name
            );
            assert_eq!(told, wanted, "{door:?}");
        }
        known(Desk::new()).installed(&[&reference]).await;
        if door == Door::Token {
            continue;
        }
        // As docker knows.
        let logins = json!({ "auths": { &registry.name: { "auth": "YW5uOnNlc2FtZQ==" } } });
        write(
            config.path(),
            "config.json",
            logins.to_string().as_bytes(),
            None,
        );
        let folder = config.path().display().to_string();
        let docker = Desk::with(|options| options.env("DOCKER_CONFIG", &folder));
        docker.installed(&[&reference]).await;
        let logins = json!({ "auths": { &registry.name: { "auth": "YW5uOnNlcw==" } } });
        write(
            config.path(),
            "config.json",
            logins.to_string().as_bytes(),
            None,
        );
        let told = docker.refused(&[&reference]).await;
        assert!(
            told.contains("the login that was given does not do; `docker login"),
            "{told}"
        );
    }
}

#[tokio::test]
async fn a_password_is_told_to_nobody_over_plain_http() {
    let desk = Desk::with(|options| {
        options
            .env("REALM_REGISTRY_USER", "ann")
            .env("REALM_REGISTRY_PASSWORD", "sesame")
    });
    let registry = Registry::start(Door::TokenOverHttp).await;
    let told = desk.refused(&[&registry.reference("ann/edition:1")]).await;
    assert!(
        told.starts_with("http://tokens.invalid/token?") && told.contains("plain http is refused"),
        "{told}"
    );
}

#[tokio::test]
async fn a_layer_is_what_its_digest_says() {
    let desk = Desk::new();
    let registry = Registry::start(Door::Open).await;
    let (wanted, found) = (component("one"), component("two"));
    registry.push(REPOSITORY, "1", &wanted);
    let (wanted, digest) = (component_digest(&wanted), component_digest(&found));
    let blob = format!("ann/edition/blobs/{wanted}");
    registry.put(&blob, Reply::new(200, found.clone()));
    let reference = registry.reference("ann/edition:1");
    let told = desk.refused(&[&reference]).await;
    let wanted = format!(
        "{reference}: the layer's digest is {digest}, and {wanted} is what the manifest says: it was changed on the way, or the registry is broken"
    );
    assert_eq!(told, wanted);
    // Nor is it longer or shorter.
    let whole = found.len();
    registry.put(&blob, Reply::new(200, [found.as_slice(), b"x"].concat()));
    let told = desk.refused(&[&reference]).await;
    let wanted =
        format!("{reference}: the layer has more than the {whole} bytes that its manifest says");
    assert_eq!(told, wanted);
    registry.put(&blob, Reply::new(200, &found[..20_000]).said(whole));
    let told = desk.refused(&[&reference]).await;
    let wanted = format!("{reference}: it was not fetched whole: 20000 of {whole} bytes");
    assert_eq!(told, wanted);
    registry.put(&blob, Reply::new(200, &found[..20_000]));
    assert_eq!(desk.refused(&[&reference]).await, wanted);
    let told = desk
        .refused(&[&reference, "--plugin-component-bytes", "20KiB"])
        .await;
    let wanted = format!(
        "{reference}: it has {whole} bytes, and a component may have 20480 (`plugin-component-bytes`)"
    );
    assert_eq!(told, wanted);
}

#[tokio::test]
async fn a_manifest_is_what_its_digest_says() {
    let desk = Desk::new();
    let registry = Registry::start(Door::Open).await;
    let layer = registry.layer(REPOSITORY, "application/wasm", &component("one"));
    let found = manifest(&[layer]).to_string();
    let wanted = component_digest(b"another");
    let path = format!("ann/edition/manifests/{wanted}");
    registry.put(&path, Reply::new(200, found.clone()));
    let reference = registry.reference(&format!("ann/edition:1@{wanted}"));
    let told = desk.refused(&[&reference]).await;
    let wanted = format!(
        "{reference}: the manifest's digest is {}, and {wanted} was asked for",
        component_digest(found.as_bytes())
    );
    assert_eq!(told, wanted);
}

#[tokio::test]
async fn what_is_no_component_is_told() {
    let desk = Desk::new();
    let registry = Registry::start(Door::Open).await;
    let tar = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    let wasm = registry.layer(REPOSITORY, "application/wasm", &component("one"));
    let other = registry.layer(REPOSITORY, "application/wasm", &component("two"));
    let page = registry.layer(REPOSITORY, "application/wasm", b"<!doctype html>");
    let mut image = manifest(&[registry.layer(REPOSITORY, tar, b"tar")]);
    let as_image = "this is a container image, not a component: it has `application/vnd.docker.image.rootfs.diff.tar.gzip`; a component is one layer of `application/wasm`, as `wkg oci push` pushes it";
    image["config"]["mediaType"] = json!("application/vnd.docker.container.image.v1+json");
    let platform =
        |architecture: &str| json!({ "platform": { "os": "linux", "architecture": architecture } });
    let index = json!({ "schemaVersion": 2, "manifests": [platform("amd64"), platform("arm64")] });
    for (manifest, told) in [
        (image, as_image),
        (
            index,
            "this is an index of 2 manifests, for linux/amd64, linux/arm64; name the one of the component, by `@sha256:…`",
        ),
        (
            manifest(&[]),
            "there is no component in it: it has no layer at all; a component is one layer of `application/wasm`, as `wkg oci push` pushes it",
        ),
        (
            manifest(&[wasm, other]),
            "it has 2 layers that are components (`application/wasm`, `application/wasm`), and a plugin is one",
        ),
        (
            manifest(&[page]),
            "this is no WebAssembly component but a web page (of no type); ask for the file itself: the address of a page that shows it is another one",
        ),
    ] {
        registry.manifest(REPOSITORY, "1", &manifest);
        let reference = registry.reference("ann/edition:1");
        let wanted = format!("{reference}: {told}");
        assert_eq!(desk.refused(&[&reference]).await, wanted);
    }
    registry.put(
        "ann/edition/manifests/1",
        Reply::new(200, "<!doctype html>"),
    );
    let reference = registry.reference("ann/edition:1");
    let told = desk.refused(&[&reference]).await;
    let wanted = format!("{reference}: the registry gives no manifest for it: expected value");
    assert!(told.starts_with(&wanted), "{told}");
    let reference = registry.reference("ann/edition:2");
    let wanted = format!(
        "{reference}: there is no such thing there (404 Not Found; MANIFEST_UNKNOWN: never heard of it)"
    );
    assert_eq!(desk.refused(&[&reference]).await, wanted);
}
