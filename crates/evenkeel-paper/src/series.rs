//! What happened, oldest first, in lists whose copies cost little however long they are.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use evenkeel_types::ClientOrderId;

/// Items of a chunk: what is copied when one item of a shared list changes. Larger ones make copies of the list cheaper
/// and changes of a copy dearer.
const CHUNK: usize = 64;
/// Parts of the index of order identities: of which one is copied when a shared one changes.
const SHARDS: usize = 256;

type Chunk<T> = Arc<Vec<(usize, T)>>;

/// A list that grows at its end. Copies share what they have in common, so that a copy of a [`World`](crate::World)
/// costs little however long its history is.
///
/// Positions are counted from the beginning and stay what they are when older items are forgotten
/// ([`World::forget`](crate::World::forget)).
#[derive(Debug, Clone)]
pub struct Series<T> {
    chunks: VecDeque<Chunk<T>>,
    end: usize,
    kept: usize,
}

impl<T: Clone> Series<T> {
    pub(crate) const fn new() -> Self {
        Self { chunks: VecDeque::new(), end: 0, kept: 0 }
    }

    /// Answers its position.
    pub(crate) fn push(&mut self, item: T) -> usize {
        let position = self.end;
        match self.chunks.back_mut().filter(|chunk| chunk.len() < CHUNK) {
            Some(chunk) => Arc::make_mut(chunk).push((position, item)),
            None => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push((position, item));
                self.chunks.push_back(Arc::new(chunk));
            }
        }
        self.end = position.saturating_add(1);
        self.kept = self.kept.saturating_add(1);
        position
    }

    pub(crate) fn get_mut(&mut self, position: usize) -> Option<&mut T> {
        let chunk = self.chunks.get_mut(self.chunk_of(position)?)?;
        let place = place_in(chunk, position)?;
        Arc::make_mut(chunk).get_mut(place).map(|(_, item)| item)
    }

    /// Forgets the oldest items until `rest` are left, except those that are held on to.
    pub(crate) fn forget(&mut self, rest: usize, holds: impl Fn(usize) -> bool) {
        let mut over = self.kept.saturating_sub(rest);
        let mut chunks: VecDeque<Chunk<T>> = VecDeque::new();
        let mut held = Vec::new();
        for chunk in std::mem::take(&mut self.chunks) {
            if over == 0 {
                // Items that were held on to come before.
                if !held.is_empty() {
                    chunks.push_back(Arc::new(std::mem::take(&mut held)));
                }
                chunks.push_back(chunk);
                continue;
            }
            for (position, item) in chunk.iter() {
                if over > 0 && !holds(*position) {
                    over = over.saturating_sub(1);
                    self.kept = self.kept.saturating_sub(1);
                } else {
                    held.push((*position, item.clone()));
                    if held.len() == CHUNK {
                        chunks.push_back(Arc::new(std::mem::take(&mut held)));
                    }
                }
            }
        }
        if !held.is_empty() {
            chunks.push_back(Arc::new(held));
        }
        self.chunks = chunks;
    }
}

impl<T> Series<T> {
    /// How many are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept
    }

    /// Whether none is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept == 0
    }

    /// The position of the next one: how many there ever were.
    #[must_use]
    pub fn end(&self) -> usize {
        self.end
    }

    /// The one at a position; `None` where there is none yet, and where it was forgotten.
    #[must_use]
    pub fn get(&self, position: usize) -> Option<&T> {
        let chunk = self.chunks.get(self.chunk_of(position)?)?;
        chunk.get(place_in(chunk, position)?).map(|(_, item)| item)
    }

    /// The oldest that is kept.
    #[must_use]
    pub fn first(&self) -> Option<&T> {
        self.iter().next()
    }

    /// The youngest.
    #[must_use]
    pub fn last(&self) -> Option<&T> {
        self.iter().next_back()
    }

    /// All that are kept, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.chunks.iter().flat_map(|chunk| chunk.iter().map(|(_, item)| item))
    }

    /// Those from a position on, with their positions.
    pub fn from(&self, position: usize) -> impl Iterator<Item = (usize, &T)> {
        let first = self.chunk_of(position).unwrap_or(0);
        let rows = self.chunks.range(first..).flat_map(|chunk| chunk.iter());
        rows.map(|(at, item)| (*at, item)).skip_while(move |(at, _)| *at < position)
    }

    /// The chunk in which a position would be.
    fn chunk_of(&self, position: usize) -> Option<usize> {
        let begins = |chunk: &Chunk<T>| chunk.first().is_some_and(|(first, _)| *first <= position);
        self.chunks.partition_point(begins).checked_sub(1)
    }
}

impl<T: Clone> Series<T> {
    /// All that are kept, oldest first.
    #[must_use]
    pub fn to_vec(&self) -> Vec<T> {
        self.iter().cloned().collect()
    }
}

