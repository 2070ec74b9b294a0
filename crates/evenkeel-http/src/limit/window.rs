//! The sliding window: what was sent when, coarse on the cautious side.

use std::collections::VecDeque;
use std::time::Duration;

use evenkeel_types::Timestamp;

/// Into how many slots a window is cut. A grant counts until its whole slot has left the window, so a window's quota
/// comes back up to a sixtieth late (a second for a minute's quota, which also covers the jitter of the way to the
/// venue), and the memory of a limiter is 62 slots however many calls it grants.
const SLOTS: u64 = 60;

/// How far a time may lie before one that was seen earlier and still be a matter of which thread got the lock first.
/// Beyond it our clock was set back.
const REORDERING: u64 = 250;

/// The longest block that is believed: venues ban for up to three days. Later times are a wrong unit.
const MAX_BLOCK: u64 = 3 * 24 * 60 * 60 * 1000;

/// How soon to look again when those ahead have room and only need to wake up, in milliseconds.
const RECHECK: u64 = 10;

/// All times are milliseconds of our clock.
#[derive(Debug)]
pub(super) struct Window {
    length: u64,
    /// The length of a slot; at least one.
    width: u64,
    /// The latest time seen, since the clock was last set back.
    last: u64,
    /// Oldest first, at most one per index, none in the future of `last`.
    slots: VecDeque<Slot>,
    blocked_until: u64,
}

#[derive(Debug)]
struct Slot {
    index: u64,
    /// What we sent.
    own: u64,
    /// What the venue counted beyond that.
    foreign: u64,
}

impl Slot {
    fn used(&self) -> u64 {
        self.own.saturating_add(self.foreign)
    }
}

impl Window {
    pub(super) fn new(length: Duration) -> Self {
        let length = u64::try_from(length.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX).max(1);
        Self { length, width: length.div_ceil(SLOTS), last: 0, slots: VecDeque::new(), blocked_until: 0 }
    }

    /// Moves to `now` and forgets what has left the window. Returns the time that counts.
    pub(super) fn advance(&mut self, now: Timestamp) -> u64 {
        let back = self.last.saturating_sub(now.0);
        let now = if back <= REORDERING { now.0.max(self.last) } else { now.0 };
        if now < self.last {
            self.set_back(now, back);
        }
        self.last = now;
        while self.slots.front().is_some_and(|slot| self.expiry(slot) <= now) {
            self.slots.pop_front();
        }
        self.blocked_until = self.blocked_until.min(now.saturating_add(MAX_BLOCK));
        now
    }

    /// Our clock was set back: what now lies in the future was sent before now, and counts from now. A block keeps its
    /// remaining length.
    fn set_back(&mut self, now: u64, back: u64) {
        let index = self.index(now);
        let (mut own, mut foreign) = (0_u64, 0_u64);
        while let Some(slot) = self.slots.pop_back_if(|slot| slot.index >= index) {
            own = own.saturating_add(slot.own);
            foreign = foreign.saturating_add(slot.foreign);
        }
        if own.saturating_add(foreign) > 0 {
            self.add(now, own, foreign);
        }
        self.blocked_until = self.blocked_until.saturating_sub(back);
    }

    fn index(&self, time: u64) -> u64 {
        time.checked_div(self.width).unwrap_or(0)
    }

    /// From when on a slot no longer counts: a whole window after its last moment.
    fn expiry(&self, slot: &Slot) -> u64 {
        slot.index.saturating_add(1).saturating_mul(self.width).saturating_add(self.length)
    }

    pub(super) fn used(&self) -> u64 {
        self.slots.iter().fold(0, |sum, slot| sum.saturating_add(slot.used()))
    }

    pub(super) fn blocked_for(&self, now: u64) -> u64 {
        self.blocked_until.saturating_sub(now)
    }

    /// How long until `need` more fits below `limit`, at least; 0 when it fits now.
    pub(super) fn wait(&self, now: u64, need: u64, limit: u64) -> u64 {
        let blocked = self.blocked_for(now);
        let mut used = self.used();
        let fits = |used: u64| used.saturating_add(need) <= limit;
        if fits(used) {
            return blocked;
        }
        let mut wait = RECHECK;
        for slot in &self.slots {
            used = used.saturating_sub(slot.used());
            wait = self.expiry(slot).saturating_sub(now).max(1);
            if fits(used) {
                break;
            }
        }
        wait.max(blocked)
    }

    /// Charges what we are about to send; returns where, for [`give_back`](Self::give_back).
    pub(super) fn charge(&mut self, now: u64, weight: u64) -> u64 {
        if weight > 0 {
            self.add(now, weight, 0);
        }
        self.index(now)
    }

    /// Takes back a charge for something that was not sent after all. If the slot is gone the charge stays: too much
    /// is the safe side.
    pub(super) fn give_back(&mut self, index: u64, weight: u64) {
        if let Some(slot) = self.slots.iter_mut().rev().find(|slot| slot.index == index) {
            slot.own = slot.own.saturating_sub(weight);
        }
    }

    /// The venue counts `used` in its window. What exceeds our own count was sent by others and counts from now; what
    /// falls short lowers only what was put down to others, the oldest first, since ours may still be on its way.
    pub(super) fn report(&mut self, now: u64, used: u64) {
        let sum = |part: fn(&Slot) -> u64| self.slots.iter().map(part).fold(0, u64::saturating_add);
        let own = sum(|slot| slot.own);
        let foreign = sum(|slot| slot.foreign);
        let counted = used.saturating_sub(own);
        let missing = counted.saturating_sub(foreign);
        if missing > 0 {
            self.add(now, 0, missing);
        }
        let mut surplus = foreign.saturating_sub(counted);
        for slot in &mut self.slots {
            let less = surplus.min(slot.foreign);
            slot.foreign = slot.foreign.saturating_sub(less);
            surplus = surplus.saturating_sub(less);
        }
    }

    pub(super) fn block_until(&mut self, until: Timestamp) {
        self.blocked_until = self.blocked_until.max(until.0);
    }

    /// Adds to the slot of `now`, which [`advance`](Self::advance) has made the newest.
    fn add(&mut self, now: u64, own: u64, foreign: u64) {
        let index = self.index(now);
        match self.slots.back_mut() {
            Some(slot) if slot.index == index => {
                slot.own = slot.own.saturating_add(own);
                slot.foreign = slot.foreign.saturating_add(foreign);
            }
            _ => self.slots.push_back(Slot { index, own, foreign }),
        }
    }
}
