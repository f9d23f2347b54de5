"""Writes words.json: log-odds with an informative Dirichlet prior, computed beside the program's own way.

    python words.py > words.json

Python 3.11, numpy 2.2.6; no randomness. The whole table of counts as matrices, as in equations 15 to 22 of Monroe, Colaresi,
Quinn (2008), where the program goes word by word.
"""
import json
import re

import numpy as np

PRIOR = 10.0
TEXTS = [
    ("how many calories are in a banana", 0), ("calories in one egg please", 0), ("How many CALORIES does toast have", 0),
    ("tell me the calories of rice", 0), ("is a banana high in calories calories calories", 0),
    ("can I use butter instead of oil", 1), ("what can I use instead of eggs", 1), ("is there something instead of milk", 1),
    ("use yoghurt instead of cream?", 1), ("I've no flour, what can I use", 1),
    ("what works instead of sugar", 1), ("use honey instead?", 1), ("oil instead of butter for the rice", 1),
    ("calories per slice", 0), ("are there many calories in soup", 0),
    ("book a table for two", None), ("please book a table at seven", None), ("what's in the soup", None),
    ("how do I cook rice", None), ("cancel the table please", None), ("a table for one", None), ("naïve café, 2nd floor", None),
]


def words(text):
    runs = re.findall(r"(?:[^\W_]|')+", text.lower())
    return sorted({w for w in (r.strip("'") for r in runs) if len(w) > 1})


vocabulary = sorted({w for text, _ in TEXTS for w in words(text)})
present = np.array([[w in words(text) for w in vocabulary] for text, _ in TEXTS], float)
prior = PRIOR * present.sum(0) / present.sum()
out = []
for group in (0, 1):
    inside = np.array([g == group for _, g in TEXTS])
    y_i, y_j = present[inside].sum(0), present[~inside].sum(0)
    omega = lambda y: (y + prior) / (y.sum() + prior.sum() - y - prior)
    delta = np.log(omega(y_i)) - np.log(omega(y_j))
    zeta = delta / np.sqrt(1 / (y_i + prior) + 1 / (y_j + prior))
    keep = [k for k in range(len(vocabulary)) if zeta[k] >= 1.96 and y_i[k] >= 2]
    keep.sort(key=lambda k: (-zeta[k], vocabulary[k]))
    out.append([(vocabulary[k], int(y_i[k]), float(zeta[k])) for k in keep[:8]])
print(json.dumps({"texts": TEXTS, "groups": 2, "words": out}, ensure_ascii=False, indent=1))
