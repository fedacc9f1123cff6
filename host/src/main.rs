//! The `realm` binary: arguments in, exit code out.

fn main() -> std::process::ExitCode {
    realm_host::cli::main()
}
