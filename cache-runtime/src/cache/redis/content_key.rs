//! Keys made from content.

use std::fmt::{self, Write as _};

use hmac_sha256::Hash;
use serde::Serialize;
use serde_json::{Number, Value};

/// Makes a key from the parts of some content, such as the text of a prompt and the name of the
/// model.
///
/// The same parts give the same key in every process, on every machine and with every version of
/// this crate. Other parts, or the same text divided differently, give another key. It is a
/// SHA-256, so no other content with the same key can be made. It has 64 hexadecimal digits,
/// whatever the length of the content. For structured content there is [`ContentKey`].
///
/// Hashing takes a second for some hundred MiB: prefer the ID of an attachment to its bytes, where it
/// identifies them. An address does so only if it stays the same. A signed one changes with every
/// signature, so nearly every read would miss: take its path without the query, or the ID in it.
///
/// # Examples
///
/// ```
/// use cache_runtime::redis::content_key;
///
/// let key = content_key(["gpt-4", "What is in this picture?"]);
/// assert_eq!(key.len(), 64);
/// assert_ne!(key, content_key(["gpt-4W", "hat is in this picture?"]));
/// ```
#[must_use]
pub fn content_key<P: AsRef<[u8]>>(parts: impl IntoIterator<Item = P>) -> String {
    parts
        .into_iter()
        .fold(ContentKey::new(), ContentKey::part)
        .finish()
}

/// Makes a key from parts of several kinds; see [`content_key`].
///
/// # Examples
///
/// ```
/// use cache_runtime::redis::ContentKey;
/// use serde_json::json;
///
/// # fn main() -> Result<(), serde_json::Error> {
/// let key = |parameters| {
///     let key = ContentKey::new().part("gpt-4").structure(&parameters)?;
///     Ok::<_, serde_json::Error>(key.finish())
/// };
/// // The order of an object's keys does not matter.
/// assert_eq!(
///     key(json!({"temperature": 0.5, "seed": 7}))?,
///     key(json!({"seed": 7, "temperature": 0.5}))?,
/// );
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "`finish` gives the key"]
pub struct ContentKey(Hash);

impl ContentKey {
    /// A key of no parts.
    pub fn new() -> Self {
        Self(Hash::new())
    }

    /// Adds text, as its bytes in UTF-8, or bytes.
    pub fn part(mut self, part: impl AsRef<[u8]>) -> Self {
        self.bytes(b'b', part.as_ref());
        self
    }

    /// Adds anything that serde can write as JSON.
    ///
    /// The order of the keys of a struct or a map does not matter; that of the items of a list
    /// does. `1` and `1.0` are different.
    ///
    /// # Errors
    ///
    /// When it cannot be written as JSON, such as a map whose keys are not strings.
    pub fn structure<T: Serialize + ?Sized>(mut self, part: &T) -> serde_json::Result<Self> {
        self.value(&serde_json::to_value(part)?);
        Ok(self)
    }

    /// The key: 64 hexadecimal digits.
    #[must_use]
    pub fn finish(self) -> String {
        let mut key = String::with_capacity(64);
        for byte in self.0.finalize() {
            // Writing to a string cannot fail.
            let _ = write!(key, "{byte:02x}");
        }
        key
    }

    /// Every part begins with its kind and its length, so that no part looks like two others.
    fn begin(&mut self, kind: u8, length: usize) {
        self.0.update([kind]);
        self.0.update((length as u64).to_le_bytes());
    }

