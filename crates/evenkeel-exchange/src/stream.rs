//! What a venue pushes, as hints that something is worth reading. Never the truth itself: messages get lost, come twice
//! and come late, and what an account holds is only ever told by reading it.

use std::fmt::Debug;

use async_trait::async_trait;
use evenkeel_types::{ClientOrderId, Symbol};

use crate::error::Result;

/// Something happened on the account, or may have.
///
/// A hint carries no amounts on purpose: nobody can be tempted to add them up. It says which question has a new answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Hint {
    /// From here on nothing is missed until the connection breaks; before, anything may have happened. Comes first, and
    /// again after every interruption: read everything that matters once.
    Resumed,
    /// An order changed: taken in, filled, cancelled, refused.
    Order {
        /// Of which symbol, where the message says it.
        symbol: Option<Symbol>,
        /// Which one, where it is ours.
        id: Option<ClientOrderId>,
    },
    /// Something was executed.
    Fill {
        /// Of which symbol, where the message says it.
        symbol: Option<Symbol>,
        /// Of which order, where it is ours.
        id: Option<ClientOrderId>,
    },
    /// A position changed.
    Position {
        /// Of which symbol, where the message says it.
        symbol: Option<Symbol>,
    },
    /// Leverage or margin mode of a symbol changed.
    Setting {
        /// Of which symbol, where the message says it.
        symbol: Option<Symbol>,
    },
    /// Money moved: a balance, funding, a transfer.
    Account,
}

/// The venue's private stream.
pub trait Stream: Debug + Send + Sync {
    /// A subscription to everything that happens on the account. Nothing is connected before its first
    /// [`next`](Subscription::next).
    fn subscribe(&self) -> Box<dyn Subscription>;
}

/// One connection to the private stream, made again as often as it breaks.
///
/// Nothing runs in the background: the connection is read, kept alive and renewed only while somebody waits in
/// [`next`](Self::next). Dropping that future loses nothing and stops nothing: the next one goes on where it was. One that
/// is not asked for longer than the venue's patience (about a minute) is closed by the venue, and goes on with
/// [`Hint::Resumed`].
#[async_trait]
pub trait Subscription: Debug + Send {
    /// Waits for the next hint.
    ///
    /// # Errors
    /// What keeps the stream from being had: after several attempts to connect in a row, or at once where the venue
    /// refuses the key. It is not the end: call again, and it goes on trying, with longer waits between. Hints are only
    /// hints, so go on reading at your own pace meanwhile.
    async fn next(&mut self) -> Result<Hint>;
}
