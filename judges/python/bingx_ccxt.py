"""ccxt, unmodified apart from addresses and keys, against the local BingX: base url, key and secret are the arguments.

Prices: BTC 107850.4, SOL 166.432; the account is fresh, in one-way mode, with 10 000 USDT.
"""

import sys
import time

import ccxt


def client(url, key, secret):
    exchange = ccxt.bingx({"apiKey": key, "secret": secret, "options": {"defaultType": "swap"}})
    exchange.urls["api"] = {name: url + "/openApi" for name in exchange.urls["api"]}
    return exchange


def near(found, wanted, tolerance=0.002):
    assert found is not None and abs(found - wanted) <= abs(wanted) * tolerance, f"{found} is not {wanted}"


def settled(exchange, order_id, symbol):
    """An order is carried out a moment after it was taken in."""
    for _ in range(20):
        order = exchange.fetch_order(order_id, symbol)
        if order["status"] != "open":
            return order
        time.sleep(0.1)
    raise AssertionError(f"{order_id} stays open")


def refused(kind, call, *arguments):
    try:
        call(*arguments)
    except kind as error:
        return str(error)
    raise AssertionError(f"{call.__name__} was not refused")


def main(url, key, secret):
    exchange = client(url, key, secret)
    markets = exchange.load_markets()
    sol, btc = "SOL/USDT:USDT", "BTC/USDT:USDT"
    assert markets[sol]["precision"] == {"amount": 0.01, "price": 0.001}, markets[sol]["precision"]
    assert markets[btc]["limits"]["cost"]["min"] == 2.0 and markets[btc]["active"]

    balance = exchange.fetch_balance()
    near(balance["USDT"]["total"], 10_000)
    near(balance["USDT"]["free"], 10_000)
    near(exchange.fetch_ticker(sol)["last"], 166.432)
    book = exchange.fetch_order_book(sol, 5)
    assert book["bids"][0][0] == 166.431 and book["asks"][0][0] == 166.433, book
    assert exchange.fetch_funding_rate(btc)["fundingRate"] == 0.000024
    assert len(exchange.fetch_funding_rate_history(btc)) == 24
    fee = exchange.fetch_trading_fee(sol)
    assert (fee["taker"], fee["maker"]) == (0.0005, 0.0002)
    tiers = exchange.fetch_market_leverage_tiers(sol)
    assert tiers[0]["maintenanceMarginRate"] == 0.0045 and tiers[1]["minNotional"] == 300_000, tiers[:2]

    # Settings.
    exchange.set_margin_mode("isolated", sol)
    assert exchange.fetch_margin_mode(sol)["marginMode"] == "isolated"
    exchange.set_leverage(5, sol, {"side": "BOTH"})
    leverage = exchange.fetch_leverage(sol)
    assert (leverage["longLeverage"], leverage["shortLeverage"]) == (5, 5), leverage
    refused(ccxt.ExchangeError, exchange.set_leverage, 5, sol, {"side": "LONG"})
    refused(ccxt.ExchangeError, exchange.set_leverage, 500, sol, {"side": "BOTH"})
    assert exchange.fetch_position_mode(sol)["hedged"] is False

    # Open.
    order = exchange.create_order(sol, "market", "buy", 6)
    assert int(order["id"]) > 2**53, order
    done = settled(exchange, order["id"], sol)
    assert done["status"] == "closed" and done["filled"] == 6, done
    near(done["average"], 166.466)
    position = exchange.fetch_position(sol)
    assert position["contracts"] == 6 and position["side"] == "long" and position["leverage"] == 5, position
    assert position["marginMode"] == "isolated"
    near(position["entryPrice"], 166.466)
    near(position["initialMargin"], 199.76)
    # 166.466 * 6 * (1 - 1/5) / (6 * (1 - 0.0045 - 0.0005))
    near(position["liquidationPrice"], 133.842, 0.003)

    # Add and reduce.
    exchange.create_order(sol, "limit", "buy", 4, 170)
    time.sleep(0.3)
    assert exchange.fetch_position(sol)["contracts"] == 10
    exchange.create_order(sol, "market", "sell", 3, None, {"reduceOnly": True})
    time.sleep(0.3)
    assert exchange.fetch_position(sol)["contracts"] == 7
    refused(ccxt.ExchangeError, exchange.create_order, sol, "market", "sell", 8, None, {"reduceOnly": True})
    exchange.add_margin(sol, 50)
    near(exchange.fetch_position(sol)["collateral"], 7 * 166.466 / 5 + 50, 0.01)

    # Resting: by id and client id, amended, cancelled.
    rest = exchange.create_order(sol, "limit", "buy", 1, 150, {"clientOrderId": "MyOrder1"})
    assert exchange.fetch_order(rest["id"], sol)["clientOrderId"] == "myorder1"
    refused(ccxt.DuplicateOrderId, exchange.create_order, sol, "limit", "buy", 1, 150, {"clientOrderId": "myorder1"})
    edited = exchange.edit_order(rest["id"], sol, "limit", "buy", 2, 151)
    listed = exchange.fetch_open_orders(sol)
    assert [(o["id"], o["amount"], o["price"]) for o in listed] == [(edited["id"], 2.0, 151.0)], listed
    assert exchange.cancel_order(edited["id"], sol)["status"] == "canceled"
    refused(ccxt.ExchangeError, exchange.cancel_order, edited["id"], sol)
    refused(ccxt.OrderNotFound, exchange.fetch_order, "1", sol)

    # Conditional.
    stop = exchange.create_order(sol, "market", "sell", 7, None, {"stopLossPrice": 140})
    take = exchange.create_order(sol, "market", "sell", 7, None, {"takeProfitPrice": 200})
    trail = exchange.create_order(sol, "market", "sell", 7, None, {"trailingPercent": 5, "reduceOnly": True})
    listed = {o["id"]: o for o in exchange.fetch_open_orders(sol)}
    assert set(listed) == {stop["id"], take["id"], trail["id"]}, listed
    assert listed[stop["id"]]["stopLossPrice"] == 140 and listed[take["id"]]["takeProfitPrice"] == 200
    refused(ccxt.InvalidOrder, exchange.create_order, sol, "market", "sell", 7, None, {"stopLossPrice": 170})
    exchange.cancel_orders([stop["id"]], sol)
    exchange.cancel_all_orders(sol)
    assert exchange.fetch_open_orders(sol) == []

    # Several at once; too much; too little; no such symbol.
    several = exchange.create_orders([
        {"symbol": btc, "type": "limit", "side": "buy", "amount": 0.001, "price": 90000 + n} for n in range(3)
    ])
    assert len({o["id"] for o in several}) == 3
    exchange.cancel_all_orders(btc)
    refused(ccxt.InsufficientFunds, exchange.create_order, btc, "market", "buy", 50)
    refused(ccxt.InvalidOrder, exchange.create_order, sol, "limit", "buy", 0.01, 100)
    refused(ccxt.ExchangeError, exchange.swapV2PrivatePostTradeLeverage, {"symbol": "NO-USDT", "side": "BOTH", "leverage": 2})

    # Close, and what it cost.
    exchange.close_position(sol)
    time.sleep(0.3)
    assert exchange.fetch_positions([sol]) == []
    trades = exchange.fetch_my_trades(sol)
    assert len(trades) == 4 and all(t["fee"]["cost"] > 0 for t in trades), trades
    paid = sum(t["fee"]["cost"] for t in trades)
    lost = sum(float(r["income"]) for r in exchange.swapV2PrivateGetUserIncome({"symbol": "SOL-USDT"})["data"])
    near(exchange.fetch_balance()["USDT"]["total"], 10_000 + lost, 1e-6)
    assert -lost > paid > 1
    history = exchange.fetch_position_history(sol)
    assert history[0]["side"] == "long" and float(history[0]["info"]["positionAmt"]) == 10.0, history
    wrong = client(url, key, "x" * 86)
    wrong.markets, wrong.markets_by_id, wrong.symbols = exchange.markets, exchange.markets_by_id, exchange.symbols
    refused(ccxt.AuthenticationError, wrong.fetch_balance)
    print("bingx: ccxt", ccxt.__version__, "agrees")


if __name__ == "__main__":
    main(*sys.argv[1:])
