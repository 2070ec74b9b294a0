//! Cases that only read.

use std::slice::from_ref;
use std::time::Duration;

use evenkeel_exchange::{Clock, Effect, Observe};
use evenkeel_types::{
    ClientOrderId, Decimal, Instrument, Leverage, Price, Rate, Round, Scope, Snapshot, Symbol, Timestamp, Usd,
};

use crate::report::{Tried, ensure, failed, skipped};
use crate::setup::Setup;

/// How old a flat symbol's setting may be in a snapshot. It says when it was read, and orders that add risk need a proof
/// of their own; where a venue asks a sixtieth of a minute's budget for one, reading all of them every time is no choice.
const SETTING_AGE_MAX: Duration = Duration::from_secs(60);

pub(crate) struct Reader<'a> {
    pub(crate) venue: &'a dyn Observe,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) setup: &'a Setup,
}

/// A tenth off is no spread and no move of a moment, but another contract or unit.
pub(crate) fn within_a_tenth(price: Price, mark: Price) -> Tried<bool> {
    let apart = Usd::new(price.get())?.minus(Usd::new(mark.get())?)?.abs();
    Ok(apart <= Usd::new(mark.get())?.times(Decimal::new(1, 1))?)
}

fn apart(one: Timestamp, other: Timestamp) -> Duration {
    one.since(other).max(other.since(one))
}

