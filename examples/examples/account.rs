//! What an account holds: equity and margin by pool, balances elsewhere, positions with their liquidation, open orders,
//! fees. Reads only; an account's address is enough where the venue needs no key for reading.

use std::process::ExitCode;

use clap::Parser;
use evenkeel_examples::confirm;
use evenkeel_examples::failure::{Failure, one_line};
use evenkeel_examples::live::{Access, Connection, Site, Variables};
use evenkeel_examples::screen::{Screen, Tone};
use evenkeel_examples::show::{self, percent, price};
use evenkeel_examples::start::{print_json, program};
use evenkeel_examples::table::{Align, Table};
use evenkeel_exchange::{WalletBalance, chain};
use evenkeel_margin::{Account, Exposure, PositionExposure, distance_to_liquidation};
use evenkeel_rebalance::{AccountView, PositionView};
use evenkeel_types::{Decimal, Exact, OpenOrder, OrderKind, Price, Scope, Snapshot, Symbol, Usd};
use futures_util::future::join_all;
use serde_json::{Value, json};

const AFTER_HELP: &str = "\
Examples:
  account --venue hyperliquid --environment mainnet
  account --venue hyperliquid --environment testnet --symbol SOL --json
  account --venue hyperliquid:mainnet --venue bybit:testnet

Liquidation prices are the venue's own; where evenkeel computes another one, it
stands below. What does not exist is N/A.

Exit status:
  0  read
  2  bad input: one line says which field, which value, and what is allowed
  3  an account could not be read

Keys and addresses: the environment, or a file .env (see .env.example). Sends
nothing.";

/// Below this share of a difference, two liquidation prices are the same: marks move between two readings.
const NOTICEABLE_PERCENT: i64 = 1;

/// Shows accounts: equity, margin, balances elsewhere, positions, liquidation, orders, fees.
#[derive(Debug, Parser)]
#[command(name = "account", version, after_help = AFTER_HELP, term_width = 80)]
struct Args {
    #[command(flatten)]
    site: Site,

    /// A symbol whose price, setting and fees are wanted although nothing is held; may be repeated
    #[arg(long, value_name = "SYMBOL")]
    symbol: Vec<Symbol>,

    /// Print one JSON document instead
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    program(account)
}

/// Everything that is shown.
struct Found {
    snapshot: Snapshot,
    exposure: Exposure,
    wallets: Result<Vec<WalletBalance>, String>,
}

async fn account(args: Args) -> Result<u8, Failure> {
    let connections = args.site.open_all(&Variables::read()?, Access::Read)?;
    if connections.len() > 1 && !args.symbol.is_empty() {
        return Err(Failure::input("--symbol: every venue spells symbols in its own way; name one --venue"));
    }
    confirm::note(if connections.len() == 1 {
        "reading the account ..."
    } else {
        "reading the accounts ..."
    });
    let scope = Scope::of(args.symbol);
    let mut all = Vec::with_capacity(connections.len());
    let found = join_all(connections.iter().map(|connection| look(connection, &scope))).await;
    for (connection, found) in connections.iter().zip(found) {
        match found {
            Ok(found) => all.push((connection, Ok(found))),
            // One account that cannot be read leaves nothing to show.
            Err(failure) if connections.len() == 1 => return Err(failure),
            Err(failure) => all.push((connection, Err(one_line(&failure.to_string())))),
        }
    }
    if args.json {
        print_json(&match all.as_slice() {
            [(connection, Ok(found))] => document(connection, found),
            all => json!({"schema": 1, "accounts": all.iter().map(entry).collect::<Vec<_>>()}),
        })?;
    } else {
        let mut screen = Screen::stdout();
        for (index, (connection, found)) in all.iter().enumerate() {
            if index > 0 {
                screen.text(Tone::Plain, 0, 0, "");
            }
            print(&mut screen, connection, found);
        }
    }
    Ok(if all.iter().all(|(_, found)| found.is_ok()) { 0 } else { 3 })
}

/// Reads one account.
async fn look(connection: &Connection, scope: &Scope) -> Result<Found, Failure> {
    let venue = connection.observe();
    let wallets = async {
        match venue.read_abilities().wallets {
            Some(wallets) => wallets.balances().await.map_err(|error| chain(&error)),
            None => Ok(Vec::new()),
        }
    };
    let (snapshot, wallets) = tokio::join!(venue.snapshot(scope), wallets);
    let snapshot = match snapshot {
        Ok(snapshot) => snapshot,
        Err(error) => return Err(connection.explain(error.into(), &scope.symbols).await),
    };
    snapshot.validate(scope).map_err(|error| Failure::Halted(format!("the account reading: {error}")))?;
    let exposure = Account::from_snapshot(&snapshot).and_then(|account| account.exposure());
    let exposure = exposure.map_err(|error| Failure::Halted(format!("the account's figures: {error}")))?;
    Ok(Found { exposure, snapshot, wallets })
}

