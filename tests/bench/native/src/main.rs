//! Transpiles files with the code of the plugin `typescript`, natively, and prints how long that took. It is built as the
//! plugin is (profile `plugin`), so that WebAssembly is all that is between the two. Line by line: the passes asked for on
//! standard input, a JSON object for each on standard output.

use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

use realm_guest_sdk::testing::MemoryFiles;
use realm_guest_sdk::{Request, Transpiler};
use realm_plugin_typescript::TypeScript;
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

fn main() {
    let requests: Vec<Request> = std::env::args()
        .skip(1)
        .map(|path| request(&path))
        .collect();
    let mut output = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        if line.is_err() {
            return;
        }
        let pass = pass(&requests);
        if writeln!(output, "{pass}")
            .and_then(|()| output.flush())
            .is_err()
        {
            return;
        }
    }
}

fn request(path: &str) -> Request {
    let contents = std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let name = path.rsplit('/').next().unwrap_or(path);
    MemoryFiles::new().with(name, contents).request(name)
}

/// Every file once: nanoseconds of each, and of the whole in time and in processor time.
fn pass(requests: &[Request]) -> serde_json::Value {
    let realm = MemoryFiles::new();
    let (begun, cpu) = (Instant::now(), processor());
    let mut files = Vec::with_capacity(requests.len());
    let mut bytes = 0;
    for request in requests {
        let request = request.clone();
        let begun = Instant::now();
        let output = TypeScript::transpile(request, &realm);
        files.push(begun.elapsed().as_nanos() as u64);
        bytes += output.map_or(0, |output| output.contents.len());
    }
    json!({
        "wall": begun.elapsed().as_nanos() as u64, "cpu": (processor() - cpu).as_nanos() as u64,
        "files": files, "output": bytes,
    })
}

/// Processor time of this process.
fn processor() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
