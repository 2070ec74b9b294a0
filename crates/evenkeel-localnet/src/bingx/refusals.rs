//! What the venue says when it refuses. Business errors come with status 200; the code decides, and for 109400 the text.

use evenkeel_types::Side;
use http::StatusCode;

use crate::floor::{Listed, Why, text};

/// A refusal in the venue's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: u32,
    pub(crate) text: String,
    pub(crate) status: StatusCode,
}

impl Refusal {
    pub(crate) fn new(code: u32, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), status: StatusCode::OK }
    }

    // -- at the door -------------------------------------------------------------------------------------------------

    pub(crate) fn no_key() -> Self {
        Self::new(100_413, "Incorrect apiKey")
    }

    pub(crate) fn no_signature() -> Self {
        Self::new(100_412, "Null signature")
    }

    pub(crate) fn signature() -> Self {
        Self::new(100_001, "Signature verification failed due to signature mismatch")
    }

    pub(crate) fn no_timestamp() -> Self {
        Self::new(100_421, "Null timestamp or timestamp mismatch")
    }

    pub(crate) fn timestamp() -> Self {
        Self::new(109_400, "timestamp is invalid")
    }

    /// Where a socket is asked for with a listen key that is none. The code and its words are the venue's for a failed
    /// authentication; the status is not recorded.
    pub(crate) fn listen_key() -> Self {
        Self { status: StatusCode::UNAUTHORIZED, ..Self::new(100_401, "AUTHENTICATION_FAIL") }
    }

    pub(crate) fn no_such_path() -> Self {
        Self::new(100_404, "this api is not exist")
    }

    pub(crate) fn no_such_method() -> Self {
        Self::new(100_400, "this api does not support this method")
    }

    /// The venue's own words for a client that does not keep to its limits.
    pub(crate) fn rate_limited(until: u64) -> Self {
        let rule = "The endpoint trigger frequency limit rule is currently in the disabled period";
        Self::new(100_410, format!("code:100410:{rule} and will be unblocked after {until}"))
    }

    // -- parameters --------------------------------------------------------------------------------------------------

    pub(crate) fn required(name: &str) -> Self {
        Self::new(109_400, format!("Invalid parameters, err:{name}: This field is required."))
    }

    pub(crate) fn malformed(name: &str, rule: &str) -> Self {
        Self::new(109_400, format!("Invalid parameters, err:{name}: {rule}"))
    }

    pub(crate) fn unknown_symbol(symbol: &str) -> Self {
        Self::new(
            109_425,
            format!("{symbol} not exist, please verify it in api:/openApi/swap/v2/quote/contracts"),
        )
    }

    pub(crate) fn no_order() -> Self {
        Self::new(109_421, "order not exist")
    }

    pub(crate) fn no_position() -> Self {
        Self::new(101_205, "No position to close")
    }

    /// Of a figure that does not fit into numbers.
    pub(crate) fn internal() -> Self {
        Self::new(109_500, "The current system is busy, please try again later")
    }

    /// A position or orders stand in the way of a change of mode.
    pub(crate) fn not_flat() -> Self {
        Self::new(104_103, "Please close open positions or cancel pending orders first")
    }

    pub(crate) fn leg(hedge: bool) -> Self {
        let text = if hedge {
            "In the Hedge mode, the 'PositionSide' field can only be set to LONG or SHORT."
        } else {
            "In the One-way mode, the 'PositionSide' field can only be set to BOTH."
        };
        Self::new(109_400, text)
    }

    pub(crate) fn leverage_side(hedge: bool) -> Self {
        let text = if hedge {
            "In the Hedge mode, the 'Side' field can only be set to LONG or SHORT."
        } else {
            "In the One-way mode, the 'Side' field can only be set to BOTH."
        };
        Self::new(109_400, text)
    }

    pub(crate) fn reduce_only_in_hedge() -> Self {
        Self::new(109_400, "In the Hedge mode, the 'ReduceOnly' field can not be filled.")
    }

    // -- what the exchange says ----------------------------------------------------------------------------------------

    /// About an order of this market.
    pub(crate) fn order(why: &Why, market: &Listed, hedge: bool, side: Side, cap: &str) -> Self {
        match why {
            Why::UnknownSymbol => Self::unknown_symbol(market.symbol.as_str()),
            Why::NoQty => Self::new(109_400, "parameter quantity or stopPrice is must"),
            Why::QtyStep | Why::PriceStep => {
                Self::new(110_425, "The precision of the order is not supported")
            }
            Why::QtyTooSmall => {
                let least = text(market.min_qty.get());
                Self::new(101_400, format!("The minimum order amount is {least} {}.", market.base))
            }
            Why::QtyTooLarge => {
                let most = text(market.max_qty.get());
                Self::new(101_400, format!("The maximum order amount is {most} {}.", market.base))
            }
            Why::NoPrice => Self::required("price"),
            Why::Notional => {
                let least = text(market.min_notional.get());
                let rule =
                    "Please ensure that the minimum nominal value of the order placed must be greater than";
                Self::new(110_425, format!("{rule} {least}u"))
            }
            Why::Leg => Self::leg(hedge),
            Why::DuplicateId => Self::new(101_481, "clientOrderID already exists"),
            Why::Margin => Self::new(101_204, "Insufficient margin"),
            Why::NothingToReduce => Self::no_position(),
            Why::Locked => Self::new(110_203, "The available amount of the position is not enough to close"),
            Why::ReduceTooLarge if hedge => {
                Self::new(110_203, "The available amount of the position is not enough to close")
            }
            Why::ReduceTooLarge => Self::new(101_290, "The Reduce Only order can only decrease the position"),
            Why::WouldMatch => Self::new(
                101_215,
                "The Maker (Post Only) order ensures that the order will not be immediately executed in the market",
            ),
            Why::WouldTrigger if side == Side::Sell => {
                Self::new(101_400, "SL Price must be lower than Last Price")
            }
            Why::WouldTrigger => Self::new(101_400, "SL Price must be higher than Last Price"),
            Why::PositionLimit => {
                Self::new(101_209, format!("The maximum position value for this leverage is {cap} USDT."))
            }
            Why::NoOrder => Self::no_order(),
            Why::Halted => {
                Self::new(109_418, "trading pair is offline and cannot be ordered through the api")
            }
            other => Self::new(101_400, words(other)),
        }
    }

    /// About a leverage.
    pub(crate) fn leverage(why: &Why, market: &Listed) -> Self {
        match why {
            Why::Margin => Self::new(109_400, "margin is not enough"),
            Why::LeverageTier => Self::new(
                101_201,
                "The position is too large for the requested leverage, please lower the position",
            ),
            Why::LeverageRange => {
                let most = text(market.instrument.max_leverage().get());
                Self::new(101_414, format!("The maximum leverage for this trading pair is {most}x."))
            }
            Why::Orders | Why::Held => Self::not_flat(),
            other => Self::new(109_400, words(other)),
        }
    }

    /// About a margin mode or the position mode.
    pub(crate) fn mode(why: &Why) -> Self {
        match why {
            Why::Orders | Why::Held => Self::not_flat(),
            other => Self::new(109_400, words(other)),
        }
    }

    /// About margin that is to be moved.
    pub(crate) fn margin(why: &Why, adds: bool) -> Self {
        match why {
            Why::NotIsolated => Self::new(101_479, "The position is not in isolated margin mode"),
            Why::Margin if adds => Self::new(101_204, "Insufficient margin"),
            Why::Margin => Self::new(104_411, "The amount is above the maximum removable margin"),
            other => Self::new(109_400, words(other)),
        }
    }
}

fn words(why: &Why) -> String {
    match why {
        Why::Other(text) => text.clone(),
        other => format!("{other:?}"),
    }
}