/// How far the liquidation price is, as a signed fraction of the mark.
fn away(mark: Price, liquidation: Option<Price>) -> Option<Decimal> {
    distance_to_liquidation(mark, liquidation?).ok()
}

/// Whether the venue's liquidation price and ours are told apart.
fn differ(venue: Option<Price>, ours: Option<Price>) -> bool {
    let (Some(venue), Some(ours)) = (venue, ours) else { return venue.is_some() != ours.is_some() };
    let gap = ours.get().minus(venue.get()).map(|gap| gap.abs());
    let bound = venue.get().times(Decimal::new(NOTICEABLE_PERCENT, 2));
    gap.is_ok_and(|gap| bound.is_ok_and(|bound| gap > bound))
}

/// The venue's own liquidation price of a position.
fn venues(snapshot: &Snapshot, position: &PositionExposure) -> Option<Price> {
    let held =
        snapshot.positions.iter().find(|held| held.symbol == position.symbol && held.side == position.side);
    held.and_then(|held| held.liquidation_price)
}

// -- for people ------------------------------------------------------------------------------------------------------

fn amount(amount: Option<Usd>) -> String {
    amount.map_or_else(|| "N/A".to_owned(), |amount| format!("{amount:.2}"))
}

fn print(screen: &mut Screen, connection: &Connection, found: &Result<Found, String>) {
    screen.text(Tone::Strong, 0, 0, &connection.title());
    let found = match found {
        Ok(found) => found,
        Err(why) => return screen.text(Tone::Bad, 0, 2, &format!("could not be read: {why}")),
    };
    screen.text(Tone::Dim, 0, 2, &format!("(capabilities: {})", connection.source));

    let Found { snapshot, exposure, wallets } = found;
    screen.heading("Perpetual account");
    let view = view(found);
    show::figures(screen, &view);
    if exposure.is_liquidatable() {
        screen.text(Tone::Bad, 2, 2, "warning: liquidation is due at the present prices");
    }
    let mut pools = Table::new(&[
        ("pool", Align::Left),
        ("equity", Align::Right),
        ("free", Align::Right),
        ("withdrawable", Align::Right),
        ("transferable", Align::Right),
    ]);
    for pool in &snapshot.pools {
        let rest = [Some(pool.equity), Some(pool.free), pool.withdrawable, pool.transferable].map(amount);
        let mut cells = vec![pool.id.0.as_str().into()];
        cells.extend(rest.map(Into::into));
        pools.row(cells);
    }
    pools.print(screen);

    screen.heading("Spot and other wallets");
    match wallets {
        Err(why) => screen.text(Tone::Warn, 2, 2, &format!("could not be read: {why}")),
        Ok(rows) if rows.is_empty() => screen.text(Tone::Dim, 2, 2, "nothing"),
        Ok(rows) => {
            let mut table = Table::new(&[
                ("wallet", Align::Left),
                ("coin", Align::Left),
                ("total", Align::Right),
                ("available", Align::Right),
            ]);
            for row in rows {
                table.row(vec![
                    row.wallet.as_str().into(),
                    row.coin.as_str().into(),
                    row.total.to_string().into(),
                    row.available.to_string().into(),
                ]);
            }
            table.print(screen);
        }
    }
    screen.heading("Positions");
    let remarks = exposure.positions.iter().zip(&view.positions);
    let remarks = remarks.map(|(ours, shown)| (shown, remark(ours, shown.liquidation_price)));
    show::positions(screen, remarks);
    screen.heading("Open orders");
    orders(screen, &snapshot.open_orders);
    screen.heading("Settings and fees");
    settings(screen, snapshot);
}

/// The account in figures, with the venue's own liquidation prices.
fn view(found: &Found) -> AccountView {
    let positions = found.exposure.positions.iter().map(|position| {
        let venue = venues(&found.snapshot, position);
        PositionView {
            symbol: position.symbol.clone(),
            size: position.qty,
            mark: position.mark,
            value: position.notional,
            allocation: position.allocation.get(),
            leverage: position.setting,
            margin_mode: position.mode,
            liquidation_price: venue,
            liquidation_distance: away(position.mark, venue),
        }
    });
    AccountView {
        account_value: found.exposure.account_value,
        gross: found.exposure.gross,
        margin_used: found.exposure.margin_used,
        positions: positions.collect(),
    }
}

/// Our liquidation price where it is another one than the venue's.
fn remark(position: &PositionExposure, venue: Option<Price>) -> Option<String> {
    let ours = position.liquidation_price;
    differ(venue, ours).then(|| {
        let ours = ours.map_or_else(|| "N/A".to_owned(), price);
        format!("computed here: {ours} ({})", percent(position.distance))
    })
}

