//! The types of keys, and the texts that they are in Redis and in memory.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::ops::Deref;

use crate::cache::Evict;
use crate::cache::memory::distinct;

/// A type of keys of a [`RedisCache`](crate::RedisCache): `str`, or a type that [`key_type`] sets.
///
/// It is implemented for every type that is `Display`, `Clone`, `Hash`, `Eq`, `Send`, `Sync` and
/// `'static`. The key of an entry is the text that a key displays as, in Redis and in memory. So
/// keys that are not equal must display differently, because those that display alike are one
/// entry. Of given keys that display alike, a read of several returns one pair, with the first of
/// them. Equal keys must display alike, always and in every instance. A `str` is taken as it is,
/// without a copy.
///
/// # Panics
///
/// If a key cannot be displayed, there is a panic, as in `to_string`. Where it is
///
/// - given by a caller, the method panics before it has done anything;
/// - returned by a loader of several entries, the read panics after the load, of which nothing is
///   stored;
/// - returned by the closure of [`evict_on`](super::Builder::evict_on), everything is evicted, as
///   if the closure had panicked.
///
/// [`key_type`]: super::Builder::key_type
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the type of the keys of a `RedisCache`",
    label = "expected a type that is `Display`, `Clone`, `Hash` and `Eq`",
    note = "in Redis, a key is the text that it displays as"
)]
pub trait RedisKey: ToOwned<Owned: Hash + Eq + Send + Sync> + Send + Sync + 'static {
    /// How keys become texts. Nothing outside this crate can be one, so no other type is a key.
    #[doc(hidden)]
    type Texts: Texts<Self>;
}

#[diagnostic::do_not_recommend]
impl<K> RedisKey for K
where
    K: fmt::Display + Clone + Hash + Eq + Send + Sync + 'static,
{
    type Texts = Displayed;
}

impl RedisKey for str {
    type Texts = Itself;
}

/// How keys become texts, and texts the keys that a caller has given.
pub trait Texts<K: ToOwned + ?Sized> {
    /// The keys that a caller has given, by their texts; nothing where a text is the key.
    type Given: Default + Send + Sync;

    /// What holds the text of a key: the key itself, or a copy.
    type Text<'k>: Deref<Target = str> + Send + Sync
    where
        K: 'k;

    /// The text of a key.
    fn text(key: &K) -> Self::Text<'_>;

    /// The text of a key that is given away.
    fn into_text(key: K::Owned) -> String;

    /// The texts of keys, each once and in the order in which they came first.
    fn texts<'k>(keys: impl Iterator<Item = &'k K>) -> (Vec<String>, Self::Given)
    where
        K: 'k;

    /// The key that was given with this text.
    fn given(given: &Self::Given, text: String) -> K::Owned;

    /// What an event evicts, by the texts of keys.
    fn evicted(evict: Evict<K::Owned>) -> Evicted;
}

/// What an event evicts, by the texts of keys.
#[derive(Debug)]
pub struct Evicted {
    pub(super) evict: Evict<String>,
    /// Whether it is everything because a predicate cannot be asked about a text.
    pub(super) is_widened: bool,
}

impl From<Evict<String>> for Evicted {
    fn from(evict: Evict<String>) -> Self {
        Self {
            evict,
            is_widened: false,
        }
    }
}

/// The text is the key.
#[derive(Debug)]
pub struct Itself;

impl Texts<str> for Itself {
    type Given = ();

    type Text<'k> = &'k str;

    #[inline]
    fn text(key: &str) -> &str {
        key
    }

    fn into_text(key: String) -> String {
        key
    }

    fn texts<'k>(keys: impl Iterator<Item = &'k str>) -> (Vec<String>, ()) {
        (distinct(keys), ())
    }

    fn given((): &(), text: String) -> String {
        text
    }

    fn evicted(evict: Evict<String>) -> Evicted {
        evict.into()
    }
}

/// The text is what the key displays as.
#[derive(Debug)]
pub struct Displayed;

impl<K> Texts<K> for Displayed
where
    K: fmt::Display + Clone + Send + Sync + 'static,
{
    type Given = HashMap<String, K>;

    type Text<'k> = String;

    fn text(key: &K) -> String {
        key.to_string()
    }

    fn into_text(key: K) -> String {
        key.to_string()
    }

    fn texts<'k>(keys: impl Iterator<Item = &'k K>) -> (Vec<String>, HashMap<String, K>) {
        let (mut texts, mut given) = (Vec::new(), HashMap::new());
        for key in keys {
            let text = key.to_string();
            if !given.contains_key(&text) {
                given.insert(text.clone(), key.clone());
                texts.push(text);
            }
        }
        (texts, given)
    }

    fn given(given: &HashMap<String, K>, text: String) -> K {
        given[&text].clone()
    }

    /// A predicate cannot be asked about a text, so it evicts everything, as it does in Redis.
    fn evicted(evict: Evict<K>) -> Evicted {
        let evict = match evict {
            Evict::Key(key) => Evict::Key(key.to_string()),
            Evict::Keys(keys) => {
                let texts = keys.into_iter().map(|key| key.to_string());
                Evict::Keys(texts.collect())
            }
            Evict::Tags(tags) => Evict::Tags(tags),
            Evict::Matching(_) | Evict::MatchingEntry(_) => {
                return Evicted {
                    evict: Evict::All,
                    is_widened: true,
                };
            }
            Evict::All => Evict::All,
            Evict::Nothing => Evict::Nothing,
        };
        evict.into()
    }
}

/// One of several keys that entries are read by: a key of type `K`, or a reference to one.
///
/// For `str` it is everything that is `AsRef<str>`.
#[diagnostic::on_unimplemented(
    message = "a key of type `{K}` cannot be looked up by a `{Self}`",
    label = "expected references to a `{K}`"
)]
pub trait KeyOf<K: ?Sized> {
    /// The key.
    #[doc(hidden)]
    fn key(&self) -> &K;
}

#[diagnostic::do_not_recommend]
impl<Q: AsRef<str> + ?Sized> KeyOf<str> for Q {
    fn key(&self) -> &str {
        self.as_ref()
    }
}

#[diagnostic::do_not_recommend]
impl<K> KeyOf<K> for K {
    fn key(&self) -> &K {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<K> KeyOf<K> for &K {
    fn key(&self) -> &K {
        self
    }
}
