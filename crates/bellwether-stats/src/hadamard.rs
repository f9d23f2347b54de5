//! The Walsh-Hadamard transform in place.

/// Multiplies `values` with the Hadamard matrix of its length in natural order, without scaling: applied twice it
/// multiplies by the length. A length that is not a power of two is transformed in pieces that are. O(n log n).
///
/// Fino and Algazi, "Unified matrix treatment of the fast Walsh-Hadamard transform" (1976).
pub fn walsh_hadamard(values: &mut [f32]) {
    let mut rest = values;
    while !rest.is_empty() {
        let piece = 1 << rest.len().ilog2();
        let (now, later) = rest.split_at_mut(piece);
        transform(now);
        rest = later;
    }
}

fn transform(values: &mut [f32]) {
    let n = values.len();
    let mut half = 1;
    // Below a vector register's width the butterflies of one piece stand in registers together.
    if n >= 8 {
        for piece in values.as_chunks_mut::<8>().0 {
            *piece = eight(piece);
        }
        half = 8;
    }
    while half < n {
        for block in values.chunks_exact_mut(2 * half) {
            let (low, high) = block.split_at_mut(half);
            for (a, b) in low.iter_mut().zip(high) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        half *= 2;
    }
}

fn eight(v: &[f32; 8]) -> [f32; 8] {
    let a = [
        v[0] + v[1],
        v[0] - v[1],
        v[2] + v[3],
        v[2] - v[3],
        v[4] + v[5],
        v[4] - v[5],
        v[6] + v[7],
        v[6] - v[7],
    ];
    let b = [
        a[0] + a[2],
        a[1] + a[3],
        a[0] - a[2],
        a[1] - a[3],
        a[4] + a[6],
        a[5] + a[7],
        a[4] - a[6],
        a[5] - a[7],
    ];
    [
        b[0] + b[4],
        b[1] + b[5],
        b[2] + b[6],
        b[3] + b[7],
        b[0] - b[4],
        b[1] - b[5],
        b[2] - b[6],
        b[3] - b[7],
    ]
}
