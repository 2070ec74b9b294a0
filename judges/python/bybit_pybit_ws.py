"""pybit's streams, private and public, at the Bybit server."""

import queue
import time

from judge import Judge, number
from pybit import unified_trading
from pybit.unified_trading import HTTP, WebSocket

SYMBOL = "SOLUSDT"


class Ear:
    """What a stream tells, in order."""

    def __init__(self):
        self._messages = queue.Queue()
        self.listen = self._messages.put

    def message(self, is_it=lambda message: True):
        """The next message that is meant; what does not come within ten seconds never does."""
        until = time.monotonic() + 10
        while True:
            message = self._messages.get(timeout=max(0, until - time.monotonic()))
            if is_it(message):
                return message

    def row(self, **wanted):
        """The next row in which these fields are so."""
        meant = lambda row: all(row[name] == value for name, value in wanted.items())
        message = self.message(lambda message: any(meant(row) for row in message["data"]))
        return next(row for row in message["data"] if meant(row))


with Judge("bybit") as judge:
    client = HTTP(
        testnet=True, api_key=judge.account["key"], api_secret=judge.account["secret"], max_retries=1
    )
    client.endpoint = judge.url
    # Where its sockets are is not asked for: host and scheme (wss) are in these templates. Nobody speaks TLS here.
    unified_trading.PRIVATE_WSS = judge.socket_url + "/v5/private"
    unified_trading.PUBLIC_WSS = judge.socket_url + "/v5/public/{CHANNEL_TYPE}"

    def shows(what, row, **wanted):
        for name, value in wanted.items():
            judge.equal(f"{what}: {name}", value, row[name])

    def order(**params):
        return client.place_order(category="linear", symbol=SYMBOL, **params)["result"]["orderId"]

    private = WebSocket("private", testnet=True, api_key=judge.account["key"], api_secret=judge.account["secret"], private_auth_expire=10)
    orders, executions, fast, positions, wallet = Ear(), Ear(), Ear(), Ear(), Ear()
    private.order_stream(orders.listen)
    private.execution_stream(executions.listen)
    private.fast_execution_stream(fast.listen)
    private.position_stream(positions.listen)
    private.wallet_stream(wallet.listen)
    # Logins and subscriptions are sent and not waited for.
    for _ in range(100):
        if private.auth:
            break
        time.sleep(0.05)
    judge.equal("logged in", True, private.auth)
    time.sleep(1)

    # Leverage of a flat symbol is told as its position.
    client.set_leverage(category="linear", symbol=SYMBOL, buyLeverage="5", sellLeverage="5")
    shows("flat", positions.row(symbol=SYMBOL), leverage="5", size="0", side="", positionIdx=0)

    # An order that rests, changes and goes.
    first = order(side="Buy", orderType="Limit", qty="2", price="100", orderLinkId="pybit-ws")
    shows("rests", orders.row(orderId=first), orderStatus="New", price="100", leavesQty="2", orderLinkId="pybit-ws")
    # A fifth of 200 is taken for it.
    shows("money", wallet.message()["data"][0], totalWalletBalance="10000", totalInitialMargin="40")
    client.amend_order(category="linear", symbol=SYMBOL, orderId=first, price="101")
    shows("changed", orders.row(orderId=first), orderStatus="New", price="101")
    client.cancel_order(category="linear", symbol=SYMBOL, orderId=first)
    shows("gone", orders.row(orderId=first), orderStatus="Cancelled", cancelType="CancelByUser", leavesQty="0")

    # One that trades, at the ask and two basis points, to the tick.
    bought = order(side="Buy", orderType="Market", qty="10")
    shows("bought", orders.row(orderId=bought), orderStatus="Filled", avgPrice="166.45", cumExecFee="0.915475")
    row = executions.row(orderId=bought)
    shows("execution", row, category="linear", execPrice="166.45", execQty="10", execFee="0.915475", leavesQty="0")
    shows("fast execution", fast.row(orderId=bought), execId=row["execId"], execPrice="166.45", execQty="10")
    shows("held", positions.row(size="10"), side="Buy", entryPrice="166.45", positionIM="332.8", leverage="5")
    is_paid = lambda message: message["data"][0]["totalWalletBalance"] != "10000"
    shows("money", wallet.message(is_paid)["data"][0], totalWalletBalance="9999.084525", totalEquity="9998.584525")

    # A part is closed: a loss of 0.4, and the fees of closing it and of having opened it.
    sold = order(side="Sell", orderType="Market", qty="4", reduceOnly=True)
    shows("sold", orders.row(orderId=sold), cumExecQty="4", avgPrice="166.35", closedPnl="-1.13216")
    shows("closing", executions.row(orderId=sold), closedSize="4", execPnl="-0.4", execFee="0.36597")
    shows("left", positions.row(size="6"), side="Buy", entryPrice="166.45")

    # Money comes.
    judge.control("deposit", {"account": "main", "amount": "500"})
    is_more = lambda message: number(message["data"][0]["totalWalletBalance"]) > 10_400
    balance = 10_500 - number("0.4") - number("0.915475") - number("0.36597")
    judge.equal("more", balance, number(wallet.message(is_more)["data"][0]["totalWalletBalance"]))

    # Prices: told whole, then as they change; pybit puts them together.
    public = WebSocket("linear", testnet=True)
    tickers, books, best = Ear(), Ear(), Ear()
    public.ticker_stream(SYMBOL, tickers.listen)
    public.orderbook_stream(50, SYMBOL, books.listen)
    public.orderbook_stream(1, SYMBOL, best.listen)
    shows("ticker", tickers.message()["data"], symbol=SYMBOL, markPrice="166.400", bid1Price="166.390")
    book = books.message()["data"]
    judge.equal("levels", (50, 50), (len(book["b"]), len(book["a"])))
    judge.equal("best", ("166.390", "166.410"), (book["b"][0][0], book["a"][0][0]))
    # The client goes on writing into what it told.
    update = book["u"]
    judge.control("price", {"symbol": SYMBOL, "price": "166.5"})
    moved = tickers.message()["data"]
    shows("moved", moved, lastPrice="166.500", bid1Price="166.490", tickDirection="PlusTick", prevPrice24h="166.400")
    later = books.message()["data"]
    prices = lambda side: [number(price) for price, _ in later[side]]
    judge.equal("levels that stayed and came", (50, 50), (len(prices("b")), len(prices("a"))))
    judge.equal("best", ("166.49", "166.51"), (str(max(prices("b")).normalize()), str(min(prices("a")).normalize())))
    judge.equal("the next number", update + 1, later["u"])
    is_moved = lambda message: message["data"]["b"][0][0] == "166.490"
    judge.equal("the best alone", 1, len(best.message(is_moved)["data"]["a"]))
    judge.equal("sockets", 2, judge.control("", method="GET")["sockets"])
    private.exit()
    public.exit()
