// ccxt for JavaScript at the Bybit server.

import ccxt from 'ccxt';
import { judge } from './judge.mjs';

const SYMBOL = 'SOL/USDT:USDT';
const MARK = 166.4;
// Best price and two basis points, to the tick against us.
const [BOUGHT, SOLD] = [166.45, 166.35];
const TAKER = 0.00055;
// First tier of the market.
const MAINTENANCE = 0.005;

const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

await judge('bybit', async (judge) => {
    const bot = new ccxt.bybit({
        apiKey: judge.account.key,
        secret: judge.account.secret,
        options: { defaultType: 'swap' },
        timeout: 10_000,
    });
    bot.urls.api = Object.fromEntries(Object.keys(bot.urls.api).map((name) => [name, judge.url]));

    // What became of an order: an acknowledgement is no execution.
    const executed = async (order, status = 'closed') => {
        for (let attempt = 0; attempt < 100; attempt += 1) {
            try {
                const found = await bot.fetchOrder(order.id, SYMBOL, { acknowledged: true });
                if (found.status !== 'open') {
                    judge.equal('status', status, found.status);
                    return found;
                }
            } catch (error) {
                if (!(error instanceof ccxt.OrderNotFound)) throw error;
            }
            await wait(20);
        }
        throw new Error(`${order.id} never ended`);
    };
    const trade = async (side, qty, more = {}) => {
        const order = await executed(await bot.createOrder(SYMBOL, 'market', side, qty, undefined, more));
        const price = side === 'buy' ? BOUGHT : SOLD;
        judge.near(`${side}: price`, price, order.average, 1e-9);
        judge.near(`${side}: fee`, price * qty * TAKER, order.fee.cost, 1e-6);
    };

    // Markets, balance, leverage, margin mode.
    const market = (await bot.loadMarkets())[SYMBOL];
    judge.equal('step of sizes', 0.1, market.precision.amount);
    judge.equal('step of prices', 0.01, market.precision.price);
    judge.equal('cash', 10_000, (await bot.fetchBalance()).USDT.free);
    await bot.setLeverage(5, SYMBOL);
    await judge.refused('the same leverage', ccxt.BadRequest, '110043', () => bot.setLeverage(5, SYMBOL));
    await bot.setMarginMode('cross', SYMBOL);
    judge.equal('leverage', 5, (await bot.fetchLeverage(SYMBOL)).longLeverage);

    // Open, read, add, close a part.
    await trade('buy', 10);
    const position = await bot.fetchPosition(SYMBOL);
    judge.equal('side', 'long', position.side);
    judge.equal('size', 10, position.contracts);
    judge.equal('entry', BOUGHT, position.entryPrice);
    judge.equal('leverage of the position', 5, position.leverage);
    judge.near('initial margin', (MARK * 10) / 5, position.initialMargin, 1e-6);
    judge.near('maintenance margin', MARK * 10 * (MAINTENANCE + TAKER), position.maintenanceMargin, 1e-6);
    // 10 000 behind 1664: it cannot be liquidated, and the venue prints nothing.
    judge.equal('no liquidation price', undefined, position.liquidationPrice);
    await trade('buy', 5);
    await trade('sell', 3, { reduceOnly: true });
    judge.equal('size after both', 12, (await bot.fetchPositions())[0].contracts);

    // A stop that waits, and a limit that rests; both are taken away.
    const more = { stopLossPrice: 150, reduceOnly: true };
    const stop = await bot.createOrder(SYMBOL, 'market', 'sell', 12, undefined, more);
    const [waiting] = await bot.fetchOpenOrders(SYMBOL, undefined, undefined, { stop: true });
    judge.equal('the stop', stop.id, waiting.id);
    judge.equal('its trigger', 150, waiting.triggerPrice);
    await bot.cancelOrder(stop.id, SYMBOL);
    const limit = await bot.createOrder(SYMBOL, 'limit', 'buy', 1, 100);
    await wait(100);
    judge.equal('the limit', limit.id, (await bot.fetchOpenOrders(SYMBOL))[0].id);
    await bot.cancelOrder(limit.id, SYMBOL);
    await executed(limit, 'canceled');
    const large = () => bot.createOrder(SYMBOL, 'market', 'buy', 10_000);
    await judge.refused('beyond the margin', ccxt.InsufficientFunds, '110007', large);

    // Close, and what is left to read.
    await trade('sell', 12, { reduceOnly: true });
    judge.equal('nothing is held', 0, (await bot.fetchPositions()).length);
    const fills = (await bot.fetchMyTrades(SYMBOL)).map((fill) => `${fill.side} ${fill.amount} ${fill.price}`);
    judge.equal('fills', 'buy 10 166.45, buy 5 166.45, sell 3 166.35, sell 12 166.35', fills.join(', '));
    const profit = (SOLD - BOUGHT) * 15 - (SOLD + BOUGHT) * 15 * TAKER;
    judge.near('cash afterwards', 10_000 + profit, (await bot.fetchBalance()).USDT.total, 1e-6);
});
