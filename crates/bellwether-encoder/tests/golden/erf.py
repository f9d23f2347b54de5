"""The coefficients of erf(x / sqrt 2) in `src/packed/functions.rs`: `pip install numpy`, `python erf.py`.

x P(x^2) / Q(x^2) with polynomials of degree five, on [0, 5.25]: least squares on P - f Q over Chebyshev points, weighted again and again
by the error of the round before until the ripples are nearly equal.
"""
import math

import numpy

DEGREE, LIMIT = 5, 5.25
x = numpy.maximum((numpy.cos(numpy.linspace(0, numpy.pi, 4001)) + 1) / 2 * LIMIT, 1e-9)
f = numpy.vectorize(math.erf)(x / math.sqrt(2))
z = (x / LIMIT) ** 2
powers = numpy.stack([z**k for k in range(DEGREE + 1)], 1)
weight, under, best = numpy.ones_like(x), numpy.ones_like(x), (numpy.inf, None, None)
for _ in range(60):
    columns = numpy.concatenate([x[:, None] * powers, -f[:, None] * powers[:, 1:]], 1)
    scale = weight / abs(under)
    found, *_ = numpy.linalg.lstsq(columns * scale[:, None], f * scale, rcond=None)
    over, under = powers @ found[: DEGREE + 1], 1 + powers[:, 1:] @ found[DEGREE + 1 :]
    error = abs(x * over / under - f)
    if error.max() < best[0]:
        best = error.max(), found[: DEGREE + 1], numpy.concatenate([[1.0], found[DEGREE + 1 :]])
    weight *= (0.2 + error / error.max()) ** 0.5
    weight /= weight.mean()
units = LIMIT ** (2.0 * numpy.arange(DEGREE + 1))
print("largest error in double precision", best[0])
print("over", *(best[1] / units))
print("under", *(best[2] / units))
