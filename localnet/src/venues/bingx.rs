//! BingX swap.

use evenkeel_localnet::Access;
use evenkeel_localnet::bingx::{Builder, Server};

use super::{Kind, Snippet, Starting, keyed, serve, sockets};
use crate::scenario::Scenario;

pub(super) static KIND: Kind = Kind { name: "bingx", symbol, start, snippets };

fn symbol(coin: &str) -> String {
    format!("{coin}-USDT")
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
bot = ccxt.bingx({{\"apiKey\": \"{key}\", \"secret\": \"{secret}\", \"options\": {{\"defaultType\": \"swap\"}}}})
bot.urls[\"api\"] = {{name: \"{url}/openApi\" for name in bot.urls[\"api\"]}}"
            ),
        },
        Snippet {
            client: "ccxt.pro (Python), which listens",
            lines: format!(
                "\
import ccxt.pro
bot = ccxt.pro.bingx({{\"apiKey\": \"{key}\", \"secret\": \"{secret}\", \"options\": {{\"defaultType\": \"swap\"}}}})
ws = bot.urls[\"api\"].pop(\"ws\")
bot.urls[\"api\"] = {{\"ws\": ws, **{{name: \"{url}/openApi\" for name in bot.urls[\"api\"]}}}}
ws[\"linear\"] = \"{sockets}/swap-market\""
            ),
        },
        Snippet {
            client: "ccxt (JavaScript)",
            lines: format!(
                "\
import ccxt from 'ccxt';
const bot = new ccxt.bingx({{apiKey: '{key}', secret: '{secret}', options: {{defaultType: 'swap'}}}});
bot.urls.api = Object.fromEntries(Object.keys(bot.urls.api).map((name) => [name, '{url}/openApi']));"
            ),
        },
        Snippet {
            client: "evenkeel",
            lines: format!(
                "\
export BINGX_API_KEY={key} BINGX_API_SECRET={secret}
cargo run --release --example account -- --venue bingx --environment mainnet --base-url {url}"
            ),
        },
    ]
}
