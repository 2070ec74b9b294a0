"""The venue's own SDK for USDⓈ-M futures, at the Binance server."""

from binance_common.configuration import ConfigurationRestAPI
from binance_common.errors import BadRequestError
from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import (
    DerivativesTradingUsdsFutures,
)
from judge import Judge, number

SYMBOL, MARK = "SOLUSDT", number("166.4")
TAKER = number("0.0005")
MAINTENANCE = number("0.005")


def bot(judge):
    configuration = ConfigurationRestAPI(
        api_key=judge.account["key"], api_secret=judge.account["secret"], base_path=judge.url, retries=0
    )
    return DerivativesTradingUsdsFutures(config_rest_api=configuration).rest_api


def only(judge, what, rows):
    judge.equal(f"{what}: how many", 1, len(rows))
    return rows[0]


def position(judge, api, qty, paid, cash):
    """The position as it must be: size, value at entry, cash of the account."""
    row = only(judge, "positions", api.position_information_v3(symbol=SYMBOL).data())
    judge.equal("size", qty, number(row.position_amt))
    judge.near("entry", paid / qty, row.entry_price, "0.00000001")
    judge.near("unrealised", MARK * qty - paid, row.un_realized_profit, "0.0000001")
    judge.near("notional", MARK * qty, row.notional, "0.0000001")
    judge.near("maintenance margin", MARK * qty * MAINTENANCE, row.maint_margin, "0.0000001")
    liquidation = max((paid - cash) / (qty * (1 - MAINTENANCE)), number(0))
    judge.near("liquidation price", liquidation, row.liquidation_price, "0.00001")


def run(judge):
    api = bot(judge)
    api.check_server_time().data()
    info = api.exchange_information().data()
    judge.check("the contract is listed", any(symbol.symbol == SYMBOL for symbol in info.symbols))
    judge.equal("cash", 10_000, number(api.futures_account_balance_v3().data()[0].balance))
    judge.refused("cross already", BadRequestError, "No need to change margin type",
                  lambda: api.change_margin_type(symbol=SYMBOL, margin_type="CROSSED"))
    api.change_margin_type(symbol=SYMBOL, margin_type="ISOLATED")
    api.change_margin_type(symbol=SYMBOL, margin_type="CROSSED")
    judge.equal("leverage answers", 8, api.change_initial_leverage(symbol=SYMBOL, leverage=8).data().leverage)
    config = only(judge, "settings", api.symbol_configuration(symbol=SYMBOL).data())
    judge.equal("leverage reads back", 8, config.leverage)
    judge.equal("margin type", "CROSSED", config.margin_type)
    judge.equal("its largest position", "40000000", config.max_notional_value)

    # Open, add, close a part.
    qty = paid = number(0)
    cash = number(10_000)
    for side, amount in [("BUY", 100), ("BUY", 20), ("SELL", 40)]:
        order = api.new_order(symbol=SYMBOL, side=side, type="MARKET", quantity=amount,
                              new_order_resp_type="RESULT").data()
        judge.equal("filled", ("FILLED", amount), (order.status, int(number(order.executed_qty))))
        fill = only(judge, "fills", api.account_trade_list(symbol=SYMBOL, order_id=order.order_id).data())
        price, size = number(fill.price), number(fill.qty)
        judge.near("fee", price * size * TAKER, fill.commission, "0.00000001")
        cash -= number(fill.commission)
        if side == "BUY":
            qty, paid = qty + size, paid + price * size
        else:
            share = paid * size / qty
            judge.near("realised", price * size - share, fill.realized_pnl, "0.00000001")
            cash += price * size - share
            qty, paid = qty - size, paid - share
        position(judge, api, qty, paid, cash)
    account = api.account_information_v3().data()
    judge.near("wallet", cash, account.total_wallet_balance, "0.0000001")
    judge.near("margin balance", cash + MARK * qty - paid, account.total_margin_balance, "0.0000001")
    judge.near("initial margin", MARK * qty / 8, account.total_initial_margin, "0.0000001")
    judge.near("available", cash + MARK * qty - paid - MARK * qty / 8, account.available_balance, "0.000001")

    # Rest and cancel.
    order = api.new_order(symbol=SYMBOL, side="BUY", type="LIMIT", time_in_force="GTX", quantity=1, price=160,
                          new_client_order_id="judge:1/a").data()
    judge.equal("rests", "NEW", api.query_order(symbol=SYMBOL, orig_client_order_id="judge:1/a").data().status)
    gone = api.cancel_order(symbol=SYMBOL, order_id=order.order_id).data()
    judge.equal("cancelled", ("CANCELED", "judge:1/a"), (gone.status, gone.client_order_id))

    # Conditional: one is cancelled, one fires.
    stop = api.new_algo_order(algo_type="CONDITIONAL", symbol=SYMBOL, side="SELL", type="STOP_MARKET", quantity=5,
                              trigger_price=150, reduce_only="true").data()
    waiting = only(judge, "waiting", api.current_all_algo_open_orders(symbol=SYMBOL).data())
    judge.equal("its number", stop.algo_id, waiting.algo_id)
    api.cancel_algo_order(algo_id=stop.algo_id)
    stop = api.new_algo_order(algo_type="CONDITIONAL", symbol=SYMBOL, side="SELL", type="STOP_MARKET", quantity=30,
                              trigger_price=160, reduce_only="true").data()
    judge.control("price", {"symbol": SYMBOL, "price": "159"})
    fired = api.query_algo_order(algo_id=stop.algo_id).data()
    judge.equal("it fired", ("FINISHED", 30), (fired.algo_status, int(number(fired.actual_qty))))
    judge.control("price", {"symbol": SYMBOL, "price": str(MARK)})

    # Refusals, and the close.
    judge.refused("no margin", BadRequestError, "Margin is insufficient",
                  lambda: api.new_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity=5000))
    api.new_order(symbol=SYMBOL, side="SELL", type="MARKET", quantity=50, reduce_only="true")
    judge.equal("flat", 0, len(api.position_information_v3().data()))
    rows = api.get_income_history(limit=1000).data()
    wallet = number(api.futures_account_balance_v3().data()[0].balance)
    judge.near("the ledger adds up", 10_000 + sum(number(row.income) for row in rows), wallet, "0.000001")


if __name__ == "__main__":
    with Judge("binance") as judge:
        run(judge)
