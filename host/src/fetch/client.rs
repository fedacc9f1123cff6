use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::StatusCode;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION};
use reqwest::Response;
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::{FetchError, FetchOptions, Progress};
use crate::outbound::{self, is_loopback};

/// Asks servers, and takes no more of what they answer than it may.
pub(super) struct Client {
    pub(super) options: FetchOptions,
    /// For servers on this machine, and for others.
    near: OnceCell<reqwest::Client>,
    far: OnceCell<reqwest::Client>,
    deadline: Instant,
}

/// What a server has answered, and has not been read yet.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    body: Response,
}

/// What is asked for, and how.
#[derive(Clone, Default)]
pub(super) struct Question {
    pub(super) accept: Option<HeaderValue>,
    /// For whom was asked alone: wherever a server leads on to does not get it.
    pub(super) authorization: Option<HeaderValue>,
    /// Whether it does not matter who else is on the way.
    pub(super) plain: bool,
}

/// How many bytes something may have.
pub(super) struct Bound {
    pub(super) most: usize,
    pub(super) what: &'static str,
    pub(super) setting: &'static str,
    /// How many it has to have.
    pub(super) exactly: Option<u64>,
}

/// A look at what comes first: it may be something else.
pub(super) type Look<'a> = &'a (dyn Fn(&HeaderMap, &[u8]) -> Result<(), FetchError> + Sync);

impl Client {
    pub(super) fn new(options: FetchOptions) -> Self {
        Self {
            deadline: Instant::now() + options.timeout,
            options,
            near: OnceCell::new(),
            far: OnceCell::new(),
        }
    }

    /// The component at a URL.
    pub(super) async fn component(
        &self,
        url: &Url,
        progress: Progress<'_>,
    ) -> Result<Vec<u8>, FetchError> {
        let name = shown(url);
        let answer = self.get(url, &self.question(url)).await?;
        if answer.status != StatusCode::OK {
            return Err(answer.error(name, "give a user and a password in the URL, `https://user:password@…`, or fetch the file by other means and install that"));
        }
        let bound = self.component_bound(None);
        let look = |headers: &HeaderMap, first: &[u8]| looks_like_wasm(&name, headers, first);
        self.read(&name, answer, &bound, &look, progress).await
    }

    /// The signature at a URL; none: there is none.
    pub(super) async fn signature(&self, url: &Url) -> Result<Option<String>, FetchError> {
        let name = shown(url);
        let answer = self.get(url, &self.question(url)).await?;
        match answer.status {
            StatusCode::OK => {}
            // Stores of files say "forbidden" of what is not there.
            StatusCode::NOT_FOUND | StatusCode::FORBIDDEN | StatusCode::GONE => return Ok(None),
            _ => return Err(answer.error(name, "its component was given to everyone")),
        }
        let bound = Bound {
            most: self.options.signature_bytes,
            what: "a signature",
            setting: "",
            exactly: None,
        };
        let read = self.read(&name, answer, &bound, &|_, _| Ok(()), &|_, _| ());
        Ok(Some(String::from_utf8_lossy(&read.await?).into_owned()))
    }

    /// What a component may have.
    pub(super) fn component_bound(&self, exactly: Option<u64>) -> Bound {
        Bound {
            most: self.options.component_bytes,
            what: "a component",
            setting: " (`plugin-component-bytes`)",
            exactly,
        }
    }

    fn question(&self, url: &Url) -> Question {
        let authorization = (!url.username().is_empty() || url.password().is_some()).then(|| {
            let part = |text: &str| {
                let decoded = percent_encoding::percent_decode_str(text);
                decoded.decode_utf8_lossy().into_owned()
            };
            basic(&part(url.username()), &part(url.password().unwrap_or("")))
        });
        Question {
            accept: None,
            authorization: authorization.flatten(),
            plain: self.options.pinned,
        }
    }

    /// Asks, and goes where it is led.
    pub(super) async fn get(&self, url: &Url, question: &Question) -> Result<Answer, FetchError> {
        let name = shown(url);
        let mut at = url.clone();
        let mut led = 0;
        loop {
            let near = is_loopback(&at) && is_loopback(url);
            if at.scheme() != "https" && !near && !question.plain {
                if led == 0 && !mutant!("plain-http-fetched") {
                    return Err(FetchError::Plain { name });
                }
                if led > 0 && !mutant!("led-to-plain-http") {
                    let to = shown(&at);
                    return Err(FetchError::LedToPlain { name, to });
                }
            }
            let answer = self.once(&name, &at, url, question).await?;
            if !answer.status.is_redirection() || answer.status == StatusCode::NOT_MODIFIED {
                return Ok(answer);
            }
            let location = answer.headers.get(LOCATION);
            let to = location.and_then(|to| at.join(to.to_str().ok()?).ok());
            let Some(to) = to.filter(|to| matches!(to.scheme(), "http" | "https")) else {
                let told = format!("{} and not where it is", answer.status);
                return Err(FetchError::Refused { name, told });
            };
            if led == self.options.redirects {
                let most = self.options.redirects;
                return Err(FetchError::LedOn {
                    name,
                    most,
                    to: shown(&to),
                });
            }
            (at, led) = (to, led + 1);
        }
    }

