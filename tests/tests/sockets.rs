//! The private streams of all connectors over real sockets, against the local venues: what happens there is told as the right
//! hint, and what may have been missed as such.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::Duration;

use evenkeel_exchange::{Hint, Observe, OrderRequest, Subscription, Trade};
use evenkeel_localnet::{Blueprint, Fault, FaultRule, Localnet, Venue};
use evenkeel_paper::Event;
use evenkeel_types::{ClientOrderId, Leverage, OrderIntent, PositionSide, Side, Symbol, TimeInForce};

/// Whoever waits longer waits for ever.
const PATIENCE: Duration = Duration::from_secs(20);
const NAME: &str = "bot";

/// A venue, and the one account that it has.
#[derive(Debug)]
struct Bench<V: Venue, C> {
    net: Localnet<V>,
    venue: C,
    symbol: Symbol,
    stream: Box<dyn Subscription>,
}

impl<V: Venue, C: Trade> Bench<V, C> {
    /// Listening, from now on.
    async fn new<B: Blueprint<Venue = V>>(
        blueprint: B,
        symbol: &str,
        connect: impl FnOnce(&Localnet<V>) -> C,
    ) -> Self {
        let net = Localnet::start(blueprint).await.unwrap();
        let venue = connect(&net);
        let stream = stream(&venue);
        let mut bench = Self { net, venue, symbol: symbol.parse().unwrap(), stream };
        assert_eq!(bench.next().await, Hint::Resumed);
        assert_eq!(bench.net.counts().sockets, 1);
        bench
    }

    async fn next(&mut self) -> Hint {
        tokio::time::timeout(PATIENCE, self.stream.next()).await.expect("a hint").unwrap()
    }

    /// All hints until the last one of these has come.
    async fn until(&mut self, wanted: &[Hint]) -> Vec<Hint> {
        let mut missing: BTreeSet<String> = wanted.iter().map(|hint| format!("{hint:?}")).collect();
        let mut heard = Vec::new();
        while !missing.is_empty() {
            let next = tokio::time::timeout(PATIENCE, self.stream.next()).await;
            let hint = next.unwrap_or_else(|_| panic!("{missing:?} never came, only {heard:?}")).unwrap();
            missing.remove(&format!("{hint:?}"));
            heard.push(hint);
        }
        heard
    }

    /// Something happens without us.
    fn happen(&self, event: &Event) {
        let now = self.net.now();
        self.net.with(|venue| {
            for (_, world) in venue.worlds() {
                world.happen(event.clone());
            }
            venue.advance_to(now);
        });
    }

    /// Buys at once; the identity of the order.
    async fn buy(&self, qty: &str, limit: &str, number: u8) -> ClientOrderId {
        self.order(PositionSide::Net, qty, limit, number).await
    }

    /// The same for a leg.
    async fn order(&self, leg: PositionSide, qty: &str, limit: &str, number: u8) -> ClientOrderId {
        let id = ClientOrderId::from_hash(&[number; 16]);
        let intent = OrderIntent {
            id,
            symbol: self.symbol.clone(),
            side: Side::Buy,
            position_side: leg,
            qty: qty.parse().unwrap(),
            limit: limit.parse().unwrap(),
            tif: TimeInForce::Ioc,
            reduce_only: false,
        };
        let placed = self.venue.place(&[OrderRequest::danger_without_proof(intent).unwrap()]).await;
        placed[0].as_ref().unwrap();
        id
    }

    fn symbol(&self) -> Option<Symbol> {
        Some(self.symbol.clone())
    }

    fn leverage(&self, leverage: i64) -> Event {
        Event::ForeignLeverage { symbol: self.symbol.clone(), leverage: Leverage::new(leverage).unwrap() }
    }

