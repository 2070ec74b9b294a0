//! Clients of the local venues: each makes signed requests with the connector's own functions.

use bytes::Bytes;
use evenkeel_binance::sign as binance;
use evenkeel_bingx::sign as bingx;
use evenkeel_bybit::sign as bybit;
use evenkeel_http::{HmacKey, Secret};
use evenkeel_hyperliquid::sign as hyperliquid;
use evenkeel_hyperliquid::sign::{Action, AgentKey, Grouping, Network, OrderWire, Tif};
use evenkeel_types::{Decimal, Timestamp};
use http::Request;
use serde_json::json;

/// What is asked for. Orders are for one SOL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// All positions.
    Read,
    /// A limit order that rests.
    Place,
    /// The order that was placed last goes.
    Cancel,
    /// A market order.
    Buy,
    /// A market order.
    Sell,
}

/// A mix of reads and writes that ends where it began.
pub(crate) const MIX: [What; 6] = [What::Place, What::Read, What::Cancel, What::Buy, What::Read, What::Sell];

/// Somebody who trades at a venue.
pub(crate) trait Client: Send {
    /// A request, signed at this moment of the venue's clock.
    fn request(&mut self, what: What, now: Timestamp) -> Request<Bytes>;

    /// Whether an answer says that it was done.
    fn is_done(&self, body: &[u8]) -> bool;
}

/// The names of the venues, in the order in which they are shown.
pub(crate) const VENUES: [&str; 4] = ["Hyperliquid", "Binance", "Bybit", "BingX"];

/// A client of a venue, by its name. `key` and `secret` are what the venue's account is reached with; `number` tells
/// clients of one account apart.
///
/// # Panics
/// For keys that are none.
#[must_use]
pub(crate) fn client(venue: &str, key: &str, secret: &str, number: u32) -> Box<dyn Client> {
    let (key, shared) = (key.to_owned(), Secret::from(secret.to_owned()));
    let names = Names { number, count: 0 };
    match venue {
        "Hyperliquid" => {
            Box::new(Hyperliquid { user: key, key: AgentKey::from_hex(secret).expect("a key"), names })
        }
        "Binance" => Box::new(Binance { key, secret: binance::Key::hmac(&shared), names }),
        "Bybit" => Box::new(Bybit { key, secret: HmacKey::new(&shared), names }),
        _ => Box::new(BingX { key, secret: HmacKey::new(&shared), names }),
    }
}

const NO_BODY: &[u8] = b"";
const PRICE: &str = "160";
/// For how many milliseconds of the venue's clock a request is good: what all venues take.
const WINDOW: u64 = 60_000;

fn request(method: &str, uri: &str, headers: &[(&str, &str)], body: Bytes) -> Request<Bytes> {
    let request =
        headers.iter().fold(Request::builder().method(method).uri(uri), |request, (name, value)| {
            request.header(*name, *value)
        });
    request.body(body).expect("a request")
}

