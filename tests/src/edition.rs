use serde_json::{Value, json};
use sha2_next::{Digest, Sha256};

use crate::options::built_guest;

/// A plugin of a test's own: a transpiler that gives its text and the input.
#[derive(Clone, Debug)]
pub struct Edition(Value);

/// How the slot in the component begins, and its bytes.
const SLOT: (&[u8], usize) = (b"edition:{}", 264);

impl Edition {
    /// Plugin `edition` of `.edition` files.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(json!({
            "name": "edition", "version": "1.0.0", "takes": ".edition", "gives": ".js", "text": text,
        }))
    }

    /// Of another name, version or rule (`takes`, `gives`), or that `does` something (`hold`, `random`, `stage`), or
    /// with a `schema` of its options (`options` for the one of stages).
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.0[key] = json!(value);
        self
    }

    /// The component.
    ///
    /// # Panics
    /// When `make guests` has not been run, or there is no room for all this.
    #[must_use]
    pub fn component(&self) -> Vec<u8> {
        let mut bytes = built_guest("realm_test_editions");
        let (begin, size) = SLOT;
        let mut windows = bytes.windows(begin.len());
        let at = windows.position(|window| window == begin).expect("a slot");
        let text = format!("edition:{}", self.0);
        assert!(text.len() <= size, "{text}");
        bytes[at..at + size].fill(b' ');
        bytes[at..at + text.len()].copy_from_slice(text.as_bytes());
        bytes
    }
}

/// What a component is known by.
#[must_use]
pub fn component_digest(component: &[u8]) -> String {
    let digest = Sha256::digest(component);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}