    /// What the line does to a stream, whatever the venue: a gap that nobody tells of, and a cut that is told. `money` is the
    /// venue's word for what is pushed when money comes.
    async fn on_a_bad_line(&mut self, money: &str) {
        let deposit = |net: &Localnet<V>| net.deposit(NAME, "100").unwrap();
        deposit(&self.net);
        self.until(&[Hint::Account]).await;
        // Lost: what is heard next is what happens after it.
        self.net.inject([FaultRule::new(Fault::LosePush).on(money).times(1)]);
        deposit(&self.net);
        assert_eq!(self.net.faults()[0].struck(), 1);
        self.net.clear_faults();
        // Cut: the connector comes back by itself, and says so.
        self.net.inject([FaultRule::new(Fault::CutSocket).on(money).account(NAME).times(1)]);
        deposit(&self.net);
        assert_eq!(self.next().await, Hint::Resumed);
        assert_eq!((self.net.counts().sockets, self.net.faults()[0].struck()), (1, 1));
        deposit(&self.net);
        self.until(&[Hint::Account]).await;
        // Late, and nothing is lost by it.
        self.net.inject([FaultRule::new(Fault::DelayPush(Duration::from_millis(20))).on(money)]);
        deposit(&self.net);
        self.until(&[Hint::Account]).await;
    }
}

fn stream(venue: &impl Observe) -> Box<dyn Subscription> {
    venue.read_abilities().stream.expect("the connector has a stream").subscribe()
}

mod hyperliquid {
    use evenkeel_hyperliquid::sign::{AccountAddress, AgentKey};
    use evenkeel_hyperliquid::{Account, Credentials, Environment, Hyperliquid};
    use evenkeel_localnet::hyperliquid::{AccountSpec, Server};

    use super::*;

    fn connect(net: &Localnet<Server>) -> Hyperliquid {
        let access = net.with(|server| server.accounts().remove(0));
        let account = AccountAddress::parse(access.get("address").unwrap()).unwrap();
        let key = AgentKey::from_hex(access.get("key").unwrap()).unwrap();
        Hyperliquid::builder()
            .environment(Environment::Testnet)
            .credentials(Credentials::agent(key, Account::new(account)))
            .base_url(net.base_url())
            .build()
            .unwrap()
    }

    async fn bench() -> Bench<Server, Hyperliquid> {
        let blueprint = Server::builder().account(AccountSpec::named(NAME).cash("10000"));
        Bench::new(blueprint, "SOL", connect).await
    }

    #[tokio::test]
    async fn what_happens_is_told() {
        let mut bench = bench().await;
        let (symbol, id) = (bench.symbol(), Some(bench.buy("2", "167", 1).await));
        let order = Hint::Order { symbol: symbol.clone(), id };
        let fill = Hint::Fill { symbol: symbol.clone(), id };
        assert_eq!(bench.until(&[order.clone(), fill.clone()]).await, [order, fill]);
        // Somebody else trades; the venue tells of no settings.
        bench.happen(&bench.leverage(3));
        bench.happen(&Event::ForeignTrade { symbol: bench.symbol.clone(), qty: "1".parse().unwrap() });
        assert_eq!(bench.next().await, Hint::Fill { symbol, id: None });
        // Funding.
        bench.net.advance(Duration::from_secs(3600));
        assert_eq!(bench.next().await, Hint::Account);
    }

    #[tokio::test]
    async fn a_bad_line_is_survived() {
        bench().await.on_a_bad_line("userNonFundingLedgerUpdates").await;
    }
}

mod bingx {
    use evenkeel_bingx::{BingX, Credentials, Environment};
    use evenkeel_exchange::ErrorKind;
    use evenkeel_localnet::bingx::{AccountSpec, Environment as Host, Server};

    use super::*;

    fn with_key(net: &Localnet<Server>, key: Option<&str>) -> BingX {
        let access = net.with(|server| server.accounts().remove(0));
        let variable = |name: &str| match name {
            name if name.contains("SECRET") => access.get("secret").map(str::to_owned),
            _ => key.or(access.get("key")).map(str::to_owned),
        };
        BingX::builder()
            .environment(Environment::Demo)
            .credentials(Credentials::from_variables(&variable).unwrap())
            .base_url(net.base_url())
            .build()
            .unwrap()
    }

    fn connect(net: &Localnet<Server>) -> BingX {
        with_key(net, None)
    }

    async fn bench(account: AccountSpec) -> Bench<Server, BingX> {
        Bench::new(Server::builder().environment(Host::Demo).account(account), "SOL-USDT", connect).await
    }

    fn one_way() -> AccountSpec {
        AccountSpec::named(NAME).cash("10000")
    }

