//! The host as the tests run it: the same code, with gates and mutants.

fn main() -> std::process::ExitCode {
    realm_host::cli::main()
}