impl Reader<'_> {
    fn scope(&self) -> Scope {
        Scope::of(self.setup.symbols.iter().cloned())
    }

    pub(crate) async fn snapshot(&self) -> Tried<Snapshot> {
        Ok(self.venue.snapshot(&self.scope()).await?)
    }

    pub(crate) async fn snapshot_validates(&self) -> Tried {
        let snapshot = self.snapshot().await?;
        snapshot.validate(&self.scope())?;
        ensure(snapshot.venue == *self.venue.venue(), || format!("it is of {}", snapshot.venue))?;
        ensure(snapshot.capabilities == *self.venue.capabilities(), || {
            "its capabilities differ from those of the venue".into()
        })?;
        ensure(snapshot.pools.iter().all(|pool| !pool.free.is_negative()), || "free margin below zero".into())
    }

    pub(crate) async fn settings_are_complete(&self) -> Tried {
        let snapshot = self.snapshot().await?;
        for symbol in &self.setup.symbols {
            let setting = snapshot.setting(symbol)?;
            let instrument = snapshot.instrument(symbol)?;
            ensure(setting.symbol == *symbol, || {
                format!("the setting of {symbol} is of {}", setting.symbol)
            })?;
            ensure(setting.long.max(setting.short) <= instrument.max_leverage(), || {
                format!("{symbol}: {}x is above the maximum", setting.long.max(setting.short))
            })?;
            ensure(instrument.margin_modes.allows(setting.mode), || {
                format!("{symbol}: the instrument has no {} margin", setting.mode)
            })?;
            let bound = self.setup.clock_bound.max(SETTING_AGE_MAX);
            ensure(apart(setting.read_at, snapshot.as_of) <= bound, || {
                format!("{symbol}: read at {}, the snapshot is of {}", setting.read_at, snapshot.as_of)
            })?;
        }
        Ok(())
    }

    pub(crate) async fn time_is_monotone(&self) -> Tried {
        let first = self.venue.server_time().await?;
        let snapshot = self.snapshot().await?;
        let second = self.venue.server_time().await?;
        ensure(second >= first, || format!("{first}, then {second}"))?;
        let bound = self.setup.clock_bound;
        ensure(apart(snapshot.as_of, first) <= bound && apart(snapshot.as_of, second) <= bound, || {
            format!("the snapshot is of {}, the server's time {first} to {second}", snapshot.as_of)
        })
    }

    pub(crate) async fn instruments_are_sane(&self) -> Tried {
        let instruments = self.venue.instruments().await?;
        let snapshot = self.snapshot().await?;
        for symbol in &self.setup.symbols {
            let Some(instrument) = instruments.get(symbol) else {
                return failed(format!("{symbol} is not listed"));
            };
            ensure(snapshot.instrument(symbol)? == instrument, || {
                format!("{symbol}: the snapshot has other rules than the list")
            })?;
            sane(instrument, snapshot.quote(symbol)?.mark)?;
        }
        Ok(())
    }

    pub(crate) async fn prices_fit_together(&self) -> Tried {
        let snapshot = self.snapshot().await?;
        for symbol in &self.setup.symbols {
            let quote = snapshot.quote(symbol)?;
            if let (Some(bid), Some(ask)) = (quote.bid, quote.ask) {
                ensure(bid <= ask, || format!("{symbol}: bid {bid} above ask {ask}"))?;
            }
            for price in [quote.bid, quote.ask].into_iter().flatten() {
                ensure(within_a_tenth(price, quote.mark)?, || {
                    format!("{symbol}: {price} in the book, mark {}", quote.mark)
                })?;
            }
        }
        Ok(())
    }

    pub(crate) async fn unknown_order_is_none(&self) -> Tried {
        let id = ClientOrderId::from_hash(&[0xa5; 16]);
        for symbol in &self.setup.symbols {
            let found = self.venue.order(symbol, &id).await?;
            ensure(found.is_none(), || format!("{symbol}: {found:?}"))?;
        }
        Ok(())
    }

    pub(crate) async fn leverage_reads(&self) -> Tried {
        let snapshot = self.snapshot().await?;
        let symbols = &self.setup.symbols;
        let answers = self.venue.leverages(symbols).await;
        ensure(answers.len() == symbols.len(), || {
            format!("{} answers for {} symbols", answers.len(), symbols.len())
        })?;
        for (symbol, read) in symbols.iter().zip(answers) {
            let (read, shown) = (read?, snapshot.setting(symbol)?);
            let same = (&read.symbol, read.long, read.short, read.mode)
                == (&shown.symbol, shown.long, shown.short, shown.mode);
            ensure(same, || format!("{symbol}: read {read:?}, in the snapshot {shown:?}"))?;
        }
        Ok(())
    }

    pub(crate) async fn fees_agree(&self) -> Tried {
        let snapshot = self.snapshot().await?;
        for symbol in &self.setup.symbols {
            let fees = self.venue.fees(symbol).await?;
            ensure(fees == *snapshot.fee(symbol)?, || format!("{symbol}: the snapshot has other fees"))?;
            let percent = Decimal::new(1, 2);
            ensure(fees.maker.get().abs() <= percent && fees.taker.get().abs() <= percent, || {
                format!("{symbol}: {} and {} are fractions, not percent?", fees.maker, fees.taker)
            })?;
            ensure(fees.maker <= fees.taker, || format!("{symbol}: resting costs more than taking"))?;
        }
        Ok(())
    }

    pub(crate) async fn funding_is_due_later(&self) -> Tried {
        for symbol in &self.setup.symbols {
            let funding = self.venue.funding(symbol).await?;
            let now = self.venue.server_time().await?;
            ensure(funding.symbol == *symbol, || format!("{symbol}: of {}", funding.symbol))?;
            ensure(!funding.interval.is_zero(), || format!("{symbol}: no interval"))?;
            let bound = self.setup.clock_bound;
            let fits =
                funding.next.after(bound) >= now && funding.next <= now.after(funding.interval).after(bound);
            ensure(fits, || format!("{symbol}: due at {}, now {now}", funding.next))?;
        }
        Ok(())
    }

    pub(crate) async fn fills_are_bounded(&self) -> Tried {
        let now = self.venue.server_time().await?;
        let later = now.after(Duration::from_secs(60));
        let mut alone = Vec::new();
        for symbol in &self.setup.symbols {
            let fills = self.venue.fills(from_ref(symbol), later).await?;
            ensure(fills.is_empty(), || format!("{symbol}: {} fills of the future", fills.len()))?;
            let fills = self.venue.fills(from_ref(symbol), Timestamp(0)).await?;
            ensure(fills.is_sorted_by_key(|fill| fill.time), || format!("{symbol}: not oldest first"))?;
            ensure(fills.iter().all(|fill| fill.symbol == *symbol && fill.qty.is_positive()), || {
                format!("{symbol}: fills of another symbol or without size")
            })?;
            alone.extend(fills.into_iter().map(|fill| (fill.symbol, fill.trade_id)));
        }
        // Read after the single ones: what was executed in between can only be more.
        let together = self.venue.fills(&self.setup.symbols, Timestamp(0)).await?;
        ensure(together.is_sorted_by_key(|fill| fill.time), || "all symbols: not oldest first".into())?;
        for (symbol, id) in alone {
            let found = together.iter().any(|fill| fill.symbol == symbol && fill.trade_id == id);
            ensure(found, || format!("{symbol}: fill {id} is missing when all symbols are asked for"))?;
        }
        ensure(together.iter().all(|fill| self.setup.symbols.contains(&fill.symbol)), || {
            "all symbols: fills of another one".into()
        })
    }

    pub(crate) async fn unknown_symbol_is_an_error(&self) -> Tried {
        let Ok(symbol) = Symbol::new("NO-SUCH-SYMBOL-9") else { return skipped("no such symbol") };
        let mut symbols = self.setup.symbols.clone();
        symbols.insert(0, symbol.clone());
        let mut settings = self.venue.leverages(&symbols).await;
        // One that is left out would shift the answers of those after it.
        ensure(settings.len() == symbols.len(), || {
            format!("{} settings for {} symbols", settings.len(), symbols.len())
        })?;
        let unknown = settings.remove(0);
        for (symbol, setting) in self.setup.symbols.iter().zip(settings) {
            let found = setting?.symbol;
            ensure(found == *symbol, || format!("leverage: asked for {symbol}, answered about {found}"))?;
        }
        let errors = [
            ("leverage", unknown.err()),
            ("fees", self.venue.fees(&symbol).await.err()),
            ("snapshot", self.venue.snapshot(&Scope::of([symbol.clone()])).await.err()),
        ];
        for (what, error) in errors {
            match error {
                None => return failed(format!("{what} of a symbol that does not exist")),
                Some(error) => ensure(error.effect() == Effect::NotApplied, || {
                    format!("{what}: a reading that may have changed something")
                })?,
            }
        }
        Ok(())
    }

    pub(crate) async fn clock_agrees(&self) -> Tried {
        let (ours, theirs) = (self.clock.now(), self.venue.server_time().await?);
        ensure(apart(ours, theirs) <= self.setup.clock_bound, || format!("our clock {ours}, theirs {theirs}"))
    }
}

