// ccxt for JavaScript at the Binance USDⓈ-M server.

import ccxt from 'ccxt';
import { judge } from './judge.mjs';

const SYMBOL = 'SOL/USDT:USDT';
const MARK = 166.4;
const [BID, ASK] = [166.39, 166.41];
const TAKER = 0.0005;
// First tier: up to a notional of 50 000.
const MAINTENANCE = 0.005;

await judge('binance', async (judge) => {
    const bot = new ccxt.binanceusdm({ apiKey: judge.account.key, secret: judge.account.secret, timeout: 10_000 });
    // The same paths on another server.
    for (const [name, url] of Object.entries(bot.urls.api)) {
        if (typeof url === 'string' && url.includes('://')) {
            bot.urls.api[name] = judge.url + new URL(url).pathname;
        }
    }

    // Markets and balance.
    const market = (await bot.loadMarkets())[SYMBOL];
    judge.equal('step of sizes', 0.01, market.precision.amount);
    judge.equal('minimum value', 5, market.limits.cost.min);
    const rows = await bot.fetchOrderBook(SYMBOL);
    judge.equal('best bid', BID, rows.bids[0][0]);
    judge.equal('best ask', ASK, rows.asks[0][0]);
    judge.equal('cash', 10_000, (await bot.fetchBalance()).USDT.total);

    // The account as it must be, from the fills alone.
    let [qty, entry, cash] = [0, 0, 10_000];
    const seen = new Set();
    const follow = async (what, wanted) => {
        let total = 0;
        for (const fill of await bot.fetchMyTrades(SYMBOL)) {
            if (seen.has(fill.id)) continue;
            seen.add(fill.id);
            const signed = fill.side === 'buy' ? fill.amount : -fill.amount;
            judge.near(`${what}: fee`, fill.price * fill.amount * TAKER, fill.fee.cost, 1e-7);
            cash -= fill.fee.cost;
            if (qty * signed >= 0) entry = (entry * qty + fill.price * signed) / (qty + signed);
            else cash += (entry - fill.price) * signed;
            qty += signed;
            total += fill.amount;
        }
        judge.near(`${what}: traded`, wanted, total, 1e-9);
    };
    const positionIs = async (leverage) => {
        const positions = await bot.fetchPositions([SYMBOL]);
        judge.equal('one position', 1, positions.length);
        const [position] = positions;
        judge.equal('side', 'long', position.side);
        judge.near('size', qty, position.contracts, 1e-9);
        judge.near('entry', entry, position.entryPrice, 1e-6);
        // Positions have had no leverage since version 3: it is a setting.
        judge.equal('leverage', leverage, (await bot.fetchLeverage(SYMBOL)).longLeverage);
        judge.equal('margin mode', 'cross', position.marginMode);
        judge.near('unrealised', (MARK - entry) * qty, position.unrealizedPnl, 1e-4);
        const liquidation = Math.max(0, (qty * entry - cash) / (qty * (1 - MAINTENANCE)));
        judge.near('liquidation price', liquidation, position.liquidationPrice ?? 0, 1e-4);
        judge.near('account value', cash + (MARK - entry) * qty, (await bot.fetchBalance()).USDT.total, 1e-4);
    };

    await judge.refused('cross already', ccxt.MarginModeAlreadySet, '-4046', () => bot.setMarginMode('cross', SYMBOL));
    await bot.setLeverage(5, SYMBOL);
    judge.equal('leverage reads back', 5, (await bot.fetchLeverage(SYMBOL)).longLeverage);

    // Open, add, close a part.
    await bot.createOrder(SYMBOL, 'market', 'buy', 200);
    await follow('opening', 200);
    await positionIs(5);
    await bot.createOrder(SYMBOL, 'limit', 'buy', 50, 166.6, { timeInForce: 'IOC' });
    await follow('adding', 50);
    await positionIs(5);
    await bot.createOrder(SYMBOL, 'market', 'sell', 150, undefined, { reduceOnly: true });
    await follow('closing a part', 150);
    await positionIs(5);

    // Rest, look, cancel.
    const order = await bot.createOrder(SYMBOL, 'limit', 'buy', 1, 160, { postOnly: true });
    const open = await bot.fetchOpenOrders(SYMBOL);
    judge.equal('one rests', 1, open.length);
    judge.equal('its number', order.id, open[0].id);
    await bot.cancelOrder(order.id, SYMBOL);
    judge.equal('cancelled', 'canceled', (await bot.fetchOrder(order.id, SYMBOL)).status);

    // Conditional: one is cancelled, one fires.
    const trigger = { trigger: true };
    const stop = await bot.createOrder(SYMBOL, 'market', 'sell', 100, undefined, { stopLossPrice: 140, reduceOnly: true });
    judge.equal('its trigger', 140, (await bot.fetchOpenOrders(SYMBOL, undefined, undefined, trigger))[0].triggerPrice);
    await bot.cancelOrder(stop.id, SYMBOL, trigger);
    judge.equal('none waits', 0, (await bot.fetchOpenOrders(SYMBOL, undefined, undefined, trigger)).length);
    await bot.createOrder(SYMBOL, 'market', 'sell', 40, undefined, { stopLossPrice: 160, reduceOnly: true });
    await judge.control('price', { symbol: 'SOLUSDT', price: '159' });
    await follow('the stop', 40);
    await judge.control('price', { symbol: 'SOLUSDT', price: String(MARK) });

    // Refusals, and the close. ccxt finds its own class for a code by the venue's address, which is ours here.
    await judge.refused('no margin', ccxt.ExchangeError, '-2019', () => bot.createOrder(SYMBOL, 'market', 'buy', 5000));
    await judge.refused('no such order', ccxt.ExchangeError, '-2013', () => bot.fetchOrder('1', SYMBOL));
    await bot.createOrder(SYMBOL, 'market', 'sell', 60, undefined, { reduceOnly: true });
    await follow('the close', 60);
    judge.near('flat', 0, qty, 1e-9);
    judge.equal('no positions', 0, (await bot.fetchPositions([SYMBOL])).length);
});
