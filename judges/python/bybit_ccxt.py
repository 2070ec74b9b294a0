"""ccxt at the Bybit server."""

import time

import ccxt
from judge import Judge, number

SYMBOL = "SOL/USDT:USDT"
MARK, BID, ASK = 166.4, 166.39, 166.41
#: Best price and two basis points, to the tick against us.
BOUGHT, SOLD = number("166.45"), number("166.35")
TAKER = number("0.00055")
#: First tier of the market.
MAINTENANCE = number("0.005")


def bot(judge):
    client = ccxt.bybit(
        {
            "apiKey": judge.account["key"],
            "secret": judge.account["secret"],
            "options": {"defaultType": "swap"},
            "timeout": 10_000,
        }
    )
    client.urls["api"] = {name: judge.url for name in client.urls["api"]}
    return client


def executed(judge, client, order, status="closed"):
    """An order that was just taken in cannot even be asked for."""
    return judge.executed(
        lambda: client.fetch_order(order["id"], SYMBOL, {"acknowledged": True}), status, absent=ccxt.OrderNotFound
    )


def trade(judge, client, side, qty, **more):
    order = executed(judge, client, client.create_order(SYMBOL, "market", side, qty, None, more))
    price = BOUGHT if side == "buy" else SOLD
    judge.equal(f"{side}: price", price, order["average"])
    judge.equal(f"{side}: size", qty, order["filled"])
    judge.equal(f"{side}: fee", price * qty * TAKER, order["fee"]["cost"])


