//! Why a local network could not be made, or could not be told something.

/// Why a server could not be made, or did not accept what its tester asked of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocalnetError {
    /// The exchange behind it could not be made.
    #[error("the paper exchange could not be made")]
    World(#[from] evenkeel_paper::WorldError),
    /// A number of the description does not fit.
    #[error("a number of the description does not fit")]
    Number(#[from] evenkeel_types::NumberError),
    /// A name of the description is not allowed.
    #[error("a name of the description is not allowed")]
    Name(#[from] evenkeel_types::IdError),
    /// A tier table of the description.
    #[error("the margin tiers do not fit together")]
    Tiers(#[from] evenkeel_types::TierError),
    /// What is asked for does not exist, or cannot be done.
    #[error("{0}")]
    Impossible(String),
    /// The socket.
    #[error("no socket on 127.0.0.1")]
    Socket(#[from] std::io::Error),
}
