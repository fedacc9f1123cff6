use std::io::Write;
use std::sync::Arc;

use bytes::{BufMut as _, Bytes, BytesMut};
use hyper::HeaderMap;
use hyper::header::ACCEPT_ENCODING;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::cache::{ByteCache, Flights, Weigh};
use crate::config::Coding;
use crate::reading::Prepared;
use crate::realm::RealmId;

/// Bodies below this size gain nothing: they fit one packet with their headers.
const WORTHWHILE: usize = 1024;
/// Brotli's middle: a third of gzip's time saved, and better than its best.
const BROTLI_QUALITY: u32 = 5;
/// Brotli's window, as a power of two.
const BROTLI_WINDOW: u32 = 22;

/// Which bytes in which coding. The bytes are named by the tag that their answers show, so a coded body is never stale.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    tag: Arc<str>,
    form: Form,
}

/// What is made of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Form {
    /// The whole body in a coding.
    Coded(Coding),
    /// What of a page is the same in every answer, as the end of a gzip stream.
    Deflated,
}

impl Weigh for Key {
    fn weight(&self) -> usize {
        self.tag.len()
    }
}

/// A body in a coding, with headers for it; no bytes: it came out no smaller, and is sent as it is.
#[derive(Clone, Debug)]
struct Coded(Option<Bytes>, Prepared);

impl Coded {
    fn sent(&self) -> Option<(Bytes, Prepared)> {
        Some((self.0.clone()?, Arc::clone(&self.1)))
    }
}

/// What prepared headers take, at most about.
const PREPARED: usize = 1024;

impl Weigh for Coded {
    fn weight(&self) -> usize {
        PREPARED + self.0.as_ref().map_or(0, Bytes::len)
    }
}

/// Bodies in the codings that clients ask for, each computed once.
#[derive(Debug)]
pub(super) struct Codings {
    offered: Vec<Coding>,
    cache: ByteCache<Key, Coded>,
    flights: Flights<Key, Coded>,
    turns: Arc<Semaphore>,
}

impl Codings {
    /// Offers these, the preferred one first, and holds at most `capacity` bytes.
    pub(super) fn new(offered: Vec<Coding>, capacity: usize) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            offered,
            cache: ByteCache::new(capacity),
            flights: Flights::new(Handle::current()),
            turns: Arc::new(Semaphore::new(cores)),
        }
    }

    /// Bytes and entries held.
    pub(super) fn size(&self) -> (u64, usize) {
        self.cache.size()
    }

    /// The coding in which a body of this type and size is sent to whoever asks with `headers`; none: as it is.
    pub(super) fn chosen(
        &self,
        headers: &HeaderMap,
        media_type: &str,
        size: usize,
    ) -> Option<Coding> {
        if size < WORTHWHILE || !is_compressible(media_type) {
            return None;
        }
        preferred(headers, &self.offered)
    }

    /// A body in a coding; none when that is no smaller.
    pub(super) async fn coded(
        &self,
        realm: RealmId,
        tag: &str,
        body: &Bytes,
        coding: Coding,
    ) -> Option<(Bytes, Prepared)> {
        self.made(realm, tag, body, Form::Coded(coding)).await
    }

    /// Whether a page is sent in gzip to whoever asks with `headers`.
    pub(super) fn takes_gzip(&self, headers: &HeaderMap) -> bool {
        self.offered.contains(&Coding::Gzip) && preferred(headers, &[Coding::Gzip]).is_some()
    }

    /// A page in gzip; none when that is not to be had. What is the same in every answer is compressed once; before it
    /// comes what is not, as it stands.
    pub(super) async fn gzipped(
        &self,
        (realm, tag): (RealmId, &str),
        before: &str,
        after: &Bytes,
    ) -> Option<Bytes> {
        let length = u16::try_from(before.len()).ok()?;
        let (rest, _) = self.made(realm, tag, after, Form::Deflated).await?;
        let mut check = flate2::Crc::new();
        check.update(before.as_bytes());
        check.update(after);
        let mut whole = BytesMut::with_capacity(rest.len() + before.len() + 32);
        // RFC 1952: no name, no time, whatever system; then RFC 1951: a block that is stored, and is not the last.
        whole.put_slice(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 0]);
        whole.put_u16_le(length);
        whole.put_u16_le(!length);
        whole.put_slice(before.as_bytes());
        whole.put_slice(&rest);
        whole.put_u32_le(check.sum());
        whole.put_u32_le(check.amount());
        Some(whole.freeze())
    }

    async fn made(
        &self,
        realm: RealmId,
        tag: &str,
        body: &Bytes,
        form: Form,
    ) -> Option<(Bytes, Prepared)> {
        let key = Key {
            tag: tag.into(),
            form,
        };
        if let Some(known) = self.cache.get(realm, &key) {
            return known.sent();
        }
        let (body, turns) = (body.clone(), Arc::clone(&self.turns));
        let mut waiter = self.flights.join(key.clone(), |_| async move {
            let _turn = turns.acquire_owned().await;
            let done = tokio::task::spawn_blocking(move || encode(&body, form)).await;
            Coded(done.ok().flatten(), Prepared::default())
        });
        let coded = waiter.result().await?;
        self.cache.insert(realm, key, coded.clone());
        coded.sent()
    }
}

