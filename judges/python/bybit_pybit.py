"""pybit (the venue's own client, unmodified) against the local Bybit.

Usage: bybit_pybit.py <base url> <key> <secret>, for a flat one-way account with 10 000 USDT at the usual prices.
"""

import sys
import time

from pybit.exceptions import InvalidRequestError
from pybit.unified_trading import HTTP

SYMBOL = "SOLUSDT"


def refused(code, call, **params):
    try:
        call(**params)
    except InvalidRequestError as error:
        assert error.status_code == code, error
        return
    raise AssertionError(f"{params} was taken")


def main(url, key, secret):
    client = HTTP(testnet=True, api_key=key, api_secret=secret, max_retries=1)
    client.endpoint = url

    def result(answer):
        assert answer["retCode"] == 0, answer
        return answer["result"]

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

    instruments = result(client.get_instruments_info(category="linear", symbol=SYMBOL))["list"]
    assert instruments[0]["priceFilter"]["tickSize"] == "0.010" and instruments[0]["lotSizeFilter"]["qtyStep"] == "0.1"
    assert result(client.get_tickers(category="linear", symbol=SYMBOL))["list"][0]["markPrice"] == "166.400"
    assert abs(int(result(client.get_server_time())["timeSecond"]) - time.time()) < 5
    tiers = result(client.get_risk_limit(category="linear", symbol=SYMBOL))["list"]
    assert (tiers[1]["riskLimitValue"], tiers[1]["initialMargin"], tiers[1]["mmDeduction"]) == ("2600000", "0.0111", "1200")

    wallet = result(client.get_wallet_balance(accountType="UNIFIED"))["list"][0]
    assert (wallet["totalAvailableBalance"], wallet["accountMMRate"]) == ("10000", "0")
    result(client.set_leverage(category="linear", symbol=SYMBOL, buyLeverage="5", sellLeverage="5"))
    refused(110043, client.set_leverage, category="linear", symbol=SYMBOL, buyLeverage="5", sellLeverage="5")
    refused(110013, client.set_leverage, category="linear", symbol=SYMBOL, buyLeverage="500", sellLeverage="500")
    assert position()["leverage"] == "5"

    opened = order(side="Buy", orderType="Market", qty="10", takeProfit="200", stopLoss="150", orderLinkId="pybit-1")
    assert (opened["orderStatus"], opened["avgPrice"], opened["cumExecFee"]) == ("Filled", "166.45", "0.915475"), opened
    held = position()
    assert (held["side"], held["size"], held["avgPrice"], held["positionIM"]) == ("Buy", "10", "166.45", "332.8"), held
    assert (held["takeProfit"], held["stopLoss"], held["liqPrice"]) == ("200.000", "150.000", ""), held
    result(client.set_trading_stop(category="linear", symbol=SYMBOL, stopLoss="155", takeProfit="0", positionIdx=0))
    assert (position()["takeProfit"], position()["stopLoss"]) == ("", "155.000")
    refused(110072, client.place_order, category="linear", symbol=SYMBOL, side="Buy", orderType="Market", qty="1",
            orderLinkId="pybit-1")

    part = order(side="Sell", orderType="Market", qty="4", reduceOnly=True)
    assert (part["cumExecQty"], part["avgPrice"], position()["size"]) == ("4", "166.35", "6")

    batch = client.place_batch_order(category="linear", request=[
        {"symbol": SYMBOL, "side": "Buy", "orderType": "Limit", "qty": "1", "price": "100"},
        {"symbol": SYMBOL, "side": "Buy", "orderType": "Limit", "qty": "0.01", "price": "100"},
    ])
    assert [row["code"] for row in batch["retExtInfo"]["list"]] == [0, 10001], batch
    time.sleep(0.1)
    first = batch["result"]["list"][0]["orderId"]
    result(client.amend_order(category="linear", symbol=SYMBOL, orderId=first, price="101"))
    time.sleep(0.1)
    rows = result(client.get_open_orders(category="linear", symbol=SYMBOL, orderFilter="Order"))["list"]
    assert [(row["orderId"], row["price"], row["orderStatus"]) for row in rows] == [(first, "101", "New")], rows
    gone = result(client.cancel_all_orders(category="linear", symbol=SYMBOL))
    assert (len(gone["list"]), gone["success"]) == (2, "1"), gone

    closed = order(side="Sell", orderType="Market", qty="0", reduceOnly=True, closeOnTrigger=True)
    assert (closed["cumExecQty"], position()["size"]) == ("6", "0"), closed
    fills = result(client.get_executions(category="linear", symbol=SYMBOL))["list"]
    assert [(row["side"], row["execQty"]) for row in fills] == [("Sell", "6"), ("Sell", "4"), ("Buy", "10")]
    fees = sum(float(row["execFee"]) for row in fills)
    wallet = result(client.get_wallet_balance(accountType="UNIFIED", coin="USDT"))["list"][0]
    assert abs(float(wallet["coin"][0]["walletBalance"]) - (10_000 - 1 - fees)) < 1e-6, wallet
    profits = result(client.get_closed_pnl(category="linear", symbol=SYMBOL))["list"]
    assert abs(sum(float(row["closedPnl"]) for row in profits) + 1 + fees) < 1e-6, profits
    log = result(client.get_transaction_log(accountType="UNIFIED", category="linear"))["list"]
    assert log[0]["cashBalance"] == wallet["coin"][0]["walletBalance"], log[0]

    result(client.switch_position_mode(category="linear", coin="USDT", mode=3))
    leg = order(side="Sell", orderType="Market", qty="1", positionIdx=2)
    assert leg["orderStatus"] == "Filled"
    rows = result(client.get_positions(category="linear", settleCoin="USDT"))["list"]
    assert [(row["positionIdx"], row["side"], row["size"]) for row in rows] == [(2, "Sell", "1")]
    order(side="Buy", orderType="Market", qty="1", positionIdx=2, reduceOnly=True)
    result(client.switch_position_mode(category="linear", coin="USDT", mode=0))
    print("ok")


if __name__ == "__main__":
    main(*sys.argv[1:4])
