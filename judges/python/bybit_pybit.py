"""pybit, the venue's own client, at the Bybit server."""

import time

from judge import Judge, number
from pybit.exceptions import InvalidRequestError
from pybit.unified_trading import HTTP

SYMBOL = "SOLUSDT"


with Judge("bybit") as judge:
    client = HTTP(
        testnet=True, api_key=judge.account["key"], api_secret=judge.account["secret"], max_retries=1
    )
    client.endpoint = judge.url

    def result(answer):
        judge.equal("retCode", 0, answer["retCode"])
        return answer["result"]

    def refused(what, code, call, **params):
        try:
            judge.check(what, False, call(**params))
        except InvalidRequestError as error:
            judge.equal(what, code, error.status_code)

    def order(**params):
        created = result(client.place_order(category="linear", symbol=SYMBOL, **params))
        for _ in range(100):
            rows = result(client.get_open_orders(category="linear", symbol=SYMBOL, orderId=created["orderId"]))["list"]
            if rows:
                return rows[0]
            time.sleep(0.02)
        raise AssertionError(f"{created} never came")

    def position():
        return result(client.get_positions(category="linear", symbol=SYMBOL))["list"][0]

    def shows(what, row, **wanted):
        for name, value in wanted.items():
            judge.equal(f"{what}: {name}", value, row[name])

    # Markets and balance.
    rules = result(client.get_instruments_info(category="linear", symbol=SYMBOL))["list"][0]
    judge.equal("tick", "0.010", rules["priceFilter"]["tickSize"])
    judge.equal("step of sizes", "0.1", rules["lotSizeFilter"]["qtyStep"])
    shows("ticker", result(client.get_tickers(category="linear", symbol=SYMBOL))["list"][0], markPrice="166.400")
    judge.near("time", time.time(), result(client.get_server_time())["timeSecond"], 5)
    tier = result(client.get_risk_limit(category="linear", symbol=SYMBOL))["list"][1]
    shows("second tier", tier, riskLimitValue="2600000", initialMargin="0.0111", mmDeduction="1200")
    wallet = result(client.get_wallet_balance(accountType="UNIFIED"))["list"][0]
    shows("wallet", wallet, totalAvailableBalance="10000", accountMMRate="0")

    # Leverage.
    five = {"category": "linear", "symbol": SYMBOL, "buyLeverage": "5", "sellLeverage": "5"}
    result(client.set_leverage(**five))
    refused("the same leverage", 110043, client.set_leverage, **five)
    refused("too high a leverage", 110013, client.set_leverage, **{**five, "buyLeverage": "500", "sellLeverage": "500"})
    shows("flat", position(), leverage="5", size="0", side="")

    # Open with guards, move them, reduce.
    opened = order(side="Buy", orderType="Market", qty="10", takeProfit="200", stopLoss="150", orderLinkId="pybit-1")
    shows("opened", opened, orderStatus="Filled", avgPrice="166.45", cumExecFee="0.915475")
    shows("held", position(), side="Buy", size="10", avgPrice="166.45", positionIM="332.8", liqPrice="")
    shows("guards", position(), takeProfit="200.000", stopLoss="150.000")
    result(client.set_trading_stop(category="linear", symbol=SYMBOL, stopLoss="155", takeProfit="0", positionIdx=0))
    shows("guards", position(), takeProfit="", stopLoss="155.000")
    again = {"category": "linear", "symbol": SYMBOL, "side": "Buy", "orderType": "Market", "qty": "1"}
    refused("a used id", 110072, client.place_order, orderLinkId="pybit-1", **again)
    part = order(side="Sell", orderType="Market", qty="4", reduceOnly=True)
    shows("a part", part, cumExecQty="4", avgPrice="166.35")
    shows("what is left", position(), size="6")

    # A batch, of which one is refused; a change; everything away.
    limit = {"symbol": SYMBOL, "side": "Buy", "orderType": "Limit", "price": "100"}
    batch = client.place_batch_order(category="linear", request=[{**limit, "qty": "1"}, {**limit, "qty": "0.01"}])
    judge.equal("outcomes", [0, 10001], [row["code"] for row in batch["retExtInfo"]["list"]])
    time.sleep(0.1)
    first = batch["result"]["list"][0]["orderId"]
    result(client.amend_order(category="linear", symbol=SYMBOL, orderId=first, price="101"))
    time.sleep(0.1)
    rows = result(client.get_open_orders(category="linear", symbol=SYMBOL, orderFilter="Order"))["list"]
    judge.equal("rests", [(first, "101", "New")], [(row["orderId"], row["price"], row["orderStatus"]) for row in rows])
    gone = result(client.cancel_all_orders(category="linear", symbol=SYMBOL))
    judge.equal("cancelled", 2, len(gone["list"]))

    # Close whatever there is, and what is left to read.
    closed = order(side="Sell", orderType="Market", qty="0", reduceOnly=True, closeOnTrigger=True)
    shows("closed", closed, cumExecQty="6")
    shows("flat again", position(), size="0")
    fills = result(client.get_executions(category="linear", symbol=SYMBOL))["list"]
    judge.equal("fills", [("Sell", "6"), ("Sell", "4"), ("Buy", "10")], [(row["side"], row["execQty"]) for row in fills])
    # Ten, bought at 166.45 and sold at 166.35, and the taker's rate on both.
    profit = number("-1") - number("3328") * number("0.00055")
    wallet = result(client.get_wallet_balance(accountType="UNIFIED", coin="USDT"))["list"][0]["coin"][0]
    judge.equal("cash afterwards", 10_000 + profit, number(wallet["walletBalance"]))
    rows = result(client.get_closed_pnl(category="linear", symbol=SYMBOL))["list"]
    judge.equal("closed positions", profit, sum(number(row["closedPnl"]) for row in rows))
    log = result(client.get_transaction_log(accountType="UNIFIED", category="linear"))["list"]
    shows("ledger", log[0], cashBalance=wallet["walletBalance"])

    # Hedge mode.
    result(client.switch_position_mode(category="linear", coin="USDT", mode=3))
    shows("a leg", order(side="Sell", orderType="Market", qty="1", positionIdx=2), orderStatus="Filled")
    rows = result(client.get_positions(category="linear", settleCoin="USDT"))["list"]
    judge.equal("legs", [(2, "Sell", "1")], [(row["positionIdx"], row["side"], row["size"]) for row in rows])
    shows("closed", order(side="Buy", orderType="Market", qty="1", positionIdx=2, reduceOnly=True), orderStatus="Filled")