impl<T: Clone> FromIterator<T> for Series<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut series = Self::new();
        for item in items {
            series.push(item);
        }
        series
    }
}

fn place_in<T>(chunk: &[(usize, T)], position: usize) -> Option<usize> {
    chunk.binary_search_by_key(&position, |(at, _)| *at).ok()
}

/// Where the record of an order identity is. Copies share what they have in common.
#[derive(Debug, Clone)]
pub(crate) struct Identities(Vec<Arc<BTreeMap<ClientOrderId, usize>>>);

impl Identities {
    pub(crate) fn new() -> Self {
        Self(vec![Arc::default(); SHARDS])
    }

    pub(crate) fn get(&self, id: &ClientOrderId) -> Option<usize> {
        self.0.get(shard(id))?.get(id).copied()
    }

    pub(crate) fn insert(&mut self, id: ClientOrderId, position: usize) {
        if let Some(shard) = self.0.get_mut(shard(&id)) {
            Arc::make_mut(shard).insert(id, position);
        }
    }

    pub(crate) fn retain(&mut self, is_kept: impl Fn(usize) -> bool) {
        for shard in &mut self.0 {
            Arc::make_mut(shard).retain(|_, position| is_kept(*position));
        }
    }
}

/// By FNV-1a, so that identities that differ only at their end spread.
fn shard(id: &ClientOrderId) -> usize {
    let hash = id
        .as_str()
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    usize::try_from(hash).unwrap_or(0).checked_rem(SHARDS).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn long(count: usize) -> Series<String> {
        (0..count).map(|number| number.to_string()).collect()
    }

    #[test]
    fn positions_are_those_of_a_list() {
        let series = long(1000);
        for position in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 500, 999] {
            assert_eq!(series.get(position).unwrap(), &position.to_string());
        }
        assert_eq!((series.get(1000), series.len(), series.end()), (None, 1000, 1000));
        let expected: Vec<String> = (0..1000).map(|number: u32| number.to_string()).collect();
        assert_eq!(series.to_vec(), expected);
        assert_eq!(series.iter().rev().take(2).collect::<Vec<_>>(), ["999", "998"]);
        for begin in [0, 63, 64, 65, 998, 1000, 2000] {
            let rows: Vec<usize> = series.from(begin).map(|(at, _)| at).collect();
            assert_eq!(rows, (begin..1000).collect::<Vec<_>>());
        }
        let empty = Series::<u8>::new();
        assert_eq!((empty.first(), empty.last(), empty.from(0).count(), empty.len()), (None, None, 0, 0));
    }

    #[test]
    fn a_copy_and_its_original_change_apart_and_share_the_rest() {
        let mut series = long(1000);
        let mut copy = series.clone();
        copy.get_mut(10).unwrap().push('!');
        copy.push("more".into());
        series.push("other".into());
        assert_eq!((series.get(10).unwrap().as_str(), copy.get(10).unwrap().as_str()), ("10", "10!"));
        assert_eq!((series.last().unwrap().as_str(), copy.last().unwrap().as_str()), ("other", "more"));
        let shared = series.chunks.iter().zip(&copy.chunks).filter(|(one, other)| Arc::ptr_eq(one, other));
        // All but the one of the change and the last one.
        assert_eq!(shared.count(), series.chunks.len() - 2);
    }

    #[test]
    fn what_is_forgotten_leaves_positions_as_they_are() {
        let mut series = long(1000);
        series.forget(300, |position| position == 5 || position == 650);
        assert_eq!((series.len(), series.end()), (300, 1000));
        assert_eq!((series.first().unwrap().as_str(), series.get(4), series.get(6)), ("5", None, None));
        assert_eq!(series.get(650).unwrap(), "650");
        // 298 young ones, and the two that are held on to.
        assert_eq!(series.iter().nth(2).unwrap(), "702");
        assert_eq!(series.from(6).next().unwrap(), (650, &"650".to_owned()));
        assert_eq!(series.push("new".into()), 1000);
        assert_eq!(series.get(1000).unwrap(), "new");
        series.forget(0, |_| false);
        assert!(series.is_empty());
        assert_eq!((series.push("last".into()), series.len()), (1001, 1));
    }

    #[test]
    fn identities_are_found_and_forgotten() {
        let id = |number: usize| ClientOrderId::parse(&format!("{number:020}")).unwrap();
        let mut ids = Identities::new();
        for number in 0..1000 {
            ids.insert(id(number), number);
        }
        let copy = ids.clone();
        ids.retain(|position| position >= 500);
        assert_eq!((ids.get(&id(499)), ids.get(&id(500)), copy.get(&id(499))), (None, Some(500), Some(499)));
        let largest = copy.0.iter().map(|shard| shard.len()).max().unwrap();
        assert!(largest < 30, "{largest} of a thousand in one of {SHARDS}");
    }
}
