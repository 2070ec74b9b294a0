"""ccxt.pro, which listens, at the Bybit server."""

import asyncio

import ccxt.pro
from judge import Judge, heard, number, opened, rests_and_goes, until

SYMBOL = "SOL/USDT:USDT"
MARK, BID, ASK = 166.4, 166.39, 166.41
#: The ask and two basis points, to the tick.
BOUGHT, SOLD = number("166.45"), number("166.35")
TAKER = number("0.00055")


def bot(judge):
    exchange = ccxt.pro.bybit(
        {
            "apiKey": judge.account["key"],
            "secret": judge.account["secret"],
            "options": {"defaultType": "swap"},
            "timeout": 10_000,
        }
    )
    # The same paths on another server.
    sockets = exchange.urls["api"].pop("ws")
    sockets["public"]["linear"] = judge.socket_url + "/v5/public/linear"
    sockets["private"]["contract"] = judge.socket_url + "/v5/private"
    exchange.urls["api"] = {**{name: judge.url for name in exchange.urls["api"]}, "ws": sockets}
    return exchange


async def listen(judge, exchange):
    await exchange.load_markets()
    ticker = await heard(exchange.watch_ticker(SYMBOL))
    judge.equal("prices", (MARK, BID, ASK), (ticker["last"], ticker["bid"], ticker["ask"]))
    book = await heard(exchange.watch_order_book(SYMBOL))
    judge.equal("the best of fifty levels", (BID, ASK, 50), (book["bids"][0][0], book["asks"][0][0], len(book["bids"])))

    # An order that rests, and goes.
    orders = asyncio.ensure_future(exchange.watch_orders(SYMBOL))
    trades = asyncio.ensure_future(exchange.watch_my_trades(SYMBOL))
    balance = asyncio.ensure_future(exchange.watch_balance())
    positions = asyncio.ensure_future(exchange.watch_positions([SYMBOL]))
    await opened(judge, 2)
    # The key is shown in this time; nothing is pushed that could be waited for.
    await asyncio.sleep(1)
    # What there is already comes first.
    judge.equal("no position yet", [], await heard(positions))
    positions = asyncio.ensure_future(exchange.watch_positions([SYMBOL]))
    await asyncio.sleep(0.2)
    await rests_and_goes(judge, exchange, SYMBOL, orders)
    # The venue tells of the position with every order, and of the money that it takes.
    judge.equal("still no position", 0, (await heard(positions))[0]["contracts"])
    judge.equal("still all the money", 10_000, (await heard(balance))["USDT"]["total"])

    # One that trades.
    held = asyncio.ensure_future(until(lambda: exchange.watch_positions([SYMBOL]), lambda rows: rows[0]["contracts"] > 0))
    money = asyncio.ensure_future(until(exchange.watch_balance, lambda balance: balance["USDT"]["total"] < 10_000))
    orders = asyncio.ensure_future(until(lambda: exchange.watch_orders(SYMBOL), lambda rows: rows[-1]["status"] != "open"))
    await asyncio.sleep(0.2)
    placed = await exchange.create_order(SYMBOL, "limit", "buy", 10, 166.6, {"timeInForce": "IOC"})
    order = (await orders)[-1]
    judge.equal("it traded", (placed["id"], "closed", 10.0), (order["id"], order["status"], order["filled"]))
    judge.equal("average", BOUGHT, order["average"])
    (fill,) = await heard(trades)
    judge.equal("the execution", (placed["id"], 10.0, "taker"), (fill["order"], fill["amount"], fill["takerOrMaker"]))
    judge.equal("its price", BOUGHT, fill["price"])
    fee = 10 * BOUGHT * TAKER
    judge.equal("its fee", fee, fill["fee"]["cost"])
    # With what the position would bring at the mark.
    judge.equal("equity", 10_000 - fee + 10 * (number(MARK) - BOUGHT), (await heard(money))["USDT"]["total"])
    (position,) = await heard(held)
    judge.equal("position", (10.0, "long"), (position["contracts"], position["side"]))
    judge.equal("entry", BOUGHT, position["entryPrice"])

    # There is no word of its own for leverage: the position tells it.
    positions = asyncio.ensure_future(exchange.watch_positions([SYMBOL]))
    await asyncio.sleep(0.2)
    await exchange.set_leverage(4, SYMBOL)
    judge.equal("leverage", 4, (await heard(positions))[0]["leverage"])

    # A part is closed.
    trades = asyncio.ensure_future(exchange.watch_my_trades(SYMBOL))
    await exchange.create_order(SYMBOL, "market", "sell", 4, None, {"reduceOnly": True})
    fill = (await heard(trades))[-1]
    judge.equal("what was sold", (4.0, "sell"), (fill["amount"], fill["side"]))
    judge.equal("its price", SOLD, fill["price"])

    # Money comes, and the price moves.
    balance = asyncio.ensure_future(until(exchange.watch_balance, lambda balance: balance["USDT"]["total"] > 10_400))
    judge.control("deposit", {"account": "main", "amount": "500"})
    profit = 4 * (SOLD - BOUGHT) - (10 * BOUGHT + 4 * SOLD) * TAKER
    judge.equal("more", 10_500 + profit + 6 * (number(MARK) - BOUGHT), (await heard(balance))["USDT"]["total"])
    ticker = asyncio.ensure_future(exchange.watch_ticker(SYMBOL))
    book = asyncio.ensure_future(exchange.watch_order_book(SYMBOL))
    judge.control("price", {"symbol": "SOLUSDT", "price": "170"})
    ticker = await heard(ticker)
    judge.equal("moved", (170.0, 169.99, 170.01), (ticker["last"], ticker["bid"], ticker["ask"]))
    book = await heard(book)
    # Told by levels: those that were are gone.
    judge.equal("best prices", (169.99, 170.01), (book["bids"][0][0], book["asks"][0][0]))
    judge.equal("levels", (50, 50), (len(book["bids"]), len(book["asks"])))
    judge.equal("sockets", 2, judge.control("", method="GET")["sockets"])


async def main(judge):
    exchange = bot(judge)
    try:
        await listen(judge, exchange)
    finally:
        await exchange.close()


with Judge("bybit") as judge:
    asyncio.run(main(judge))
