use axum::response::Response;
use hyper::body::{Body as _, Incoming};
use hyper::header::{ALLOW, CONTENT_LENGTH, HOST, RETRY_AFTER};
use hyper::{HeaderMap, Method, Request, StatusCode, Version};

use super::authorize::Need;
use super::error::{Problem, respond};
use super::{
    App, answer, atomic, events, index, info, origin, permissions, read, readiness, realms,
    runtime, search, server, write,
};
use crate::reading::Asked;
use crate::registry::Found;

/// Names at a realm's root that are no files.
const RESERVED: [&str; 12] = [
    "_atomic",
    "_dependencies",
    "_events",
    "_indexing-errors",
    "_info",
    "_invalidate",
    "_mtimes",
    "_permissions",
    "_readiness-check",
    "_reindex",
    "_search",
    "_types",
];

/// Whether a local path is an endpoint's.
pub(super) fn is_reserved(path: &str) -> bool {
    path.starts_with('_') && RESERVED.contains(&path)
}

impl App {
    /// Answers a request to the public socket.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Response {
        let seen = self.0.observer.begin(&request);
        let is_head = request.method() == Method::HEAD;
        let asked = self.0.cors.is_set().then(|| request.headers().clone());
        let mut response = seen.in_span(self.route(request)).await;
        if is_head {
            // The length stays: it is what a GET would bring.
            let body = std::mem::take(response.body_mut());
            if let Some(length) = body.size_hint().exact().filter(|length| *length > 0) {
                let headers = response.headers_mut();
                headers.entry(CONTENT_LENGTH).or_insert(length.into());
            }
        }
        if let Some(asked) = asked {
            origin::allow(&self.0.cors, &asked, response.headers_mut());
        }
        self.0.observer.end(seen, &mut response);
        response
    }

    async fn route(&self, request: Request<Incoming>) -> Response {
        if let Err(problem) = host_is_one(&request) {
            return respond(&problem);
        }
        // Whoever watches over this host is answered, however much there is to do.
        match (request.method(), request.uri().path()) {
            (&Method::GET | &Method::HEAD, "/_health") => return server::health().await,
            (&Method::GET | &Method::HEAD, "/_ready") => return server::ready(self),
            (_, "/_health" | "/_ready") => return respond(&no_method("GET, HEAD")),
            _ => {}
        }
        let Ok(_turn) = self.0.requests.try_acquire() else {
            metrics::counter!("realm_requests_shed_total").increment(1);
            let detail = "this host has all the requests that it takes on at one time (`max-requests`); come again";
            let busy = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail);
            return respond(&busy.with_header(RETRY_AFTER.as_str(), "1"));
        };
        if runtime::is_at(request.uri().path()) {
            let answer = match *request.method() {
                Method::GET | Method::HEAD => Box::pin(runtime::jsx(self, request.headers())).await,
                _ => Err(no_method("GET, HEAD")),
            };
            return answer.unwrap_or_else(|problem| respond(&problem));
        }
        let answer = match realms::Endpoint::at(request.uri().path()) {
            Some(endpoint) => match endpoint.method() {
                method if request.method() == method => {
                    Box::pin(realms::answer(self, endpoint, request)).await
                }
                method => Err(no_method(method.as_str())),
            },
            None => self.dispatch(request).await,
        };
        answer.unwrap_or_else(|problem| respond(&problem))
    }

    async fn dispatch(&self, request: Request<Incoming>) -> Result<Response, Problem> {
        let asked = Asked::now();
        let (parts, body) = request.into_parts();
        // A preflight has no credentials: the same for every URL, whatever realm there is.
        if parts.method == Method::OPTIONS {
            return Ok(origin::options(&self.0.cors, &parts.headers));
        }
        let visitor = self.visitor(&parts.headers)?;
        // Of HTTP/2 and of the absolute form the authority, else the Host.
        let host = parts
            .uri
            .authority()
            .map(|authority| authority.as_str())
            .or_else(|| parts.headers.get(HOST)?.to_str().ok());
        let path = parts.uri.path();
        let known = self.0.registry.generation();
        let is_get = parts.method == Method::GET;
        let searches = search::is_asked(&parts.method, &parts.headers);
        let reads = is_get || parts.method == Method::HEAD;
        let mut found = self.find(host, path);
        match &found {
            None => self.look_again(path).await?,
            Some(Found::Realm(realm, _) | Found::LacksSlash(realm)) => {
                self.0.reader.ensure_known(realm, asked).await;
            }
        }
        // Another reader of the registry may have been the one to find it.
        if found.is_none() || self.0.registry.generation() != known {
            found = self.find(host, path);
        }
        let (realm, rest) = match found.ok_or_else(|| visitor.no_realm())? {
            Found::Realm(realm, rest) => (realm, Some(&path[path.len() - rest..])),
            Found::LacksSlash(realm) => (realm, None),
        };
        // A search is a read, whatever its method looks like.
        let searches = searches && rest == Some("_search") && !mutant!("search-as-a-write");
        let need = match rest {
            Some("_readiness-check") => Need::Sight,
            Some("_permissions") => Need::Own,
            _ if reads || searches => Need::Read,
            _ => Need::Write,
        };
        let seen = self
            .judge(&realm, &visitor, need, (&parts.headers, asked))
            .await?;
        let Some(rest) = rest else {
            let query = parts.uri.query();
            let query = query.map(|query| format!("?{query}")).unwrap_or_default();
            return if reads {
                Ok(answer::redirect(&format!("{}{query}", realm.url.path())))
            } else {
                Err(no_method("GET, HEAD, OPTIONS"))
            };
        };
        if !reads && !searches {
            self.refuse_foreign(&parts.headers, realm.url.origin())?;
        }
        let ask = read::Ask {
            app: self,
            realm: &realm,
            headers: &parts.headers,
            query: parts.uri.query().unwrap_or_default(),
            is_get,
            visitor: &visitor,
            seen,
            asked,
        };
        if is_reserved(rest) {
            let may = |methods: &str| {
                let fits = methods.split(", ").any(|method| parts.method == *method);
                fits.then_some(()).ok_or_else(|| no_method(methods))
            };
            return match rest {
                "_atomic" => {
                    may("POST")?;
                    Box::pin(atomic::atomic(self, &realm, body)).await
                }
                "_invalidate" => {
                    may("POST")?;
                    Box::pin(write::invalidate(self, &realm, body)).await
                }
                "_events" => {
                    may("GET, HEAD")?;
                    Box::pin(events::events(&ask)).await
                }
                "_types" => {
                    may("GET, HEAD")?;
                    Box::pin(index::types(&ask)).await
                }
                "_dependencies" => {
                    may("GET, HEAD")?;
                    Box::pin(index::dependencies(&ask)).await
                }
                "_indexing-errors" => {
                    may("GET, HEAD")?;
                    Box::pin(index::errors(&ask)).await
                }
                "_info" => {
                    may("GET, HEAD")?;
                    Box::pin(info::info(&ask)).await
                }
                "_mtimes" => {
                    may("GET, HEAD")?;
                    Box::pin(info::mtimes(&ask)).await
                }
                "_permissions" => {
                    may("GET, HEAD, PATCH")?;
                    Box::pin(permissions::permissions(&ask, &parts.method, body)).await
                }
                "_reindex" => {
                    may("POST")?;
                    Box::pin(write::reindex(self, &realm)).await
                }
                "_readiness-check" => {
                    may("GET, HEAD")?;
                    Box::pin(readiness::check(&ask)).await
                }
                "_search" if searches => {
                    let ask = read::Ask {
                        is_get: true,
                        ..ask
                    };
                    Box::pin(search::search(&ask, body)).await
                }
                "_search" => Err(search::wrong_method()),
                _ => Err(Problem::new(
                    StatusCode::NOT_FOUND,
                    "not-found",
                    "this host has no such endpoint",
                )),
            };
        }
        // Reads are what there is most of: they must not carry the room that the others need.
        match &parts.method {
            &Method::GET | &Method::HEAD => read::read(&ask, rest).await,
            &Method::PUT | &Method::POST => {
                Box::pin(write::put(
                    self,
                    &realm,
                    rest,
                    &parts.method,
                    &parts.headers,
                    body,
                ))
                .await
            }
            &Method::DELETE => Box::pin(write::delete(self, &realm, rest, &parts.headers)).await,
            _ => Err(no_method(origin::METHODS)),
        }
    }

    /// What a request's URL names: under its host, by either scheme, else under this host's own origin.
    fn find(&self, host: Option<&str>, path: &str) -> Option<Found> {
        let registry = &self.0.registry;
        let by = |scheme: &str, port: &str| {
            let host = host?;
            let host = host.strip_suffix(port).unwrap_or(host);
            let mut url = format!("{scheme}{host}{path}/");
            url[..scheme.len() + host.len()].make_ascii_lowercase();
            registry.locate(&url)
        };
        by("http://", ":80")
            .or_else(|| by("https://", ":443"))
            .or_else(|| registry.locate(&format!("{}{path}/", self.0.origin)))
    }

    pub(super) fn refuse_foreign(&self, headers: &HeaderMap, own: &str) -> Result<(), Problem> {
        origin::refuse_foreign(headers, own, &self.0.origin, &self.0.cors)
    }
}

/// HTTP/1.1 asks for one Host that can be one (RFC 9112, section 3.2).
fn host_is_one(request: &Request<Incoming>) -> Result<(), Problem> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let first = hosts.next();
    let needed = request.version() == Version::HTTP_11;
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b".:[]-_~%!$&'()*+,;=".contains(byte);
    let good = first.map_or(!needed, |host| host.as_bytes().iter().all(fits));
    if good && hosts.next().is_none() {
        return Ok(());
    }
    let detail = "the request needs one Host header: a name or an address, and a port where it is not the usual one";
    Err(Problem::new(StatusCode::BAD_REQUEST, "bad-host", detail))
}

fn no_method(allowed: &str) -> Problem {
    let detail = format!("this takes {allowed}");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail)
        .with_header(ALLOW.as_str(), allowed)
}
