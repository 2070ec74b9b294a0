"""ccxt.pro, which listens, at the Binance USDⓈ-M server."""

import asyncio

import ccxt.pro
from judge import Judge, heard, number, rests_and_goes

SYMBOL = "SOL/USDT:USDT"
MARK, BID, ASK = 166.4, 166.39, 166.41
TAKER = number("0.0005")


def bot(judge):
    exchange = ccxt.pro.binanceusdm(
        {"apiKey": judge.account["key"], "secret": judge.account["secret"], "timeout": 10_000}
    )
    # The same paths on another server.
    for name, url in exchange.urls["api"].items():
        if isinstance(url, str) and "://" in url:
            exchange.urls["api"][name] = judge.url + "/" + url.split("://")[1].split("/", 1)[1]
    exchange.urls["api"]["ws"]["future"] = judge.socket_url + "/ws"
    return exchange


async def listen(judge, exchange):
    await exchange.load_markets()
    ticker = await heard(exchange.watch_ticker(SYMBOL))
    judge.equal("last price", MARK, ticker["last"])
    mark = await heard(exchange.watch_mark_price(SYMBOL))
    judge.equal("mark price", MARK, mark["markPrice"])

    # An order that rests, and goes.
    orders = asyncio.ensure_future(exchange.watch_orders(SYMBOL))
    trades = asyncio.ensure_future(exchange.watch_my_trades(SYMBOL))
    balance = asyncio.ensure_future(exchange.watch_balance())
    positions = asyncio.ensure_future(exchange.watch_positions([SYMBOL]))
    # The key is asked for and the socket opened in this time; nothing is pushed that could be waited for.
    await asyncio.sleep(1)
    # What there is already comes first.
    judge.equal("no position yet", [], await heard(positions))
    positions = asyncio.ensure_future(exchange.watch_positions([SYMBOL]))
    await asyncio.sleep(0.2)
    await rests_and_goes(judge, exchange, SYMBOL, orders)

    # One that trades.
    placed = await exchange.create_order(SYMBOL, "limit", "buy", 200, 166.6, {"timeInForce": "IOC"})
    order = None
    while order is None or order["id"] != placed["id"] or order["status"] == "open":
        order = (await heard(exchange.watch_orders(SYMBOL)))[-1]
    judge.equal("it traded", ("closed", 200.0), (order["status"], order["filled"]))
    fill = (await heard(trades))[-1]
    price = number(fill["price"])
    judge.equal("size of the execution", 200, fill["amount"])
    judge.check("a buy costs the ask and two basis points at most", ASK <= price <= number(ASK) * number("1.0002") + number("0.01"), price)
    fee = 200 * price * TAKER
    judge.near("fee", fee, fill["fee"]["cost"], "0.00000001")
    judge.near("wallet", 10_000 - fee, (await heard(balance))["USDT"]["total"], "0.00000001")
    (position,) = await heard(positions)
    judge.equal("position", (200.0, "long"), (position["contracts"], position["side"]))
    judge.near("entry", price, position["entryPrice"], "0.00000001")

    # Money comes, and the price moves.
    balance = asyncio.ensure_future(exchange.watch_balance())
    mark = asyncio.ensure_future(exchange.watch_mark_price(SYMBOL))
    await asyncio.sleep(0.2)
    judge.control("deposit", {"account": "main", "amount": "500"})
    judge.near("more", 10_500 - fee, (await heard(balance))["USDT"]["total"], "0.00000001")
    judge.control("price", {"symbol": "SOLUSDT", "price": "170"})
    found = (await heard(mark))["markPrice"]
    while found != 170:
        found = (await heard(exchange.watch_mark_price(SYMBOL)))["markPrice"]
    judge.equal("moved", 170, found)


async def main(judge):
    exchange = bot(judge)
    try:
        await listen(judge, exchange)
    finally:
        await exchange.close()


with Judge("binance") as judge:
    asyncio.run(main(judge))
