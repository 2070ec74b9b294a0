//! Hyperliquid.

use evenkeel_localnet::Access;
use evenkeel_localnet::hyperliquid::{AccountSpec, Server};

use super::{Kind, Snippet, Starting, serve, sockets};
use crate::scenario::Scenario;

pub(super) static KIND: Kind = Kind { name: "hyperliquid", symbol: str::to_owned, start, snippets };

fn start(scenario: &Scenario, port: u16) -> Starting<'_> {
    Box::pin(async move {
        let mut builder = Server::builder().seed(scenario.seed);
        for (name, row) in scenario.accounts() {
            let mut account = AccountSpec::named(&name).world(scenario.furnish(&row, &KIND));
            if let Some(cash) = row.cash {
                account = account.cash(&cash.to_string());
            }
            builder = builder.account(account);
        }
        serve(&KIND, builder, scenario, port).await
    })
}

fn snippets(url: &str, access: &Access) -> Vec<Snippet> {
    let address = access.get("address").unwrap_or_default();
    let key = access.get("key").unwrap_or_default();
    let sockets = sockets(url);
    vec![
        Snippet {
            client: "ccxt (Python)",
            lines: format!(
                "\
import ccxt
bot = ccxt.hyperliquid({{\"walletAddress\": \"{address}\", \"privateKey\": \"{key}\"}})
bot.set_sandbox_mode(True)
bot.urls[\"api\"] = {{\"public\": \"{url}\", \"private\": \"{url}\"}}"
            ),
        },
        Snippet {
            client: "ccxt.pro (Python), which listens",
            lines: format!(
                "\
import ccxt.pro
bot = ccxt.pro.hyperliquid({{\"walletAddress\": \"{address}\", \"privateKey\": \"{key}\"}})
bot.set_sandbox_mode(True)
bot.urls[\"api\"] = {{\"public\": \"{url}\", \"private\": \"{url}\", \"ws\": {{\"public\": \"{sockets}/ws\"}}}}"
            ),
        },
        Snippet {
            client: "ccxt (JavaScript)",
            lines: format!(
                "\
import ccxt from 'ccxt';
const bot = new ccxt.hyperliquid({{walletAddress: '{address}', privateKey: '{key}'}});
bot.setSandboxMode(true);
bot.urls.api = {{public: '{url}', private: '{url}'}};"
            ),
        },
        Snippet {
            client: "hyperliquid-python-sdk",
            lines: format!(
                "\
import eth_account
from hyperliquid.exchange import Exchange
from hyperliquid.info import Info
info = Info(\"{url}\", skip_ws=True)
bot = Exchange(eth_account.Account.from_key(\"{key}\"), \"{url}\", account_address=\"{address}\")"
            ),
        },
        Snippet {
            client: "evenkeel",
            lines: format!(
                "\
export HYPERLIQUID_ACCOUNT_ADDRESS={address} HYPERLIQUID_AGENT_KEY={key}
cargo run --release --example account -- --venue hyperliquid --environment testnet --base-url {url}"
            ),
        },
    ]
}
