"""ccxt at the Hyperliquid server."""

import ccxt
from judge import Judge, number

SYMBOL = "SOL/USDC:USDC"
MARK, BID, ASK = 166.4, 166.39, 166.41
TAKER, MAKER = number("0.00045"), number("0.00015")
#: Half of the initial margin at the maximum leverage of 20.
MAINTENANCE = number("0.025")


def bot(judge):
    exchange = ccxt.hyperliquid(
        {"walletAddress": judge.account["address"], "privateKey": judge.account["key"], "timeout": 10_000}
    )
    exchange.set_sandbox_mode(True)
    exchange.urls["api"] = {"public": judge.url, "private": judge.url}
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

    def liquidation(self, mark):
        """Of a long one in cross margin, by the venue's published formula."""
        notional = number(mark) * self.qty
        left = self.value(mark) - notional * MAINTENANCE
        return number(mark) - left / self.qty / (1 - MAINTENANCE)


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
        judge.near("fee of a fill", fee, fill["fee"]["cost"], "0.000001")
        judge.equal("cost of a fill", number(fill["price"]) * number(fill["amount"]), fill["cost"])
        book.trade(signed, fill["price"], fill["fee"]["cost"])
    return fresh


def position_is(judge, exchange, book, leverage):
    position = only(judge, "positions", exchange.fetch_positions([SYMBOL]))
    judge.equal("side", "long" if book.qty > 0 else "short", position["side"])
    judge.equal("size", abs(book.qty), position["contracts"])
    judge.near("entry", book.entry, position["entryPrice"], "0.01")
    judge.equal("leverage", leverage, position["leverage"])
    judge.equal("margin mode", "cross", position["marginMode"])
    judge.near("unrealised", (number(MARK) - book.entry) * book.qty, position["unrealizedPnl"], "0.01")
    judge.near("notional", number(MARK) * book.qty, position["notional"], "0.01")
    judge.near("initial margin", number(MARK) * book.qty / leverage, position["initialMargin"], "0.01")
    judge.near("liquidation price", book.liquidation(MARK), position["liquidationPrice"], "0.01")
    balance = exchange.fetch_balance()["USDC"]
    judge.near("account value", book.value(MARK), balance["total"], "0.01")
    judge.near("used margin", number(MARK) * book.qty / leverage, balance["used"], "0.01")


