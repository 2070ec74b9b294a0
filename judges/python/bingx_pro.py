"""ccxt.pro, which listens, at the BingX server."""

import asyncio

import ccxt.pro
from judge import Judge, heard, number, opened, rests_and_goes, until

SYMBOL = "SOL/USDT:USDT"
MARK, BID, ASK = 166.432, 166.431, 166.433
#: Best price and two basis points, to the tick against us.
BOUGHT = number("166.467")
TAKER = number("0.0005")


def bot(judge):
    exchange = ccxt.pro.bingx(
        {
            "apiKey": judge.account["key"],
            "secret": judge.account["secret"],
            "options": {"defaultType": "swap"},
            "timeout": 10_000,
        }
    )
    # The same paths on another server.
    for name, url in exchange.urls["api"].items():
        if isinstance(url, str):
            exchange.urls["api"][name] = judge.url + "/openApi"
    exchange.urls["api"]["ws"]["linear"] = judge.socket_url + "/swap-market"
    return exchange


async def listen(judge, exchange):
    await exchange.load_markets()

    # What everybody may hear.
    ticker = await heard(exchange.watch_ticker(SYMBOL))
    judge.equal("prices", [MARK, BID, ASK], [ticker["last"], ticker["bid"], ticker["ask"]])
    book = await heard(exchange.watch_order_book(SYMBOL))
    judge.equal("levels", (100, 100), (len(book["bids"]), len(book["asks"])))
    judge.equal("best bid", [BID, 10.0], book["bids"][0])
    judge.equal("best ask", [ASK, 10.0], book["asks"][0])
    judge.equal("the next ask", 166.434, book["asks"][1][0])

    # An order that rests, and goes. The client waits for ever for a balance that is not what it asks for first.
    balance = asyncio.ensure_future(exchange.watch_balance())
    await opened(judge, 2)
    orders = asyncio.ensure_future(exchange.watch_orders(SYMBOL))
    trades = asyncio.ensure_future(exchange.watch_my_trades(SYMBOL))
    positions = asyncio.ensure_future(exchange.watch_positions([SYMBOL]))
    await asyncio.sleep(0.2)
    await rests_and_goes(judge, exchange, SYMBOL, orders)

    # One that trades.
    orders = asyncio.ensure_future(until(lambda: exchange.watch_orders(SYMBOL), lambda told: told[-1]["status"] != "open"))
    await asyncio.sleep(0.2)
    placed = await exchange.create_order(SYMBOL, "market", "buy", 200)
    order = (await orders)[-1]
    judge.equal("it traded", (placed["id"], "closed", 200.0, 200.0), (order["id"], order["status"], order["filled"], order["amount"]))
    judge.equal("average", BOUGHT, order["average"])
    fee = 200 * BOUGHT * TAKER
    fill = (await heard(trades))[-1]
    judge.equal("execution", [BOUGHT, 200, fee], [number(fill["price"]), fill["amount"], number(fill["fee"]["cost"])])
    judge.equal("of the order", (placed["id"], "buy"), (fill["order"], fill["side"]))
    judge.near("wallet", 10_000 - fee, (await heard(balance))["USDT"]["free"], "0.00000001")
    (position,) = await heard(positions)
    judge.equal("position", (200.0, "long", "cross"), (position["contracts"], position["side"], position["marginMode"]))
    judge.equal("entry", BOUGHT, position["entryPrice"])
    judge.near("profit", 200 * (number(MARK) - BOUGHT), position["unrealizedPnl"], "0.00000001")

    # Money comes, and the price moves.
    balance = asyncio.ensure_future(exchange.watch_balance())
    await asyncio.sleep(0.2)
    judge.control("deposit", {"account": "main", "amount": "500"})
    judge.near("more", 10_500 - fee, (await heard(balance))["USDT"]["free"], "0.00000001")
    judge.control("price", {"symbol": "SOL-USDT", "price": "170"})
    ticker = await until(lambda: exchange.watch_ticker(SYMBOL), lambda told: told["last"] == 170)
    judge.equal("bid and ask", [169.999, 170.001], [ticker["bid"], ticker["ask"]])

    # Closed, and both directions at once. The client has to listen before it happens.
    positions = asyncio.ensure_future(exchange.watch_positions([SYMBOL]))
    await asyncio.sleep(0.2)
    await exchange.create_order(SYMBOL, "market", "sell", 200, None, {"reduceOnly": True})
    judge.equal("flat", [0.0], [row["contracts"] for row in await heard(positions)])
    await exchange.set_position_mode(True)
    for side, size, direction in (("buy", 2, "long"), ("sell", 1, "short")):
        positions = asyncio.ensure_future(exchange.watch_positions([SYMBOL]))
        await asyncio.sleep(0.5)
        await exchange.create_order(SYMBOL, "market", side, size, None, {"hedged": True})
        (position,) = await heard(positions)
        judge.equal("leg", (float(size), direction, True), (position["contracts"], position["side"], position["hedged"]))

    # A subscription that is given back, a key that is extended, and one that is none.
    await heard(exchange.un_watch_ticker(SYMBOL))
    judge.check("given back", SYMBOL not in exchange.tickers)
    key = exchange.options["listenKey"]
    await exchange.user_auth_private_put_userdatastream({"listenKey": key})
    try:
        await exchange.user_auth_private_put_userdatastream({"listenKey": "bogus"})
        judge.check("an unknown key is refused", False)
    except ccxt.ExchangeNotAvailable as error:
        judge.check("an unknown key is refused", "404" in str(error), error)


async def main(judge):
    exchange = bot(judge)
    try:
        await listen(judge, exchange)
    finally:
        await exchange.close()


with Judge("bingx") as judge:
    asyncio.run(main(judge))
