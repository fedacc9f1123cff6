use hyper::StatusCode;
use hyper::header::HeaderValue;
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::Url;

use super::client::{Answer, Bound, Client, Question, looks_like_wasm};
use super::manifest::{ACCEPT, Manifest, SIGNATURE};
use super::{FetchError, Fetched, OciReference, Progress, login};
use crate::outbound::is_loopback;

/// Bytes of a manifest: no registry takes larger ones.
const MANIFEST_BYTES: usize = 4 << 20;
/// Bytes of what a registry says of an error.
const ERROR_BYTES: usize = 64 << 10;

/// Fetches the component of a manifest, with the signature that it names.
pub(super) async fn pull(
    client: &Client,
    reference: &OciReference,
    progress: Progress<'_>,
) -> Result<Fetched, FetchError> {
    let name = reference.to_string();
    let repository = repository(reference)?;
    let mut question = Question {
        accept: Some(HeaderValue::from_static(ACCEPT)),
        ..Question::default()
    };
    let manifest = join(&repository, "manifests", reference.version());
    let mut answer = client.get(&manifest, &question).await?;
    if answer.status == StatusCode::UNAUTHORIZED {
        let said = login::answer_to(client, reference, &manifest, &answer.headers).await?;
        question.authorization = Some(said);
        answer = client.get(&manifest, &question).await?;
    }
    let read = good(client, reference, answer, &question).await?;
    let bound = Bound {
        most: MANIFEST_BYTES,
        what: "a manifest",
        setting: "",
        exactly: None,
    };
    let bytes = client
        .read(&name, read, &bound, &|_, _| Ok(()), &|_, _| ())
        .await?;
    let digest = sha256(&bytes);
    if let Some(wanted) = reference.digest.as_ref()
        && *wanted != digest
        && !mutant!("manifest-digest-not-compared")
    {
        return Err(FetchError::Digest {
            name,
            what: "manifest",
            found: digest,
            wanted: wanted.clone(),
            why: "was asked for",
        });
    }
    let said = |problem: String| FetchError::Manifest {
        name: name.clone(),
        problem,
    };
    let manifest: Manifest = serde_json::from_slice(&bytes)
        .map_err(|error| said(format!("the registry gives no manifest for it: {error}")))?;
    let layer = manifest.component().map_err(said)?;
    question.accept = None;
    let blob = join(&repository, "blobs", &layer.digest);
    let answer = client.get(&blob, &question).await?;
    let answer = good(client, reference, answer, &question).await?;
    let bound = client.component_bound(Some(layer.size));
    let look = |headers: &_, first: &[u8]| looks_like_wasm(&name, headers, first);
    let component = client.read(&name, answer, &bound, &look, progress).await?;
    let found = sha256(&component);
    if found != layer.digest && !mutant!("layer-digest-not-compared") {
        return Err(FetchError::Digest {
            name,
            what: "layer",
            found,
            wanted: layer.digest.clone(),
            why: "is what the manifest says: it was changed on the way, or the registry is broken",
        });
    }
    Ok(Fetched {
        source: reference.of_manifest(&digest),
        component,
        signature: manifest.annotations.get(SIGNATURE).cloned(),
    })
}

/// The answer, if it is what was asked for; else what the registry says of it.
async fn good(
    client: &Client,
    reference: &OciReference,
    answer: Answer,
    question: &Question,
) -> Result<Answer, FetchError> {
    if answer.status == StatusCode::OK {
        return Ok(answer);
    }
    let name = reference.to_string();
    let status = answer.status;
    let bound = Bound {
        most: ERROR_BYTES,
        what: "an error",
        setting: "",
        exactly: None,
    };
    let read = client.read(&name, answer, &bound, &|_, _| Ok(()), &|_, _| ());
    // What it says is for people; without it there still is the status.
    let body: Value = serde_json::from_slice(&read.await.unwrap_or_default()).unwrap_or_default();
    let errors = body["errors"].as_array().into_iter().flatten();
    let message = |error: &Value| {
        let (code, message) = (error["code"].as_str()?, error["message"].as_str());
        Some(match message.unwrap_or_default() {
            "" => code.to_owned(),
            message => format!("{code}: {message}"),
        })
    };
    let mut told = status.to_string();
    for message in errors.filter_map(message) {
        told = format!("{told}; {message}");
    }
    Err(match status {
        StatusCode::NOT_FOUND => FetchError::Absent { name, told },
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            login::unknown(reference, &told, question.authorization.is_some())
        }
        _ => FetchError::Refused { name, told },
    })
}

/// Where a registry has what belongs to a repository. One on this machine is asked over http.
fn repository(reference: &OciReference) -> Result<Url, FetchError> {
    let host = match reference.registry.as_str() {
        "docker.io" | "index.docker.io" => "registry-1.docker.io",
        registry => registry,
    };
    let url = |scheme: &str| {
        let url = Url::parse(&format!("{scheme}://{host}/v2/{}/", reference.repository));
        url.map_err(|error| FetchError::Reference {
            text: reference.to_string(),
            problem: error.to_string(),
        })
    };
    let secure = url("https")?;
    if is_loopback(&secure) {
        return url("http");
    }
    Ok(secure)
}

fn join(repository: &Url, kind: &str, name: &str) -> Url {
    let mut url = repository.clone();
    url.set_path(&format!("{}{kind}/{name}", repository.path()));
    url
}

fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{:x}", Sha256::digest(bytes))
}