fn sane(instrument: &Instrument, mark: Price) -> Tried {
    let symbol = &instrument.symbol;
    let tiers = instrument.tiers.as_slice();
    ensure(tiers.first().is_some_and(|tier| tier.notional_floor.is_zero()), || {
        format!("{symbol}: the first tier does not start at zero")
    })?;
    for tier in tiers {
        // Otherwise a position opened at the maximum leverage is liquidated at once.
        let initial = tier.max_leverage.margin(Usd::new(1)?)?;
        ensure(tier.maintenance_rate.get() < initial.get(), || {
            format!("{symbol}: maintenance of {} at {}x", tier.maintenance_rate, tier.max_leverage)
        })?;
    }
    ensure(instrument.liquidation_fee >= Rate::ZERO, || format!("{symbol}: a negative liquidation fee"))?;
    ensure(Leverage::ONE.fits(instrument.leverage_step), || {
        format!("{symbol}: leverage 1 does not fit the step {}", instrument.leverage_step)
    })?;
    for round in [Round::Down, Round::Up] {
        let rounded = instrument.price_rule.round(mark, round)?;
        ensure(instrument.price_rule.accepts(rounded), || {
            format!("{symbol}: its price rule does not accept {rounded}, which it rounded itself")
        })?;
    }
    if let (Some(least), Some(most)) = (instrument.min_qty, instrument.max_qty) {
        ensure(least <= most, || format!("{symbol}: sizes from {least} to {most}"))?;
    }
    ensure(instrument.min_qty.is_none_or(|least| instrument.lot.divides(least)), || {
        format!("{symbol}: the smallest size is no multiple of the lot")
    })
}
