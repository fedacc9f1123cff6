//! The `realm` binary: arguments in, exit code out.

/// An answer from a cache is a dozen small allocations, and threads that free what others have taken: this one is made
/// for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    realm_host::cli::main()
}