fn contains(body: &[u8], text: &str) -> bool {
    body.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Names of orders: never the same twice.
struct Names {
    number: u32,
    count: u64,
}

impl Names {
    fn next(&mut self) -> String {
        self.count += 1;
        self.last()
    }

    fn last(&self) -> String {
        format!("ek{:02}x{:012}", self.number, self.count)
    }
}

struct Binance {
    key: String,
    secret: binance::Key,
    names: Names,
}

impl Client for Binance {
    fn request(&mut self, what: What, now: Timestamp) -> Request<Bytes> {
        let (method, path) = match what {
            What::Read => ("GET", "/fapi/v3/positionRisk"),
            What::Cancel => ("DELETE", "/fapi/v1/order"),
            _ => ("POST", "/fapi/v1/order"),
        };
        let name = if what == What::Place { self.names.next() } else { self.names.last() };
        let market =
            |side| vec![("symbol", "SOLUSDT"), ("side", side), ("type", "MARKET"), ("quantity", "1")];
        let params = match what {
            What::Read => Vec::new(),
            What::Cancel => vec![("symbol", "SOLUSDT"), ("origClientOrderId", name.as_str())],
            What::Buy => market("BUY"),
            What::Sell => market("SELL"),
            What::Place => vec![
                ("symbol", "SOLUSDT"),
                ("side", "BUY"),
                ("type", "LIMIT"),
                ("timeInForce", "GTC"),
                ("quantity", "1"),
                ("price", PRICE),
                ("newClientOrderId", name.as_str()),
            ],
        };
        let query = binance::signed_query(&binance::payload(params, WINDOW, now), &self.secret);
        request(
            method,
            &format!("{path}?{query}"),
            &[("X-MBX-APIKEY", &self.key)],
            Bytes::from_static(NO_BODY),
        )
    }

    fn is_done(&self, body: &[u8]) -> bool {
        !contains(body, "\"code\":-")
    }
}

struct Bybit {
    key: String,
    secret: HmacKey,
    names: Names,
}

impl Client for Bybit {
    fn request(&mut self, what: What, now: Timestamp) -> Request<Bytes> {
        let market = |side| json!({"category": "linear", "symbol": "SOLUSDT", "side": side, "orderType": "Market", "qty": "1"});
        let (uri, rest) = match what {
            What::Read => ("/v5/position/list", "category=linear&settleCoin=USDT".to_owned()),
            What::Buy => ("/v5/order/create", market("Buy").to_string()),
            What::Sell => ("/v5/order/create", market("Sell").to_string()),
            What::Place => {
                let order = json!({
                    "category": "linear", "symbol": "SOLUSDT", "side": "Buy", "orderType": "Limit", "qty": "1",
                    "price": PRICE, "orderLinkId": self.names.next(),
                });
                ("/v5/order/create", order.to_string())
            }
            What::Cancel => {
                let order =
                    json!({"category": "linear", "symbol": "SOLUSDT", "orderLinkId": self.names.last()});
                ("/v5/order/cancel", order.to_string())
            }
        };
        let (time, window) = (now.0.to_string(), WINDOW.to_string());
        let signature = bybit::signature(&self.secret, &bybit::payload(&time, &self.key, &window, &rest));
        let headers = [
            (bybit::KEY_HEADER, self.key.as_str()),
            (bybit::TIMESTAMP_HEADER, time.as_str()),
            (bybit::WINDOW_HEADER, window.as_str()),
            (bybit::SIGNATURE_HEADER, signature.as_str()),
        ];
        if what == What::Read {
            return request("GET", &format!("{uri}?{rest}"), &headers, Bytes::from_static(NO_BODY));
        }
        request("POST", uri, &headers, Bytes::from(rest))
    }

    fn is_done(&self, body: &[u8]) -> bool {
        contains(body, "\"retCode\":0")
    }
}

struct BingX {
    key: String,
    secret: HmacKey,
    names: Names,
}

impl Client for BingX {
    fn request(&mut self, what: What, now: Timestamp) -> Request<Bytes> {
        let (method, path) = match what {
            What::Read => ("GET", "/openApi/swap/v2/user/positions"),
            What::Cancel => ("DELETE", "/openApi/swap/v2/trade/order"),
            _ => ("POST", "/openApi/swap/v2/trade/order"),
        };
        let name = if what == What::Place { self.names.next() } else { self.names.last() };
        let order = |side, kind| {
            let both = ("positionSide", "BOTH");
            vec![("symbol", "SOL-USDT"), ("side", side), both, ("type", kind), ("quantity", "1")]
        };
        let mut params = match what {
            What::Read => Vec::new(),
            What::Cancel => vec![("symbol", "SOL-USDT"), ("clientOrderId", name.as_str())],
            What::Buy => order("BUY", "MARKET"),
            What::Sell => order("SELL", "MARKET"),
            What::Place => order("BUY", "LIMIT"),
        };
        if what == What::Place {
            params.extend([("price", PRICE), ("clientOrderId", name.as_str())]);
        }
        let time = now.0.to_string();
        let window = WINDOW.to_string();
        params.extend([("recvWindow", window.as_str()), ("timestamp", time.as_str())]);
        let query = bingx::query(&self.secret, &params);
        request(
            method,
            &format!("{path}?{query}"),
            &[(bingx::KEY_HEADER, &self.key)],
            Bytes::from_static(NO_BODY),
        )
    }

    fn is_done(&self, body: &[u8]) -> bool {
        contains(body, "\"code\":0")
    }
}

struct Hyperliquid {
    user: String,
    key: AgentKey,
    names: Names,
}

/// Of SOL.
const ASSET: u32 = 2;

impl Hyperliquid {
    fn cloid(name: &str) -> String {
        let digits: String = name.chars().filter(char::is_ascii_digit).collect();
        format!("0x{digits:0>32}")
    }

    fn order(is_buy: bool, price: i64, tif: Tif, cloid: Option<String>) -> Action {
        let order = OrderWire::limit(ASSET, is_buy, &price.into(), &Decimal::ONE, false, tif);
        let order = OrderWire { cloid, ..order.expect("numbers that fit") };
        Action::Order { orders: vec![order], grouping: Grouping::Na }
    }
}

impl Client for Hyperliquid {
    fn request(&mut self, what: What, now: Timestamp) -> Request<Bytes> {
        let action = match what {
            What::Read => {
                let question = json!({"type": "clearinghouseState", "user": self.user});
                return request("POST", "/info", &[], Bytes::from(question.to_string()));
            }
            What::Place => Self::order(true, 160, Tif::Gtc, Some(Self::cloid(&self.names.next()))),
            What::Cancel => Action::CancelByCloid { cancels: vec![(ASSET, Self::cloid(&self.names.last()))] },
            What::Buy => Self::order(true, 170, Tif::Ioc, None),
            What::Sell => Self::order(false, 162, Tif::Ioc, None),
        };
        // Clients of one account sign with one key, whose numbers must not meet.
        let nonce = now.0 + u64::from(self.names.number);
        let signature = hyperliquid::sign_action(&self.key, Network::Testnet, &action, nonce, None, None);
        let body = json!({
            "action": action, "nonce": nonce, "signature": signature.expect("a signature"), "vaultAddress": null,
        });
        request("POST", "/exchange", &[("content-type", "application/json")], Bytes::from(body.to_string()))
    }

    fn is_done(&self, body: &[u8]) -> bool {
        !contains(body, "\"error\"") && !contains(body, "\"err\"")
    }
}