fn encode(body: &[u8], form: Form) -> Option<Bytes> {
    let mut coded = Vec::with_capacity(body.len() / 2);
    // Writing to a vector does not fail.
    match form {
        Form::Coded(Coding::Brotli) => {
            let mut writer =
                brotli::CompressorWriter::new(&mut coded, 4096, BROTLI_QUALITY, BROTLI_WINDOW);
            writer.write_all(body).ok()?;
        }
        Form::Coded(Coding::Gzip) => {
            let mut writer =
                flate2::write::GzEncoder::new(&mut coded, flate2::Compression::default());
            writer.write_all(body).ok()?;
            writer.finish().ok()?;
        }
        Form::Deflated => {
            let level = flate2::Compression::default();
            let mut writer = flate2::write::DeflateEncoder::new(&mut coded, level);
            writer.write_all(body).ok()?;
            writer.finish().ok()?;
        }
    }
    (coded.len() < body.len()).then(|| coded.into())
}

/// The tag of a body as it is, from its tag in some coding.
pub(super) fn uncoded(tag: &str) -> &str {
    let codings = [Coding::Brotli, Coding::Gzip];
    let bare = |coding: Coding| tag.strip_suffix(coding.as_str())?.strip_suffix('-');
    // `*` would stand for any tag, which `*-br` does not.
    let bare = codings
        .into_iter()
        .find_map(bare)
        .filter(|bare| *bare != "*");
    bare.unwrap_or(tag)
}

/// Text and its like; pictures, films and archives are compressed already.
fn is_compressible(media_type: &str) -> bool {
    media_type.starts_with("text/")
        || media_type.ends_with("+json")
        || media_type.ends_with("+xml")
        || matches!(
            media_type,
            "application/json"
                | "application/javascript"
                | "application/xml"
                | "application/wasm"
                | "application/manifest+json"
                | "font/ttf"
                | "font/otf"
                | "image/bmp"
                | "image/x-icon"
        )
}

/// The coding that `Accept-Encoding` weighs highest among those offered, and above sending the body as it is (RFC 9110,
/// section 12.5.3); ties go to the earlier one.
fn preferred(headers: &HeaderMap, offered: &[Coding]) -> Option<Coding> {
    let values = headers.get_all(ACCEPT_ENCODING).iter();
    let (mut weights, mut star, mut identity) = (vec![None; offered.len()], None, None);
    for item in values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
    {
        let mut parts = item.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let weight = parts
            .find_map(|parameter| {
                let (name, value) = parameter.split_once('=')?;
                name.trim()
                    .eq_ignore_ascii_case("q")
                    .then(|| value.trim().parse::<f32>().unwrap_or(0.0))
            })
            .unwrap_or(1.0);
        if name == "*" {
            star = Some(weight);
        } else if name.eq_ignore_ascii_case("identity") {
            identity = Some(weight);
        } else if let Some(place) = offered.iter().position(|coding| {
            name.eq_ignore_ascii_case(coding.as_str())
                || (*coding == Coding::Gzip && name.eq_ignore_ascii_case("x-gzip"))
        }) {
            weights[place] = Some(weight);
        }
    }
    let mut best = (identity.unwrap_or(0.0), None);
    for (coding, weight) in offered.iter().zip(weights) {
        let weight = weight.or(star).unwrap_or(0.0);
        let better = weight > best.0 || (weight == best.0 && best.1.is_none());
        if weight > 0.0 && better {
            best = (weight, Some(*coding));
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use hyper::HeaderMap;
    use hyper::header::{ACCEPT_ENCODING, HeaderValue};

    use super::{Form, encode, preferred};
    use crate::config::Coding::{self, Brotli, Gzip};

    fn chosen(value: &'static str) -> Option<Coding> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(value));
        preferred(&headers, &[Brotli, Gzip])
    }

    #[test]
    fn the_heaviest_coding_wins_and_ties_go_to_ours() {
        for (value, expected) in [
            ("gzip, deflate, br", Some(Brotli)),
            ("gzip", Some(Gzip)),
            ("x-gzip", Some(Gzip)),
            ("GZIP;Q=1.0, br;q=0.5", Some(Gzip)),
            ("gzip;q=0.5, br;q=0", Some(Gzip)),
            ("*", Some(Brotli)),
            ("br;q=0, *", Some(Gzip)),
            ("*;q=0", None),
            ("identity, gzip;q=0.5", None),
            ("identity;q=0.5, gzip", Some(Gzip)),
            ("identity;q=0, gzip;q=0.1", Some(Gzip)),
            ("zstd", None),
            ("", None),
            ("gzip;q=nonsense", None),
        ] {
            assert_eq!(chosen(value), expected, "{value}");
        }
        assert_eq!(preferred(&HeaderMap::new(), &[Brotli, Gzip]), None);
    }

    #[test]
    fn what_does_not_shrink_is_left_as_it_is() {
        let text = "export const a = 1;\n".repeat(100);
        for coding in [Form::Coded(Brotli), Form::Coded(Gzip), Form::Deflated] {
            assert!(encode(text.as_bytes(), coding).unwrap().len() < 200);
            let noise: Vec<u8> = (0..4096).map(|_| rand::random()).collect();
            assert!(encode(&noise, coding).is_none());
        }
    }
}
