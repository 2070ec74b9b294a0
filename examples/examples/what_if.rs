//! What if? Margin and liquidation of an account before and after a basket of trades, and after everything falls.
//!
//! There is no exchange here: `evenkeel-margin` computes from figures alone. `--shock -30` falls further, `--json` prints
//! the same for programs.

use std::process::ExitCode;

use clap::Parser;
use evenkeel_examples::failure::Failure;
use evenkeel_examples::screen::{Screen, Tone};
use evenkeel_examples::show;
use evenkeel_examples::table::{Align, Table};
use evenkeel_margin::{Account, Backing, Exposure, Holding, MarginRules, Pool, Trade, maintenance_rate};
use evenkeel_types::{
    Collateral, Decimal, Exact, Leverage, PoolId, PositionSide, Price, Qty, Rate, Symbol, Tiers, Usd,
    parse_decimal,
};
use serde_json::{Value, json};

/// Margin and liquidation of an account before and after a basket of trades, and after a fall in all prices.
#[derive(Debug, Parser)]
#[command(name = "what_if", version)]
struct Args {
    /// By how many percent all prices move after the trades
    #[arg(long, value_name = "PERCENT", default_value = "-20", allow_hyphen_values = true)]
    shock: String,
    /// Print one JSON document instead
    #[arg(long)]
    json: bool,
}

type Error = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let args = Args::parse();
    match what_if(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let failure = Failure::input(error);
            #[allow(clippy::print_stderr, reason = "a program's errors belong there")]
            {
                eprintln!("error: {failure}");
            }
            ExitCode::from(failure.status())
        }
    }
}

fn what_if(args: &Args) -> Result<(), Error> {
    let percent = parse_decimal("--shock", args.shock.trim())?;
    let shock = percent.over(Decimal::ONE_HUNDRED)?;

    // Maximum leverage of 20x and 40x, each with one tier; a venue's own tiers come with its instruments.
    let sol = Tiers::flat(leverage(20)?, maintenance_rate(leverage(20)?)?)?;
    let btc = Tiers::flat(leverage(40)?, maintenance_rate(leverage(40)?)?)?;
    let pool = PoolId(Symbol::new("USDC")?);
    let before = Account::new(
        vec![Pool {
            id: pool.clone(),
            collateral: Collateral::new("USDC")?,
            equity: usd("416")?,
            reserved: Usd::ZERO,
        }],
        vec![
            holding("SOL", &pool, "5.66", "166.3", 10, &sol)?,
            holding("BTC", &pool, "0.02104", "106410", 10, &btc)?,
        ],
    )?;

    // Sell three quarters of both, then lower the leverage: what the account can carry at 2x.
    let basket = [trade("SOL", "-3.18", "166.22")?, trade("BTC", "-0.01716", "106357")?];
    let mut after = before.apply_trades(&basket)?;
    for name in ["SOL", "BTC"] {
        after.set_leverage(
            &Symbol::new(name)?,
            PositionSide::Net,
            leverage(2)?,
            evenkeel_types::LowerIsolated::AfterTopUp,
        )?;
    }

    let stages = [
        ("before", "Before".to_owned(), before.clone()),
        ("before_shocked", format!("Before, and all prices move by {percent} %"), before.shock(shock)?),
        ("after", "After the basket, at 2x".to_owned(), after.clone()),
        (
            "after_shocked",
            format!("After the basket, and all prices move by {percent} %"),
            after.shock(shock)?,
        ),
    ];
    let mut screen = Screen::stdout();
    if args.json {
        let mut document = serde_json::Map::new();
        document.insert("shock".into(), shock.normalize().to_string().into());
        for (key, _, account) in &stages {
            document.insert((*key).into(), as_json(account)?);
        }
        screen.line(&serde_json::to_string_pretty(&document)?);
        return Ok(());
    }
    screen.text(
        Tone::Strong,
        0,
        0,
        "What if 416 of equity held 3 180 at 10x, and what if most of it were sold?",
    );
    for (_, heading, account) in &stages {
        print(&mut screen, heading, account)?;
    }
    Ok(())
}