    fn bytes(&mut self, kind: u8, bytes: &[u8]) {
        self.begin(kind, bytes.len());
        self.0.update(bytes);
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.begin(b'n', 0),
            Value::Bool(value) => self.bytes(b't', &[u8::from(*value)]),
            Value::Number(number) => self.number(number),
            Value::String(text) => self.bytes(b's', text.as_bytes()),
            Value::Array(values) => {
                self.begin(b'a', values.len());
                for value in values {
                    self.value(value);
                }
            }
            Value::Object(members) => {
                self.begin(b'o', members.len());
                // The members may be in any order: a feature of `serde_json` that another crate
                // enables decides.
                let mut members: Vec<_> = members.iter().collect();
                members.sort_unstable_by_key(|(key, _)| *key);
                for (key, value) in members {
                    self.bytes(b'k', key.as_bytes());
                    self.value(value);
                }
            }
        }
    }

    /// Adds a number by its value: how a number is spelled may change with versions.
    fn number(&mut self, number: &Number) {
        if let Some(number) = number.as_u64() {
            self.bytes(b'u', &number.to_le_bytes());
        } else if let Some(number) = number.as_i64() {
            self.bytes(b'i', &number.to_le_bytes());
        } else if let Some(number) = number.as_f64() {
            self.bytes(b'f', &number.to_bits().to_le_bytes());
        } else {
            self.bytes(b'x', number.to_string().as_bytes());
        }
    }
}

impl Default for ContentKey {
    fn default() -> Self {
        Self::new()
    }
}

/// Without the content, which may be anything.
impl fmt::Debug for ContentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContentKey").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};

    use serde_json::json;

    use super::*;

    fn of(value: &impl Serialize) -> String {
        ContentKey::new().structure(value).unwrap().finish()
    }

    /// If these change, every key in every Redis becomes a miss.
    #[test]
    fn stays_the_same() {
        assert_eq!(content_key::<&str>([]), KEY_OF_NOTHING);
        assert_eq!(content_key(["a", "b"]), KEY_OF_PARTS);
        let structure = json!({"b": [1, -1, 1.5, null, true], "a": {"": "x"}});
        assert_eq!(of(&structure), KEY_OF_STRUCTURE);
    }

    const KEY_OF_NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const KEY_OF_PARTS: &str = "412f81899df46c78c08fc1e1f5b002c7f8b798a8ff515c551e4d53e64396174d";
    const KEY_OF_STRUCTURE: &str =
        "27289d77167f3cea09f8aca59544440a1b5299447957f614d35d20e9dd820cd0";

    #[derive(Serialize)]
    struct OneWay {
        a: u32,
        b: [u8; 2],
    }

    #[derive(Serialize)]
    struct OtherWay {
        b: [u8; 2],
        a: u32,
    }

    #[test]
    fn does_not_depend_on_the_order_of_keys() {
        let ordered: BTreeMap<_, _> = (0..100).map(|n| (n.to_string(), n)).collect();
        let reference = of(&ordered);
        for _ in 0..10 {
            let map: HashMap<_, _> = (0..100).map(|n| (n.to_string(), n)).collect();
            assert_eq!(of(&map), reference);
        }
        assert_eq!(
            of(&OneWay { a: 1, b: [2, 3] }),
            of(&OtherWay { a: 1, b: [2, 3] })
        );
    }

    #[test]
    fn tells_contents_apart() {
        let contents = [
            json!(null),
            json!(false),
            json!(true),
            json!(0),
            json!(1),
            json!(-1),
            json!(1.0),
            json!(0.0),
            json!(-0.0),
            json!("1"),
            json!(""),
            json!([]),
            json!([[]]),
            json!([[], []]),
            json!([1, 2]),
            json!([2, 1]),
            json!({}),
            json!({"a": 1}),
            json!({"a": {"b": 1}}),
            json!({"a": {}, "b": 1}),
            json!([{"a": 1}]),
            json!(["a", 1]),
        ];
        let keys: std::collections::BTreeSet<_> = contents.iter().map(of).collect();
        assert_eq!(keys.len(), contents.len());
        let text = ContentKey::new().part("a").finish();
        assert_ne!(text, of(&"a"));
        assert_ne!(content_key(["ab", ""]), content_key(["", "ab"]));
        assert_ne!(content_key(["ab"]), content_key(["a", "b"]));
    }

    #[test]
    fn refuses_a_map_whose_keys_are_no_strings() {
        let pairs = HashMap::from([((1, 2), 3)]);
        assert!(ContentKey::new().structure(&pairs).is_err());
    }
}