fn kind(kind: OrderKind) -> &'static str {
    match kind {
        OrderKind::Limit => "limit",
        OrderKind::StopLoss => "stop loss",
        OrderKind::TakeProfit => "take profit",
        OrderKind::TrailingStop => "trailing stop",
        _ => "conditional",
    }
}

fn orders(screen: &mut Screen, orders: &[OpenOrder]) {
    if orders.is_empty() {
        screen.text(Tone::Dim, 2, 2, "none");
        return;
    }
    let mut table = Table::new(&[
        ("symbol", Align::Left),
        ("kind", Align::Left),
        ("side", Align::Left),
        ("size", Align::Right),
        ("limit", Align::Right),
        ("trigger", Align::Right),
        ("", Align::Left),
    ]);
    let or_dash = |at: Option<Price>| at.map_or_else(|| "-".to_owned(), price);
    for order in orders {
        table.row(vec![
            order.symbol.as_str().into(),
            kind(order.kind).into(),
            order.side.to_string().into(),
            order.remaining.map_or_else(|| "position".to_owned(), |size| size.to_string()).into(),
            or_dash(order.limit).into(),
            or_dash(order.trigger).into(),
            if order.reduce_only { "reduce-only" } else { "" }.into(),
        ]);
    }
    table.print(screen);
}

fn settings(screen: &mut Screen, snapshot: &Snapshot) {
    if snapshot.settings.is_empty() {
        screen.text(Tone::Dim, 2, 2, "nothing is held; name a symbol with --symbol");
        return;
    }
    let mut table = Table::new(&[
        ("symbol", Align::Left),
        ("leverage", Align::Right),
        ("maximum", Align::Right),
        ("maker", Align::Right),
        ("taker", Align::Right),
    ]);
    for (symbol, setting) in &snapshot.settings {
        let fees = snapshot.fees.get(symbol);
        let rate = |rate: Option<evenkeel_types::Rate>| {
            let percent = rate.and_then(|rate| rate.get().times(Decimal::ONE_HUNDRED).ok());
            percent.map_or_else(|| "N/A".to_owned(), |percent| format!("{} %", percent.normalize()))
        };
        let maximum =
            snapshot.instruments.get(symbol).map(|instrument| format!("{}x", instrument.max_leverage()));
        table.row(vec![
            symbol.as_str().into(),
            format!("{}x {}", setting.long, setting.mode).into(),
            maximum.unwrap_or_else(|| "N/A".to_owned()).into(),
            rate(fees.map(|fees| fees.maker)).into(),
            rate(fees.map(|fees| fees.taker)).into(),
        ]);
    }
    table.print(screen);
}

// -- for programs ----------------------------------------------------------------------------------------------------

fn text(value: Option<Decimal>) -> Value {
    value.map_or(Value::Null, |value| value.normalize().to_string().into())
}

/// One of several accounts.
fn entry((connection, found): &(&Connection, Result<Found, String>)) -> Value {
    match found {
        Ok(found) => document(connection, found),
        Err(why) => json!({"venue": connection.name, "environment": connection.environment.to_string(),
            "account": connection.account, "error": why}),
    }
}

fn document(connection: &Connection, found: &Found) -> Value {
    let Found { snapshot, exposure, wallets } = found;
    let positions: Vec<Value> = exposure.positions.iter().map(|position| {
        let venue = venues(snapshot, position);
        json!({
            "symbol": position.symbol, "side": position.side, "size": position.qty, "mark": position.mark,
            "value": position.notional, "allocation": text(Some(position.allocation.get())),
            "leverage": position.setting, "effective_leverage": text(position.leverage),
            "margin_mode": position.mode, "bucket": position.bucket, "unrealised_pnl": position.unrealised_pnl,
            "liquidation_price": venue, "liquidation_distance": text(away(position.mark, venue)),
            "computed_liquidation_price": position.liquidation_price,
            "liquidation_prices_differ": differ(venue, position.liquidation_price),
        })
    }).collect();
    let wallet = |row: &WalletBalance| json!({"wallet": row.wallet, "coin": row.coin, "total": row.total, "available": row.available});
    json!({
        "schema": 1,
        "venue": connection.name, "environment": connection.environment.to_string(),
        "account": connection.account, "as_of": snapshot.as_of, "position_mode": snapshot.position_mode,
        "account_value": exposure.account_value, "gross": exposure.gross, "margin_used": exposure.margin_used,
        "margin_utilisation": text(exposure.margin_utilisation),
        "effective_leverage": text(exposure.effective_leverage),
        "warning": exposure.needs_warning(), "liquidatable": exposure.is_liquidatable(),
        "pools": snapshot.pools,
        "wallets": wallets.as_ref().ok().map(|rows| rows.iter().map(wallet).collect::<Vec<_>>()),
        "positions": positions,
        "open_orders": snapshot.open_orders, "settings": snapshot.settings, "fees": snapshot.fees,
    })
}
