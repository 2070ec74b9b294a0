"""ccxt at the Binance USDⓈ-M server."""

import ccxt
from judge import Judge, number

SYMBOL = "SOL/USDT:USDT"
MARK, BID, ASK = 166.4, 166.39, 166.41
TAKER, MAKER = number("0.0005"), number("0.0002")
#: First tier: up to a notional of 50 000.
MAINTENANCE = number("0.005")


def bot(judge):
    exchange = ccxt.binanceusdm(
        {"apiKey": judge.account["key"], "secret": judge.account["secret"], "timeout": 10_000}
    )
    # The same paths on another server.
    for name, url in exchange.urls["api"].items():
        if isinstance(url, str) and "://" in url:
            exchange.urls["api"][name] = judge.url + "/" + url.split("://")[1].split("/", 1)[1]
    return exchange


class Book:
    """The account as it must be, from the fills alone."""

    def __init__(self, cash):
        self.cash, self.qty, self.entry = number(cash), number(0), number(0)

    def trade(self, qty, price, fee):
        qty, price = number(qty), number(price)
        self.cash -= number(fee)
        if self.qty * qty >= 0:
            self.entry = (self.entry * self.qty + price * qty) / (self.qty + qty)
        else:
            self.cash += (self.entry - price) * qty
        self.qty += qty

    def value(self, mark):
        return self.cash + (number(mark) - self.entry) * self.qty

    def liquidation(self):
        """Of a long one in cross margin: (Q * EP - W) / (Q * (1 - MMR))."""
        return (self.qty * self.entry - self.cash) / (self.qty * (1 - MAINTENANCE))


def only(judge, what, rows):
    judge.equal(f"{what}: how many", 1, len(rows))
    return rows[0]


def follow(judge, exchange, book, seen):
    """Reads the fills that are new, checks their fees, and books them."""
    fresh = [fill for fill in exchange.fetch_my_trades(SYMBOL) if fill["id"] not in seen]
    for fill in fresh:
        seen.add(fill["id"])
        signed = fill["amount"] if fill["side"] == "buy" else -fill["amount"]
        rate = MAKER if fill["takerOrMaker"] == "maker" else TAKER
        fee = number(fill["price"]) * number(fill["amount"]) * rate
        judge.near("fee of a fill", fee, fill["fee"]["cost"], "0.00000001")
        judge.equal("cost of a fill", number(fill["price"]) * number(fill["amount"]), fill["cost"])
        book.trade(signed, fill["price"], fill["fee"]["cost"])
    return fresh


def position_is(judge, exchange, book, leverage):
    position = only(judge, "positions", exchange.fetch_positions([SYMBOL]))
    judge.equal("side", "long" if book.qty > 0 else "short", position["side"])
    judge.equal("size", abs(book.qty), position["contracts"])
    judge.near("entry", book.entry, position["entryPrice"], "0.00000001")
    # Positions have had no leverage since version 3: it is a setting.
    judge.equal("leverage", leverage, exchange.fetch_leverage(SYMBOL)["longLeverage"])
    judge.equal("margin mode", "cross", position["marginMode"])
    judge.near("unrealised", (number(MARK) - book.entry) * book.qty, position["unrealizedPnl"], "0.0000001")
    judge.near("notional", number(MARK) * book.qty, position["notional"], "0.0000001")
    judge.near("initial margin", number(MARK) * book.qty / leverage, position["initialMargin"], "0.0000001")
    wanted = max(book.liquidation(), number(0))
    judge.near("liquidation price", wanted, position["liquidationPrice"] or 0, "0.00001")
    balance = exchange.fetch_balance()["USDT"]
    judge.near("used margin", number(MARK) * book.qty / leverage, balance["used"], "0.0000001")
    judge.near("wallet", book.value(MARK), balance["total"], "0.0000001")


