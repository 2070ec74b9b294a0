"""What every judge in Python needs: where the venue is, checks on values, and the control endpoint.

    from judge import Judge

    with Judge("hyperliquid") as judge:
        judge.equal("position", 0.5, judge.number(position["contracts"]))

Started by judges/run, which starts a localnet of its own for every judge and puts its line of JSON into LOCALNET.
"""

import asyncio
import json
import os
import sys
import time
import traceback
import urllib.error
import urllib.request
from decimal import Decimal


def number(value):
    """Digit for digit: what a client holds as a float is taken as the shortest text that means it."""
    return Decimal(str(value))


async def heard(message):
    """What comes on a socket; what does not come within ten seconds never does."""
    return await asyncio.wait_for(message, 10)


async def until(watch, holds):
    """What is told, until it is what is waited for; what came before is passed over."""
    while True:
        found = await heard(watch())
        if holds(found):
            return found


async def opened(judge, number):
    """Until so many sockets are open at the venue."""
    for _ in range(200):
        if judge.control("", method="GET")["sockets"] >= number:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("a socket was not opened within ten seconds")


async def rests_and_goes(judge, exchange, symbol, orders):
    """An order that rests and is cancelled, as it is told on a socket; `orders` is the wait for the first word."""
    placed = await exchange.create_order(symbol, "limit", "buy", 1, 150)
    (order,) = await heard(orders)
    judge.equal("it rests", (placed["id"], "open"), (order["id"], order["status"]))
    judge.equal("price and size", [150, 1, 0], [order["price"], order["amount"], order["filled"]])
    orders = asyncio.ensure_future(exchange.watch_orders(symbol))
    await exchange.cancel_order(placed["id"], symbol)
    (order,) = await heard(orders)
    judge.equal("it is gone", (placed["id"], "canceled"), (order["id"], order["status"]))


class Judge:
    def __init__(self, venue):
        town = json.loads(os.environ["LOCALNET"])
        self.venue = venue
        self.url = town["venues"][venue]["url"]
        #: Where its sockets are, without the venue's paths: the same port.
        self.socket_url = "ws" + self.url[len("http"):]
        #: Of the account named `main`: address, key and whatever else the venue hands out.
        self.account = town["venues"][venue]["accounts"][0]
        self._control = town["control"]
        self._passed = 0
        self._failed = 0

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if error is not None:
            traceback.print_exception(kind, error, trace)
            self._failed += 1
        if self._failed:
            print(f"FAILED: {self._failed} failed, {self._passed} passed")
            sys.exit(1)
        print(f"{self._passed} checks passed")

    # -- checks --------------------------------------------------------------------------------------------------

    def check(self, what, holds, found=""):
        """That something holds; `found` is shown with it."""
        if holds:
            self._passed += 1
        else:
            self._failed += 1
            print(f"WRONG: {what}: {found}")
        return holds

    def equal(self, what, wanted, found):
        """That two values are the same; numbers by their value, whatever their type."""
        numeric = (int, float, Decimal)
        if isinstance(wanted, numeric) and not isinstance(wanted, bool):
            if found is None or isinstance(found, bool):
                return self.check(what, False, f"{found!r} instead of {wanted}")
            wanted, found = number(wanted), number(found)
        return self.check(what, wanted == found, f"{found!r} instead of {wanted!r}")

    def near(self, what, wanted, found, within):
        """That a number is as computed, give or take `within` (for what the venue rounds)."""
        if found is None:
            return self.check(what, False, f"nothing instead of {wanted}")
        wanted, found = number(wanted), number(found)
        return self.check(what, abs(wanted - found) <= number(within), f"{found} instead of {wanted} ± {within}")

    def refused(self, what, kind, part, act):
        """That `act()` raises an error of this kind whose text contains `part`."""
        try:
            result = act()
        except kind as error:
            return self.check(what, part in str(error), f"{error!s} lacks {part!r}")
        return self.check(what, False, f"{result!r} instead of an error")

    def executed(self, ask, status="closed", absent=()):
        """What became of an order where an acknowledgement is no execution: `ask()` until it is not open any more."""
        for _ in range(100):
            try:
                found = ask()
                if found["status"] != "open":
                    self.equal("status", status, found["status"])
                    return found
            except absent:
                pass
            time.sleep(0.03)
        raise AssertionError("an order never ended")

    # -- the tester's hand ---------------------------------------------------------------------------------------

    def control(self, what, body=None, method=None):
        """Asks the control endpoint of this venue: control("price", {"symbol": "SOL", "price": "150"})."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self._control}/{self.venue}/{what}", data=data, method=method)
        # Never through a proxy: it is on this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{what}: {error.code} {error.read().decode()}") from None

    def orders(self):
        """Every order that reached the exchange, whatever its sender was told."""
        return self.control("orders")

    def positions(self):
        """What the exchange itself holds, by symbol."""
        return {row["symbol"]: row for row in self.control("positions")}
