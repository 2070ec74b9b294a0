"""The official hyperliquid-python-sdk, which listens, at the Hyperliquid server."""

import queue

import eth_account
from hyperliquid.exchange import Exchange
from hyperliquid.info import Info
from judge import Judge, number

MARK, BID, ASK = 166.4, 166.39, 166.41
TAKER = number("0.00045")


def listen(info, subscription):
    """What comes for a subscription: each call waits for the next message, ten seconds at most."""
    heard = queue.Queue()
    number_of_it = info.subscribe(subscription, heard.put)

    def following(holds=lambda data: True):
        while True:
            data = heard.get(timeout=10)["data"]
            if holds(data):
                return data

    following.stop = lambda: info.unsubscribe(subscription, number_of_it)
    return following


def run(judge, info):
    address = judge.account["address"]
    wallet = eth_account.Account.from_key(judge.account["key"])
    exchange = Exchange(wallet, judge.url, account_address=address, timeout=10)

    # The market, as it is told at once.
    mids = listen(info, {"type": "allMids"})
    judge.equal("mid price", MARK, mids()["mids"]["SOL"])
    bbo = listen(info, {"type": "bbo", "coin": "SOL"})
    judge.equal("best prices", [BID, ASK], [float(level["px"]) for level in bbo()["bbo"]])
    book = listen(info, {"type": "l2Book", "coin": "SOL"})
    bids, asks = book()["levels"]
    judge.equal("the book", (BID, ASK), (float(bids[0]["px"]), float(asks[0]["px"])))
    context = listen(info, {"type": "activeAssetCtx", "coin": "SOL"})
    judge.equal("mark price", MARK, context()["ctx"]["markPx"])

    # The account.
    setting = listen(info, {"type": "activeAssetData", "coin": "SOL", "user": address})
    judge.check("a leverage is told", setting()["leverage"]["value"] >= 1)
    fills = listen(info, {"type": "userFills", "user": address})
    first = fills()
    judge.equal("fills so far", (True, []), (first["isSnapshot"], first["fills"]))
    orders = listen(info, {"type": "orderUpdates", "user": address})
    events = listen(info, {"type": "userEvents", "user": address})
    money = listen(info, {"type": "userNonFundingLedgerUpdates", "user": address})
    before = money()
    judge.check("money so far", before["isSnapshot"], before)

    # Somebody changes the leverage.
    judge.equal("cross at 7", "ok", exchange.update_leverage(7, "SOL")["status"])
    told = setting(lambda data: data["leverage"]["value"] == 7)
    judge.equal("it is told", ("cross", "SOL"), (told["leverage"]["type"], told["coin"]))

    # An order that rests, and goes.
    answer = exchange.order("SOL", True, 1, 150, {"limit": {"tif": "Gtc"}})
    oid = answer["response"]["data"]["statuses"][0]["resting"]["oid"]
    (row,) = orders()
    judge.equal("it rests", (oid, "open", "SOL", "B"), (row["order"]["oid"], row["status"], row["order"]["coin"], row["order"]["side"]))
    judge.equal("price and size", [150, 1], [float(row["order"][name]) for name in ("limitPx", "sz")])
    exchange.cancel("SOL", oid)
    (row,) = orders()
    judge.equal("it is gone", (oid, "canceled"), (row["order"]["oid"], row["status"]))

    # One that trades.
    answer = exchange.order("SOL", True, 200, 166.6, {"limit": {"tif": "Ioc"}})
    done = answer["response"]["data"]["statuses"][0]["filled"]
    judge.equal("it traded", 200, number(done["totalSz"]))
    rows = orders(lambda rows: rows[-1]["status"] == "filled")
    judge.equal("the same order", done["oid"], rows[-1]["order"]["oid"])
    told = fills()
    judge.check("no snapshot any more", not told.get("isSnapshot"), told)
    size = sum(number(fill["sz"]) for fill in told["fills"])
    value = sum(number(fill["sz"]) * number(fill["px"]) for fill in told["fills"])
    judge.equal("size of the executions", 200, size)
    judge.near("average price", number(done["avgPx"]), value / size, "0.0001")
    judge.near("fees", value * TAKER, sum(number(fill["fee"]) for fill in told["fills"]), "0.0001")
    told = events(lambda data: "fills" in data)
    judge.equal("told as an event too", done["oid"], told["fills"][0]["oid"])

    # Money comes, and the price moves.
    judge.control("deposit", {"account": "main", "amount": "500"})
    (row,) = money(lambda data: not data.get("isSnapshot"))["nonFundingLedgerUpdates"]
    judge.equal("the deposit", ("deposit", 500), (row["delta"]["type"], float(row["delta"]["usdc"])))
    judge.control("price", {"symbol": "SOL", "price": "170"})
    judge.equal("the price moved", 170, context(lambda data: number(data["ctx"]["markPx"]) != number(MARK))["ctx"]["markPx"])
    judge.equal("and the mids", 170, mids(lambda data: number(data["mids"]["SOL"]) != number(MARK))["mids"]["SOL"])

    # Who stops listening hears nothing more; the other subscriptions stand.
    judge.check("it stopped", context.stop())
    judge.control("price", {"symbol": "SOL", "price": "171"})
    judge.equal("the mids go on", 171, mids(lambda data: number(data["mids"]["SOL"]) == 171)["mids"]["SOL"])
    judge.equal("sockets", 1, judge.control("", method="GET")["sockets"])


with Judge("hyperliquid") as judge:
    listener = Info(judge.url, timeout=10)
    try:
        run(judge, listener)
    finally:
        listener.disconnect_websocket()
