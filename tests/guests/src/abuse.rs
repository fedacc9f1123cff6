//! What exceeds a limit: time, memory, stack, log.

use std::hint::black_box;
use std::io::Write;

use realm_guest_sdk::log as host_log;

/// Never returns.
pub(crate) fn spin() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

/// Never returns; ends when the host refuses more memory.
pub(crate) fn allocate() -> ! {
    const STEP: usize = 1 << 20;
    let mut held = Vec::new();
    loop {
        // Not zeros, so that no page is left to the host to share.
        held.push(black_box(vec![0xa5_u8; STEP]));
        black_box(&held);
    }
}

/// Recurses until the stack is used up. The work after the call keeps it from becoming a loop.
pub(crate) fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    if black_box(depth) == u64::MAX {
        return depth;
    }
    recurse(depth + 1).wrapping_add(black_box(frame)[(depth % 64) as usize])
}

/// Writes at least `bytes` bytes, in lines, to each of the three ways out.
pub(crate) fn log(bytes: usize) {
    let line = "the quick brown fox jumps over the lazy dog, again and again";
    for _ in 0..bytes.div_ceil(line.len()) {
        host_log::info(line);
        // A host that closes the streams is right to do so, and no reason to end.
        drop(writeln!(std::io::stdout(), "{line}"));
        drop(writeln!(std::io::stderr(), "{line}"));
    }
}
