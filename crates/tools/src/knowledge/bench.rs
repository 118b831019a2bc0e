//! How fast the search is, as numbers for the bench command. Not used by the
//! product; it makes its own vectors, the same each time.

use std::hint::black_box;
use std::time::Duration;

use tokio::time::Instant;

use super::vectors::{Vectors, normalise};

const QUERIES: usize = 41;
const HITS: usize = 10;

/// What was measured.
#[derive(Clone, Debug)]
pub struct SearchSpeed {
    /// Vectors searched.
    pub vectors: usize,
    /// Numbers in each.
    pub dims: usize,
    /// Median time of one search on one core.
    pub p50: Duration,
    /// The slowest but one in a hundred; with so few queries the slowest.
    pub p99: Duration,
    /// Memory that the vectors take, in bytes.
    pub bytes: usize,
    /// Share of the true nearest that were found; they are computed the slow way.
    pub recall: f64,
}

/// Searches `count` vectors of `dims` numbers a few dozen times.
#[must_use]
pub fn bench_search(count: usize, dims: usize) -> SearchSpeed {
    let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
    let mut vectors = Vectors::with_capacity(dims, count);
    for row in 0..count {
        let vector: Vec<f32> = (0..dims).map(|_| noise.next()).collect();
        vectors.push(i64::try_from(row).unwrap_or(i64::MAX), 0, vector.into_iter());
    }
    let (mut times, mut found, mut wanted) = (Vec::new(), 0, 0);
    for number in 0..QUERIES {
        let raw: Vec<f32> = (0..dims).map(|_| noise.next()).collect();
        let Some(query) = normalise(&raw) else { continue };
        let start = Instant::now();
        let hits = black_box(vectors.nearest(black_box(&query), HITS, None));
        times.push(start.elapsed());
        // The slow way takes long: three of them are enough to notice a miss.
        if number < 3 {
            let truth = vectors.slow_nearest(&query, HITS);
            wanted += truth.len();
            found += truth.iter().filter(|row| hits.iter().any(|hit| hit.row == **row)).count();
        }
    }
    times.sort();
    let at = |index: usize| times.get(index.min(times.len().saturating_sub(1))).copied().unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "two numbers below a hundred")]
    let recall = found as f64 / wanted.max(1) as f64;
    SearchSpeed {
        vectors: count,
        dims,
        p50: at(times.len() / 2),
        p99: at(times.len() * 99 / 100),
        bytes: vectors.bytes(),
        recall,
    }
}

/// Even numbers between -1 and 1, well mixed (xorshift).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        #[expect(clippy::cast_precision_loss, reason = "23 bits fit")]
        let number = (self.0 >> 41) as f32;
        number / 4_194_304.0 - 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_measurement_finds_all_it_should() {
        let speed = bench_search(500, 48);
        assert!((speed.recall - 1.0).abs() < f64::EPSILON && speed.bytes < 500 * (48 * 4 + 16) + 1);
    }
}
