//! The venue's refusals: code, text and HTTP status.

use bytes::Bytes;
use evenkeel_types::Usd;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::answer;
use crate::floor::{Listed, Why, text};

/// A refusal in the venue's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) code: i32,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn new(code: i32, message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code, message: message.into() }
    }

    pub(crate) fn with(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    pub(crate) fn missing(name: &str) -> Self {
        let message = format!("Mandatory parameter '{name}' was not sent, was empty/null, or malformed.");
        Self::new(-1102, message)
    }

    pub(crate) fn empty(name: &str) -> Self {
        Self::new(-1105, format!("Parameter '{name}' was empty."))
    }

    pub(crate) fn malformed(name: &str) -> Self {
        Self::new(-1130, format!("Data sent for parameter '{name}' is not valid."))
    }

    /// Sent where the venue wants none.
    pub(crate) fn unwanted(name: &str) -> Self {
        Self::new(-1106, format!("Parameter '{name}' sent when not required."))
    }

    pub(crate) fn combination() -> Self {
        Self::new(-1128, "Combination of optional parameters invalid.")
    }

    pub(crate) fn symbol() -> Self {
        Self::new(-1121, "Invalid symbol.")
    }

    pub(crate) fn no_order() -> Self {
        Self::new(-2013, "Order does not exist.")
    }

    pub(crate) fn not_open() -> Self {
        Self::new(-2011, "Unknown order sent.")
    }

    /// A thing that had to fit into numbers and did not.
    pub(crate) fn number() -> Self {
        Self::new(-1000, "An unknown error occurred while processing the request.")
    }

    pub(crate) fn body(&self) -> Value {
        json!({"code": self.code, "msg": self.message})
    }

    pub(crate) fn response(&self) -> Response<Bytes> {
        answer::json(self.status, &self.body())
    }

    /// Why an order of a market was refused.
    pub(crate) fn order(why: &Why, market: &Listed) -> Self {
        let (code, message) = match why {
            Why::Notional => return Self::notional(market.min_notional),
            Why::UnknownSymbol => (-1121, "Invalid symbol."),
            Why::NoQty => (-4003, "Quantity less than or equal to zero."),
            Why::QtyStep => (-4023, "Quantity not increased by step size."),
            Why::QtyTooSmall => (-4004, "Quantity less than or equal to min quantity."),
            Why::QtyTooLarge => (-4005, "Quantity greater than max quantity."),
            Why::NoPrice => (-4001, "Price less than 0."),
            Why::PriceStep => (-4014, "Price not increased by tick size."),
            Why::Leg => (-4061, "Order's position side does not match user's setting."),
            Why::DuplicateId => (-4116, "ClientOrderId is duplicated."),
            Why::Margin => (-2019, "Margin is insufficient."),
            Why::Locked => {
                (-4118, "ReduceOnly Order Failed. Please check your existing position and open orders")
            }
            Why::NothingToReduce | Why::ReduceTooLarge => (-2022, "ReduceOnly Order is rejected."),
            Why::WouldMatch => (
                -5022,
                "Due to the order could not be executed as maker, the Post Only order will be rejected. The order will not be recorded in the order history.",
            ),
            Why::WouldTrigger => (-2021, "Order would immediately trigger."),
            Why::PositionLimit => (-2027, "Exceeded the maximum allowable position at current leverage."),
            Why::NoOrder => (-2011, "Unknown order sent."),
            Why::Halted => (-4140, "Invalid symbol status for opening position."),
            Why::NotSupported => (-1020, "This operation is not supported."),
            Why::LeverageRange
            | Why::LeverageTier
            | Why::LeverageIsolated
            | Why::Held
            | Why::Orders
            | Why::NotIsolated => (-1010, "ERROR_MSG_RECEIVED."),
            Why::Other(message) => return Self::new(-2010, format!("NEW_ORDER_REJECTED: {message}")),
        };
        Self::new(code, message)
    }

    fn notional(least: Usd) -> Self {
        let least = text(least.get());
        Self::new(
            -4164,
            format!("Order's notional must be no smaller than {least} (unless you choose reduce only)."),
        )
    }

    /// Why a leverage was refused.
    pub(crate) fn leverage(why: &Why, leverage: u64) -> Self {
        match why {
            Why::LeverageTier | Why::PositionLimit => {
                Self::new(-2027, "Exceeded the maximum allowable position at current leverage.")
            }
            Why::Margin => {
                Self::new(-2028, "Leverage is smaller than permitted: insufficient margin balance.")
            }
            Why::LeverageIsolated => Self::new(
                -4161,
                "Leverage reduction is not supported in Isolated Margin Mode with open positions.",
            ),
            Why::UnknownSymbol => Self::symbol(),
            _ => Self::new(-4028, format!("Leverage {leverage} is not valid")),
        }
    }

    /// Why a margin type was refused.
    pub(crate) fn margin_type(why: &Why) -> Self {
        match why {
            Why::Orders => Self::new(-4047, "Margin type cannot be changed if there exists open orders."),
            Why::Held => Self::new(-4048, "Margin type cannot be changed if there exists position."),
            Why::Margin => Self::new(-4050, "Cross balance insufficient."),
            Why::UnknownSymbol => Self::symbol(),
            _ => Self::new(-1130, "Data sent for parameter 'marginType' is not valid."),
        }
    }

    /// Why a position mode was refused.
    pub(crate) fn position_mode(why: &Why) -> Self {
        match why {
            Why::Orders => Self::new(-4067, "Position side cannot be changed if there exists open orders."),
            _ => Self::new(-4068, "Position side cannot be changed if there exists position."),
        }
    }

    /// Why margin was not moved.
    pub(crate) fn margin(why: &Why, adds: bool) -> Self {
        match why {
            Why::NotIsolated => Self::new(-4049, "Add margin only support for isolated position."),
            Why::Margin if adds => Self::new(-4050, "Cross balance insufficient."),
            Why::Margin => Self::new(-4051, "Isolated balance insufficient."),
            Why::UnknownSymbol => Self::symbol(),
            _ => Self::new(-4055, "Amount must be positive."),
        }
    }
}