with Judge("bybit") as judge:
    client = bot(judge)

    # Markets and balance.
    market = client.load_markets()[SYMBOL]
    judge.equal("size of a contract", 1, market["contractSize"])
    judge.equal("step of sizes", 0.1, market["precision"]["amount"])
    judge.equal("step of prices", 0.01, market["precision"]["price"])
    judge.equal("maximum leverage", 100, market["limits"]["leverage"]["max"])
    judge.equal("least value", 5, market["limits"]["cost"]["min"])
    judge.near("time", client.milliseconds(), client.fetch_time(), 5000)
    judge.equal("last price", MARK, client.fetch_ticker(SYMBOL)["last"])
    book = client.fetch_order_book(SYMBOL)
    judge.equal("best bid", BID, book["bids"][0][0])
    judge.equal("best ask", ASK, book["asks"][0][0])
    judge.equal("funding", 0.0001, client.fetch_funding_rate(SYMBOL)["fundingRate"])
    judge.equal("cash", 10_000, client.fetch_balance()["USDT"]["free"])
    tier = client.fetch_market_leverage_tiers(SYMBOL)[0]
    judge.equal("first tier", MAINTENANCE, tier["maintenanceMarginRate"])
    judge.equal("its end", 2_000_000, tier["maxNotional"])
    judge.equal("fee", TAKER, client.fetch_trading_fee(SYMBOL)["taker"])

    # Leverage and margin mode.
    client.set_leverage(5, SYMBOL)
    judge.equal("leverage", 5, client.fetch_leverage(SYMBOL)["longLeverage"])
    judge.refused("the same leverage", ccxt.BadRequest, "110043", lambda: client.set_leverage(5, SYMBOL))
    judge.refused("too high a leverage", ccxt.ExchangeError, "110013", lambda: client.set_leverage(101, SYMBOL))
    client.set_margin_mode("cross", SYMBOL)
    judge.equal("margin mode", "cross", client.fetch_margin_mode(SYMBOL)["marginMode"])

    # Open, read, add.
    trade(judge, client, "buy", 10)
    position = client.fetch_position(SYMBOL)
    judge.equal("side", "long", position["side"])
    judge.equal("size", 10, position["contracts"])
    judge.equal("entry", BOUGHT, position["entryPrice"])
    judge.equal("leverage of the position", 5, position["leverage"])
    judge.equal("unrealised", (number(MARK) - BOUGHT) * 10, position["unrealizedPnl"])
    judge.equal("initial margin", number(MARK) * 10 / 5, position["initialMargin"])
    judge.equal("maintenance margin", number(MARK) * 10 * (MAINTENANCE + TAKER), position["maintenanceMargin"])
    # 10 000 behind 1664: it cannot be liquidated, and the venue prints nothing.
    judge.check("no liquidation price", position["liquidationPrice"] is None, position["liquidationPrice"])
    trade(judge, client, "buy", 5)
    judge.equal("size after adding", 15, client.fetch_position(SYMBOL)["contracts"])

    # Reduce by a part.
    trade(judge, client, "sell", 3, reduceOnly=True)
    judge.equal("what is held", [(SYMBOL, 12.0)], [(row["symbol"], row["contracts"]) for row in client.fetch_positions()])

    # A stop that waits, and a limit that is changed; both are taken away.
    stop = client.create_order(SYMBOL, "market", "sell", 12, None, {"stopLossPrice": 150, "reduceOnly": True})
    waiting = client.fetch_open_orders(SYMBOL, params={"stop": True})
    judge.equal("waits", [(stop["id"], 150.0)], [(row["id"], row["triggerPrice"]) for row in waiting])
    client.cancel_order(stop["id"], SYMBOL)
    limit = client.create_order(SYMBOL, "limit", "buy", 1, 100, {"clientOrderId": "judge-1"})
    time.sleep(0.1)
    judge.equal("the same order", limit["id"], client.edit_order(limit["id"], SYMBOL, "limit", "buy", 2, 110)["id"])
    time.sleep(0.1)
    resting = client.fetch_open_orders(SYMBOL)
    shown = [(row["price"], row["amount"], row["clientOrderId"]) for row in resting]
    judge.equal("rests", [(110.0, 2.0, "judge-1")], shown)
    client.cancel_all_orders(SYMBOL)
    judge.equal("nothing rests", [], client.fetch_open_orders(SYMBOL))
    executed(judge, client, limit, "canceled")

    # What is refused is refused under the right name.
    judge.refused(
        "beyond the margin", ccxt.InsufficientFunds, "110007", lambda: client.create_order(SYMBOL, "market", "buy", 10_000)
    )
    again = {"clientOrderId": "judge-1"}
    judge.refused(
        "a used id", ccxt.InvalidOrder, "110072", lambda: client.create_order(SYMBOL, "limit", "buy", 1, 100, again)
    )

    # Close, and what is left to read.
    trade(judge, client, "sell", 12, reduceOnly=True)
    judge.equal("nothing is held", [], client.fetch_positions())
    fills = client.fetch_my_trades(SYMBOL)
    shown = [(fill["side"], number(fill["amount"]), number(fill["price"])) for fill in fills]
    wanted = [("buy", 10, BOUGHT), ("buy", 5, BOUGHT), ("sell", 3, SOLD), ("sell", 12, SOLD)]
    judge.equal("fills", wanted, shown)
    # Fifteen, bought at one price and sold at another.
    profit = (SOLD - BOUGHT) * 15 - (SOLD + BOUGHT) * 15 * TAKER
    judge.equal("cash afterwards", 10_000 + profit, client.fetch_balance()["USDT"]["total"])
    judge.equal("the ledger's last line", 10_000 + profit, client.fetch_ledger("USDT")[-1]["after"])
    closed = client.fetch_positions_history([SYMBOL])
    judge.equal("closed positions", profit, sum(number(row["info"]["closedPnl"]) for row in closed))

    # With a bucket there is a liquidation price: what is left of it is what closing and the tier ask for.
    client.set_margin_mode("isolated", SYMBOL)
    trade(judge, client, "buy", 10)
    position = client.fetch_position(SYMBOL)
    bucket, size = number(position["info"]["positionIM"]), number(10)
    liquidation = (BOUGHT * size - bucket) / (size * (1 - MAINTENANCE - TAKER))
    judge.near("liquidation price", liquidation, position["liquidationPrice"], 0.02)
    trade(judge, client, "sell", 10, reduceOnly=True)
    judge.equal("what really happened", 6, len([row for row in judge.orders() if number(row["filled"]) > 0]))
