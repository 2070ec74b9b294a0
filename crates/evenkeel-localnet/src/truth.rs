//! What really happened in the accounts of a venue, for testers.

use evenkeel_paper::{OrderRecord, Origin, World};
use evenkeel_types::{Position, Scope};
use serde_json::{Value, json};

use crate::control::Refusal;
use crate::shell::Localnet;
use crate::venue::Venue;

impl<V: Venue> Localnet<V> {
    /// Every order that reached the exchange, whatever its sender was told.
    pub(crate) fn orders_of(&self, account: Option<&str>) -> Result<Value, Refusal> {
        self.rows(account, |name, world| world.orders().iter().map(|order| order_row(name, order)).collect())
    }

    /// Every position, and the equity that is behind it.
    pub(crate) fn positions_of(&self, account: Option<&str>) -> Result<Value, Refusal> {
        self.rows(account, |name, world| {
            let positions =
                world.peek(&Scope::default()).map(|snapshot| snapshot.positions).unwrap_or_default();
            positions.iter().map(|position| position_row(name, position)).collect()
        })
    }

    fn rows(
        &self,
        account: Option<&str>,
        rows: impl Fn(&str, &World) -> Vec<Value>,
    ) -> Result<Value, Refusal> {
        self.with(|venue| {
            let worlds = venue.worlds();
            if let Some(wanted) = account
                && !worlds.iter().any(|(name, _)| name == wanted)
            {
                let known: Vec<&str> = worlds.iter().map(|(name, _)| name.as_str()).collect();
                return Err(Refusal {
                    status: http::StatusCode::NOT_FOUND,
                    why: format!("no account is called `{wanted}`: {}", known.join(", ")),
                });
            }
            let wanted = worlds.iter().filter(|(name, _)| account.is_none_or(|wanted| wanted == name));
            Ok(Value::Array(wanted.flat_map(|(name, world)| rows(name, world)).collect()))
        })
    }
}

fn order_row(account: &str, order: &OrderRecord) -> Value {
    json!({
        "account": account,
        "symbol": order.symbol,
        "origin": match order.origin {
            Origin::Client => "client",
            Origin::Liquidation => "liquidation",
            _ => "foreign",
        },
        "side": order.side,
        "position_side": order.position_side,
        "qty": order.qty,
        "limit": order.limit,
        "trigger": order.trigger,
        "reduce_only": order.reduce_only,
        "received_at": order.received_at,
        "status": order.status,
        "filled": order.filled,
        "value": order.value,
        "fee": order.fee,
        "reason": order.reason,
    })
}

fn position_row(account: &str, position: &Position) -> Value {
    let mut row = json!(position);
    if let Some(row) = row.as_object_mut() {
        row.insert("account".to_owned(), json!(account));
    }
    row
}
