"""Tiny random models of each family, and what transformers makes of some texts with them.

    pip install torch==2.15.0 transformers==5.24.0
    python families.py

Writes a directory a model into `families/`: `config.json`, `tokenizer.json`, `model.safetensors`, and `expected.json` with the texts
and, by pooling, the vectors in float32. Two are saved with a head, so that their weights have a prefix; two in 16 bits.
"""
import json
import random
from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

OUT = Path(__file__).parent / "families"
WORDS = "where is my parcel refund the card was declined twice please help with order number and again Lost Überall niño 東京 42".split()
HIDDEN, POSITIONS = 16, 72
TEXTS = [
    "where is my parcel", "Lost", "", "the card was declined twice please help", "niño Überall 東京", "unseen wörds zzz!", "REFUND refund",
    "my order number 42 was lost again and again", " ".join(WORDS * 2), " ".join(WORDS * 10), "a\u0000b \t c", "👍 ok",
]


def wordpiece(special):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=150, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(WORDS, trainer)
    return tokenizer


def byte_level(special, prefix):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=285, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(WORDS, trainer)
    return tokenizer


def unigram(special):
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=120, special_tokens=special, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(WORDS, trainer)
    return tokenizer


def wrapped(tokenizer, first, last):
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}", special_tokens=[(first, tokenizer.token_to_id(first)), (last, tokenizer.token_to_id(last))])
    return tokenizer


BERT_TOKENS, ROBERTA_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
COMMON = dict(hidden_size=HIDDEN, num_attention_heads=2, intermediate_size=24)


def families():
    bert = wrapped(wordpiece(BERT_TOKENS), "[CLS]", "[SEP]")
    roberta = wrapped(byte_level(ROBERTA_TOKENS, False), "<s>", "</s>")
    xlmr = wrapped(unigram(ROBERTA_TOKENS), "<s>", "</s>")
    modern = wrapped(byte_level(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], False), "[CLS]", "[SEP]")
    t = transformers
    yield "bert", bert, torch.float16, t.BertModel, t.BertConfig(
        vocab_size=bert.get_vocab_size(), num_hidden_layers=2, max_position_embeddings=POSITIONS, **COMMON)
    yield "distilbert", bert, torch.float32, t.DistilBertModel, t.DistilBertConfig(
        vocab_size=bert.get_vocab_size(), dim=HIDDEN, n_layers=2, n_heads=4, hidden_dim=24, max_position_embeddings=POSITIONS)
    yield "roberta", roberta, torch.float32, t.RobertaForMaskedLM, t.RobertaConfig(
        vocab_size=roberta.get_vocab_size(), num_hidden_layers=2, max_position_embeddings=POSITIONS + 2, type_vocab_size=1, layer_norm_eps=1e-5, **COMMON)
    yield "xlm-roberta", xlmr, torch.bfloat16, t.XLMRobertaModel, t.XLMRobertaConfig(
        vocab_size=xlmr.get_vocab_size(), num_hidden_layers=2, max_position_embeddings=POSITIONS + 2, type_vocab_size=1, layer_norm_eps=1e-5, hidden_act="gelu_new", **COMMON)
    yield "modernbert", modern, torch.float32, t.ModernBertForMaskedLM, t.ModernBertConfig(
        vocab_size=modern.get_vocab_size(), num_hidden_layers=4, max_position_embeddings=POSITIONS, local_attention=8, global_attn_every_n_layers=3,
        pad_token_id=0, bos_token_id=2, eos_token_id=3, cls_token_id=2, sep_token_id=3, **COMMON)


def pooled(model, tokenizer):
    """By pooling, a vector a text; in one padded batch, as in production."""
    tokenizer.no_padding()
    tokenizer.enable_truncation(POSITIONS)
    ids = [e.ids for e in tokenizer.encode_batch(TEXTS)]
    width, pad = max(map(len, ids)), model.config.pad_token_id
    padded = torch.tensor([row + [pad] * (width - len(row)) for row in ids])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in ids])
    with torch.no_grad():
        states = model(input_ids=padded, attention_mask=mask).last_hidden_state
    m = mask.unsqueeze(-1).float()
    out = {"cls": states[:, 0], "mean": (states * m).sum(1) / m.sum(1), "max": states.masked_fill(m == 0, -torch.inf).max(1).values}
    return {name: [[round(float(v), 7) for v in row] for row in rows] for name, rows in out.items()}, list(map(len, ids))


def main():
    draw = random.Random(8)
    for name, tokenizer, dtype, kind, config in families():
        torch.manual_seed(draw.randrange(10**6))
        model = kind(config).eval()
        with torch.no_grad():
            for key, parameter in model.named_parameters():
                noise = torch.randn_like(parameter)
                norm = parameter.dim() == 1 and key.endswith("weight")
                parameter.copy_(1 + 0.2 * noise if norm else 0.1 * noise if parameter.dim() == 1 else 0.35 * noise)
        here = OUT / name
        here.mkdir(parents=True, exist_ok=True)
        model.to(dtype).save_pretrained(here)
        tokenizer.no_padding()
        tokenizer.no_truncation()
        tokenizer.save(str(here / "tokenizer.json"), pretty=False)
        for extra in here.glob("generation_config.json"):
            extra.unlink()
        base = model.float().base_model
        expected, lengths = pooled(base, tokenizer)
        # Weights rounded, arithmetic and vectors in 32 bits.
        for precision, rounded in (("float16", torch.float16), ("bfloat16", torch.bfloat16)):
            expected[precision] = pooled(base.to(rounded).float(), tokenizer)[0]["mean"] if dtype == torch.float32 else None
            if dtype == torch.float32:
                base = kind.from_pretrained(here, dtype=torch.float32).eval().base_model
        made_by = f"families.py; torch {torch.__version__}, transformers {transformers.__version__}"
        file = {"made_by": made_by, "texts": TEXTS, "tokens": lengths, **{k: v for k, v in expected.items() if v}}
        (here / "expected.json").write_text(json.dumps(file, separators=(",", ":")).replace("],[", "],\n[") + "\n")


main()
