use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::future::BoxFuture;
use url::Url;

use super::{Asked, ReadError, Reader};
use crate::plugins::{Contents, Files, Found, InFlight, ReadEntry, ReadFailure, ReadTrouble};
use crate::realm::{LocalPath, RealmSettings, media_type};
use crate::registry::Mounted;

/// What guests see in place of the asking realm's URL. A derivation is shared by every realm with the same bytes, so its
/// guest must not be able to tell which of them asked.
const STAND_IN: &str = "https://realm.invalid/";

/// The URL of a file of the asking realm, as guests see it.
pub(crate) fn guest_url(path: &LocalPath) -> String {
    format!("{STAND_IN}{}", path.encode())
}

/// What one call may read, recorded in its read set.
pub(crate) struct CallFiles {
    pub(crate) reader: Reader,
    pub(crate) realm: Arc<Mounted>,
    pub(crate) settings: Arc<RealmSettings>,
    pub(crate) call: Arc<InFlight>,
}

/// How often a file that changes while it is read is read again before the call is given up.
const TRIES: usize = 10;

impl Files for CallFiles {
    fn read(
        &self,
        specifier: String,
        referrer: String,
    ) -> BoxFuture<'_, Result<Result<Contents, ReadFailure>, ReadTrouble>> {
        Box::pin(async move {
            let Some((url, everywhere)) = self.join(&specifier, &referrer) else {
                return Ok(self.untold(ReadFailure::Outside));
            };
            if !everywhere {
                self.call.bound.store(true, Ordering::SeqCst);
            }
            if let Some(path) = self.realm.url.local(&url) {
                return self.read_local(&self.realm, path).await;
            }
            if url.starts_with(self.realm.url.as_str()) {
                return Ok(Err(ReadFailure::NotFound));
            }
            let Some((realm, rest)) = self.reader.0.registry.find(&url) else {
                return Ok(self.untold(ReadFailure::Outside));
            };
            if !mutant!("foreign-not-asked-when-read") {
                let fresh = self.reader.ensure_fresh(&realm, Asked::now()).await;
                fresh.map_err(trouble)?;
            }
            let public = self.reader.is_public(&realm).await.map_err(trouble)?;
            if !public && !mutant!("guests-read-private-realms") {
                return Ok(self.untold(ReadFailure::Forbidden));
            }
            let Ok(path) = LocalPath::decode(rest) else {
                return Ok(Err(ReadFailure::NotFound));
            };
            self.read_local(&realm, path).await
        })
    }
}

impl CallFiles {
    /// Nothing that could be compared later, so nothing that this call gives may be kept.
    fn untold(&self, failure: ReadFailure) -> Result<Contents, ReadFailure> {
        self.call.untold.store(true, Ordering::SeqCst);
        Err(failure)
    }

    /// The absolute URL that a specifier means, and whether it means the same file of whatever realm asks.
    fn join(&self, specifier: &str, referrer: &str) -> Option<(String, bool)> {
        let real = |url: &str| {
            let rest = url.strip_prefix(STAND_IN);
            rest.map_or_else(
                || url.to_owned(),
                |rest| format!("{}{rest}", self.realm.url),
            )
        };
        let relative = ["./", "../", "/"]
            .iter()
            .any(|start| specifier.starts_with(start));
        if relative {
            let url = String::from(Url::parse(&real(referrer)).ok()?.join(specifier).ok()?);
            // Seen from the stand-in it leads to the same place, unless it climbs out of the realm.
            let seen = Url::parse(referrer).ok()?.join(specifier).ok()?;
            let everywhere = referrer.starts_with(STAND_IN) && real(seen.as_str()) == url;
            return Some((url, everywhere));
        }
        if Url::parse(specifier).is_ok() {
            return Some((real(specifier), specifier.starts_with(STAND_IN)));
        }
        let mapped = self.settings.imports.iter().filter_map(|(from, to)| {
            let rest = if from == specifier {
                ""
            } else {
                specifier
                    .strip_prefix(from.as_str())
                    .filter(|_| from.ends_with('/'))?
            };
            Some((from.len(), format!("{to}{rest}")))
        });
        let (_, target) = mapped.max_by_key(|(length, _)| *length)?;
        let url = Url::parse(self.realm.url.as_str())
            .ok()?
            .join(&target)
            .ok()?;
        Some((String::from(url), false))
    }

    async fn read_local(
        &self,
        realm: &Arc<Mounted>,
        path: LocalPath,
    ) -> Result<Result<Contents, ReadFailure>, ReadTrouble> {
        // On the list before it is loaded: an invalidation finds it there, or has raised the floors that are compared after.
        let place = self.call.looking(ReadEntry {
            realm: realm.id,
            path: path.clone(),
            found: None,
        });
        for _ in 0..TRIES {
            let (resolved, _) = self.reader.resolve(realm, &path).await.map_err(trouble)?;
            let resolution = &resolved.resolution;
            let file = resolution
                .file
                .as_ref()
                .map(|file| (file.path.clone(), file.blob));
            let found = Found {
                read_at: resolution.read_at,
                file,
                stamp: resolved.stamp.clone(),
            };
            if found.file.is_some() || !mutant!("absent-read-not-recorded") {
                self.call.found(place, found);
            }
            // Compared after it is on the list: a change either finds it there, or has raised the floor before.
            if resolved.stamp.is_overtaken() && !mutant!("old-bytes-handed-to-a-guest") {
                continue;
            }
            let Some(file) = &resolution.file else {
                return Ok(Err(ReadFailure::NotFound));
            };
            if file.size > self.reader.0.limits.max_file_bytes as u64 {
                return Ok(Err(ReadFailure::TooLarge));
            }
            let bytes = self.reader.bytes(realm, file.blob).await;
            let Some(bytes) = bytes.map_err(trouble)? else {
                continue;
            };
            let own = Arc::ptr_eq(realm, &self.realm);
            let url = if own {
                guest_url(&file.path)
            } else {
                realm.url.join(&file.path)
            };
            let media_type = media_type(file.path.as_str()).to_owned();
            return Ok(Ok(Contents {
                url,
                path: file.path.to_string(),
                media_type,
                bytes,
            }));
        }
        Err(ReadTrouble(format!(
            "{path} changes faster than it can be read"
        )))
    }
}

fn trouble(error: ReadError) -> ReadTrouble {
    ReadTrouble(error.to_string())
}
