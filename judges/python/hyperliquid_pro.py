"""ccxt.pro, which listens, at the Hyperliquid server."""

import asyncio

import ccxt.pro
from judge import Judge, heard, number, rests_and_goes

SYMBOL = "SOL/USDC:USDC"
MARK, BID, ASK = 166.4, 166.39, 166.41
TAKER = number("0.00045")


async def listen(judge, exchange):
    await exchange.load_markets()
    ticker = await heard(exchange.watch_ticker(SYMBOL))
    judge.equal("mark price", MARK, ticker["info"]["markPx"])
    book = await heard(exchange.watch_order_book(SYMBOL))
    judge.equal("best prices", (BID, ASK), (book["bids"][0][0], book["asks"][0][0]))
    balance = await heard(exchange.watch_balance())
    judge.equal("cash", 10_000, balance["USDC"]["total"])

    # An order that rests, and goes.
    orders = asyncio.ensure_future(exchange.watch_orders(SYMBOL))
    trades = asyncio.ensure_future(exchange.watch_my_trades(SYMBOL))
    positions = asyncio.ensure_future(exchange.watch_positions([SYMBOL]))
    await asyncio.sleep(0.5)
    await rests_and_goes(judge, exchange, SYMBOL, orders)

    # One that trades.
    orders = asyncio.ensure_future(exchange.watch_orders(SYMBOL))
    await exchange.create_order(SYMBOL, "limit", "buy", 200, 166.6, {"timeInForce": "IOC"})
    judge.equal("it traded", "closed", (await heard(orders))[-1]["status"])
    fills = [fill for fill in await heard(trades) if fill["symbol"] == SYMBOL]
    size = sum(number(fill["amount"]) for fill in fills)
    value = sum(number(fill["amount"]) * number(fill["price"]) for fill in fills)
    judge.equal("size of the executions", 200, size)
    judge.check("a buy costs the ask and two basis points at most", ASK <= value / size <= number(ASK) * number("1.0002") + number("0.01"))
    judge.near("fees", value * TAKER, sum(number(fill["fee"]["cost"]) for fill in fills), "0.0001")
    (position,) = await heard(positions)
    judge.equal("position", 200, position["contracts"])
    judge.near("entry", value / size, position["entryPrice"], "0.01")

    # The price moves, and the balance with it.
    balance = asyncio.ensure_future(exchange.watch_balance())
    ticker = asyncio.ensure_future(exchange.watch_ticker(SYMBOL))
    await asyncio.sleep(0.2)
    judge.control("price", {"symbol": "SOL", "price": "170"})
    judge.equal("moved", 170, (await heard(ticker))["info"]["markPx"])
    total = (await heard(balance))["USDC"]["total"]
    judge.near("account value", 10_000 - value * TAKER + 170 * size - value, total, "0.01")
    judge.equal("sockets", 1, judge.control("", method="GET")["sockets"])


async def main(judge):
    exchange = ccxt.pro.hyperliquid(
        {"walletAddress": judge.account["address"], "privateKey": judge.account["key"], "timeout": 10_000}
    )
    exchange.set_sandbox_mode(True)
    exchange.urls["api"] = {"public": judge.url, "private": judge.url, "ws": {"public": judge.socket_url + "/ws"}}
    try:
        await listen(judge, exchange)
    finally:
        await exchange.close()


with Judge("hyperliquid") as judge:
    asyncio.run(main(judge))
