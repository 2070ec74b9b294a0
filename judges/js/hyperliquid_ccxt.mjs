// ccxt for JavaScript at the Hyperliquid server.

import ccxt from 'ccxt';
import { judge } from './judge.mjs';

const SYMBOL = 'SOL/USDC:USDC';
const MARK = 166.4;
const [BID, ASK] = [166.39, 166.41];
const TAKER = 0.00045;
// Half of the initial margin at the maximum leverage of 20.
const MAINTENANCE = 0.025;

await judge('hyperliquid', async (judge) => {
    const bot = new ccxt.hyperliquid({
        walletAddress: judge.account.address,
        privateKey: judge.account.key,
        timeout: 10_000,
    });
    bot.setSandboxMode(true);
    bot.urls.api = { public: judge.url, private: judge.url };

    // Markets and balance.
    const market = (await bot.loadMarkets())[SYMBOL];
    judge.equal('step of sizes', 0.01, market.precision.amount);
    judge.equal('maximum leverage', 20, market.limits.leverage.max);
    const rows = await bot.fetchOrderBook(SYMBOL);
    judge.equal('best bid', BID, rows.bids[0][0]);
    judge.equal('best ask', ASK, rows.asks[0][0]);
    judge.equal('cash', 10_000, (await bot.fetchBalance()).USDC.total);

    // The account as it must be, from the fills alone.
    let [qty, entry, cash] = [0, 0, 10_000];
    const seen = new Set();
    const follow = async (what, wanted) => {
        let total = 0;
        for (const fill of await bot.fetchMyTrades(SYMBOL)) {
            if (seen.has(fill.id)) continue;
            seen.add(fill.id);
            const signed = fill.side === 'buy' ? fill.amount : -fill.amount;
            judge.near(`${what}: fee`, fill.price * fill.amount * TAKER, fill.fee.cost, 1e-6);
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
        const value = cash + (MARK - entry) * qty;
        judge.equal('side', 'long', position.side);
        judge.near('size', qty, position.contracts, 1e-9);
        judge.near('entry', entry, position.entryPrice, 0.01);
        judge.equal('leverage', leverage, position.leverage);
        judge.equal('margin mode', 'cross', position.marginMode);
        judge.near('unrealised', (MARK - entry) * qty, position.unrealizedPnl, 0.01);
        const liquidation = MARK - (value - MARK * qty * MAINTENANCE) / qty / (1 - MAINTENANCE);
        judge.near('liquidation price', liquidation, position.liquidationPrice, 0.01);
        judge.near('account value', value, (await bot.fetchBalance()).USDC.total, 0.01);
    };

    await bot.setMarginMode('cross', SYMBOL, { leverage: 4 });
    await bot.setLeverage(5, SYMBOL, { marginMode: 'cross' });

    // Open, add, close a part.
    await bot.createOrder(SYMBOL, 'market', 'buy', 200, MARK);
    await follow('opening', 200);
    await positionIs(5);
    await bot.createOrder(SYMBOL, 'limit', 'buy', 50, 166.6, { timeInForce: 'IOC' });
    await follow('adding', 50);
    await positionIs(5);
    await bot.createOrder(SYMBOL, 'market', 'sell', 150, MARK, { reduceOnly: true });
    await follow('closing a part', 150);
    await positionIs(5);

    // Rest, look, cancel.
    const order = await bot.createOrder(SYMBOL, 'limit', 'buy', 1, 150, { postOnly: true });
    const resting = await bot.fetchOpenOrders(SYMBOL);
    judge.equal('one open order', 1, resting.length);
    judge.equal('its number', order.id, resting[0].id);
    judge.equal('its price', 150, resting[0].price);
    await bot.cancelOrder(order.id, SYMBOL);
    judge.equal('no open orders', 0, (await bot.fetchOpenOrders(SYMBOL)).length);
    judge.equal('cancelled', 'canceled', (await bot.fetchOrder(order.id, SYMBOL)).status);

    // Conditional: one is cancelled, one fires.
    const stop = { stopLossPrice: 140, reduceOnly: true };
    const first = await bot.createOrder(SYMBOL, 'market', 'sell', 100, MARK, stop);
    judge.equal('its trigger', 140, (await bot.fetchOpenOrders(SYMBOL))[0].triggerPrice);
    await bot.cancelOrder(first.id, SYMBOL);
    judge.equal('no waiting orders', 0, (await bot.fetchOpenOrders(SYMBOL)).length);
    await bot.createOrder(SYMBOL, 'market', 'sell', 40, MARK, { ...stop, stopLossPrice: 160 });
    await judge.control('price', { symbol: 'SOL', price: '159' });
    await follow('the stop', 40);
    await judge.control('price', { symbol: 'SOL', price: String(MARK) });
    await positionIs(5);

    // Refusals, in ccxt's classes.
    await judge.refused('too small an order', ccxt.InvalidOrder, 'minimum value of $10', () =>
        bot.createOrder(SYMBOL, 'limit', 'buy', 0.05, 150));
    await judge.refused('too large an order', ccxt.InsufficientFunds, 'Insufficient margin', () =>
        bot.createOrder(SYMBOL, 'market', 'buy', 2000, MARK));
    await judge.control('faults', { fault: 'too_many_requests', times: 1 });
    await judge.refused('too many requests', ccxt.RateLimitExceeded, '429', () => bot.fetchPositions([SYMBOL]));

    // Close.
    await bot.createOrder(SYMBOL, 'market', 'sell', 60, MARK, { reduceOnly: true });
    await follow('closing', 60);
    judge.near('flat', 0, qty, 1e-9);
    judge.equal('no position', 0, (await bot.fetchPositions([SYMBOL])).length);
    judge.near('what is left', cash, (await bot.fetchBalance()).USDC.total, 0.000001);
    judge.equal('nothing at the exchange', 0, Object.keys(await judge.positions()).length);
});
