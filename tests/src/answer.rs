use std::collections::HashMap;

use reqwest::header::HeaderValue;
use serde_json::Value;

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Headers by lower-case name.
    pub headers: HashMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// Reads a response to its end.
    ///
    /// # Errors
    /// When it breaks off.
    pub async fn of(response: reqwest::Response) -> reqwest::Result<Self> {
        let status = response.status().as_u16();
        let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
        let headers = response.headers().iter();
        let headers = headers
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect();
        Ok(Self {
            status,
            headers,
            body: response.bytes().await?.to_vec(),
        })
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// A header's value; empty when it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// What `Realm-Generation` says.
    ///
    /// # Panics
    /// When it says nothing.
    #[must_use]
    pub fn generation(&self) -> i64 {
        self.header("realm-generation")
            .parse()
            .unwrap_or_else(|_| panic!("no generation: {self:?}"))
    }

    /// The errors of an error document.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn errors(&self) -> Vec<Value> {
        assert_eq!(
            self.header("content-type"),
            "application/vnd.api+json",
            "{}",
            self.text()
        );
        self.json()["errors"]
            .as_array()
            .cloned()
            .expect("an error document")
    }
}
