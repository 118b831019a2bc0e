//! All vectors of a database in memory, and the nearest to a given one.
//!
//! Exact: every vector is compared, nothing is approximated. The search is bound
//! by how fast memory is read, so each number is kept as two halves: the upper 16
//! bits of all vectors lie together, the lower ones elsewhere. A first pass reads
//! the upper halves alone; what they leave out is bounded for each vector, so only
//! those that could be among the best are computed in full. Together the halves
//! take as much memory as the numbers themselves. Knows no database and no text.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// Sums kept side by side, so that the compiler can use the wide registers.
const LANES: usize = 16;
/// What rounding can add to a sum of this many products of numbers up to 1; far
/// more than it does.
const ROUNDING: f32 = 1e-5;

/// Vectors of one length, each normalised.
#[derive(Debug, Default)]
pub struct Vectors {
    dims: usize,
    upper: Vec<u16>,
    lower: Vec<u16>,
    /// For each vector the length of what its upper halves leave out.
    rest: Vec<f32>,
    /// For each vector the row and the source it belongs to.
    rows: Vec<i64>,
    sources: Vec<u32>,
}

/// A vector that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// The row it belongs to.
    pub row: i64,
    /// The cosine.
    pub score: f32,
}

impl Vectors {
    /// An empty set with room for so many.
    #[must_use]
    pub fn with_capacity(dims: usize, count: usize) -> Self {
        Self {
            dims,
            upper: Vec::with_capacity(dims.saturating_mul(count)),
            lower: Vec::with_capacity(dims.saturating_mul(count)),
            rest: Vec::with_capacity(count),
            rows: Vec::with_capacity(count),
            sources: Vec::with_capacity(count),
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Numbers in each.
    #[must_use]
    pub const fn dims(&self) -> usize {
        self.dims
    }

    /// Memory that is taken, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        2 * (self.upper.capacity() + self.lower.capacity())
            + 4 * (self.rest.capacity() + self.sources.capacity())
            + 8 * self.rows.capacity()
    }

    /// Adds a vector, which is normalised. False if it cannot be compared: a wrong
    /// length, all zero, or something in it that is no number.
    pub fn push(
        &mut self,
        row: i64,
        source: u32,
        vector: impl ExactSizeIterator<Item = f32> + Clone,
    ) -> bool {
        if vector.len() != self.dims {
            return false;
        }
        let Some(length) = length(vector.clone()) else { return false };
        let mut rest = 0.0_f64;
        for number in vector {
            let bits = normal(number, length).to_bits();
            #[expect(clippy::cast_possible_truncation, reason = "the two halves of 32 bits")]
            let (upper, lower) = ((bits >> 16) as u16, bits as u16);
            let left_out = f64::from(f32::from_bits(bits)) - f64::from(widen(upper));
            rest += left_out * left_out;
            self.upper.push(upper);
            self.lower.push(lower);
        }
        #[expect(clippy::cast_possible_truncation, reason = "a bound; what is lost is added again")]
        self.rest.push(rest.sqrt() as f32 + ROUNDING);
        self.rows.push(row);
        self.sources.push(source);
        true
    }

    /// The `count` nearest to `query` with a cosine over 0, best first, of one
    /// source if one is given. `query` must be normalised, see [`normalise`].
    #[must_use]
    pub fn nearest(&self, query: &[f32], count: usize, source: Option<u32>) -> Vec<Hit> {
        if query.len() != self.dims || self.dims == 0 || count == 0 {
            return Vec::new();
        }
        let mut best = Best::new(count);
        for at in 0..self.len() {
            if source.is_some_and(|source| self.sources.get(at) != Some(&source)) {
                continue;
            }
            let range = at * self.dims..(at + 1) * self.dims;
            let (Some(upper), Some(lower), Some(rest)) =
                (self.upper.get(range.clone()), self.lower.get(range), self.rest.get(at))
            else {
                break;
            };
            if rough(query, upper) + rest < best.floor() {
                continue;
            }
            let score = exact(query, upper, lower);
            if score >= 0.0 {
                best.offer(score, at);
            }
        }
        let hit = |(score, at): (f32, usize)| self.rows.get(at).map(|row| Hit { row: *row, score });
        best.into_sorted().into_iter().filter_map(hit).collect()
    }
}

impl Vectors {
    /// Rows of the nearest, by the definition and in double precision: what the
    /// measurement compares with.
    pub(super) fn slow_nearest(&self, query: &[f32], count: usize) -> Vec<i64> {
        let number =
            |upper: u16, lower: u16| f64::from(f32::from_bits(u32::from(upper) << 16 | u32::from(lower)));
        let uppers = self.upper.chunks(self.dims.max(1));
        let lowers = self.lower.chunks(self.dims.max(1));
        let mut all: Vec<(f64, i64)> = uppers
            .zip(lowers)
            .zip(&self.rows)
            .map(|((upper, lower), row)| {
                let products = query
                    .iter()
                    .zip(upper.iter().zip(lower))
                    .map(|(q, (u, l))| f64::from(*q) * number(*u, *l));
                (products.sum::<f64>(), *row)
            })
            .collect();
        all.sort_by(|a, b| b.0.total_cmp(&a.0));
        all.into_iter().take(count).map(|(_, row)| row).collect()
    }
}

/// The vector with length 1; `None` if it has no direction.
#[must_use]
pub fn normalise(vector: &[f32]) -> Option<Vec<f32>> {
    let length = length(vector.iter().copied())?;
    Some(vector.iter().map(|number| normal(*number, length)).collect())
}

fn length(vector: impl Iterator<Item = f32>) -> Option<f64> {
    let length = vector.map(|number| f64::from(number) * f64::from(number)).sum::<f64>().sqrt();
    (length.is_finite() && length > 0.0).then_some(length)
}

#[expect(clippy::cast_possible_truncation, reason = "at most 1, so only digits are lost")]
fn normal(number: f32, length: f64) -> f32 {
    (f64::from(number) / length) as f32
}

fn widen(upper: u16) -> f32 {
    f32::from_bits(u32::from(upper) << 16)
}

/// The product with the upper halves alone.
fn rough(query: &[f32], upper: &[u16]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let (queries, query_rest) = query.as_chunks::<LANES>();
    let (uppers, upper_rest) = upper.as_chunks::<LANES>();
    for (query, upper) in queries.iter().zip(uppers) {
        for lane in 0..LANES {
            sums[lane] += query[lane] * widen(upper[lane]);
        }
    }
    let tail = query_rest.iter().zip(upper_rest).map(|(query, upper)| query * widen(*upper));
    sums.iter().sum::<f32>() + tail.sum::<f32>()
}

/// The product in full.
fn exact(query: &[f32], upper: &[u16], lower: &[u16]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    for (at, ((query, upper), lower)) in query.iter().zip(upper).zip(lower).enumerate() {
        sums[at % LANES] += query * f32::from_bits(u32::from(*upper) << 16 | u32::from(*lower));
    }
    sums.iter().sum()
}

/// The best so far, the worst of them at hand.
struct Best {
    count: usize,
    heap: BinaryHeap<Reverse<Ranked>>,
}

/// Better scores are greater; of equal ones the earlier.
#[derive(Clone, Copy)]
struct Ranked(f32, usize);

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0).then(other.1.cmp(&self.1))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ranked {}