    #[tokio::test]
    async fn what_happens_is_told() {
        let mut bench = bench(one_way()).await;
        let (symbol, id) = (bench.symbol(), Some(bench.buy("2", "167", 1).await));
        let order = Hint::Order { symbol: symbol.clone(), id };
        let fill = Hint::Fill { symbol: symbol.clone(), id };
        let position = Hint::Position { symbol: symbol.clone() };
        // Taken in, and a moment later traded; then the money and the position.
        let heard = bench.until(&[order.clone(), fill.clone(), Hint::Account, position.clone()]).await;
        assert_eq!(heard, [order.clone(), order, fill, Hint::Account, position.clone()]);
        // The settings that come again and again are no news; one that changed is.
        bench.happen(&bench.leverage(3));
        assert_eq!(bench.next().await, Hint::Setting { symbol: symbol.clone() });
        bench.happen(&Event::ForeignTrade { symbol: bench.symbol.clone(), qty: "1".parse().unwrap() });
        bench.until(&[Hint::Fill { symbol, id: None }, Hint::Account, position]).await;
        bench.net.deposit(NAME, "100").unwrap();
        assert_eq!(bench.next().await, Hint::Account);
    }

    #[tokio::test]
    async fn a_hedged_account_is_told_likewise() {
        let mut bench = bench(one_way().hedge()).await;
        let (symbol, id) = (bench.symbol(), Some(bench.order(PositionSide::Long, "2", "167", 1).await));
        let position = Hint::Position { symbol: symbol.clone() };
        bench.until(&[Hint::Fill { symbol, id }, Hint::Account, position]).await;
    }

    #[tokio::test]
    async fn a_bad_line_is_survived() {
        bench(one_way()).await.on_a_bad_line("ACCOUNT_UPDATE").await;
    }

    #[tokio::test]
    async fn a_key_that_expired_is_asked_for_anew() {
        let mut bench = bench(one_way()).await;
        bench.net.advance(Duration::from_secs(3601));
        // The key is asked for with a signature, and the venue's clock jumped an hour since it was last compared with ours.
        let told = tokio::time::timeout(PATIENCE, bench.stream.next()).await.expect("an answer");
        assert_eq!(told.unwrap_err().code(), Some("109400"));
        bench.until(&[Hint::Resumed]).await;
        bench.net.deposit(NAME, "1").unwrap();
        bench.until(&[Hint::Account]).await;
    }

    #[tokio::test]
    async fn a_refused_key_is_told() {
        let net =
            Localnet::start(Server::builder().environment(Host::Demo).account(one_way())).await.unwrap();
        let mut stream = stream(&with_key(&net, Some("somebody-elses")));
        let heard = tokio::time::timeout(PATIENCE, stream.next()).await.expect("an answer");
        assert_eq!(heard.unwrap_err().kind(), ErrorKind::Auth);
    }
}

mod binance {
    use evenkeel_binance::{Binance, Credentials, Environment};
    use evenkeel_localnet::binance::{AccountSpec, Server};

    use super::*;

    fn connect(net: &Localnet<Server>) -> Binance {
        let access = net.with(|server| server.accounts().remove(0));
        let variable = |name: &str| match name {
            name if name.contains("ED25519") => None,
            name if name.contains("SECRET") => access.get("secret").map(str::to_owned),
            _ => access.get("key").map(str::to_owned),
        };
        Binance::builder()
            .environment(Environment::Demo)
            .credentials(Credentials::from_variables(&variable).unwrap())
            .base_url(net.base_url())
            .build()
            .unwrap()
    }

    async fn bench() -> Bench<Server, Binance> {
        let blueprint = Server::builder().account(AccountSpec::named(NAME).cash("10000"));
        Bench::new(blueprint, "SOLUSDT", connect).await
    }

    #[tokio::test]
    async fn what_happens_is_told() {
        let mut bench = bench().await;
        let (symbol, id) = (bench.symbol(), Some(bench.buy("2", "167", 1).await));
        let order = Hint::Order { symbol: symbol.clone(), id };
        let fill = Hint::Fill { symbol: symbol.clone(), id };
        let position = Hint::Position { symbol: symbol.clone() };
        // Taken in, traded; then the money and the position.
        let heard = bench.until(&[order.clone(), fill.clone(), Hint::Account, position.clone()]).await;
        assert_eq!(heard, [order.clone(), order, fill, Hint::Account, position.clone()]);
        bench.happen(&bench.leverage(3));
        assert_eq!(bench.next().await, Hint::Setting { symbol: symbol.clone() });
        bench.happen(&Event::ForeignTrade { symbol: bench.symbol.clone(), qty: "1".parse().unwrap() });
        bench.until(&[Hint::Fill { symbol, id: None }, position]).await;
    }

