use docker_credential::{CredentialRetrievalError, DockerCredential};
use http_auth::{ChallengeRef, parse_challenges};
use hyper::StatusCode;
use hyper::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use serde_json::Value;
use url::Url;

use super::client::{Bound, Client, Question, basic, shown};
use super::{FetchError, OciReference};

/// Bytes of a token's answer.
const TOKEN_BYTES: usize = 1 << 20;

/// A user, and what shows that one is.
type Login = (String, String);

/// What a registry wants to hear, after it has asked who one is.
pub(super) async fn answer_to(
    client: &Client,
    reference: &OciReference,
    registry: &Url,
    asked: &HeaderMap,
) -> Result<HeaderValue, FetchError> {
    let name = reference.to_string();
    let login = login(client, reference)?;
    let headers = asked.get_all(WWW_AUTHENTICATE).iter();
    let headers: Vec<_> = headers.filter_map(|value| value.to_str().ok()).collect();
    let challenges = headers
        .iter()
        .filter_map(|text| parse_challenges(text).ok());
    let challenges: Vec<_> = challenges.flatten().collect();
    let by = |scheme: &str| {
        let mut challenges = challenges.iter();
        challenges.find(|challenge| challenge.scheme.eq_ignore_ascii_case(scheme))
    };
    if let Some(bearer) = by("bearer") {
        return token(client, reference, registry, bearer, login).await;
    }
    match (by("basic"), login) {
        (Some(_), Some((user, password))) => basic(&user, &password).ok_or(FetchError::Login {
            name,
            problem: "its login has characters that cannot be sent".to_owned(),
        }),
        (Some(_), None) => Err(unknown(reference, "401 Unauthorized", false)),
        (None, _) => Err(FetchError::Refused {
            name,
            told: format!(
                "401 Unauthorized, and asks for a login of a kind that is not known here: {}",
                headers.join(", ")
            ),
        }),
    }
}

/// Why whoever one is does not get it.
pub(super) fn unknown(reference: &OciReference, told: &str, knows: bool) -> FetchError {
    let registry = &reference.registry;
    let known = if knows {
        "the login that was given does not do; "
    } else {
        ""
    };
    FetchError::Forbidden {
        name: reference.to_string(),
        told: told.to_owned(),
        hint: format!(
            "{known}`docker login {registry}` keeps a login, or set REALM_REGISTRY_USER and REALM_REGISTRY_PASSWORD"
        ),
    }
}

/// Asks whom the registry names for a token. It hears the password, so it is asked over TLS.
async fn token(
    client: &Client,
    reference: &OciReference,
    registry: &Url,
    bearer: &ChallengeRef<'_>,
    login: Option<Login>,
) -> Result<HeaderValue, FetchError> {
    let refused = |told: String| FetchError::Refused {
        name: reference.to_string(),
        told,
    };
    let parameter = |wanted: &str| {
        let mut parameters = bearer.params.iter();
        let found = parameters.find(|(key, _)| key.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value.to_unescaped())
    };
    let realm = parameter("realm").and_then(|realm| registry.join(&realm).ok());
    let Some(mut url) = realm else {
        return Err(refused(
            "401 Unauthorized, and does not say where a token is to be had".to_owned(),
        ));
    };
    let scope = parameter("scope");
    let scope = scope.unwrap_or_else(|| format!("repository:{}:pull", reference.repository));
    if let Some(service) = parameter("service") {
        url.query_pairs_mut().append_pair("service", &service);
    }
    url.query_pairs_mut().append_pair("scope", &scope);
    let knows = login.is_some();
    let question = Question {
        authorization: login.and_then(|(user, password)| basic(&user, &password)),
        ..Question::default()
    };
    let answer = client.get(&url, &question).await?;
    match answer.status {
        StatusCode::OK => {}
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            return Err(unknown(reference, &answer.status.to_string(), knows));
        }
        _ => return Err(answer.error(shown(&url), "")),
    }
    let bound = Bound {
        most: TOKEN_BYTES,
        what: "a token",
        setting: "",
        exactly: None,
    };
    let at = shown(&url);
    let read = client.read(&at, answer, &bound, &|_, _| Ok(()), &|_, _| ());
    let answer: Value = serde_json::from_slice(&read.await?).unwrap_or_default();
    let token = answer["token"].as_str().or(answer["access_token"].as_str());
    let header = token.and_then(|token| HeaderValue::try_from(format!("Bearer {token}")).ok());
    header.ok_or_else(|| refused(format!("401 Unauthorized, and {at} gives no token")))
}

/// As settings say, else as docker and podman know; none: nobody.
fn login(client: &Client, reference: &OciReference) -> Result<Option<Login>, FetchError> {
    if let Some(login) = &client.options.login {
        return Ok(Some((
            login.user.clone(),
            login.password.expose().to_owned(),
        )));
    }
    let server = match reference.registry.as_str() {
        "docker.io" | "index.docker.io" => "https://index.docker.io/v1/",
        registry => registry,
    };
    let found = match docker_credential::get_credential(server) {
        Err(error) if is_none(&error) => docker_credential::get_podman_credential(server),
        found => found,
    };
    let unusable = |problem: String| FetchError::Login {
        name: reference.to_string(),
        problem,
    };
    match found {
        Ok(DockerCredential::UsernamePassword(user, password)) => Ok(Some((user, password))),
        Ok(DockerCredential::IdentityToken(_)) => Err(unusable(format!(
            "docker's login at {server} is an identity token, which is good for docker alone"
        ))),
        Err(error) if is_none(&error) => Ok(None),
        Err(error) => Err(unusable(format!(
            "docker's login at {server} cannot be read: {error}"
        ))),
    }
}

/// Whether there is no login, and nothing wrong with it. A helper says of one that it does not have that it has failed.
fn is_none(error: &CredentialRetrievalError) -> bool {
    matches!(
        error,
        CredentialRetrievalError::NoCredentialConfigured
            | CredentialRetrievalError::ConfigNotFound
            | CredentialRetrievalError::ConfigReadError
            | CredentialRetrievalError::HelperFailure { .. }
    )
}
