use std::collections::HashMap;
use std::hash::Hash;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::RwLock;
use quick_cache::sync::Cache;
use quick_cache::{DefaultHashBuilder, Lifecycle, Weighter};

use crate::realm::RealmId;

/// A value that knows how many bytes it takes.
pub trait Weigh {
    /// Bytes, the value's own bookkeeping included.
    fn weight(&self) -> usize;
}

impl Weigh for crate::realm::LocalPath {
    fn weight(&self) -> usize {
        self.as_str().len()
    }
}

impl Weigh for Arc<str> {
    fn weight(&self) -> usize {
        self.len()
    }
}

impl Weigh for crate::realm::BlobHash {
    fn weight(&self) -> usize {
        0
    }
}

/// Bytes that one realm has in one cache. Counted by the values themselves, as they come and go.
type Usage = Arc<AtomicUsize>;

#[derive(Debug)]
struct Held<V> {
    value: V,
    weight: usize,
    usage: Usage,
}

impl<V> Drop for Held<V> {
    fn drop(&mut self) {
        self.usage.fetch_sub(self.weight, Ordering::Relaxed);
    }
}

/// A cached value: cheap to clone, kept alive by whoever holds it.
#[derive(Debug)]
pub struct Cached<V>(Arc<Held<V>>);

impl<V> Clone for Cached<V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<V> Deref for Cached<V> {
    type Target = V;

    fn deref(&self) -> &V {
        &self.0.value
    }
}

#[derive(Clone, Debug)]
struct ByWeight;

impl<K, V> Weighter<K, Cached<V>> for ByWeight {
    fn weight(&self, _: &K, value: &Cached<V>) -> u64 {
        value.0.weight as u64
    }
}

/// Keeps what belongs to realms that hold no more than their share, so that one that reads a lot evicts only its own.
#[derive(Clone, Debug)]
struct FairShare {
    share: Arc<AtomicU64>,
}

impl<K, V> Lifecycle<K, Cached<V>> for FairShare {
    type RequestState = ();

    fn is_pinned(&self, _: &K, value: &Cached<V>) -> bool {
        (value.0.usage.load(Ordering::Relaxed) as u64) <= self.share.load(Ordering::Relaxed)
    }
}

/// A cache with a bound in bytes, in which no realm can evict all others: half of the room is shared out evenly among
/// the realms that use it, and nothing within a realm's part of it is evicted for another's sake.
pub struct ByteCache<K, V> {
    cache: Cache<(RealmId, K), Cached<V>, ByWeight, DefaultHashBuilder, FairShare>,
    usage: RwLock<HashMap<RealmId, Usage>>,
    share: Arc<AtomicU64>,
    capacity: u64,
}

impl<K, V> std::fmt::Debug for ByteCache<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ByteCache")
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

impl<K: Eq + Hash + Clone + Weigh, V: Weigh> ByteCache<K, V> {
    /// Holds at most about `capacity` bytes.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity as u64;
        let share = Arc::new(AtomicU64::new(capacity / 2));
        let items = usize::try_from(capacity / 4096)
            .unwrap_or(usize::MAX)
            .max(64);
        let lifecycle = FairShare {
            share: Arc::clone(&share),
        };
        let cache = Cache::with(
            items,
            capacity,
            ByWeight,
            DefaultHashBuilder::default(),
            lifecycle,
        );
        Self {
            cache,
            usage: RwLock::default(),
            share,
            capacity,
        }
    }

    /// The value of `key`. It is the caller's to check that it is current.
    #[must_use]
    pub fn get(&self, realm: RealmId, key: &K) -> Option<Cached<V>> {
        self.cache.get(&(realm, key.clone()))
    }

    /// Keeps a value. Whether it is current is compared when it is asked for, so it need not be when it comes.
    pub fn insert(&self, realm: RealmId, key: K, value: V) -> Cached<V> {
        let weight = value.weight() + key.weight() + size_of::<(RealmId, K, Held<V>)>();
        let usage = self.usage_of(realm);
        usage.fetch_add(weight, Ordering::Relaxed);
        let cached = Cached(Arc::new(Held {
            value,
            weight,
            usage,
        }));
        self.cache.insert((realm, key), cached.clone());
        cached
    }

    /// Bytes and entries held now.
    #[must_use]
    pub fn size(&self) -> (u64, usize) {
        (self.cache.weight(), self.cache.len())
    }

    fn usage_of(&self, realm: RealmId) -> Usage {
        if let Some(usage) = self.usage.read().get(&realm) {
            return Arc::clone(usage);
        }
        let mut all = self.usage.write();
        let usage = Arc::clone(all.entry(realm).or_default());
        self.share
            .store(self.capacity / 2 / all.len() as u64, Ordering::Relaxed);
        usage
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::{ByteCache, Weigh};
    use crate::realm::RealmId;

    impl Weigh for usize {
        fn weight(&self) -> usize {
            0
        }
    }

    impl Weigh for Vec<u8> {
        fn weight(&self) -> usize {
            self.len()
        }
    }

    const KIB: usize = 1024;

    #[test]
    fn the_bound_holds_under_ten_times_as_many_bytes() {
        let cache = ByteCache::new(4 * KIB * KIB);
        for number in 0..10 * KIB {
            cache.insert(RealmId(1), number, vec![0; 4 * KIB]);
        }
        let (bytes, entries) = cache.size();
        assert!(bytes <= 4 * 1024 * 1024, "{bytes}");
        assert!(entries > 512, "the room is used: {entries}");
    }

    #[test]
    fn one_realm_does_not_evict_another_within_its_share() {
        let cache = ByteCache::new(4 * KIB * KIB);
        for number in 0..64 {
            cache.insert(RealmId(1), number, vec![1; 4 * KIB]);
        }
        for number in 0..10 * KIB {
            cache.insert(RealmId(2), number, vec![2; 4 * KIB]);
        }
        let kept = (0..64)
            .filter(|number| cache.get(RealmId(1), number).is_some())
            .count();
        assert_eq!(kept, 64);
        assert!(cache.size().0 <= 4 * 1024 * 1024);
    }

    #[test]
    fn what_is_replaced_is_not_counted_any_more() {
        let cache = ByteCache::new(KIB * KIB);
        for _ in 0..10 {
            cache.insert(RealmId(1), 1, vec![0; KIB]);
        }
        let (bytes, entries) = cache.size();
        assert_eq!(entries, 1);
        let counted = cache.usage_of(RealmId(1)).load(Ordering::Relaxed);
        assert_eq!(counted as u64, bytes);
    }
}