def run(judge):
    exchange = bot(judge)
    market = exchange.load_markets()[SYMBOL]
    judge.equal("step of sizes", 0.01, market["precision"]["amount"])
    judge.equal("maximum leverage", 20, market["limits"]["leverage"]["max"])
    judge.equal("minimum value", 10, market["limits"]["cost"]["min"])
    judge.check("a linear swap", market["swap"] and market["linear"] and market["settle"] == "USDC")
    ticker = exchange.fetch_ticker(SYMBOL)
    judge.equal("mark price", MARK, ticker["info"]["markPx"])
    book_rows = exchange.fetch_order_book(SYMBOL)
    judge.equal("best bid", BID, book_rows["bids"][0][0])
    judge.equal("best ask", ASK, book_rows["asks"][0][0])
    balance = exchange.fetch_balance()["USDC"]
    judge.equal("cash", 10_000, balance["total"])
    judge.equal("nothing used", 0, balance["used"])

    book, seen = Book(10_000), set()
    exchange.set_margin_mode("cross", SYMBOL, {"leverage": 4})
    exchange.set_leverage(5, SYMBOL, {"marginMode": "cross"})
    state = exchange.publicPostInfo({"type": "activeAssetData", "user": judge.account["address"], "coin": "SOL"})
    judge.equal("the setting", {"type": "cross", "value": 5}, {**state["leverage"], "value": int(state["leverage"]["value"])})

    # Open.
    order = exchange.create_order(SYMBOL, "market", "buy", 200, MARK)
    fill = only(judge, "fills of the opening", follow(judge, exchange, book, seen))
    judge.equal("the fill's order", order["id"], fill["order"])
    judge.check("a buy costs the ask and two basis points at most", ASK <= fill["price"] <= ASK * 1.0002 + 0.01, fill["price"])
    position_is(judge, exchange, book, 5)

    # Add, with a limit that can trade.
    order = exchange.create_order(SYMBOL, "limit", "buy", 50, 166.6, {"timeInForce": "IOC"})
    judge.equal("added", 50, sum(fill["amount"] for fill in follow(judge, exchange, book, seen)))
    position_is(judge, exchange, book, 5)

    # Close a part.
    exchange.create_order(SYMBOL, "market", "sell", 150, MARK, {"reduceOnly": True})
    fill = only(judge, "fills of the part", follow(judge, exchange, book, seen))
    judge.check("a sale brings the bid less two basis points at least", BID * 0.9998 - 0.01 <= fill["price"] <= BID, fill["price"])
    position_is(judge, exchange, book, 5)

    # Rest, look, cancel.
    order = exchange.create_order(SYMBOL, "limit", "buy", 1, 150, {"postOnly": True})
    resting = only(judge, "open orders", exchange.fetch_open_orders(SYMBOL))
    judge.equal("its number", order["id"], resting["id"])
    judge.equal("its price", 150, resting["price"])
    judge.equal("its rest", 1, resting["remaining"])
    exchange.cancel_order(order["id"], SYMBOL)
    judge.equal("no open orders", [], exchange.fetch_open_orders(SYMBOL))
    judge.equal("cancelled", "canceled", exchange.fetch_order(order["id"], SYMBOL)["status"])

    # Conditional: one is cancelled, one fires.
    params = {"stopLossPrice": 140, "reduceOnly": True}
    stop = exchange.create_order(SYMBOL, "market", "sell", 100, MARK, params)
    waiting = only(judge, "waiting orders", exchange.fetch_open_orders(SYMBOL))
    judge.equal("its trigger", 140, waiting["triggerPrice"])
    judge.check("it only reduces", waiting["reduceOnly"] is True, waiting["reduceOnly"])
    exchange.cancel_order(stop["id"], SYMBOL)
    judge.equal("no waiting orders", [], exchange.fetch_open_orders(SYMBOL))
    exchange.create_order(SYMBOL, "market", "sell", 40, MARK, {"stopLossPrice": 160, "reduceOnly": True})
    judge.control("price", {"symbol": "SOL", "price": "159"})
    fill = only(judge, "fills of the stop", follow(judge, exchange, book, seen))
    judge.equal("it sold what it said", 40, fill["amount"])
    judge.check("below its trigger", fill["price"] <= 159, fill["price"])
    judge.equal("left", 60, exchange.fetch_positions([SYMBOL])[0]["contracts"])

    # Refusals, in ccxt's classes.
    judge.control("price", {"symbol": "SOL", "price": str(MARK)})
    low = lambda: exchange.create_order(SYMBOL, "limit", "buy", 0.05, 150)
    judge.refused("too small an order", ccxt.InvalidOrder, "minimum value of $10", low)
    large = lambda: exchange.create_order(SYMBOL, "market", "buy", 2000, MARK)
    judge.refused("too large an order", ccxt.InsufficientFunds, "Insufficient margin", large)

    # An answer gets lost; the order does not.
    judge.control("faults", {"fault": "lose_answer", "on": "order", "times": 1})
    name = "0x000000000000000000000000000000aa"
    params = {"clientOrderId": name, "reduceOnly": True}
    lost = lambda: exchange.create_order(SYMBOL, "market", "sell", 10, MARK, params)
    judge.refused("an answer that is lost", ccxt.NetworkError, "", lost)
    judge.equal("it is there", "closed", exchange.fetch_order(None, SYMBOL, {"clientOrderId": name})["status"])
    judge.equal("and filled", 10, sum(fill["amount"] for fill in follow(judge, exchange, book, seen)))

    # Funding: the venue's neutral rate for an hour.
    judge.control("advance", {"seconds": 3600})
    paid = only(judge, "funding payments", exchange.fetch_funding_history(SYMBOL, 0))
    judge.near("funding", -number("0.0000125") * 50 * number(MARK), paid["amount"], "0.000001")
    book.cash += number(paid["amount"])

    # Close.
    exchange.create_order(SYMBOL, "market", "sell", 50, MARK, {"reduceOnly": True})
    follow(judge, exchange, book, seen)
    judge.equal("flat", 0, book.qty)
    judge.equal("no position", [], exchange.fetch_positions([SYMBOL]))
    judge.near("what is left", book.cash, exchange.fetch_balance()["USDC"]["total"], "0.000001")
    judge.equal("nothing at the exchange", {}, judge.positions())

    # Money comes, and moves between the wallets; the second takes the account's own key.
    judge.control("deposit", {"account": "main", "amount": "250"})
    came = only(judge, "deposits", exchange.fetch_deposits("USDC", 0))
    judge.equal("as much", 250, came["amount"])
    refused = lambda: exchange.transfer("USDC", 40, "swap", "spot")
    judge.refused("an agent moves no money", ccxt.ExchangeError, "Must deposit", refused)
    owner = bot(judge)
    owner.privateKey = judge.account["master_key"]
    owner.transfer("USDC", 40, "swap", "spot")
    judge.equal("in the spot wallet", 40, exchange.fetch_balance({"type": "spot"})["USDC"]["total"])
    book.cash += 250 - 40
    judge.near("the rest", book.cash, exchange.fetch_balance()["USDC"]["total"], "0.000001")

    # Change, several at once, an order with its stops.
    order = exchange.create_order(SYMBOL, "limit", "buy", 1, 150)
    exchange.edit_order(order["id"], SYMBOL, "limit", "buy", 2, 151)
    changed = only(judge, "open orders", exchange.fetch_open_orders(SYMBOL))
    judge.equal("as changed", (151, 2), (changed["price"], changed["amount"]))
    row = {"symbol": SYMBOL, "type": "limit", "side": "buy", "amount": 1}
    exchange.create_orders([{**row, "price": 140}, {**row, "price": 141}])
    numbers = [order["id"] for order in exchange.fetch_open_orders(SYMBOL)]
    judge.equal("three are open", 3, len(numbers))
    exchange.cancel_orders(numbers, SYMBOL)
    judge.equal("none is", [], exchange.fetch_open_orders(SYMBOL))
    stops = {"stopLoss": {"triggerPrice": 150, "type": "market"}, "takeProfit": {"triggerPrice": 180, "type": "market"}}
    exchange.create_order(SYMBOL, "limit", "buy", 1, 166.5, stops)
    waiting = {(order["triggerPrice"], order["side"]) for order in exchange.fetch_open_orders(SYMBOL)}
    judge.equal("its stops wait", {(150, "sell"), (180, "sell")}, waiting)
    judge.control("price", {"symbol": "SOL", "price": "181"})
    judge.equal("one took profit, the other is gone", [], exchange.fetch_open_orders(SYMBOL))
    judge.equal("flat again", [], exchange.fetch_positions([SYMBOL]))
    follow(judge, exchange, book, seen)
    judge.control("price", {"symbol": "SOL", "price": str(MARK)})

    # Isolated.
    exchange.set_margin_mode("isolated", SYMBOL, {"leverage": 4})
    exchange.create_order(SYMBOL, "market", "sell", 10, MARK)
    follow(judge, exchange, book, seen)
    position = only(judge, "positions", exchange.fetch_positions([SYMBOL]))
    judge.equal("isolated", "isolated", position["marginMode"])
    judge.equal("four times", 4, position["leverage"])
    # A short one falls when its bucket no longer holds the maintenance margin.
    bucket = book.entry * 10 / 4
    liquidation = (bucket + book.entry * 10) / (10 * (1 + MAINTENANCE))
    judge.near("liquidation of the bucket", liquidation, position["liquidationPrice"], "0.01")
    exchange.add_margin(SYMBOL, 100)
    liquidation = (bucket + 100 + book.entry * 10) / (10 * (1 + MAINTENANCE))
    position = only(judge, "positions", exchange.fetch_positions([SYMBOL]))
    judge.near("liquidation with 100 more", liquidation, position["liquidationPrice"], "0.01")


with Judge("hyperliquid") as judge:
    run(judge)
