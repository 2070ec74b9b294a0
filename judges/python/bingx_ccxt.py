"""ccxt at the BingX server.

ccxt knows the venue's older codes only: where it has no class for one, the code itself is asked for.
"""

import time

import ccxt
from judge import Judge, number

SYMBOL, BITCOIN = "SOL/USDT:USDT", "BTC/USDT:USDT"
MARK, BID, ASK = 166.432, 166.431, 166.433
#: Best price and two basis points, to the tick against us.
BOUGHT, SOLD = number("166.467"), number("166.397")
TAKER, MAKER = number("0.0005"), number("0.0002")
#: First tier of the market.
MAINTENANCE = number("0.0045")


def bot(judge, secret=None):
    client = ccxt.bingx(
        {
            "apiKey": judge.account["key"],
            "secret": secret or judge.account["secret"],
            "options": {"defaultType": "swap"},
            "timeout": 10_000,
        }
    )
    client.urls["api"] = {name: judge.url + "/openApi" for name in client.urls["api"]}
    return client


def executed(judge, client, order):
    """An order is carried out a moment after it was taken in."""
    return judge.executed(lambda: client.fetch_order(order["id"], SYMBOL))


def trade(judge, client, side, qty, **more):
    order = executed(judge, client, client.create_order(SYMBOL, "market", side, qty, None, more))
    price = BOUGHT if side == "buy" else SOLD
    judge.equal(f"{side}: price", price, order["average"])
    judge.equal(f"{side}: size", qty, order["filled"])
    judge.near(f"{side}: fee", price * qty * TAKER, order["fee"]["cost"], 0.000001)


