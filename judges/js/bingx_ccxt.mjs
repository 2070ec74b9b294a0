// ccxt for JavaScript, unmodified apart from addresses and keys, against the local BingX: base url, key and secret are the
// arguments. SOL is at 166.432; the account is fresh, in hedge mode, with 10 000 USDT.

import assert from "node:assert/strict";
import ccxt from "ccxt";

const [url, apiKey, secret] = process.argv.slice(2);
const exchange = new ccxt.bingx({ apiKey, secret, options: { defaultType: "swap" } });
exchange.urls.api = Object.fromEntries(Object.keys(exchange.urls.api).map((name) => [name, `${url}/openApi`]));

const sol = "SOL/USDT:USDT";
const near = (found, wanted, tolerance = 0.002) =>
    assert.ok(Math.abs(found - wanted) <= Math.abs(wanted) * tolerance, `${found} is not ${wanted}`);
// An order is carried out a moment after it was taken in.
const settle = () => new Promise((done) => setTimeout(done, 300));
const leg = async (side) => (await exchange.fetchPositions([sol])).find((position) => position.side === side);

await exchange.loadMarkets();
near((await exchange.fetchBalance()).USDT.free, 10000);
assert.equal((await exchange.fetchPositionMode(sol)).hedged, true);
await exchange.setMarginMode("cross", sol);
await exchange.setLeverage(4, sol, { side: "LONG" });
await exchange.setLeverage(8, sol, { side: "SHORT" });
const leverage = await exchange.fetchLeverage(sol);
assert.deepEqual([leverage.longLeverage, leverage.shortLeverage], [4, 8]);

const opened = await exchange.createOrder(sol, "market", "buy", 4, undefined, { hedged: true });
// All digits of a number above 2^53.
assert.match(opened.id, /^\d{19}$/);
await exchange.createOrder(sol, "market", "sell", 2, undefined, { hedged: true });
await settle();
const order = await exchange.fetchOrder(opened.id, sol);
assert.deepEqual([order.id, order.status, order.filled], [opened.id, "closed", 4]);
let [long, short] = [await leg("long"), await leg("short")];
assert.deepEqual([long.contracts, long.leverage, long.marginMode], [4, 4, "cross"]);
assert.deepEqual([short.contracts, short.leverage], [2, 8]);
near(long.entryPrice, 166.467);
near(short.entryPrice, 166.397);

await exchange.createOrder(sol, "limit", "buy", 1, 170, { hedged: true });
await exchange.createOrder(sol, "market", "sell", 2, undefined, { hedged: true, reduceOnly: true });
await settle();
assert.equal((await leg("long")).contracts, 3);

const stop = await exchange.createOrder(sol, "market", "sell", 3, undefined, {
    hedged: true, reduceOnly: true, stopLossPrice: 140,
});
const listed = await exchange.fetchOpenOrders(sol);
assert.deepEqual(listed.map((each) => [each.id, each.stopLossPrice]), [[stop.id, 140]]);
assert.equal((await exchange.cancelOrder(stop.id, sol)).status, "canceled");
await assert.rejects(exchange.fetchOrder("1", sol), ccxt.OrderNotFound);
await assert.rejects(exchange.setLeverage(4, sol, { side: "BOTH" }), ccxt.ExchangeError);

await exchange.closeAllPositions();
await settle();
assert.deepEqual(await exchange.fetchPositions([sol]), []);
const trades = await exchange.fetchMyTrades(sol);
assert.equal(trades.length, 6);
const paid = trades.reduce((sum, trade) => sum + trade.fee.cost, 0);
assert.ok(paid > 0.5 && paid < 2, `${paid}`);
const { total } = (await exchange.fetchBalance()).USDT;
assert.ok(total < 10000 - paid + 0.01 && total > 9990, `${total}`);
console.log("bingx: ccxt", ccxt.version, "for JavaScript agrees");
