//! How much of a mean's movement is a change of the mix of classes, and how much moved within them?
//!
//! With proportions `p`, `q` and class means `μ`, `m` of the reference and the window,
//! `x̄ − μ̄ = Σ (q − p)_c μ_c + Σ q_c (m_c − μ_c)`: the first sum is the mix alone, the second what moved within the
//! classes (Kitagawa 1955 and Oaxaca 1973, for vectors). Squared lengths are estimated without bias, from pairs of different
//! rows (Gretton et al., "A Kernel Two-Sample Test" (2012), lemma 6, with a linear kernel) less what the reference's own
//! finite means add. They add up to the whole with twice the product of both parts, which is negative where they
//! pull against each other.

use crate::error::Error;
use crate::two_sample::matrix;
use ndarray::{Array1, Array2, ArrayView1, Axis};

/// Rows that the trace of the squared covariance is estimated from, at most: its cost grows with their square.
const TRACE_ROWS: usize = 200;

/// Class sizes and means of a reference sample of unit vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassMoments {
    dim: usize,
    /// Rows, `[classes]`.
    counts: Vec<f64>,
    /// Plain means, `[classes, dim]`; zero without rows.
    means: Array2<f64>,
    /// Mean of all rows, `[dim]`.
    mean: Array1<f64>,
    /// Trace of the covariance within each class, unbiased; that of all classes where a class has fewer than two rows.
    variance: Vec<f64>,
}

/// An estimated number with its standard error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WithError {
    /// The estimate; of a squared length it may be slightly negative.
    pub value: f64,
    /// Its standard error.
    pub standard_error: f64,
}

/// What one class did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassMovement {
    /// Its index.
    pub class: usize,
    /// Rows of the window.
    pub rows: usize,
    /// Rows of the reference.
    pub reference_rows: f64,
    /// Squared distance of its mean from the reference's, over the reference's variance within it; `None` with fewer than
    /// two rows on either side.
    pub moved: Option<WithError>,
    /// Its share of the movement within classes, along the direction of all; the classes add up to one. May be negative,
    /// and NaN when nothing moved at all.
    pub share_of_within: f64,
}

/// The movement of a mean, taken apart.
#[derive(Debug, Clone, PartialEq)]
pub struct MeanSplit {
    /// Squared length of the whole movement.
    pub total: WithError,
    /// Of the part that the mix makes.
    pub mix: WithError,
    /// Of the part within classes.
    pub within: WithError,
    /// Twice the product of both parts: what is missing to the total.
    pub interaction: f64,
    /// Variance within classes now over what the reference has for the same rows; below one when messages have become
    /// alike. NaN when no class has two rows.
    pub spread: WithError,
    /// The movement within classes, `[dim]`.
    pub direction: Vec<f64>,
    /// The classes that the window shows, in order.
    pub classes: Vec<ClassMovement>,
}

impl ClassMoments {
    /// From class sizes `[classes]` and plain class means `[classes, dim]` of unit vectors: their length says how much
    /// the rows scatter.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::TooFew`] below two rows, [`Error::NonFinite`].
    pub fn new(counts: &[f64], means: &[f64], dim: usize) -> Result<Self, Error> {
        crate::error::all_finite(counts)?;
        crate::error::all_finite(means)?;
        let total: f64 = counts.iter().sum();
        if total < 2.0 {
            return Err(Error::TooFew { have: 0, need: 2 });
        }
        let means = Array2::from_shape_vec((counts.len(), dim), means.to_vec()).map_err(|_| {
            Error::LengthMismatch {
                left: means.len(),
                right: counts.len() * dim,
            }
        })?;
        let mean = ArrayView1::from(counts).dot(&means) / total;
        // Squares about the mean: Σ|x|² = n for unit vectors.
        let squares: Vec<f64> = counts
            .iter()
            .zip(means.rows())
            .map(|(n, m)| (n * (1.0 - m.dot(&m))).max(0.0))
            .collect();
        let freedom: f64 = counts.iter().map(|n| (n - 1.0).max(0.0)).sum();
        let pooled = if freedom > 0.0 {
            squares.iter().sum::<f64>() / freedom
        } else {
            0.0
        };
        let variance = counts
            .iter()
            .zip(squares)
            .map(|(&n, s)| if n >= 2.0 { s / (n - 1.0) } else { pooled })
            .collect();
        Ok(Self {
            dim,
            counts: counts.to_vec(),
            means,
            mean,
            variance,
        })
    }

