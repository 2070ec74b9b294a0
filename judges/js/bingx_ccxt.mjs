// ccxt for JavaScript at the BingX server, in hedge mode.

import ccxt from 'ccxt';
import { judge } from './judge.mjs';

const SYMBOL = 'SOL/USDT:USDT';
const MARK = 166.432;
// Best price and two basis points, to the tick against us.
const [BOUGHT, SOLD] = [166.467, 166.397];
const TAKER = 0.0005;

const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

await judge('bingx', async (judge) => {
    const bot = new ccxt.bingx({
        apiKey: judge.account.key,
        secret: judge.account.secret,
        options: { defaultType: 'swap' },
        timeout: 10_000,
    });
    bot.urls.api = Object.fromEntries(Object.keys(bot.urls.api).map((name) => [name, `${judge.url}/openApi`]));

    // What became of an order: it is carried out a moment after it was taken in.
    const executed = async (order, status = 'closed') => {
        for (let attempt = 0; attempt < 100; attempt += 1) {
            const found = await bot.fetchOrder(order.id, SYMBOL);
            if (found.status !== 'open') {
                judge.equal('status', status, found.status);
                return found;
            }
            await wait(50);
        }
        throw new Error(`${order.id} never ended`);
    };
    const trade = async (side, qty, more = {}) => {
        const order = await bot.createOrder(SYMBOL, 'market', side, qty, undefined, { hedged: true, ...more });
        // All digits of a number above what JavaScript's numbers hold.
        judge.check('the id', /^\d{19}$/.test(order.id), order.id);
        const found = await executed(order);
        const price = side === 'buy' ? BOUGHT : SOLD;
        judge.near(`${side}: price`, price, found.average, 1e-9);
        judge.equal(`${side}: size`, qty, found.filled);
        judge.near(`${side}: fee`, price * qty * TAKER, found.fee.cost, 1e-6);
    };
    const leg = async (side) => (await bot.fetchPositions([SYMBOL])).find((position) => position.side === side);

    // Markets, balance, leverage, margin mode.
    const market = (await bot.loadMarkets())[SYMBOL];
    judge.equal('step of sizes', 0.01, market.precision.amount);
    judge.equal('step of prices', 0.001, market.precision.price);
    judge.equal('cash', 10_000, (await bot.fetchBalance()).USDT.free);
    await bot.setPositionMode(true);
    judge.equal('hedge mode', true, (await bot.fetchPositionMode(SYMBOL)).hedged);
    await bot.setMarginMode('cross', SYMBOL);
    judge.equal('margin mode', 'cross', (await bot.fetchMarginMode(SYMBOL)).marginMode);
    await bot.setLeverage(4, SYMBOL, { side: 'LONG' });
    await bot.setLeverage(8, SYMBOL, { side: 'SHORT' });
    const leverage = await bot.fetchLeverage(SYMBOL);
    judge.equal('leverage, long', 4, leverage.longLeverage);
    judge.equal('leverage, short', 8, leverage.shortLeverage);
    const both = () => bot.setLeverage(4, SYMBOL, { side: 'BOTH' });
    await judge.refused('both sides in hedge mode', ccxt.ExchangeError, '', both);

    // Open both sides, read, add, close a part.
    await trade('buy', 4);
    await trade('sell', 2);
    const long = await leg('long');
    judge.equal('long: size', 4, long.contracts);
    judge.equal('long: leverage', 4, long.leverage);
    judge.equal('long: margin mode', 'cross', long.marginMode);
    judge.near('long: entry', BOUGHT, long.entryPrice, 1e-9);
    judge.near('long: unrealised', (MARK - BOUGHT) * 4, long.unrealizedPnl, 1e-4);
    const short = await leg('short');
    judge.equal('short: size', 2, short.contracts);
    judge.equal('short: leverage', 8, short.leverage);
    judge.near('short: entry', SOLD, short.entryPrice, 1e-9);
    const more = await bot.createOrder(SYMBOL, 'limit', 'buy', 1, 170, { hedged: true });
    await executed(more);
    await trade('sell', 2, { reduceOnly: true });
    judge.equal('long: size after both', 3, (await leg('long')).contracts);

    // A stop that waits and is taken away; an order that nobody knows.
    const protect = { hedged: true, reduceOnly: true, stopLossPrice: 140 };
    const stop = await bot.createOrder(SYMBOL, 'market', 'sell', 3, undefined, protect);
    const [waiting] = await bot.fetchOpenOrders(SYMBOL);
    judge.equal('the stop', stop.id, waiting.id);
    judge.equal('its trigger', 140, waiting.stopLossPrice);
    judge.equal('cancelled', 'canceled', (await bot.cancelOrder(stop.id, SYMBOL)).status);
    await judge.refused('an unknown order', ccxt.ExchangeError, '109421', () => bot.fetchOrder('1', SYMBOL));
    const large = () => bot.createOrder(SYMBOL, 'market', 'buy', 100_000, undefined, { hedged: true });
    await judge.refused('beyond the margin', ccxt.InsufficientFunds, '', large);

    // Close both sides, and what is left to read.
    await trade('sell', 3, { reduceOnly: true });
    await trade('buy', 2, { reduceOnly: true });
    judge.equal('nothing is held', 0, (await bot.fetchPositions([SYMBOL])).length);
    // It would ask for contracts otherwise.
    const coins = { tradingUnit: 'COIN' };
    const trades = await bot.fetchMyTrades(SYMBOL, undefined, undefined, coins);
    const fills = trades.map((fill) => `${fill.side} ${fill.amount} ${fill.price}`);
    const [buy, sell] = [`${BOUGHT}`, `${SOLD}`];
    const wanted = [`buy 4 ${buy}`, `sell 2 ${sell}`, `buy 1 ${buy}`, `sell 2 ${sell}`, `sell 3 ${sell}`, `buy 2 ${buy}`];
    // Times are whole seconds here: within one there is no order.
    judge.equal('fills', wanted.sort().join(', '), fills.sort().join(', '));
    // Seven, bought at one price and sold at another.
    const profit = (SOLD - BOUGHT) * 7 - (SOLD + BOUGHT) * 7 * TAKER;
    judge.near('cash afterwards', 10_000 + profit, (await bot.fetchBalance()).USDT.total, 1e-4);
    const real = (await judge.orders()).filter((row) => Number(row.filled) > 0);
    judge.equal('what really happened', 6, real.length);
});
