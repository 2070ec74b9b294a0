//! Actions as typed structs, and the bytes that are hashed for them: parsed from the body, encoded again in the venue's
//! own field order, whatever the order in the body was.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::msgpack::Writer;
use super::numbers::wire_number;

/// What an action is called.
pub(crate) const ACTIONS: [&str; 11] = [
    "order",
    "cancel",
    "cancelByCloid",
    "modify",
    "batchModify",
    "updateLeverage",
    "updateIsolatedMargin",
    "topUpIsolatedOnlyMargin",
    "scheduleCancel",
    "noop",
    "usdClassTransfer",
];

/// What a client asks to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    Order(Orders),
    Cancel(Cancels<CancelByOid>),
    CancelByCloid(Cancels<CancelByCloid>),
    Modify(Modify),
    BatchModify(BatchModify),
    UpdateLeverage(UpdateLeverage),
    UpdateIsolatedMargin(UpdateIsolatedMargin),
    TopUpIsolatedOnlyMargin(TopUp),
    ScheduleCancel(ScheduleCancel),
    Noop(Noop),
    UsdClassTransfer(UsdClassTransfer),
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Orders {
    pub(crate) orders: Vec<OrderWire>,
    pub(crate) grouping: Grouping,
    #[serde(default)]
    pub(crate) builder: Option<BuilderFee>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrderWire {
    pub(crate) a: u32,
    pub(crate) b: bool,
    pub(crate) p: String,
    pub(crate) s: String,
    pub(crate) r: bool,
    pub(crate) t: OrderType,
    #[serde(default)]
    pub(crate) c: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OrderType {
    Limit(Limit),
    Trigger(Trigger),
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limit {
    pub(crate) tif: Tif,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum Tif {
    Alo,
    Ioc,
    Gtc,
    FrontendMarket,
}

impl Tif {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Tif::Alo => "Alo",
            Tif::Ioc => "Ioc",
            Tif::Gtc => "Gtc",
            Tif::FrontendMarket => "FrontendMarket",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Trigger {
    pub(crate) is_market: bool,
    pub(crate) trigger_px: String,
    pub(crate) tpsl: Tpsl,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Tpsl {
    Tp,
    Sl,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Grouping {
    Named(GroupingName),
    Priority(Priority),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum GroupingName {
    Na,
    NormalTpsl,
    PositionTpsl,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Priority {
    pub(crate) p: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BuilderFee {
    pub(crate) b: String,
    pub(crate) f: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cancels<T> {
    pub(crate) cancels: Vec<T>,
    #[serde(default)]
    pub(crate) f: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CancelByOid {
    pub(crate) a: u32,
    pub(crate) o: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CancelByCloid {
    pub(crate) asset: u32,
    pub(crate) cloid: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(crate) enum OrderName {
    Oid(u64),
    Cloid(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Modify {
    pub(crate) oid: OrderName,
    pub(crate) order: OrderWire,
    #[serde(default)]
    pub(crate) a: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchModify {
    pub(crate) modifies: Vec<ModifyRow>,
    #[serde(default)]
    pub(crate) a: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModifyRow {
    pub(crate) oid: OrderName,
    pub(crate) order: OrderWire,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct UpdateLeverage {
    pub(crate) asset: u32,
    pub(crate) is_cross: bool,
    pub(crate) leverage: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct UpdateIsolatedMargin {
    pub(crate) asset: u32,
    pub(crate) is_buy: bool,
    pub(crate) ntli: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TopUp {
    pub(crate) asset: u32,
    pub(crate) leverage: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScheduleCancel {
    #[serde(default)]
    pub(crate) time: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Noop {}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct UsdClassTransfer {
    pub(crate) signature_chain_id: String,
    pub(crate) hyperliquid_chain: String,
    pub(crate) amount: String,
    pub(crate) to_perp: bool,
    pub(crate) nonce: u64,
}

impl Action {
    /// From the body. Unknown types, unknown fields and fields of another type are refused.
    pub(crate) fn parse(mut body: Value) -> Result<Self, String> {
        let fields = body.as_object_mut().ok_or("invalid type: expected an action")?;
        let kind = fields.remove("type").ok_or("missing field `type`")?;
        let kind = kind.as_str().ok_or("invalid type: expected a string in `type`")?;
        if !ACTIONS.contains(&kind) {
            return Err(format!("unknown variant `{kind}`"));
        }
        match kind {
            "order" => typed(body).map(Self::Order),
            "cancel" => typed(body).map(Self::Cancel),
            "cancelByCloid" => typed(body).map(Self::CancelByCloid),
            "modify" => typed(body).map(Self::Modify),
            "batchModify" => typed(body).map(Self::BatchModify),
            "updateLeverage" => typed(body).map(Self::UpdateLeverage),
            "updateIsolatedMargin" => typed(body).map(Self::UpdateIsolatedMargin),
            "topUpIsolatedOnlyMargin" => typed(body).map(Self::TopUpIsolatedOnlyMargin),
            "scheduleCancel" => typed(body).map(Self::ScheduleCancel),
            "noop" => typed(body).map(Self::Noop),
            "usdClassTransfer" => typed(body).map(Self::UsdClassTransfer),
            other => Err(format!("unknown variant `{other}`")),
        }
    }

    /// Numbers without trailing zeros, addresses and client ids in lower case: as the venue holds them, and so as it
    /// hashes them. Who signed other text is recovered as somebody else.
    pub(crate) fn normalise(&mut self) -> Result<(), String> {
        match self {
            Self::Order(action) => {
                action.orders.iter_mut().try_for_each(normalise_order)?;
                if let Some(builder) = &mut action.builder {
                    builder.b.make_ascii_lowercase();
                }
                Ok(())
            }
            Self::CancelByCloid(action) => {
                action.cancels.iter_mut().try_for_each(|cancel| normalise_cloid(&mut cancel.cloid))
            }
            Self::Modify(action) => {
                normalise_name(&mut action.oid)?;
                normalise_order(&mut action.order)
            }
            Self::BatchModify(action) => action.modifies.iter_mut().try_for_each(|row| {
                normalise_name(&mut row.oid)?;
                normalise_order(&mut row.order)
            }),
            Self::TopUpIsolatedOnlyMargin(action) => normalise_number(&mut action.leverage),
            _ => Ok(()),
        }
    }

    /// How many items it has, for the address's budget and the weight limit.
    pub(crate) fn items(&self) -> usize {
        match self {
            Self::Order(action) => action.orders.len(),
            Self::Cancel(action) => action.cancels.len(),
            Self::CancelByCloid(action) => action.cancels.len(),
            Self::BatchModify(action) => action.modifies.len(),
            _ => 1,
        }
    }

    /// The MessagePack that is hashed; of an action that the user signs in words there is none.
    pub(crate) fn packed(&self) -> Vec<u8> {
        let mut out = Writer::default();
        match self {
            Self::Order(action) => {
                out.map(if action.builder.is_some() { 4 } else { 3 });
                out.text("type").text("order").text("orders").array(action.orders.len());
                action.orders.iter().for_each(|order| pack_order(&mut out, order));
                out.text("grouping");
                match action.grouping {
                    Grouping::Named(GroupingName::Na) => out.text("na"),
                    Grouping::Named(GroupingName::NormalTpsl) => out.text("normalTpsl"),
                    Grouping::Named(GroupingName::PositionTpsl) => out.text("positionTpsl"),
                    Grouping::Priority(Priority { p }) => out.map(1).text("p").unsigned(p),
                };
                if let Some(builder) = &action.builder {
                    out.text("builder").map(2).text("b").text(&builder.b).text("f").unsigned(builder.f);
                }
            }
            Self::Cancel(action) => {
                out.map(if action.f == Some(true) { 3 } else { 2 });
                out.text("type").text("cancel").text("cancels").array(action.cancels.len());
                for cancel in &action.cancels {
                    out.map(2).text("a").unsigned(cancel.a.into()).text("o").unsigned(cancel.o);
                }
                pack_flag(&mut out, "f", action.f);
            }
            Self::CancelByCloid(action) => {
                out.map(if action.f == Some(true) { 3 } else { 2 });
                out.text("type").text("cancelByCloid").text("cancels").array(action.cancels.len());
                for cancel in &action.cancels {
                    out.map(2).text("asset").unsigned(cancel.asset.into());
                    out.text("cloid").text(&cancel.cloid);
                }
                pack_flag(&mut out, "f", action.f);
            }
            Self::Modify(action) => {
                out.map(if action.a == Some(true) { 4 } else { 3 }).text("type").text("modify");
                pack_modify(&mut out, &action.oid, &action.order);
                pack_flag(&mut out, "a", action.a);
            }
            Self::BatchModify(action) => {
                out.map(if action.a == Some(true) { 3 } else { 2 });
                out.text("type").text("batchModify").text("modifies").array(action.modifies.len());
                for row in &action.modifies {
                    out.map(2);
                    pack_modify(&mut out, &row.oid, &row.order);
                }
                pack_flag(&mut out, "a", action.a);
            }
            Self::UpdateLeverage(action) => {
                out.map(4).text("type").text("updateLeverage").text("asset").unsigned(action.asset.into());
                out.text("isCross").flag(action.is_cross);
                out.text("leverage").unsigned(action.leverage.into());
            }
            Self::UpdateIsolatedMargin(action) => {
                out.map(4).text("type").text("updateIsolatedMargin");
                out.text("asset").unsigned(action.asset.into());
                out.text("isBuy").flag(action.is_buy).text("ntli").signed(action.ntli);
            }
            Self::TopUpIsolatedOnlyMargin(action) => {
                out.map(3).text("type").text("topUpIsolatedOnlyMargin");
                out.text("asset").unsigned(action.asset.into()).text("leverage").text(&action.leverage);
            }
            Self::ScheduleCancel(action) => {
                out.map(if action.time.is_some() { 2 } else { 1 }).text("type").text("scheduleCancel");
                if let Some(time) = action.time {
                    out.text("time").unsigned(time);
                }
            }
            Self::Noop(_) => {
                out.map(1).text("type").text("noop");
            }
            Self::UsdClassTransfer(_) => {}
        }
        out.finish()
    }
}

fn typed<T: DeserializeOwned>(body: Value) -> Result<T, String> {
    serde_json::from_value(body).map_err(|error| error.to_string())
}

fn normalise_order(order: &mut OrderWire) -> Result<(), String> {
    normalise_number(&mut order.p)?;
    normalise_number(&mut order.s)?;
    if let OrderType::Trigger(trigger) = &mut order.t {
        normalise_number(&mut trigger.trigger_px)?;
    }
    order.c.as_mut().map_or(Ok(()), normalise_cloid)
}

fn normalise_number(text: &mut String) -> Result<(), String> {
    *text = wire_number(text).ok_or_else(|| format!("invalid number `{text}`"))?;
    Ok(())
}

fn normalise_name(name: &mut OrderName) -> Result<(), String> {
    match name {
        OrderName::Oid(_) => Ok(()),
        OrderName::Cloid(cloid) => normalise_cloid(cloid),
    }
}

/// `0x` and 32 digits.
fn normalise_cloid(cloid: &mut String) -> Result<(), String> {
    let digits = cloid.strip_prefix("0x").unwrap_or_default();
    if digits.len() != 32 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(format!("invalid cloid `{cloid}`"));
    }
    cloid.make_ascii_lowercase();
    Ok(())
}

/// The venue leaves a flag out that is not set: who signs `false` is taken for somebody else.
fn pack_flag(out: &mut Writer, key: &str, flag: Option<bool>) {
    if flag == Some(true) {
        out.text(key).flag(true);
    }
}

fn pack_modify(out: &mut Writer, name: &OrderName, order: &OrderWire) {
    match name {
        OrderName::Oid(oid) => out.text("oid").unsigned(*oid),
        OrderName::Cloid(cloid) => out.text("oid").text(cloid),
    };
    out.text("order");
    pack_order(out, order);
}

fn pack_order(out: &mut Writer, order: &OrderWire) {
    out.map(if order.c.is_some() { 7 } else { 6 });
    out.text("a").unsigned(order.a.into()).text("b").flag(order.b);
    out.text("p").text(&order.p).text("s").text(&order.s).text("r").flag(order.r).text("t").map(1);
    match &order.t {
        OrderType::Limit(limit) => out.text("limit").map(1).text("tif").text(limit.tif.as_str()),
        OrderType::Trigger(trigger) => {
            out.text("trigger").map(3).text("isMarket").flag(trigger.is_market);
            out.text("triggerPx").text(&trigger.trigger_px);
            out.text("tpsl").text(if trigger.tpsl == Tpsl::Tp { "tp" } else { "sl" })
        }
    };
    if let Some(cloid) = &order.c {
        out.text("c").text(cloid);
    }
}
