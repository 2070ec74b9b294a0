"""The official hyperliquid-python-sdk at the Hyperliquid server."""

import eth_account
from hyperliquid.exchange import Exchange
from hyperliquid.info import Info
from hyperliquid.utils.error import ServerError
from hyperliquid.utils.types import Cloid
from judge import Judge, number

MARK, BID, ASK = 166.4, 166.39, 166.41
TAKER = number("0.00045")
#: Half of the initial margin at the maximum leverage of 20.
MAINTENANCE = number("0.025")


def filled(judge, what, answer):
    """Size and average price of the one order in an answer."""
    judge.equal(f"{what}: status", "ok", answer["status"])
    (row,) = answer["response"]["data"]["statuses"]
    if not judge.check(f"{what}: filled", "filled" in row, row):
        return number(0), number(MARK)
    return number(row["filled"]["totalSz"]), number(row["filled"]["avgPx"])


def error_of(answer):
    (row,) = answer["response"]["data"]["statuses"]
    return row.get("error", f"no error: {row}")


def run(judge):
    address = judge.account["address"]
    wallet = eth_account.Account.from_key(judge.account["key"])
    info = Info(judge.url, skip_ws=True, timeout=10)
    exchange = Exchange(wallet, judge.url, account_address=address, timeout=10)

    # Markets.
    universe = {row["name"]: row for row in info.meta()["universe"]}
    judge.equal("decimals of sizes", 2, universe["SOL"]["szDecimals"])
    judge.equal("maximum leverage", 20, universe["SOL"]["maxLeverage"])
    judge.equal("mid price", MARK, info.all_mids()["SOL"])
    bids, asks = info.l2_snapshot("SOL")["levels"]
    judge.equal("best bid", BID, bids[0]["px"])
    judge.equal("best ask", ASK, asks[0]["px"])

    # Balance.
    state = info.user_state(address)
    judge.equal("account value", 10_000, state["marginSummary"]["accountValue"])
    judge.equal("withdrawable", 10_000, state["withdrawable"])

    # Leverage and margin mode.
    judge.equal("cross at 5", "ok", exchange.update_leverage(5, "SOL")["status"])
    answer = exchange.update_leverage(21, "SOL")
    judge.equal("21 is refused", "err", answer["status"])
    judge.equal("in these words", "Invalid leverage value", answer["response"])

    # Open.
    size, price = filled(judge, "opening", exchange.market_open("SOL", True, 200))
    judge.equal("opened", 200, size)
    judge.check("a buy costs the ask and two basis points at most", ASK <= price <= number(ASK) * number("1.0002") + number("0.01"), price)
    qty, entry, cash = size, price, 10_000 - size * price * TAKER

    # Add.
    size, price = filled(judge, "adding", exchange.order("SOL", True, 50, 166.6, {"limit": {"tif": "Ioc"}}))
    judge.equal("added", 50, size)
    entry = (entry * qty + price * size) / (qty + size)
    qty, cash = qty + size, cash - size * price * TAKER

    def position_is(leverage):
        state = info.user_state(address)
        (row,) = [row["position"] for row in state["assetPositions"]]
        value = cash + (number(MARK) - entry) * qty
        liquidation = number(MARK) - (value - number(MARK) * qty * MAINTENANCE) / qty / (1 - MAINTENANCE)
        judge.equal("size", qty, number(row["szi"]))
        judge.near("entry", entry, row["entryPx"], "0.01")
        judge.equal("leverage", {"type": "cross", "value": leverage}, row["leverage"])
        judge.near("value", number(MARK) * qty, row["positionValue"], "0.01")
        judge.near("unrealised", (number(MARK) - entry) * qty, row["unrealizedPnl"], "0.01")
        judge.near("margin", number(MARK) * qty / leverage, row["marginUsed"], "0.01")
        judge.near("liquidation", liquidation, row["liquidationPx"], "0.01")
        judge.near("account value", value, state["marginSummary"]["accountValue"], "0.01")
        judge.near("maintenance", number(MARK) * qty * MAINTENANCE, state["crossMaintenanceMarginUsed"], "0.01")

    position_is(5)

    # Close a part.
    order = exchange.order("SOL", False, 150, 160, {"limit": {"tif": "Ioc"}}, reduce_only=True)
    size, price = filled(judge, "closing a part", order)
    judge.equal("closed", 150, size)
    qty, cash = qty - size, cash + (price - entry) * size - size * price * TAKER
    position_is(5)

    # Rest, change, cancel; by number and by name.
    answer = exchange.order("SOL", True, 1, 150, {"limit": {"tif": "Alo"}})
    oid = answer["response"]["data"]["statuses"][0]["resting"]["oid"]
    (row,) = info.open_orders(address)
    judge.equal("it rests", (oid, "SOL", "B", "150.0", "1.0"), (row["oid"], row["coin"], row["side"], row["limitPx"], row["sz"]))
    judge.equal("changed", "ok", exchange.modify_order(oid, "SOL", True, 2, 151, {"limit": {"tif": "Gtc"}})["status"])
    (row,) = info.open_orders(address)
    judge.equal("as changed", ("151.0", "2.0"), (row["limitPx"], row["sz"]))
    judge.equal("cancelled", "success", exchange.cancel("SOL", row["oid"])["response"]["data"]["statuses"][0])
    judge.equal("its status", "canceled", info.query_order_by_oid(address, row["oid"])["order"]["status"])
    name = Cloid.from_int(77)
    exchange.order("SOL", True, 1, 150, {"limit": {"tif": "Gtc"}}, cloid=name)
    judge.equal("found by its name", "open", info.query_order_by_cloid(address, name)["order"]["status"])
    judge.equal("cancelled by name", "success", exchange.cancel_by_cloid("SOL", name)["response"]["data"]["statuses"][0])
    judge.equal("no open orders", [], info.open_orders(address))

    # Conditional: one is cancelled, one fires.
    stop = {"trigger": {"isMarket": True, "triggerPx": 140, "tpsl": "sl"}}
    answer = exchange.order("SOL", False, 100, 130, stop, reduce_only=True)
    oid = answer["response"]["data"]["statuses"][0]["resting"]["oid"]
    (row,) = info.frontend_open_orders(address)
    judge.equal("it waits", (True, True, "140.0", "Stop Market"), (row["isTrigger"], row["reduceOnly"], row["triggerPx"], row["orderType"]))
    judge.equal("cancelled", "success", exchange.cancel("SOL", oid)["response"]["data"]["statuses"][0])
    stop["trigger"]["triggerPx"] = 160
    exchange.order("SOL", False, 40, 150, stop, reduce_only=True)
    judge.control("price", {"symbol": "SOL", "price": "159"})
    judge.control("price", {"symbol": "SOL", "price": str(MARK)})
    fill = info.user_fills(address)[0]
    judge.equal("the stop sold", (40, "A"), (number(fill["sz"]), fill["side"]))
    qty, cash = qty - 40, cash + (number(fill["px"]) - entry) * 40 - 40 * number(fill["px"]) * TAKER
    judge.near("its result", (number(fill["px"]) - entry) * 40, fill["closedPnl"], "0.01")
    judge.near("its fee", 40 * number(fill["px"]) * TAKER, fill["fee"], "0.000001")
    position_is(5)

    # Refusals, in the venue's words.
    answer = exchange.order("SOL", True, 0.05, 150, {"limit": {"tif": "Gtc"}})
    judge.equal("too small", "Order must have minimum value of $10. asset=2", error_of(answer))
    answer = exchange.order("SOL", True, 2000, 170, {"limit": {"tif": "Ioc"}})
    judge.equal("too large", "Insufficient margin to place order. asset=2", error_of(answer))
    other = Exchange(eth_account.Account.from_key("0x" + "11" * 32), judge.url, account_address=address)
    answer = other.update_leverage(3, "SOL")
    judge.check("a stranger's key", "does not exist" in answer["response"], answer)

    # The server fails, and says so.
    judge.control("faults", {"fault": "server_error", "status": 502, "on": "clearinghouseState", "times": 1})
    judge.refused("a bad gateway", ServerError, "502", lambda: info.user_state(address))

    # Close, and read everything again.
    size, price = filled(judge, "closing", exchange.market_close("SOL"))
    judge.equal("closed", qty, size)
    qty, cash = qty - size, cash + (price - entry) * size - size * price * TAKER
    judge.equal("flat", 0, qty)
    judge.equal("no position", [], info.user_state(address)["assetPositions"])
    judge.near("what is left", cash, info.user_state(address)["marginSummary"]["accountValue"], "0.01")
    judge.equal("nothing at the exchange", {}, judge.positions())
    fills = info.user_fills(address)
    judge.equal("five fills", 5, len(fills))
    judge.equal("of these sizes, newest first", [60, 40, 150, 50, 200], [number(fill["sz"]) for fill in fills])
    result = sum(number(fill["closedPnl"]) - number(fill["fee"]) for fill in fills)
    judge.near("their sum is the account's", cash - 10_000, result, "0.01")

    # Isolated, with more margin.
    judge.equal("isolated at 4", "ok", exchange.update_leverage(4, "SOL", is_cross=False)["status"])
    size, entry = filled(judge, "short", exchange.market_open("SOL", False, 10))
    judge.equal("100 more", "ok", exchange.update_isolated_margin(100, "SOL")["status"])
    (row,) = [row["position"] for row in info.user_state(address)["assetPositions"]]
    judge.equal("its leverage", ("isolated", 4), (row["leverage"]["type"], row["leverage"]["value"]))
    bucket = entry * 10 / 4 + 100
    # A short one falls when its bucket no longer holds the maintenance margin.
    judge.near("its liquidation", (bucket + entry * 10) / (10 * (1 + MAINTENANCE)), row["liquidationPx"], "0.01")


with Judge("hyperliquid") as judge:
    run(judge)
