//! What realms are filled with.

use std::fmt::Write as _;

use anyhow::Result;
use serde_json::json;

use crate::client::{Connection, request};

/// A TypeScript module of about so many bytes, with types all over; no two of a `seed` are the same.
pub(crate) fn module(seed: usize, bytes: usize) -> String {
    let mut text = format!("// Module {seed}.\n");
    let mut number = 0;
    while text.len() < bytes {
        let _ = write!(
            text,
            "export interface Shape{number} {{ readonly id: number; name?: string; tags: ReadonlyArray<string>; }}
export function measure{number}<T extends Shape{number}>(shapes: readonly T[], scale: number = {seed}): Map<string, number> {{
    const sums = new Map<string, number>();
    for (const shape of shapes as readonly Shape{number}[]) {{
        const key: string = shape.name ?? `shape-${{shape.id}}`;
        if (shape.tags.length === 0 || shape.id < {number}) continue;
        sums.set(key, (sums.get(key) ?? 0) + shape.tags.map((tag: string) => tag.length).reduce((a, b) => a + b, 0) * scale);
    }}
    return sums satisfies Map<string, number>;
}}
"
        );
        number += 1;
    }
    text
}

/// Plain text of exactly so many bytes; no two of a `seed` are the same.
pub(crate) fn text(seed: usize, bytes: usize) -> String {
    let mut text = format!("{seed:012} ");
    while text.len() < bytes {
        let _ = writeln!(
            text,
            "The quick brown fox {seed} jumps over the lazy dog {}.",
            text.len()
        );
    }
    text.truncate(bytes);
    text
}

/// Writes files in few large commits.
pub(crate) async fn write(
    url: &str,
    realm: &str,
    files: impl Iterator<Item = (String, String)>,
) -> Result<()> {
    let mut connection = Connection::open(url).await?;
    let path = format!("{realm}_atomic");
    let (mut batch, mut bytes) = (Vec::new(), 0);
    let mut files = files.peekable();
    while let Some((name, content)) = files.next() {
        bytes += content.len();
        batch.push(json!({ "op": "add", "href": name, "data": { "type": "source", "attributes": { "content": content } } }));
        if batch.len() < 4000 && bytes < 16 << 20 && files.peek().is_some() {
            continue;
        }
        let body = json!({ "atomic:operations": batch }).to_string();
        connection
            .send(&request("POST", &path, &[], body.as_bytes()))
            .await?
            .good()?;
        (batch, bytes) = (Vec::new(), 0);
    }
    Ok(())
}