with Judge("bingx") as judge:
    client = bot(judge)

    # Markets and balance.
    market = client.load_markets()[SYMBOL]
    judge.equal("step of sizes", 0.01, market["precision"]["amount"])
    judge.equal("step of prices", 0.001, market["precision"]["price"])
    judge.equal("least value", 2, market["limits"]["cost"]["min"])
    judge.check("trades", market["active"])
    judge.near("time", client.milliseconds(), client.fetch_time(), 5000)
    judge.equal("last price", MARK, client.fetch_ticker(SYMBOL)["last"])
    book = client.fetch_order_book(SYMBOL, 5)
    judge.equal("best bid", BID, book["bids"][0][0])
    judge.equal("best ask", ASK, book["asks"][0][0])
    judge.equal("funding", 0.000024, client.fetch_funding_rate(BITCOIN)["fundingRate"])
    judge.equal("past fundings", 24, len(client.fetch_funding_rate_history(BITCOIN)))
    balance = client.fetch_balance()["USDT"]
    judge.equal("cash", 10_000, balance["total"])
    judge.equal("free", 10_000, balance["free"])
    tiers = client.fetch_market_leverage_tiers(SYMBOL)
    judge.equal("first tier", MAINTENANCE, tiers[0]["maintenanceMarginRate"])
    judge.equal("where the second begins", 300_000, tiers[1]["minNotional"])
    fee = client.fetch_trading_fee(SYMBOL)
    judge.equal("taker's fee", TAKER, fee["taker"])
    judge.equal("maker's fee", MAKER, fee["maker"])

    # Leverage and margin mode.
    judge.equal("one-way mode", False, client.fetch_position_mode(SYMBOL)["hedged"])
    client.set_margin_mode("isolated", SYMBOL)
    judge.equal("margin mode", "isolated", client.fetch_margin_mode(SYMBOL)["marginMode"])
    client.set_leverage(5, SYMBOL, {"side": "BOTH"})
    leverage = client.fetch_leverage(SYMBOL)
    judge.equal("leverage, long", 5, leverage["longLeverage"])
    judge.equal("leverage, short", 5, leverage["shortLeverage"])
    judge.refused(
        "a side in one-way mode", ccxt.ExchangeError, "", lambda: client.set_leverage(5, SYMBOL, {"side": "LONG"})
    )
    judge.refused(
        "too high a leverage", ccxt.ExchangeError, "", lambda: client.set_leverage(500, SYMBOL, {"side": "BOTH"})
    )

    # Open, read, add.
    trade(judge, client, "buy", 6)
    position = client.fetch_position(SYMBOL)
    judge.equal("side", "long", position["side"])
    judge.equal("size", 6, position["contracts"])
    judge.equal("entry", BOUGHT, position["entryPrice"])
    judge.equal("leverage of the position", 5, position["leverage"])
    judge.equal("margin mode of the position", "isolated", position["marginMode"])
    judge.near("unrealised", (number(MARK) - BOUGHT) * 6, position["unrealizedPnl"], 0.0001)
    judge.near("initial margin", BOUGHT * 6 / 5, position["initialMargin"], 0.01)
    # What is left of the bucket is what closing and the tier ask for.
    liquidation = BOUGHT * (1 - number("0.2")) / (1 - MAINTENANCE - TAKER)
    judge.near("liquidation price", liquidation, position["liquidationPrice"], 0.02)
    opened = client.create_order(SYMBOL, "limit", "buy", 4, 170)
    judge.check("an id above 2^53", int(opened["id"]) > 2**53, opened["id"])
    judge.equal("average", BOUGHT, executed(judge, client, opened)["average"])
    judge.equal("size after adding", 10, client.fetch_position(SYMBOL)["contracts"])

    # Reduce by a part; more margin.
    trade(judge, client, "sell", 3, reduceOnly=True)
    judge.equal("what is held", 7, client.fetch_position(SYMBOL)["contracts"])
    judge.refused(
        "more than is held",
        ccxt.ExchangeError,
        "",
        lambda: client.create_order(SYMBOL, "market", "sell", 8, None, {"reduceOnly": True}),
    )
    before = number(client.fetch_position(SYMBOL)["info"]["margin"])
    client.add_margin(SYMBOL, 50)
    judge.near("bucket", before + 50, client.fetch_position(SYMBOL)["info"]["margin"], 0.0001)

    # A limit that rests, is changed, and is taken away; its own id is not case-sensitive.
    limit = client.create_order(SYMBOL, "limit", "buy", 1, 150, {"clientOrderId": "MyOrder1"})
    judge.equal("its own id", "myorder1", client.fetch_order(limit["id"], SYMBOL)["clientOrderId"])
    again = {"clientOrderId": "myorder1"}
    judge.refused(
        "a used id", ccxt.ExchangeError, "101481", lambda: client.create_order(SYMBOL, "limit", "buy", 1, 150, again)
    )
    edited = client.edit_order(limit["id"], SYMBOL, "limit", "buy", 2, 151)
    resting = [(row["id"], row["amount"], row["price"]) for row in client.fetch_open_orders(SYMBOL)]
    judge.equal("rests", [(edited["id"], 2.0, 151.0)], resting)
    judge.equal("cancelled", "canceled", client.cancel_order(edited["id"], SYMBOL)["status"])
    judge.refused("cancelled twice", ccxt.ExchangeError, "", lambda: client.cancel_order(edited["id"], SYMBOL))
    judge.refused("an unknown order", ccxt.ExchangeError, "109421", lambda: client.fetch_order("1", SYMBOL))

    # Stop, target and trailing stop.
    stop = client.create_order(SYMBOL, "market", "sell", 7, None, {"stopLossPrice": 140})
    take = client.create_order(SYMBOL, "market", "sell", 7, None, {"takeProfitPrice": 200})
    trail = client.create_order(SYMBOL, "market", "sell", 7, None, {"trailingPercent": 5, "reduceOnly": True})
    waiting = {row["id"]: row for row in client.fetch_open_orders(SYMBOL)}
    judge.equal("what waits", {stop["id"], take["id"], trail["id"]}, set(waiting))
    judge.equal("the stop", 140, waiting[stop["id"]]["stopLossPrice"])
    judge.equal("the target", 200, waiting[take["id"]]["takeProfitPrice"])
    judge.refused(
        "a stop beyond the mark",
        ccxt.ExchangeError,
        "SL Price must be lower",
        lambda: client.create_order(SYMBOL, "market", "sell", 7, None, {"stopLossPrice": 170}),
    )
    client.cancel_orders([stop["id"]], SYMBOL)
    judge.equal("the others wait", 2, len(client.fetch_open_orders(SYMBOL)))
    client.cancel_all_orders(SYMBOL)
    judge.equal("nothing waits", [], client.fetch_open_orders(SYMBOL))

    # Several at once; too much, too little, no such symbol, a wrong key.
    rows = [
        {"symbol": BITCOIN, "type": "limit", "side": "buy", "amount": 0.001, "price": 90_000 + row} for row in range(3)
    ]
    judge.equal("several", 3, len({row["id"] for row in client.create_orders(rows)}))
    client.cancel_all_orders(BITCOIN)
    judge.refused(
        "beyond the margin", ccxt.InsufficientFunds, "", lambda: client.create_order(BITCOIN, "market", "buy", 50)
    )
    judge.refused(
        "too little", ccxt.InvalidOrder, "", lambda: client.create_order(SYMBOL, "limit", "buy", 0.01, 100)
    )
    unknown = {"symbol": "NO-USDT", "side": "BOTH", "leverage": 2}
    judge.refused(
        "no such symbol", ccxt.ExchangeError, "", lambda: client.swapV2PrivatePostTradeLeverage(unknown)
    )
    wrong = bot(judge, "x" * 86)
    wrong.set_markets(client.markets)
    judge.refused("a wrong secret", ccxt.AuthenticationError, "", wrong.fetch_balance)

    # Close, and what is left to read.
    client.close_position(SYMBOL)
    for _ in range(100):
        if not client.fetch_positions([SYMBOL]):
            break
        time.sleep(0.05)
    judge.equal("nothing is held", [], client.fetch_positions([SYMBOL]))
    fills = client.fetch_my_trades(SYMBOL, params={"tradingUnit": "COIN"})
    shown = [(fill["side"], number(fill["amount"]), number(fill["price"])) for fill in fills]
    wanted = [("buy", 6, BOUGHT), ("buy", 4, BOUGHT), ("sell", 3, SOLD), ("sell", 7, SOLD)]
    # Times are whole seconds here: within one there is no order.
    judge.equal("fills", sorted(wanted), sorted(shown))
    # Ten, bought at one price and sold at another.
    profit = (SOLD - BOUGHT) * 10 - (SOLD + BOUGHT) * 10 * TAKER
    judge.near("cash afterwards", 10_000 + profit, client.fetch_balance()["USDT"]["total"], 0.0001)
    rows = client.swapV2PrivateGetUserIncome({"symbol": "SOL-USDT"})["data"]
    judge.near("the ledger", profit, sum(number(row["income"]) for row in rows), 0.000001)
    closed = client.fetch_position_history(SYMBOL)[0]
    judge.equal("closed position", "long", closed["side"])
    judge.equal("its size", 10, number(closed["info"]["positionAmt"]))

    # What the line does to an answer, the exchange has seen.
    client.set_leverage(5, BITCOIN, {"side": "BOTH"})
    judge.control("faults", {"fault": "lose_answer", "on": "leverage", "times": 1})
    judge.refused(
        "an answer that is lost", ccxt.NetworkError, "", lambda: client.set_leverage(7, BITCOIN, {"side": "BOTH"})
    )
    judge.equal("it was applied", 7, client.fetch_leverage(BITCOIN)["longLeverage"])
    judge.equal("what really happened", 4, len([row for row in judge.orders() if number(row["filled"]) > 0]))
