use std::time::Duration;

/// Why a component was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// It names nothing that can be fetched.
    #[error("`{text}`: {problem}")]
    Reference {
        /// What was given.
        text: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A file that cannot be read.
    #[error("{name}: {error}")]
    File {
        /// Its path.
        name: String,
        /// Why.
        error: std::io::Error,
    },
    /// Nobody would know whether it came as it was sent.
    #[error(
        "{name}: plain http is refused, for whoever is on the way could send another component; use https, or give the component's digest with `--pin`"
    )]
    Plain {
        /// Its URL.
        name: String,
    },
    /// The same, where a server has led on to it.
    #[error(
        "{name}: the server leads on to {to}, and plain http is refused, for whoever is on the way could send another component; ask for an https URL, or give the component's digest with `--pin`"
    )]
    LedToPlain {
        /// What was asked for.
        name: String,
        /// Where it led.
        to: String,
    },
    /// It goes on and on.
    #[error(
        "{name}: the server leads on more than {most} times (`plugin-fetch-redirects`), at last to {to}"
    )]
    LedOn {
        /// What was asked for.
        name: String,
        /// How often it may.
        most: usize,
        /// Where it led at last.
        to: String,
    },
    /// There is no such thing.
    #[error("{name}: there is no such thing there ({told})")]
    Absent {
        /// What was asked for.
        name: String,
        /// What the server said.
        told: String,
    },
    /// The server gives it only to some.
    #[error("{name}: the server gives it only to those whom it knows ({told}); {hint}")]
    Forbidden {
        /// What was asked for.
        name: String,
        /// What the server said.
        told: String,
        /// How to be one of them.
        hint: String,
    },
    /// The server does not give it.
    #[error("{name}: the server answers {told}")]
    Refused {
        /// What was asked for.
        name: String,
        /// What the server said.
        told: String,
    },
    /// The server is not there, or is not who it says.
    #[error("{name}: {problem}")]
    Connection {
        /// What was asked for.
        name: String,
        /// Why there is no answer.
        problem: String,
    },
    /// It is larger than it may be.
    #[error("{name}: it has {size} bytes, and {what} may have {most}{setting}")]
    TooLarge {
        /// What was asked for.
        name: String,
        /// `5`, or `more than 5`.
        size: String,
        /// What is bounded.
        what: &'static str,
        /// Bytes that it may have.
        most: usize,
        /// Who says so.
        setting: &'static str,
    },
    /// It ended early.
    #[error("{name}: it was not fetched whole: {fetched} of {of} bytes")]
    Truncated {
        /// What was asked for.
        name: String,
        /// Bytes that came.
        fetched: usize,
        /// Bytes that there are, or `an unknown number of`.
        of: String,
    },
    /// It took too long.
    #[error(
        "{name}: it did not come within {} (`plugin-fetch-timeout`): {fetched} bytes did", humantime::format_duration(*.limit)
    )]
    Slow {
        /// What was asked for.
        name: String,
        /// How long it may take.
        limit: Duration,
        /// Bytes that came.
        fetched: usize,
    },
    /// It is something else.
    #[error("{name}: this is no WebAssembly component but {what}; {hint}")]
    NoComponent {
        /// What was asked for.
        name: String,
        /// What it is.
        what: String,
        /// What to do.
        hint: &'static str,
    },
    /// What the registry has is no manifest of a component.
    #[error("{name}: {problem}")]
    Manifest {
        /// The reference.
        name: String,
        /// What it is.
        problem: String,
    },
    /// What came is not what was asked for.
    #[error("{name}: the {what}'s digest is {found}, and {wanted} {why}")]
    Digest {
        /// The reference.
        name: String,
        /// `manifest` or `layer`.
        what: &'static str,
        /// What it is.
        found: String,
        /// What it was to be.
        wanted: String,
        /// Who said so.
        why: &'static str,
    },
    /// The login of docker cannot be used.
    #[error("{name}: {problem}; set REALM_REGISTRY_USER and REALM_REGISTRY_PASSWORD")]
    Login {
        /// The reference.
        name: String,
        /// Why not.
        problem: String,
    },
}
