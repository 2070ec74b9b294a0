//! Which nonces a signer may still use.

use std::collections::BTreeSet;
use std::time::Duration;

use evenkeel_types::Timestamp;

/// How many of the highest are remembered.
const KEPT: usize = 100;
const TWO_DAYS: u64 = 2 * 24 * 3600 * 1000;
const ONE_DAY: Duration = Duration::from_secs(24 * 3600);

/// The highest nonces that a signer used.
#[derive(Debug, Clone, Default)]
pub(crate) struct Nonces(BTreeSet<u64>);

impl Nonces {
    /// Uses a nonce, or says why it cannot be used.
    pub(crate) fn burn(&mut self, nonce: u64, now: Timestamp) -> Result<(), String> {
        if self.0.contains(&nonce) {
            return Err(format!("Invalid nonce: duplicate nonce {nonce}"));
        }
        let oldest = now.0.saturating_sub(TWO_DAYS);
        let lowest = if self.0.len() < KEPT { None } else { self.0.first().copied() };
        let floor = lowest.map_or(oldest, |lowest| lowest.max(oldest));
        if nonce <= floor {
            return Err(format!("Invalid nonce: nonce too low {nonce} < {floor}"));
        }
        let newest = now.after(ONE_DAY).0;
        if nonce >= newest {
            return Err(format!("Invalid nonce: nonce too high {nonce} > {newest}"));
        }
        self.0.insert(nonce);
        while self.0.len() > KEPT {
            self.0.pop_first();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    #[test]
    fn a_nonce_is_used_once_and_within_its_window() {
        let mut nonces = Nonces::default();
        assert!(nonces.burn(NOW.0, NOW).is_ok());
        assert_eq!(nonces.burn(NOW.0, NOW).unwrap_err(), "Invalid nonce: duplicate nonce 1800000000000");
        assert!(nonces.burn(NOW.0 - TWO_DAYS, NOW).unwrap_err().starts_with("Invalid nonce: nonce too low"));
        assert!(nonces.burn(NOW.0 - TWO_DAYS + 1, NOW).is_ok());
        assert!(nonces.burn(NOW.0 + TWO_DAYS / 2, NOW).unwrap_err().contains("too high"));
    }

    #[test]
    fn the_hundred_highest_are_kept() {
        let mut nonces = Nonces::default();
        for step in 0..150 {
            assert!(nonces.burn(NOW.0 + step, NOW).is_ok());
        }
        assert_eq!(
            nonces.burn(NOW.0 + 3, NOW).unwrap_err(),
            "Invalid nonce: nonce too low 1800000000003 < 1800000000050"
        );
        assert!(nonces.burn(NOW.0 + 120, NOW).unwrap_err().contains("duplicate"));
    }
}
