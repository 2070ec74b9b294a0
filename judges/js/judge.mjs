// What every judge in JavaScript needs; the same as judges/python/judge.py.
//
//     import { judge } from './judge.mjs';
//
//     await judge('hyperliquid', async (judge) => {
//         judge.equal('position', 0.5, position.contracts);
//     });
//
// Started by judges/run, which starts a localnet of its own for every judge and puts its line of JSON into LOCALNET.

class Judge {
    #control;
    passed = 0;
    failed = 0;

    constructor(venue) {
        const town = JSON.parse(process.env.LOCALNET);
        this.venue = venue;
        this.url = town.venues[venue].url;
        // Of the account named `main`: address, key and whatever else the venue hands out.
        this.account = town.venues[venue].accounts[0];
        this.#control = town.control;
    }

    // That something holds; `found` is shown with it.
    check(what, holds, found = '') {
        if (holds) {
            this.passed += 1;
        } else {
            this.failed += 1;
            console.log(`WRONG: ${what}: ${found}`);
        }
        return holds;
    }

    // That two values are the same; numbers by their value, also where the client holds them as text.
    equal(what, wanted, found) {
        const same = typeof wanted === 'number' && typeof found === 'string' ? Number(found) === wanted : found === wanted;
        return this.check(what, same, `${found} (${typeof found}) instead of ${wanted}`);
    }

    // That a number is as computed, give or take `within` (for what the venue rounds).
    near(what, wanted, found, within) {
        const holds = found !== null && found !== undefined && found !== '' && Math.abs(wanted - Number(found)) <= within;
        return this.check(what, holds, `${found} instead of ${wanted} ± ${within}`);
    }

    // That `act()` throws an error of this class whose text contains `part`.
    async refused(what, kind, part, act) {
        try {
            const result = await act();
            return this.check(what, false, `${JSON.stringify(result)} instead of an error`);
        } catch (error) {
            const holds = error instanceof kind && error.message.includes(part);
            return this.check(what, holds, `${error} is no ${kind.name} with ${part}`);
        }
    }

    // Asks the control endpoint of this venue: control('price', { symbol: 'SOL', price: '150' }).
    async control(what, body, method) {
        const answer = await fetch(`${this.#control}/${this.venue}/${what}`, {
            method: method ?? (body === undefined ? 'GET' : 'POST'),
            body: body === undefined ? undefined : JSON.stringify(body),
        });
        if (!answer.ok) throw new Error(`${what}: ${answer.status} ${await answer.text()}`);
        return answer.json();
    }

    // Every order that reached the exchange, whatever its sender was told.
    orders() {
        return this.control('orders');
    }

    // What the exchange itself holds, by symbol.
    async positions() {
        const rows = await this.control('positions');
        return Object.fromEntries(rows.map((row) => [row.symbol, row]));
    }
}

export async function judge(venue, act) {
    const judge = new Judge(venue);
    try {
        await act(judge);
    } catch (error) {
        console.log(error);
        judge.failed += 1;
    }
    if (judge.failed > 0) {
        console.log(`FAILED: ${judge.failed} failed, ${judge.passed} passed`);
        process.exitCode = 1;
    } else {
        console.log(`${judge.passed} checks passed`);
    }
}
