//! Runs a target on its seeds and on generated input, and says how to see a failure again.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Once;

use rand::SeedableRng;
use rand::rngs::StdRng;
use realm_host::fuzzing::{TARGETS, Target};

use super::generate::generate;

/// Cases of each target, without `REALM_FUZZ_CASES`.
const CASES: u64 = 20_000;

/// One case in so many must be taken, and one refused: parsers that refuse everything keep every property.
const SHARE: u64 = 20;

/// The longest that a failure is made shorter for, in runs of its target.
const SHRINKS: usize = 20_000;

thread_local! {
    /// What the target that runs here said when it panicked; none: nobody catches it.
    static SAID: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs a target.
pub(crate) fn run(name: &str) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    let (_, target) = target.unwrap_or_else(|| panic!("there is no target `{name}`"));
    let seeds = seeds(name);
    let broken: Vec<_> = seeds
        .iter()
        .filter_map(|(file, bytes)| {
            let said = attempt(*target, bytes).err()?;
            Some(format!("fuzz/seeds/{name}/{file}: {said}"))
        })
        .collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    let wanted = number("REALM_FUZZ_CASES");
    let cases = wanted.unwrap_or(CASES);
    // A short run is the same each time: what it finds, it finds for whoever made the change.
    let other = || match wanted {
        Some(_) => rand::random_range(0..1 << 48),
        None => 0,
    };
    let first = number("REALM_FUZZ_SEED").unwrap_or_else(other);
    let seeds: Vec<_> = seeds.into_iter().map(|(_, bytes)| bytes).collect();
    let mut taken = 0;
    for case in 0..cases {
        let seed = first.wrapping_add(case);
        let input = generate(name, &seeds, &mut StdRng::seed_from_u64(seed));
        match attempt(*target, &input) {
            Ok(was_taken) => taken += u64::from(was_taken),
            Err(said) => panic!("{}", report(name, *target, seed, &input, &said)),
        }
    }
    println!("{name}: {taken} of {cases} cases from REALM_FUZZ_SEED={first} were taken");
    if cases >= 1000 {
        let vain = taken < cases / SHARE || cases - taken < cases / SHARE;
        assert!(
            !vain,
            "{name}: {taken} of {cases} were taken, which shows little"
        );
    }
}

/// What a failure comes to, and how to see it again.
fn report(name: &str, target: Target, seed: u64, input: &[u8], said: &str) -> String {
    let shortest = shortest(target, input);
    let said_last = attempt(target, &shortest).err().unwrap_or_default();
    format!(
        "{name}: {said}\n  of {}\n  and {}: {said_last}\n  again: REALM_FUZZ_SEED={seed} REALM_FUZZ_CASES=1 cargo test -p realm-tests --test fuzz {name}\n  for ever: printf '{}' >fuzz/seeds/{name}/a-name-for-it",
        shown(input),
        shown(&shortest),
        octal(&shortest),
    )
}

/// Runs a target once: whether it took the input, or what it said of it.
fn attempt(target: Target, input: &[u8]) -> Result<bool, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let caught = SAID.with_borrow_mut(|said| {
                let caught = said.is_some();
                if caught {
                    *said = Some(panic.to_string());
                }
                caught
            });
            if !caught {
                before(panic);
            }
        }));
    });
    SAID.set(Some(String::new()));
    let done = catch_unwind(AssertUnwindSafe(|| target(input)));
    let said = SAID.take().unwrap_or_default();
    done.map_err(|_| said)
}

/// A shorter input that breaks a property too: pieces are left out, large ones first.
fn shortest(target: Target, input: &[u8]) -> Vec<u8> {
    let place = |said: &String| said.lines().next().map(str::to_owned);
    // Another property is another failure.
    let broken = |input: &[u8]| attempt(target, input).err().as_ref().and_then(place);
    let first = broken(input);
    let (mut kept, mut piece, mut runs) = (input.to_vec(), input.len(), 0);
    while piece > 0 {
        let mut at = 0;
        while at < kept.len() && runs < SHRINKS {
            let mut less = kept.clone();
            less.drain(at..(at + piece).min(kept.len()));
            runs += 1;
            if broken(&less) == first {
                kept = less;
            } else {
                at += piece;
            }
        }
        piece /= 2;
    }
    kept
}

/// Bytes as Rust has them in a `b""`, the middle of very many left out.
fn shown(bytes: &[u8]) -> String {
    if bytes.len() <= 2000 {
        return format!("b\"{}\"", bytes.escape_ascii());
    }
    let ends = (&bytes[..1000], &bytes[bytes.len() - 500..]);
    format!(
        "b\"{}[…]{}\", {} bytes",
        ends.0.escape_ascii(),
        ends.1.escape_ascii(),
        bytes.len()
    )
}

/// Bytes as `printf` takes them.
fn octal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b" {}[]()\":;,./=*-_<>?#@&+~^|$!`".contains(byte) {
            text.push(char::from(*byte));
        } else {
            write!(text, "\\{byte:03o}").expect("a string takes it");
        }
        text
    })
}

/// A number from the environment.
fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{name} is a whole number, not `{text}`")))
}

/// The cargo-fuzz project.
pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

/// A target's seeds, by name.
pub(crate) fn seeds(name: &str) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder().join("seeds").join(name)).expect("a folder of seeds");
    let mut seeds: Vec<_> = entries
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            (name.into_owned(), std::fs::read(&path).expect("a seed"))
        })
        .collect();
    seeds.sort();
    seeds
}
