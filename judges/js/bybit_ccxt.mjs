// ccxt (unmodified) against the local Bybit: one position from opening to closing, with every figure checked.
//
// Usage: bybit_ccxt.mjs <base url> <key> <secret>, for a flat one-way account with 10 000 USDT at the usual prices.

import assert from "node:assert/strict";
import ccxt from "ccxt";

const SYMBOL = "SOL/USDT:USDT";
const [url, apiKey, secret] = process.argv.slice(2);

const client = new ccxt.bybit({ apiKey, secret, options: { defaultType: "swap" } });
client.urls.api = Object.fromEntries(Object.keys(client.urls.api).map((name) => [name, url]));

const near = (value, expected) =>
    assert.ok(value !== undefined && Math.abs(value - expected) <= 1e-6, `${value} is not ${expected}`);
const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** What became of an order: an acknowledgement is no execution. */
async function executed(order, status = "closed") {
    for (let attempt = 0; attempt < 100; attempt += 1) {
        try {
            const found = await client.fetchOrder(order.id, SYMBOL, { acknowledged: true });
            if (found.status !== "open") {
                assert.equal(found.status, status);
                return found;
            }
        } catch (error) {
            if (!(error instanceof ccxt.OrderNotFound)) throw error;
        }
        await wait(20);
    }
    throw new Error(`${order.id} never ended`);
}

const market = (await client.loadMarkets())[SYMBOL];
assert.equal(market.precision.amount, 0.1);
assert.equal(market.precision.price, 0.01);
near((await client.fetchBalance()).USDT.free, 10_000);

await client.setLeverage(5, SYMBOL);
await assert.rejects(client.setLeverage(5, SYMBOL), /110043/);
await client.setMarginMode("cross", SYMBOL);
near((await client.fetchLeverage(SYMBOL)).longLeverage, 5);

const first = await executed(await client.createOrder(SYMBOL, "market", "buy", 10));
near(first.average, 166.45);
near(first.fee.cost, 0.915475);
let position = await client.fetchPosition(SYMBOL);
assert.deepEqual([position.side, position.contracts, position.leverage], ["long", 10, 5]);
near(position.entryPrice, 166.45);
near(position.initialMargin, 332.8);
near(position.maintenanceMargin, 9.2352);
assert.equal(position.liquidationPrice, undefined);
await executed(await client.createOrder(SYMBOL, "market", "buy", 5));
await executed(await client.createOrder(SYMBOL, "market", "sell", 3, undefined, { reduceOnly: true }));
assert.equal((await client.fetchPositions())[0].contracts, 12);

const stop = await client.createOrder(SYMBOL, "market", "sell", 12, undefined, { stopLossPrice: 150, reduceOnly: true });
const [waiting] = await client.fetchOpenOrders(SYMBOL, undefined, undefined, { stop: true });
assert.deepEqual([waiting.id, waiting.triggerPrice], [stop.id, 150]);
await client.cancelOrder(stop.id, SYMBOL);
const limit = await client.createOrder(SYMBOL, "limit", "buy", 1, 100);
await wait(100);
assert.deepEqual((await client.fetchOpenOrders(SYMBOL)).map((order) => order.id), [limit.id]);
await client.cancelOrder(limit.id, SYMBOL);
await executed(limit, "canceled");
await assert.rejects(client.createOrder(SYMBOL, "market", "buy", 10_000), ccxt.InsufficientFunds);

await executed(await client.createOrder(SYMBOL, "market", "sell", 12, undefined, { reduceOnly: true }));
assert.deepEqual(await client.fetchPositions(), []);
const trades = await client.fetchMyTrades(SYMBOL);
assert.deepEqual(trades.map((trade) => [trade.side, trade.amount, trade.price]), [
    ["buy", 10, 166.45],
    ["buy", 5, 166.45],
    ["sell", 3, 166.35],
    ["sell", 12, 166.35],
]);
const fees = trades.reduce((sum, trade) => sum + trade.fee.cost, 0);
near((await client.fetchBalance()).USDT.total, 10_000 - 1.5 - fees);
console.log("ok");
