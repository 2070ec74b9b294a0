"""ccxt (unmodified) against the local Bybit: one position from opening to closing, with every figure checked.

Usage: bybit_ccxt.py <base url> <key> <secret>, for a flat one-way account with 10 000 USDT at the usual prices.
"""

import sys
import time

import ccxt

SYMBOL = "SOL/USDT:USDT"


def near(value, expected, off=1e-6):
    assert value is not None and abs(value - expected) <= off, f"{value} is not {expected}"


def executed(client, order, status="closed"):
    """What became of an order: an acknowledgement is no execution."""
    for _ in range(100):
        try:
            found = client.fetch_order(order["id"], SYMBOL, {"acknowledged": True})
            if found["status"] != "open":
                assert found["status"] == status, found
                return found
        except ccxt.OrderNotFound:
            pass
        time.sleep(0.02)
    raise AssertionError(f"{order} never ended")


def main(url, key, secret):
    client = ccxt.bybit({"apiKey": key, "secret": secret, "options": {"defaultType": "swap"}})
    client.urls["api"] = {name: url for name in client.urls["api"]}

    markets = client.load_markets()
    market = markets[SYMBOL]
    assert market["linear"] and market["active"] and market["contractSize"] == 1
    assert (market["precision"]["amount"], market["precision"]["price"]) == (0.1, 0.01)
    assert (market["limits"]["leverage"]["max"], market["limits"]["cost"]["min"]) == (100, 5)
    assert abs(client.fetch_time() - client.milliseconds()) < 5000
    near(client.fetch_balance()["USDT"]["free"], 10_000)

    client.set_leverage(5, SYMBOL)
    near(client.fetch_leverage(SYMBOL)["longLeverage"], 5)
    try:
        client.set_leverage(5, SYMBOL)
        raise AssertionError("the same leverage twice")
    except ccxt.BadRequest as error:
        assert "110043" in str(error), error
    client.set_margin_mode("cross", SYMBOL)
    assert client.fetch_margin_mode(SYMBOL)["marginMode"] == "cross"
    tiers = client.fetch_market_leverage_tiers(SYMBOL)
    assert (tiers[0]["maxLeverage"], tiers[0]["maintenanceMarginRate"], tiers[0]["maxNotional"]) == (100, 0.005, 2_000_000)
    near(client.fetch_trading_fee(SYMBOL)["taker"], 0.00055)
    ticker = client.fetch_ticker(SYMBOL)
    near(ticker["last"], 166.4)
    near(client.fetch_order_book(SYMBOL)["asks"][0][0], 166.41)
    near(client.fetch_funding_rate(SYMBOL)["fundingRate"], 0.0001)

    # Open, read, add.
    first = executed(client, client.create_order(SYMBOL, "market", "buy", 10))
    near(first["average"], 166.45)
    near(first["fee"]["cost"], 0.915475)
    position = client.fetch_position(SYMBOL)
    assert (position["side"], position["contracts"], position["leverage"]) == ("long", 10, 5)
    near(position["entryPrice"], 166.45)
    near(position["unrealizedPnl"], -0.5)
    near(position["initialMargin"], 332.8)
    near(position["maintenanceMargin"], 9.2352)
    # 10 000 behind 1664: it cannot be liquidated, and the venue prints nothing.
    assert position["liquidationPrice"] is None, position
    executed(client, client.create_order(SYMBOL, "market", "buy", 5))
    assert client.fetch_position(SYMBOL)["contracts"] == 15

    # Reduce by a part.
    part = executed(client, client.create_order(SYMBOL, "market", "sell", 3, None, {"reduceOnly": True}))
    near(part["average"], 166.35)
    (held,) = client.fetch_positions()
    assert (held["symbol"], held["contracts"]) == (SYMBOL, 12)

    # A stop that waits, and a limit that is changed; both are taken away.
    stop = client.create_order(SYMBOL, "market", "sell", 12, None, {"stopLossPrice": 150, "reduceOnly": True})
    (waiting,) = client.fetch_open_orders(SYMBOL, params={"stop": True})
    assert (waiting["id"], waiting["triggerPrice"], waiting["reduceOnly"]) == (stop["id"], 150, True)
    client.cancel_order(stop["id"], SYMBOL)
    limit = client.create_order(SYMBOL, "limit", "buy", 1, 100, {"clientOrderId": "judge-1"})
    time.sleep(0.1)
    edited = client.edit_order(limit["id"], SYMBOL, "limit", "buy", 2, 110)
    assert edited["id"] == limit["id"]
    time.sleep(0.1)
    (resting,) = client.fetch_open_orders(SYMBOL)
    assert (resting["price"], resting["amount"], resting["clientOrderId"]) == (110, 2, "judge-1")
    client.cancel_all_orders(SYMBOL)
    assert client.fetch_open_orders(SYMBOL) == []
    executed(client, limit, "canceled")

    # What is refused is refused under the right name.
    for kind, order in [
        (ccxt.InsufficientFunds, ("market", "buy", 10_000, None, {})),
        (ccxt.InvalidOrder, ("limit", "buy", 1, 100, {"clientOrderId": "judge-1"})),
    ]:
        try:
            client.create_order(SYMBOL, *order)
            raise AssertionError(f"{order} was taken")
        except kind:
            pass

    # Close, and what is left to read.
    executed(client, client.create_order(SYMBOL, "market", "sell", 12, None, {"reduceOnly": True}))
    assert client.fetch_positions() == []
    trades = client.fetch_my_trades(SYMBOL)
    assert [(trade["side"], trade["amount"], trade["price"]) for trade in trades] == [
        ("buy", 10, 166.45),
        ("buy", 5, 166.45),
        ("sell", 3, 166.35),
        ("sell", 12, 166.35),
    ]
    fees = sum(trade["fee"]["cost"] for trade in trades)
    near(fees, 2.7456)
    # Fifteen, bought at 166.45 and sold at 166.35.
    near(client.fetch_balance()["USDT"]["total"], 10_000 - 1.5 - fees)
    closed = client.fetch_positions_history([SYMBOL])
    near(sum(float(row["info"]["closedPnl"]) for row in closed), -1.5 - fees)
    near(client.fetch_ledger("USDT")[-1]["after"], 10_000 - 1.5 - fees)

    # With a bucket, there is a liquidation price.
    client.set_margin_mode("isolated", SYMBOL)
    executed(client, client.create_order(SYMBOL, "market", "buy", 10))
    position = client.fetch_position(SYMBOL)
    assert 130 < position["liquidationPrice"] < 138, position
    executed(client, client.create_order(SYMBOL, "market", "sell", 10, None, {"reduceOnly": True}))
    client.set_margin_mode("cross", SYMBOL)
    print("ok")


if __name__ == "__main__":
    main(*sys.argv[1:4])