fn leverage(whole: u32) -> Result<Leverage, Error> {
    Ok(Leverage::new(whole)?)
}

fn usd(text: &str) -> Result<Usd, Error> {
    Ok(text.parse()?)
}

fn holding<'a>(
    symbol: &str,
    pool: &PoolId,
    qty: &str,
    mark: &str,
    setting: u32,
    tiers: &'a Tiers,
) -> Result<Holding<'a>, Error> {
    let mark: Price = mark.parse()?;
    Ok(Holding {
        symbol: Symbol::new(symbol)?,
        side: PositionSide::Net,
        pool: pool.clone(),
        qty: qty.parse()?,
        mark,
        entry: Some(mark),
        leverage: leverage(setting)?,
        backing: Backing::Cross,
        rules: MarginRules::new(tiers, Rate::ZERO),
        fixed_tier: None,
    })
}

fn trade(symbol: &str, qty: &str, price: &str) -> Result<Trade, Error> {
    Ok(Trade {
        symbol: Symbol::new(symbol)?,
        side: PositionSide::Net,
        qty: qty.parse::<Qty>()?,
        price: price.parse()?,
        fee_rate: "0.00045".parse()?,
    })
}

/// The common move of all prices that liquidates something first, downwards.
fn first_fall(account: &Account<'_>) -> Result<Option<Decimal>, Error> {
    Ok(account.uniform_moves()?.first_down().and_then(|first| first.down))
}

fn print(screen: &mut Screen, heading: &str, account: &Account<'_>) -> Result<(), Error> {
    let now: Exposure = account.exposure()?;
    screen.heading(heading);
    let text = format!(
        "account value {:.2}; gross {:.2} ({}); initial margin {:.2}; maintenance {:.2}; free {:.2}",
        now.account_value,
        now.gross,
        show::times(now.effective_leverage),
        now.initial_margin,
        now.maintenance_margin,
        now.free
    );
    screen.text(Tone::Plain, 2, 2, &text);
    if now.is_liquidatable() {
        screen.text(Tone::Bad, 2, 2, "liquidation is due");
    } else {
        let text = format!(
            "a common fall of {} liquidates it",
            show::percent(first_fall(account)?.map(|fall| fall.abs()))
        );
        screen.text(Tone::Dim, 2, 2, &text);
    }
    let mut table = Table::new(&[
        ("symbol", Align::Left),
        ("size", Align::Right),
        ("mark", Align::Right),
        ("value", Align::Right),
        ("leverage", Align::Right),
        ("initial", Align::Right),
        ("liquidation", Align::Right),
        ("away", Align::Right),
    ]);
    for position in &now.positions {
        table.row(vec![
            position.symbol.as_str().into(),
            position.qty.to_string().into(),
            show::price(position.mark).into(),
            format!("{:.2}", position.notional).into(),
            format!("{}x", position.setting).into(),
            format!("{:.2}", position.initial_margin).into(),
            position.liquidation_price.map_or_else(|| "N/A".to_owned(), show::price).into(),
            show::percent(position.distance).into(),
        ]);
    }
    table.print(screen);
    Ok(())
}

fn as_json(account: &Account<'_>) -> Result<Value, Error> {
    let now = account.exposure()?;
    let text = |value: Option<Decimal>| value.map(|value| value.normalize().to_string());
    let positions: Vec<Value> = now
        .positions
        .iter()
        .map(|position| {
            json!({
                "symbol": position.symbol,
                "size": position.qty,
                "mark": position.mark,
                "value": position.notional,
                "leverage": position.setting,
                "initial_margin": position.initial_margin,
                "maintenance_margin": position.maintenance_margin,
                "liquidation_price": position.liquidation_price,
                "liquidation_distance": text(position.distance),
            })
        })
        .collect();
    Ok(json!({
        "account_value": now.account_value,
        "gross": now.gross,
        "initial_margin": now.initial_margin,
        "maintenance_margin": now.maintenance_margin,
        "free": now.free,
        "margin_utilisation": text(now.margin_utilisation),
        "liquidatable": now.is_liquidatable(),
        "first_fall": text(first_fall(account)?),
        "positions": positions,
    }))
}
