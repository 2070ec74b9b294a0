//! Binance USDⓈ-M.

use evenkeel_localnet::Access;
use evenkeel_localnet::binance::{Builder, Server};

use super::{Kind, Snippet, Starting, keyed, serve, sockets};
use crate::scenario::Scenario;

pub(super) static KIND: Kind = Kind { name: "binance", symbol, start, snippets };

fn symbol(coin: &str) -> String {
    format!("{coin}USDT")
}

fn start(scenario: &Scenario, port: u16) -> Starting<'_> {
    Box::pin(async move {
        let builder = Server::builder().seed(scenario.seed);
        let builder = keyed(scenario, &KIND).fold(builder, Builder::account);
        serve(&KIND, builder, scenario, port).await
    })
}

fn snippets(url: &str, access: &Access) -> Vec<Snippet> {
    let key = access.get("key").unwrap_or_default();
    let secret = access.get("secret").unwrap_or_default();
    let sockets = sockets(url);
    vec![
        Snippet {
            client: "ccxt (Python)",
            lines: format!(
                "\
import ccxt
bot = ccxt.binanceusdm({{\"apiKey\": \"{key}\", \"secret\": \"{secret}\"}})
bot.urls[\"api\"] = {{name: \"{url}/\" + address.split(\"/\", 3)[3] if \"://\" in str(address) else address for name, address in bot.urls[\"api\"].items()}}"
            ),
        },
        Snippet {
            client: "ccxt.pro (Python), which listens",
            lines: format!(
                "\
import ccxt.pro
bot = ccxt.pro.binanceusdm({{\"apiKey\": \"{key}\", \"secret\": \"{secret}\"}})
api = bot.urls[\"api\"]
api.update({{name: \"{url}/\" + address.split(\"/\", 3)[3] for name, address in api.items() if \"://\" in address}})
api[\"ws\"][\"future\"] = \"{sockets}/ws\""
            ),
        },
        Snippet {
            client: "ccxt (JavaScript)",
            lines: format!(
                "\
import ccxt from 'ccxt';
const bot = new ccxt.binanceusdm({{apiKey: '{key}', secret: '{secret}'}});
for (const name in bot.urls.api) bot.urls.api[name] = String(bot.urls.api[name]).replace(/^https:..[^/]*/, '{url}');"
            ),
        },
        Snippet {
            client: "binance-sdk-derivatives-trading-usds-futures",
            lines: format!(
                "\
from binance_common.configuration import ConfigurationRestAPI
from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import DerivativesTradingUsdsFutures
bot = DerivativesTradingUsdsFutures(ConfigurationRestAPI(api_key=\"{key}\", api_secret=\"{secret}\", base_path=\"{url}\")).rest_api"
            ),
        },
        Snippet {
            client: "evenkeel",
            lines: format!(
                "\
export BINANCE_API_KEY={key} BINANCE_API_SECRET={secret}
cargo run --release --example account -- --venue binance --environment demo --base-url {url}"
            ),
        },
    ]
}
