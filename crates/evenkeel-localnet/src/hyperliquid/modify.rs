//! Replacing orders: the old one is cancelled, the new one is a new order with a new number.

use serde_json::{Value, json};

use super::action::{BatchModify, Modify, OrderName, OrderType, OrderWire, Tif};
use super::orders::{Desk, is_trigger};

const DEAD: &str = "Cannot modify canceled or filled order";
const INVALID: &str = "Attempted to modify to invalid new order";

impl Desk<'_> {
    /// One replacement: nothing to report, or the refusal of the whole action.
    pub(crate) fn modify(&mut self, action: &Modify) -> Result<Value, String> {
        let entry = self.replace(&action.oid, &action.order, action.a == Some(true));
        match entry.get("error").and_then(Value::as_str) {
            Some(error) => Err(error.to_owned()),
            None => Ok(json!({"type": "default"})),
        }
    }

    /// A batch of replacements, answered as orders are.
    pub(crate) fn batch_modify(&mut self, action: &BatchModify) -> Value {
        let always = action.a == Some(true);
        let statuses: Vec<Value> =
            action.modifies.iter().map(|row| self.replace(&row.oid, &row.order, always)).collect();
        json!({"type": "order", "data": {"statuses": statuses}})
    }

    fn replace(&mut self, name: &OrderName, order: &OrderWire, always: bool) -> Value {
        let asset = order.a;
        let error = |text: &str| json!({"error": format!("{text} asset={asset}")});
        let Ok(wish) = self.read(order) else { return json!({"error": INVALID}) };
        let mut order = order.clone();
        if !always {
            // Since 2026 a replacement is post-only unless it is told to be placed whatever happens.
            match &mut order.t {
                OrderType::Limit(limit) if limit.tif == Tif::Alo => {}
                OrderType::Limit(limit) if limit.tif == Tif::Gtc && !wish.crosses(self.account) => {
                    limit.tif = Tif::Alo;
                }
                _ => return json!({"error": INVALID}),
            }
        }
        let oid = match name {
            OrderName::Oid(oid) => Some(*oid),
            OrderName::Cloid(cloid) => self.account.by_name(cloid),
        };
        let cancelled = self.cancel(wish.asset(), oid) == json!("success");
        if !cancelled && !always {
            return error(DEAD);
        }
        debug_assert!(always || !is_trigger(&order));
        self.place_one(&order, false).1
    }
}