    fn total(&self) -> f64 {
        self.counts.iter().sum()
    }

    /// The mean that a class's rows are held against: of a class without rows that of all.
    fn centre(&self, class: usize) -> ArrayView1<'_, f64> {
        if self.counts[class] > 0.0 {
            self.means.row(class)
        } else {
            self.mean.view()
        }
    }

    /// Expected squared error of that mean.
    fn error_of_centre(&self, class: usize) -> f64 {
        let n = self.counts[class];
        self.variance[class] / if n > 0.0 { n } else { self.total() }
    }
}

/// Takes apart how far the mean of unit vectors `rows` `[n, dim]`, of classes `class[n]`, lies from the reference's.
/// O(n · dim · min(n, 200)).
///
/// Standard errors are those of a quadratic form of a normal mean, `√(4 h·v + 2 h²·tr S²)`, with the variance `v` along
/// the movement, the covariance `S` of single rows and the weight `h` of one row; they hold the chance in the window and
/// in the reference.
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::TooFew`] below two rows, [`Error::UnknownClass`], [`Error::NonFinite`].
pub fn mean_split(rows: &[f32], class: &[usize], reference: &ClassMoments) -> Result<MeanSplit, Error> {
    let x = matrix(rows, reference.dim, 2)?.mapv(f64::from);
    let n = x.nrows();
    if class.len() != n {
        return Err(Error::LengthMismatch {
            left: class.len(),
            right: n,
        });
    }
    let classes = reference.counts.len();
    if let Some(index) = class.iter().position(|&c| c >= classes) {
        return Err(Error::UnknownClass {
            index,
            class: class[index],
            classes,
        });
    }
    let window = Window::new(x, class, reference);
    let total = window.total(reference);
    let mix = window.mix(reference);
    let within = window.within(reference);
    Ok(MeanSplit {
        interaction: total.value - mix.value - within.value,
        total,
        mix,
        within,
        spread: window.spread(reference),
        classes: window.classes(reference),
        direction: window.shift.to_vec(),
    })
}

struct Window<'a> {
    x: Array2<f64>,
    class: &'a [usize],
    /// Rows of each class, `[classes]`.
    counts: Vec<f64>,
    /// Distance of each row from its class's mean in the reference, `[n, dim]`.
    residuals: Array2<f64>,
    /// Distance of each row from its class's mean in the window, `[n, dim]`.
    own: Array2<f64>,
    /// Mean residual, `[dim]`.
    shift: Array1<f64>,
    /// Trace of the squared covariance within classes.
    trace: f64,
}

impl<'a> Window<'a> {
    fn new(x: Array2<f64>, class: &'a [usize], reference: &ClassMoments) -> Self {
        let mut counts = vec![0.0; reference.counts.len()];
        let mut sums = Array2::<f64>::zeros((counts.len(), reference.dim));
        for (row, &c) in x.rows().into_iter().zip(class) {
            counts[c] += 1.0;
            let mut sum = sums.row_mut(c);
            sum += &row;
        }
        let (mut residuals, mut own) = (x.clone(), x.clone());
        for (at, &c) in class.iter().enumerate() {
            let mut residual = residuals.row_mut(at);
            residual -= &reference.centre(c);
            let mut own = own.row_mut(at);
            own.scaled_add(-1.0 / counts[c], &sums.row(c));
        }
        let shift = residuals
            .mean_axis(Axis(0))
            .unwrap_or_else(|| Array1::zeros(reference.dim));
        Self {
            trace: squared_trace(&own, class, &counts),
            x,
            class,
            counts,
            residuals,
            own,
            shift,
        }
    }

    fn n(&self) -> f64 {
        self.x.nrows() as f64
    }

    /// Proportion of a class, and of ordered pairs of different rows that are both of it.
    fn shares(&self, class: usize) -> (f64, f64) {
        let (n, k) = (self.n(), self.counts[class]);
        (k / n, k * (k - 1.0) / (n * (n - 1.0)))
    }

    fn total(&self, reference: &ClassMoments) -> WithError {
        let m = reference.total();
        let mean = self
            .x
            .mean_axis(Axis(0))
            .unwrap_or_else(|| Array1::zeros(reference.dim));
        // The reference's rows have length one, as far as its variances say so.
        let squares: f64 = (0..reference.counts.len())
            .map(|c| {
                let (k, mean) = (reference.counts[c], reference.means.row(c));
                k * mean.dot(&mean) + (k - 1.0).max(0.0) * reference.variance[c]
            })
            .sum();
        let known = reference.mean.dot(&reference.mean);
        let value = pairs_mean(&self.x) + (m * m * known - squares) / (m * (m - 1.0))
            - 2.0 * mean.dot(&reference.mean);
        let moved = &mean - &reference.mean;
        let centred = &self.x - &mean;
        let all = vec![0; self.x.nrows()];
        let trace = squared_trace(&centred, &all, &[self.n()]);
        WithError {
            value,
            standard_error: standard_error(variance_along(&self.x, &moved), 1.0 / self.n() + 1.0 / m, trace),
        }
    }

    fn within(&self, reference: &ClassMoments) -> WithError {
        let (mut bias, mut h) = (0.0, 1.0 / self.n());
        for c in 0..self.counts.len() {
            let (q, pairs) = self.shares(c);
            bias += pairs * reference.error_of_centre(c);
            h += q * q
                / if reference.counts[c] > 0.0 {
                    reference.counts[c]
                } else {
                    reference.total()
                };
        }
        WithError {
            value: pairs_mean(&self.residuals) - bias,
            standard_error: standard_error(variance_along(&self.residuals, &self.shift), h, self.trace),
        }
    }

    fn mix(&self, reference: &ClassMoments) -> WithError {
        let (n, m) = (self.n(), reference.total());
        let classes = 0..self.counts.len();
        let centres: Vec<ArrayView1<'_, f64>> = classes.clone().map(|c| reference.centre(c)).collect();
        let mut now = Array1::<f64>::zeros(reference.dim);
        let (mut own_now, mut own_then, mut bias) = (0.0, 0.0, 0.0);
        for c in classes.clone() {
            let (k, squared) = (self.counts[c], centres[c].dot(&centres[c]));
            now.scaled_add(k / n, &centres[c]);
            own_now += k * squared;
            own_then += reference.counts[c] * squared;
            let (q, pairs) = self.shares(c);
            let known = reference.counts[c];
            let pairs_then = known * (known - 1.0) / (m * (m - 1.0));
            bias += (pairs + pairs_then - 2.0 * q * known / m) * reference.error_of_centre(c);
        }
        let then = &reference.mean;
        let value = (n * n * now.dot(&now) - own_now) / (n * (n - 1.0))
            + (m * m * then.dot(then) - own_then) / (m * (m - 1.0))
            - 2.0 * now.dot(then)
            - bias;
        let moved = &now - then;
        // What single draws of a class vary by: along the movement now and then, and in all directions.
        let along: Vec<f64> = centres.iter().map(|centre| centre.dot(&moved)).collect();
        let variance = |shares: &dyn Fn(usize) -> f64| {
            let mean: f64 = classes.clone().map(|c| shares(c) * along[c]).sum();
            classes
                .clone()
                .map(|c| shares(c) * (along[c] - mean).powi(2))
                .sum::<f64>()
        };
        let h = 1.0 / n + 1.0 / m;
        let both = variance(&|c| self.counts[c] / n) / n + variance(&|c| reference.counts[c] / m) / m;
        let mut trace = 0.0;
        for a in classes.clone().filter(|&a| reference.counts[a] > 0.0) {
            for b in classes.clone().filter(|&b| reference.counts[b] > 0.0) {
                // (μ_a − μ̄) · (μ_b − μ̄), without copies of the vectors.
                let product = centres[a].dot(&centres[b]) - centres[a].dot(then) - centres[b].dot(then)
                    + then.dot(then);
                trace += reference.counts[a] * reference.counts[b] / (m * m) * product * product;
            }
        }
        WithError {
            value,
            standard_error: standard_error(both / h, h, trace),
        }
    }

    /// Variance within classes over the reference's; the error of its logarithm by the scatter of squared lengths.
    fn spread(&self, reference: &ClassMoments) -> WithError {
        let (mut squares, mut expected, mut lengths) = (0.0, 0.0, Vec::new());
        for (at, &c) in self.class.iter().enumerate() {
            let k = self.counts[c];
            if k >= 2.0 && reference.counts[c] >= 2.0 {
                let own = self.own.row(at);
                let squared = own.dot(&own) * k / (k - 1.0);
                squares += squared * (k - 1.0) / k;
                expected += reference.variance[c] * (k - 1.0) / k;
                lengths.push(squared / reference.variance[c].max(f64::MIN_POSITIVE));
            }
        }
        let n = lengths.len() as f64;
        let value = squares / expected;
        let mean = lengths.iter().sum::<f64>() / n;
        let deviation = (lengths.iter().map(|l| (l - mean).powi(2)).sum::<f64>() / n).sqrt() / mean;
        WithError {
            value,
            standard_error: value * deviation * (1.0 / n + 1.0 / reference.total()).sqrt(),
        }
    }

    fn classes(&self, reference: &ClassMoments) -> Vec<ClassMovement> {
        let mut sums = Array2::<f64>::zeros((self.counts.len(), reference.dim));
        let mut squares = vec![0.0; self.counts.len()];
        for (row, &c) in self.residuals.rows().into_iter().zip(self.class) {
            let mut sum = sums.row_mut(c);
            sum += &row;
            squares[c] += row.dot(&row);
        }
        let whole = self.shift.dot(&self.shift);
        let seen = (0..self.counts.len()).filter(|&c| self.counts[c] > 0.0);
        seen.map(|c| {
            let (k, known) = (self.counts[c], reference.counts[c]);
            let sum = sums.row(c);
            let moved = (k >= 2.0 && known >= 2.0 && reference.variance[c] > 0.0).then(|| {
                let value = (sum.dot(&sum) - squares[c]) / (k * (k - 1.0)) - reference.error_of_centre(c);
                let along: Vec<f64> = (0..self.class.len())
                    .filter(|&at| self.class[at] == c)
                    .map(|at| self.residuals.row(at).dot(&sum) / k)
                    .collect();
                let error = standard_error(variance(&along), 1.0 / k + 1.0 / known, self.trace);
                WithError {
                    value: value / reference.variance[c],
                    standard_error: error / reference.variance[c],
                }
            });
            ClassMovement {
                class: c,
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a count of rows"
                )]
                rows: k as usize,
                reference_rows: known,
                moved,
                share_of_within: sum.dot(&self.shift) / (self.n() * whole),
            }
        })
        .collect()
    }
}

/// Mean product of two different rows.
fn pairs_mean(rows: &Array2<f64>) -> f64 {
    let n = rows.nrows() as f64;
    let sum = rows.sum_axis(Axis(0));
    let own: f64 = rows.rows().into_iter().map(|r| r.dot(&r)).sum();
    (sum.dot(&sum) - own) / (n * (n - 1.0))
}

fn variance(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0)
}

/// Variance of the rows' products with `direction`.
fn variance_along(rows: &Array2<f64>, direction: &Array1<f64>) -> f64 {
    variance(rows.dot(direction).as_slice().unwrap_or(&[]))
}

/// Standard error of an unbiased squared length of a mean: `along` is the variance of single rows' products with the
/// estimated mean, which holds `h · trace` of chance itself.
fn standard_error(along: f64, h: f64, trace: f64) -> f64 {
    let floor = 2.0 * h * h * trace;
    (4.0 * h * along - floor).max(floor).sqrt()
}

/// Trace of the squared covariance of rows centred within their classes: mean squared product of different rows, with the
/// degrees of freedom that centring took. Evenly spaced rows when there are many.
fn squared_trace(centred: &Array2<f64>, class: &[usize], counts: &[f64]) -> f64 {
    let n = centred.nrows();
    let taken: Vec<usize> = (0..n.min(TRACE_ROWS))
        .map(|i| i * n / n.min(TRACE_ROWS))
        .collect();
    let rows = centred.select(Axis(0), &taken);
    let products = rows.dot(&rows.t());
    let (mut sum, mut pairs) = (0.0, 0.0);
    for (i, &a) in taken.iter().enumerate() {
        for (j, &b) in taken.iter().enumerate() {
            // Rows of one small class are centred on themselves: their product is not that of independent rows.
            if i != j && counts[class[a]] > 1.0 && counts[class[b]] > 1.0 {
                let stretch = |c: usize| counts[c] / (counts[c] - 1.0);
                sum += products[[i, j]].powi(2) * stretch(class[a]) * stretch(class[b]);
                pairs += 1.0;
            }
        }
    }
    if pairs > 0.0 { sum / pairs } else { 0.0 }
}

#[cfg(test)]
mod tests;