    async fn once(
        &self,
        name: &str,
        at: &Url,
        asked: &Url,
        question: &Question,
    ) -> Result<Answer, FetchError> {
        let broken = |problem: String| FetchError::Connection {
            name: name.to_owned(),
            problem,
        };
        let mut bare = at.clone();
        // They may be set to nothing, since it is http.
        let _ = bare.set_username("").and(bare.set_password(None));
        let cell = if is_loopback(at) {
            &self.near
        } else {
            &self.far
        };
        let client = cell.get_or_try_init(|| async { outbound::client(at) });
        let mut request = client.await.map_err(broken)?.get(bare);
        if let Some(accept) = &question.accept {
            request = request.header(ACCEPT, accept);
        }
        let same = at.origin() == asked.origin() || mutant!("login-told-to-others");
        if let Some(authorization) = question.authorization.as_ref().filter(|_| same) {
            request = request.header(AUTHORIZATION, authorization);
        }
        let answer = timeout_at(self.deadline, request.send()).await;
        let answer = answer.map_err(|_| self.slow(name, 0))?;
        let body = answer.map_err(|error| broken(outbound::problem(&error)))?;
        Ok(Answer {
            status: body.status(),
            headers: body.headers().clone(),
            body,
        })
    }

    /// Reads an answer to its end, and no further than it may go.
    pub(super) async fn read(
        &self,
        name: &str,
        answer: Answer,
        bound: &Bound,
        look: Look<'_>,
        progress: Progress<'_>,
    ) -> Result<Vec<u8>, FetchError> {
        let too_large = |size: String| FetchError::TooLarge {
            name: name.to_owned(),
            size,
            what: bound.what,
            most: bound.most,
            setting: bound.setting,
        };
        let Answer {
            headers, mut body, ..
        } = answer;
        let size = bound.exactly.or(body.content_length());
        if let Some(size) = size.filter(|size| *size > bound.most as u64) {
            return Err(too_large(size.to_string()));
        }
        let mut bytes = Vec::new();
        let mut looked = false;
        loop {
            let truncated = |fetched: usize| FetchError::Truncated {
                name: name.to_owned(),
                fetched,
                of: size.map_or_else(
                    || "an unknown number of".to_owned(),
                    |size| size.to_string(),
                ),
            };
            let chunk = timeout_at(self.deadline, body.chunk()).await;
            match chunk.map_err(|_| self.slow(name, bytes.len()))? {
                Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
                Err(_) => return Err(truncated(bytes.len())),
                Ok(None) => {
                    if !looked {
                        look(&headers, &bytes)?;
                    }
                    match bound.exactly {
                        Some(wanted) if (bytes.len() as u64) < wanted => {
                            return Err(truncated(bytes.len()));
                        }
                        _ => return Ok(bytes),
                    }
                }
            }
            let most = size.unwrap_or(bound.most as u64).min(bound.most as u64);
            if bytes.len() as u64 > most && !mutant!("fetched-without-bound") {
                return Err(match bound.exactly {
                    Some(said) => FetchError::Manifest {
                        name: name.to_owned(),
                        problem: format!(
                            "the layer has more than the {said} bytes that its manifest says"
                        ),
                    },
                    None => too_large(format!("more than {most}")),
                });
            }
            if !looked && bytes.len() >= 8 {
                look(&headers, &bytes)?;
                looked = true;
            }
            progress(bytes.len() as u64, size);
        }
    }

    fn slow(&self, name: &str, fetched: usize) -> FetchError {
        FetchError::Slow {
            name: name.to_owned(),
            limit: self.options.timeout,
            fetched,
        }
    }
}

impl Answer {
    /// Why a server that answers like this does not give what was asked for.
    pub(super) fn error(&self, name: String, hint: &str) -> FetchError {
        let told = self.status.to_string();
        match self.status {
            StatusCode::NOT_FOUND | StatusCode::GONE => FetchError::Absent { name, told },
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => FetchError::Forbidden {
                name,
                told,
                hint: hint.to_owned(),
            },
            _ => FetchError::Refused { name, told },
        }
    }
}

/// Whether what comes begins as WebAssembly does.
pub(super) fn looks_like_wasm(
    name: &str,
    headers: &HeaderMap,
    first: &[u8],
) -> Result<(), FetchError> {
    if first.starts_with(b"\0asm") {
        return Ok(());
    }
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or("of no type").to_owned();
    let html = kind.starts_with("text/html") || first.trim_ascii_start().starts_with(b"<");
    let (what, hint) = if html {
        let hint = "ask for the file itself: the address of a page that shows it is another one";
        (format!("a web page ({kind})"), hint)
    } else {
        let hint = "it does not begin as WebAssembly does";
        (format!("something else ({kind})"), hint)
    };
    Err(FetchError::NoComponent {
        name: name.to_owned(),
        what,
        hint,
    })
}

/// A URL as it may be shown and stored: without its password.
pub(super) fn shown(url: &Url) -> String {
    let mut shown = url.clone();
    let _ = shown.set_username("").and(shown.set_password(None));
    shown.into()
}

/// What a user says with a password; none: it cannot be said.
pub(super) fn basic(user: &str, password: &str) -> Option<HeaderValue> {
    let said = STANDARD.encode(format!("{user}:{password}"));
    let mut value = HeaderValue::try_from(format!("Basic {said}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}