impl Best {
    fn new(count: usize) -> Self {
        Self { count, heap: BinaryHeap::new() }
    }

    /// A score below this one cannot be among the best.
    fn floor(&self) -> f32 {
        match self.heap.peek() {
            Some(worst) if self.heap.len() == self.count => worst.0.0,
            _ => 0.0,
        }
    }

    fn offer(&mut self, score: f32, at: usize) {
        let offered = Reverse(Ranked(score, at));
        if self.heap.len() < self.count {
            self.heap.push(offered);
        } else if let Some(mut worst) = self.heap.peek_mut()
            && offered.0 > worst.0
        {
            *worst = offered;
        }
    }

    fn into_sorted(self) -> Vec<(f32, usize)> {
        // Reversed, so ascending means best first.
        self.heap.into_sorted_vec().into_iter().map(|Reverse(Ranked(score, at))| (score, at)).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fill(dims: usize, vectors: &[Vec<f32>]) -> Vectors {
        let mut filled = Vectors::with_capacity(dims, vectors.len());
        for (at, vector) in vectors.iter().enumerate() {
            assert!(filled.push(at as i64 + 1, (at % 2) as u32, vector.iter().copied()));
        }
        filled
    }

    /// The same by the definition, in double precision.
    fn naive(query: &[f32], vectors: &[Vec<f32>]) -> Vec<f64> {
        let dot =
            |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        vectors.iter().map(|v| dot(query, v) / (dot(query, query) * dot(v, v)).sqrt()).collect()
    }

    #[test]
    fn what_cannot_be_compared_is_not_taken() {
        let mut vectors = Vectors::with_capacity(2, 1);
        for bad in
            [vec![], vec![1.0], vec![1.0; 3], vec![0.0, 0.0], vec![f32::NAN, 1.0], vec![f32::INFINITY, 1.0]]
        {
            assert!(!vectors.push(1, 0, bad.into_iter()));
        }
        assert!(vectors.is_empty());
        assert!(vectors.push(1, 0, [f32::MAX, f32::MAX].into_iter()));
        assert!(vectors.push(2, 0, [f32::MIN_POSITIVE, 0.0].into_iter()));
        assert_eq!(
            vectors.nearest(&[1.0, 0.0], 9, None).iter().map(|hit| hit.row).collect::<Vec<_>>(),
            [2, 1]
        );
        assert_eq!(vectors.nearest(&[1.0], 9, None), []);
        assert_eq!(vectors.nearest(&[1.0, 0.0], 0, None), []);
        assert_eq!(normalise(&[0.0]), None);
    }

    #[test]
    fn negative_cosines_are_dropped_and_equal_ones_keep_their_order() {
        let vectors = fill(2, &[vec![1.0, 0.0], vec![-1.0, 0.0], vec![2.0, 0.0], vec![0.0, 1.0]]);
        let hits = vectors.nearest(&[1.0, 0.0], 9, None);
        assert_eq!(
            hits.iter().map(|hit| (hit.row, hit.score)).collect::<Vec<_>>(),
            [(1, 1.0), (3, 1.0), (4, 0.0)]
        );
        assert_eq!(vectors.nearest(&[1.0, 0.0], 1, None)[0].row, 1);
        assert_eq!(vectors.nearest(&[1.0, 0.0], 9, Some(1)).len(), 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn nothing_near_is_missed(
            dims in 1_usize..40,
            numbers in proptest::collection::vec(-1.0_f32..1.0, 40 * 30),
            query in proptest::collection::vec(-1.0_f32..1.0, 40),
            count in 1_usize..12,
        ) {
            let vectors: Vec<Vec<f32>> = numbers.chunks(dims).filter(|v| v.len() == dims).map(<[f32]>::to_vec).collect();
            prop_assume!(vectors.iter().all(|v| v.iter().any(|n| n.abs() > 1e-6)));
            let query = &query[..dims];
            let Some(normal) = normalise(query) else { return Ok(()) };
            let hits = fill(dims, &vectors).nearest(&normal, count, None);
            let scores = naive(query, &vectors);
            let mut sorted = scores.clone();
            sorted.sort_by(|a, b| b.total_cmp(a));
            sorted.retain(|score| *score > 1e-5);
            prop_assert!(hits.len() >= sorted.len().min(count));
            for (hit, expected) in hits.iter().zip(&sorted) {
                prop_assert!((f64::from(hit.score) - expected).abs() < 1e-5);
                prop_assert!((f64::from(hit.score) - scores[hit.row as usize - 1]).abs() < 1e-5);
            }
        }
    }
}