def run(judge):
    exchange = bot(judge)
    market = exchange.load_markets()[SYMBOL]
    judge.equal("step of sizes", 0.01, market["precision"]["amount"])
    judge.equal("step of prices", 0.01, market["precision"]["price"])
    judge.equal("minimum value", 5, market["limits"]["cost"]["min"])
    judge.check("a linear swap", market["swap"] and market["linear"] and market["settle"] == "USDT")
    judge.equal("last price", MARK, exchange.fetch_ticker(SYMBOL)["last"])
    book_rows = exchange.fetch_order_book(SYMBOL)
    judge.equal("best bid", BID, book_rows["bids"][0][0])
    judge.equal("best ask", ASK, book_rows["asks"][0][0])
    judge.equal("funding rate", 0.0001, exchange.fetch_funding_rate(SYMBOL)["fundingRate"])
    tiers = exchange.fetch_market_leverage_tiers(SYMBOL)
    judge.equal("first tier", 100, tiers[0]["maxLeverage"])
    judge.equal("its rate", 0.005, tiers[0]["maintenanceMarginRate"])
    balance = exchange.fetch_balance()["USDT"]
    judge.equal("cash", 10_000, balance["total"])
    judge.equal("nothing used", 0, balance["used"])

    book, seen = Book(10_000), set()
    judge.refused("cross already", ccxt.MarginModeAlreadySet, "-4046", lambda: exchange.set_margin_mode("cross", SYMBOL))
    exchange.set_margin_mode("isolated", SYMBOL)
    exchange.set_margin_mode("cross", SYMBOL)
    judge.equal("one-way", False, exchange.fetch_position_mode(SYMBOL)["hedged"])
    answer = exchange.set_leverage(5, SYMBOL)
    judge.equal("leverage answers", ("SOLUSDT", 5), (answer["symbol"], int(answer["leverage"])))
    judge.equal("leverage reads back", 5, exchange.fetch_leverage(SYMBOL)["longLeverage"])
    fees = exchange.fetch_trading_fee(SYMBOL)
    judge.equal("fees", (0.0002, 0.0005), (fees["maker"], fees["taker"]))

    # Open.
    order = exchange.create_order(SYMBOL, "market", "buy", 200)
    fill = only(judge, "fills of the opening", follow(judge, exchange, book, seen))
    judge.equal("the fill's order", order["id"], fill["order"])
    judge.equal("filled", 200, exchange.fetch_order(order["id"], SYMBOL)["filled"])
    judge.check("a buy costs the ask and two basis points at most", ASK <= fill["price"] <= ASK * 1.0002 + 0.01, fill["price"])
    position_is(judge, exchange, book, 5)

    # Add, with a limit that can trade.
    order = exchange.create_order(SYMBOL, "limit", "buy", 50, 166.6, {"timeInForce": "IOC"})
    judge.equal("added", 50, sum(fill["amount"] for fill in follow(judge, exchange, book, seen)))
    position_is(judge, exchange, book, 5)

    # Close a part.
    exchange.create_order(SYMBOL, "market", "sell", 150, None, {"reduceOnly": True})
    only(judge, "fills of the part", follow(judge, exchange, book, seen))
    position_is(judge, exchange, book, 5)

    # Rest, change, look, cancel.
    order = exchange.create_order(SYMBOL, "limit", "buy", 1, 160, {"postOnly": True})
    order = exchange.edit_order(order["id"], SYMBOL, "limit", "buy", 2, 161)
    resting = only(judge, "open orders", exchange.fetch_open_orders(SYMBOL))
    judge.equal("its number", order["id"], resting["id"])
    judge.equal("its price", 161, resting["price"])
    judge.equal("its rest", 2, resting["remaining"])
    exchange.cancel_order(order["id"], SYMBOL)
    judge.equal("no open orders", [], exchange.fetch_open_orders(SYMBOL))
    judge.equal("cancelled", "canceled", exchange.fetch_order(order["id"], SYMBOL)["status"])

    # A batch.
    orders = exchange.create_orders([
        {"symbol": SYMBOL, "type": "limit", "side": "buy", "amount": 1, "price": price} for price in (150, 151)
    ])
    judge.equal("both rest", ["open", "open"], [order["status"] for order in orders])
    exchange.cancel_all_orders(SYMBOL)
    judge.equal("none is left", [], exchange.fetch_open_orders(SYMBOL))

    # Conditional: one is cancelled, one fires.
    stop = exchange.create_order(SYMBOL, "market", "sell", 100, None, {"stopLossPrice": 140, "reduceOnly": True})
    waiting = only(judge, "waiting orders", exchange.fetch_open_orders(SYMBOL, params={"trigger": True}))
    judge.equal("its trigger", 140, waiting["triggerPrice"])
    judge.check("it only reduces", waiting["reduceOnly"] is True, waiting["reduceOnly"])
    exchange.cancel_order(stop["id"], SYMBOL, {"trigger": True})
    judge.equal("no waiting orders", [], exchange.fetch_open_orders(SYMBOL, params={"trigger": True}))
    exchange.create_order(SYMBOL, "market", "sell", 40, None, {"stopLossPrice": 160, "reduceOnly": True})
    judge.control("price", {"symbol": "SOLUSDT", "price": "159"})
    fill = only(judge, "fills of the stop", follow(judge, exchange, book, seen))
    judge.equal("it sold what it said", 40, fill["amount"])
    judge.check("below its trigger", fill["price"] <= 159, fill["price"])
    judge.equal("left", 60, exchange.fetch_positions([SYMBOL])[0]["contracts"])

    # Refusals. ccxt finds its own class for a code by the venue's address, which is ours here.
    judge.control("price", {"symbol": "SOLUSDT", "price": str(MARK)})
    judge.refused("no margin", ccxt.ExchangeError, "-2019", lambda: exchange.create_order(SYMBOL, "market", "buy", 5000))
    judge.refused("too high a leverage", ccxt.BaseError, "leverage", lambda: exchange.set_leverage(200, SYMBOL))
    judge.refused("no such order", ccxt.ExchangeError, "-2013", lambda: exchange.fetch_order("1", SYMBOL))
    judge.refused("a post-only order that takes", ccxt.ExchangeError, "-5022",
                  lambda: exchange.create_order(SYMBOL, "limit", "buy", 1, 167, {"postOnly": True}))

    # Isolated, in another market.
    other = "ETH/USDT:USDT"
    exchange.set_margin_mode("isolated", other)
    exchange.set_leverage(10, other)
    exchange.create_order(other, "market", "sell", 1)
    row = only(judge, "isolated positions", exchange.fetch_positions([other]))
    judge.equal("its mode", "isolated", row["marginMode"])
    before = number(row["collateral"])
    exchange.add_margin(other, 50)
    judge.near("margin added", before + 50, exchange.fetch_positions([other])[0]["collateral"], "0.00000001")
    exchange.create_order(other, "market", "buy", 1, None, {"reduceOnly": True})

    # Close.
    exchange.create_order(SYMBOL, "market", "sell", 60, None, {"reduceOnly": True})
    follow(judge, exchange, book, seen)
    judge.equal("flat", 0, book.qty)
    judge.equal("no positions", [], exchange.fetch_positions())
    income = exchange.fapiPrivateGetIncome({"limit": 1000})
    wallet = exchange.fetch_balance()["USDT"]["total"]
    judge.near("the ledger adds up", 10_000 + sum(number(row["income"]) for row in income), wallet, "0.000001")


if __name__ == "__main__":
    with Judge("binance") as judge:
        run(judge)