    #[tokio::test]
    async fn a_bad_line_is_survived() {
        bench().await.on_a_bad_line("ACCOUNT_UPDATE").await;
    }

    #[tokio::test]
    async fn a_key_that_expired_is_asked_for_anew() {
        let mut bench = bench().await;
        bench.net.advance(Duration::from_secs(3601));
        bench.until(&[Hint::Resumed]).await;
        bench.net.deposit(NAME, "1").unwrap();
        bench.until(&[Hint::Account]).await;
    }
}

mod bybit {
    use evenkeel_bybit::{Bybit, Credentials, Environment};
    use evenkeel_exchange::ErrorKind;
    use evenkeel_localnet::bybit::{AccountSpec, Server};

    use super::*;

    fn builder() -> impl Blueprint<Venue = Server> {
        Server::builder().account(AccountSpec::named(NAME).cash("10000"))
    }

    fn with_secret(net: &Localnet<Server>, secret: &str) -> Bybit {
        let access = net.with(|server| Venue::accounts(server).remove(0));
        let variable = |name: &str| match name {
            name if name.contains("SECRET") => Some(secret.to_owned()),
            _ => access.get("key").map(str::to_owned),
        };
        Bybit::builder()
            .environment(Environment::Testnet)
            .credentials(Credentials::from_variables(&variable).unwrap())
            .base_url(net.base_url())
            .build()
            .unwrap()
    }

    fn connect(net: &Localnet<Server>) -> Bybit {
        let secret = net.with(|server| server.key(NAME).unwrap().secret().to_owned());
        with_secret(net, &secret)
    }

    async fn bench() -> Bench<Server, Bybit> {
        Bench::new(builder(), "SOLUSDT", connect).await
    }

    #[tokio::test]
    async fn what_happens_is_told() {
        let mut bench = bench().await;
        let (symbol, id) = (bench.symbol(), Some(bench.buy("2", "167", 1).await));
        let (order, fill) =
            (Hint::Order { symbol: symbol.clone(), id }, Hint::Fill { symbol: symbol.clone(), id });
        let position = Hint::Position { symbol: symbol.clone() };
        // What the leverage was before the first word about the position nobody knows.
        let setting = Hint::Setting { symbol: symbol.clone() };
        let heard = bench.until(&[Hint::Account]).await;
        assert_eq!(heard, [order, fill, position.clone(), setting.clone(), Hint::Account]);
        // Settings are told with the position alone.
        bench.happen(&bench.leverage(3));
        assert_eq!(bench.until(&[Hint::Account]).await, [position.clone(), setting, Hint::Account]);
        bench.happen(&Event::ForeignTrade { symbol: bench.symbol.clone(), qty: "1".parse().unwrap() });
        let heard = bench.until(&[Hint::Account]).await;
        assert_eq!(heard, [Hint::Fill { symbol, id: None }, position, Hint::Account]);
        // Funding is told as an execution, and as money.
        bench.net.advance(Duration::from_secs(8 * 3600));
        assert_eq!([bench.next().await, bench.next().await], [Hint::Account, Hint::Account]);
    }

    #[tokio::test]
    async fn a_bad_line_is_survived() {
        bench().await.on_a_bad_line("wallet").await;
    }

    /// A login that is over by the venue's clock is refused as a wrong key is. Nobody is told that the key is wrong.
    #[tokio::test]
    async fn a_clock_that_was_set_is_no_wrong_key() {
        let mut bench = bench().await;
        bench.net.advance(Duration::from_secs(3600));
        bench.net.inject([FaultRule::new(Fault::CutSocket).times(1)]);
        bench.net.deposit(NAME, "1").unwrap();
        assert_eq!(bench.next().await, Hint::Resumed);
        bench.net.deposit(NAME, "1").unwrap();
        bench.until(&[Hint::Account]).await;
    }

    #[tokio::test]
    async fn a_login_that_is_refused_is_told_as_such() {
        let net = Localnet::start(builder()).await.unwrap();
        let mut stream = stream(&with_secret(&net, "another"));
        let told = tokio::time::timeout(PATIENCE, stream.next()).await.expect("an error").unwrap_err();
        assert_eq!((told.kind(), told.message()), (ErrorKind::Auth, "Params Error"));
    }
}
