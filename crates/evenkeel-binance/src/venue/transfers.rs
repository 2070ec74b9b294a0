//! Moving money between the spot wallet and the futures account.

use evenkeel_exchange::{Effect, Operation, Result, Route, Transfers, async_trait};
use evenkeel_http::{Failure, Urgency};
use evenkeel_types::Usd;

use super::trader::Binance;
use crate::decode::decode_transfer;
use crate::encode;

#[async_trait]
impl Transfers for Binance {
    /// USDT, at the venue's wallet interface, which the demo environment does not have. The key needs the permission for
    /// universal transfers. The venue takes no identity of ours with it: one whose answer was lost shows in the balances of
    /// both wallets only.
    async fn transfer(&self, route: Route, amount: Usd) -> Result<()> {
        let operation = Operation::Transfer;
        let decided = self.now();
        let moved = async {
            let request = encode::transfer(route, amount)?;
            let reply = self.plumbing().write(operation, &request, Urgency::Ordinary, decided).await?;
            decode_transfer(reply.body()).map_err(|error| Failure::undecoded(&error, Effect::Unknown))
        };
        moved.await.map(drop).map_err(|failure| self.error(operation, &failure))
    }
}
