use super::TrustError;
use crate::database::DatabaseError;
use crate::plugins::{BoundError, InstallError};

/// Why plugins stay as they are.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The component is not what was asked for.
    #[error(
        "{name}: its digest is {found}, and {wanted} was asked for: it is another component, or it was not fetched whole"
    )]
    Digest {
        /// Where it came from.
        name: String,
        /// What it is.
        found: String,
        /// What it was to be.
        wanted: String,
    },
    /// It is larger than it may be.
    #[error(
        "{name}: it has {size} bytes, and a component may have {most} (`plugin-component-bytes`)"
    )]
    Size {
        /// Where it came from.
        name: String,
        /// Its bytes.
        size: usize,
        /// What there may be.
        most: usize,
    },
    /// Nobody who may vouches for it.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The engine does not take it, or it is no plugin.
    #[error(transparent)]
    Install(#[from] InstallError),
    /// Two runs give different bytes.
    #[error(
        "{name}: it is not deterministic: {what} came out differently in two runs; an output is kept by what it was made from, so it must not depend on anything else"
    )]
    Varies {
        /// Where it came from.
        name: String,
        /// What was run.
        what: String,
    },
    /// A file would go round for ever.
    #[error("{name}: with it, files would go round for ever: {}; disable or remove one of these plugins first", .circle.join(", "))]
    Circle {
        /// Where it came from.
        name: String,
        /// Each step: who makes what of what.
        circle: Vec<String>,
    },
    /// There is no such plugin.
    #[error("there is no plugin `{wanted}`; there are {}", .there.join(", "))]
    Unknown {
        /// What was asked for.
        wanted: String,
        /// All that there are.
        there: Vec<String>,
    },
    /// It names more than one component.
    #[error("`{wanted}` is installed more than once; name one by its digest: {}", .there.join(", "))]
    Ambiguous {
        /// What was asked for.
        wanted: String,
        /// What it may mean.
        there: Vec<String>,
    },
    /// It is part of the host.
    #[error(
        "{0} is part of the host and cannot be removed; `realm plugin disable` has it asked no more"
    )]
    Own(String),
    /// It does not take the extension.
    #[error("{plugin} does not take `{extension}`; it takes {}", .takes.join(", "))]
    Takes {
        /// Which.
        plugin: String,
        /// What was asked for.
        extension: String,
        /// What it takes.
        takes: Vec<String>,
    },
    /// It cannot be bounded so.
    #[error("{plugin}: {error}")]
    Bound {
        /// Which.
        plugin: String,
        /// Why not.
        error: BoundError,
    },
    /// Others change plugins all the time.
    #[error("plugins are changed by others at this moment; try again")]
    Busy,
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}
