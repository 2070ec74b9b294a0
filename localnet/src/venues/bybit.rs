//! Bybit V5 linear.

use evenkeel_localnet::Access;
use evenkeel_localnet::bybit::{Builder, Server};

use super::{Kind, Snippet, Starting, keyed, serve, sockets};
use crate::scenario::Scenario;

pub(super) static KIND: Kind = Kind { name: "bybit", symbol, start, snippets };

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
bot = ccxt.bybit({{\"apiKey\": \"{key}\", \"secret\": \"{secret}\", \"options\": {{\"defaultType\": \"swap\"}}}})
bot.urls[\"api\"] = {{name: \"{url}\" for name in bot.urls[\"api\"]}}"
            ),
        },
        Snippet {
            client: "ccxt.pro (Python), which listens",
            lines: format!(
                "\
import ccxt.pro
bot = ccxt.pro.bybit({{\"apiKey\": \"{key}\", \"secret\": \"{secret}\", \"options\": {{\"defaultType\": \"swap\"}}}})
ws = bot.urls[\"api\"].pop(\"ws\")
bot.urls[\"api\"] = {{\"ws\": ws, **{{name: \"{url}\" for name in bot.urls[\"api\"]}}}}
ws[\"public\"][\"linear\"], ws[\"private\"][\"contract\"] = \"{sockets}/v5/public/linear\", \"{sockets}/v5/private\""
            ),
        },
        Snippet {
            client: "ccxt (JavaScript)",
            lines: format!(
                "\
import ccxt from 'ccxt';
const bot = new ccxt.bybit({{apiKey: '{key}', secret: '{secret}', options: {{defaultType: 'swap'}}}});
bot.urls.api = Object.fromEntries(Object.keys(bot.urls.api).map((name) => [name, '{url}']));"
            ),
        },
        Snippet {
            client: "pybit",
            lines: format!(
                "\
from pybit.unified_trading import HTTP
bot = HTTP(testnet=True, api_key=\"{key}\", api_secret=\"{secret}\")
bot.endpoint = \"{url}\""
            ),
        },
        Snippet {
            client: "evenkeel",
            lines: format!(
                "\
export BYBIT_API_KEY={key} BYBIT_API_SECRET={secret}
cargo run --release --example account -- --venue bybit --environment testnet --base-url {url}"
            ),
        },
    ]
}
