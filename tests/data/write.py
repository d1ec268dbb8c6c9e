"""Write the small sets in this folder: own sentences in the exact form of well-known public sets.

`python -m tests.data.write` writes the same bytes each time. What is odd in the public files is odd here, too: marks of
byte order, quotes that are none, rows with more fields than others, a message broken over two lines.
"""

import csv
import gzip
import io
import json
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

HERE = Path(__file__).parent

THINGS = [
    "harbour",
    "bakery",
    "museum",
    "tower",
    "garden",
    "railway",
    "library",
    "bridge",
    "market",
    "lighthouse",
    "ferry",
    "orchard",
    "theatre",
    "mill",
]
PEOPLE = [
    "Ada",
    "Ben",
    "Carla",
    "Dora",
    "Emil",
    "Fritz",
    "Greta",
    "Henri",
    "Ines",
    "Jonas",
    "Klara",
    "Leo",
    "Mira",
    "Nils",
    "Olga",
    "Paul",
    "Rosa",
    "Sven",
    "Tilda",
    "Udo",
]
PLACES = ["Bremen", "Lisbon", "Oslo", "Kyoto", "Quito", "Tallinn", "Dakar", "Perth", "Lima", "Turin", "Basel", "Cork"]
DEEDS = ["painted", "repaired", "closed", "opened", "visited", "photographed", "praised", "sold", "measured", "cleaned"]
TIMES = [
    "on Monday",
    "last winter",
    "before noon",
    "in the rain",
    "after the concert",
    "at dawn",
    "for the first time",
    "twice a year",
]
GOOD = ["wonderful", "charming", "funny", "bright", "tender", "clever", "lively", "warm"]
BAD = ["dull", "clumsy", "tired", "noisy", "bleak", "hollow", "slow", "confused"]


class Writer:
    """Sentences drawn by chance, none of them twice."""

    def __init__(self, seed: str) -> None:
        self.chance = random.Random(seed)
        self._drawn: set[str] = set()

    def one(self, words: Sequence[str]) -> str:
        return self.chance.choice(words)

    def sentence(self) -> str:
        """A sentence of its own, such as “Ada painted the old mill in Oslo at dawn .”, its tokens apart."""
        while True:
            made = (
                f"{self.one(PEOPLE)} {self.one(DEEDS)} the {self.one(GOOD + BAD)} {self.one(THINGS)} "
                f"in {self.one(PLACES)} {self.one(TIMES)} ."
            )
            if made not in self._drawn:
                self._drawn.add(made)
                return made

    def opinion(self, words: Sequence[str]) -> str:
        while True:
            made = (
                f"a {self.one(words)} story of {self.one(PEOPLE).lower()} and a {self.one(words)} {self.one(THINGS)} "
            )
            made += self.one(("", ", told quietly ", "-- too long ", "that stays with you ", "about a café "))
            if made not in self._drawn:
                self._drawn.add(made)
                return made


def plain(sentence: str) -> str:
    return sentence.replace(" .", ".")


def lines(path: str, rows: Iterable[Sequence[object]], *, mark: bool = False, between: str = "\t") -> None:
    """Rows with a separator between cells and no quoting at all."""
    text = "".join(between.join(map(str, row)) + "\n" for row in rows)
    save(path, (("\ufeff" if mark else "") + text).encode())


def table(path: str, rows: Iterable[Sequence[object]]) -> None:
    """Rows as CSV with quotes where they are needed, lines ended by CR LF."""
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    save(path, written.getvalue().encode())


def save(path: str, content: bytes) -> None:
    target = HERE / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.compress(content, mtime=0) if path.endswith(".gz") else content)


def tweets() -> None:
    write, said = Writer("tweets"), {
        "negative": ("my flight to {} was cancelled again", "hours late to {} &amp; no word", "lost my bag in {}"),
        "neutral": ("do you fly to {} in May?", "which gate for {}?", "is there wifi on the way to {}?"),
        "positive": ("thank you for the help in {} 😊", "thank you, {} was lovely", "smooth trip to {}, thank you!"),
    }  # fmt: skip
    rows: list[list[str]] = []
    for label, count in (("negative", 150), ("neutral", 50), ("positive", 40)):
        for number in range(count):
            text = f"@OwnAir {write.one(said[label]).format(write.one(PLACES))} {write.one(TIMES)}"
            if number % 9 == 0:
                text += '\nthe "friendly" desk said, wait'
            if number % 25 == 24:
                text = rows[-1][3]  # said again, word by word
            time = f"2/{1 + number % 28}/2015 {number % 24}:0{number % 10}"
            place = write.one(("", write.one(PLACES), "here, there"))
            name = f"{write.one(PEOPLE).lower()}{len(rows)}"
            rows.append(["5.70306E+17", label, name, text, "", time, place, "Central Time (US & Canada)"])
    write.chance.shuffle(rows)
    header = [
        "tweet_id",
        "airline_sentiment",
        "name",
        "text",
        "tweet_coord",
        "tweet_created",
        "tweet_location",
        "user_timezone",
    ]
    table("airline_tweets/Tweets.csv", [header, *rows])


def acceptable() -> None:
    for name, count in (("in_domain_train", 80), ("out_of_domain_dev", 30)):
        write = Writer(name)
        rows = []
        for number in range(count):
            words = write.sentence().lower().split()
            if number % 10 < 3:
                words = [*words[1:-1], words[0], "."]
            rows.append(["ow25", int(number % 10 >= 3), "*" if number % 10 < 3 else "", " ".join(words)])
        lines(f"cola/{name}.tsv", rows)


def feelings() -> None:
    names = ["sadness", "joy", "love", "anger", "fear", "surprise"]
    shared = [(f"i feel {feeling} about the {thing}", feeling) for feeling, thing in zip(names, THINGS, strict=False)]
    for part, count in (("train", 160), ("val", 60), ("test", 60)):
        write = Writer(part)
        rows = [(f"i feel {write.one(names)} when {write.sentence()[:-2].lower()}", name) for name in names * 30][
            :count
        ]
        lines(f"emotion/{part}.txt", [*rows, *(shared if part != "val" else ())], between=";")


def films() -> None:
    for part in ("train", "test"):
        write, rows = Writer(part), []
        for number in range(60):
            label = ("neg", "pos")[number % 2]
            told = ", ".join(write.opinion((BAD, GOOD)[number % 2]).strip() for _ in range(3))
            rows.append([f'It is {told}.<br /><br />"{plain(write.sentence())}"', label, f"{number}_{number % 10}"])
        table(f"imdb/imdb_{part}.csv.gz", [["text", "label", "id"], *rows])


def glue() -> None:
    for part, count in (("train", 120), ("dev", 40)):
        write = Writer(f"sst {part}")
        lines(
            f"glue/SST-2/{part}.tsv",
            [("sentence", "label"), *((write.opinion((BAD, GOOD)[i % 2]), i % 2) for i in range(count))],
        )
    write = Writer("sst test")
    lines("glue/SST-2/test.tsv", [("index", "sentence"), *((i, write.opinion(GOOD + BAD)) for i in range(40))])
    paraphrases()
    similarity()
    entailment()


def paraphrases() -> None:
    def pairs(seed: str, count: int) -> list[tuple[object, ...]]:
        write, rows = Writer(seed), []
        for number in range(count):
            first, same = write.sentence(), number % 3 > 0
            second = f'" {first[:-2]} , " {write.one(PEOPLE)} said .' if same else write.sentence()
            rows.append((int(same), 700_000 + 7 * number, 900_000 + 11 * number, first, second))
        return rows

    header = ("Quality", "#1 ID", "#2 ID", "#1 String", "#2 String")
    for name, count in (("train.tsv", 90), ("dev.tsv", 36), ("msr_paraphrase_train.txt", 100)):
        lines(f"glue/MRPC/{name}", [header, *pairs(name, count)], mark=True)
    lines("glue/MRPC/msr_paraphrase_test.txt", [header, *pairs("test", 40)], mark=True)
    rows = [("index", *header[1:]), *((i, *row[1:]) for i, row in enumerate(pairs("test", 40)))]
    lines("glue/MRPC/test.tsv", rows)
    lines("glue/MRPC/dev_ids.tsv", [row[1:3] for row in pairs("dev.tsv", 36)])


def similarity() -> None:
    header = ("index", "genre", "filename", "year", "old_index", "source1", "source2", "sentence1", "sentence2")
    for part, count in (("train", 90), ("dev", 40), ("test", 40)):
        write, rows = Writer(f"sts {part}"), []
        for number in range(count):
            first, score = plain(write.sentence()), write.chance.randrange(0, 26) / 5
            second = first.replace("the ", "a ", 1) if score > 3 else plain(write.sentence())
            about = (number, "main-captions", "OWNvid", "2012test", f"{number:04}", "none", "none", first, second)
            rows.append((*about, f"{score:.3f}") if part != "test" else about)
        lines(f"glue/STS-B/{part}.tsv", [(*header, "score") if part != "test" else header, *rows])
    write = Writer("sts original")
    rows = [
        ("main-captions", "OWNvid", "2012test", f"{number:04}", f"{number % 6}", plain(write.sentence()),
         plain(write.sentence()), *([f"from {write.one(PLACES)}", f"by {write.one(PEOPLE)}"] if number >= 30 else []))
        for number in range(40)
    ]  # fmt: skip
    lines("glue/STS-B/original/sts-test.tsv", rows)


def entailment() -> None:
    for part, count in (("train", 80), ("dev", 30), ("test", 40)):
        write, rows = Writer(f"rte {part}"), []
        for number in range(count):
            long = plain(write.sentence()) + f' "{plain(write.sentence())}", it was said.'
            short = long.split(".")[0] + "." if number % 2 else plain(write.sentence())
            row = (number, long, short)
            rows.append(row if part == "test" else (*row, "entailment" if number % 2 else "not_entailment"))
        lines(
            f"glue/RTE/{part}.tsv", [("index", "sentence1", "sentence2", *(["label"] if part != "test" else [])), *rows]
        )


def chinese() -> None:
    what, good, bad = (
        ["房间", "早餐", "服务", "位置", "前台", "浴室"],
        ["很好", "干净", "方便", "满意"],
        ["太差", "很吵", "太小", "失望"],
    )
    for part, count in (("train", 80), ("dev", 40), ("test", 40)):
        chance = random.Random(f"hotel {part}")
        rows = [
            (
                i % 2,
                "，".join(chance.choice(what) + chance.choice((bad, good)[i % 2]) for _ in range(4)) + f"。{i}号房。",
            )
            for i in range(count)
        ]
        lines(f"chnsenticorp/{part}.tsv", [("label", "text_a"), *rows])
    signs = [chr(code) for code in range(0x4E00, 0x4E00 + 150)]
    lines("chinese_vocab/vocab.txt", [[each] for each in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", '"', *signs)])


def intents() -> None:
    names = [
        f"{thing}_{deed}" for thing in ("card", "transfer", "cash", "pin") for deed in ("late", "lost", "fee", "limit")
    ]
    for part, count in (("train", 10), ("test", 4)):
        write, rows = Writer(f"intents {part}"), []
        for name in names:
            thing, deed = name.split("_")
            for _ in range(count):
                asked = f'Why is there "{deed}" with my {thing}, {write.one(PEOPLE)}? {plain(write.sentence())}'
                rows.append((asked, name))
        table(f"banking77/{part}.csv", [("text", "category"), *rows])


def messages() -> None:
    write, rows = Writer("sms"), []
    for number in range(1_200):  # broken lines are joined only in a long file
        if number % 8 == 5:
            rows.append(("spam", f"WIN £{number}00 now! Call 0900{number:04}. {plain(write.sentence())} T&C's apply"))
        else:
            rows.append(("ham", f'{plain(write.sentence())} ok lor... "soon" {write.one(PEOPLE)} isn\'t in'))
    rows[4] = ("ham", "No idea when he comes, he lives far away\nre though")
    lines("sms_spam/SMSSpamCollection", rows)


def endings() -> None:
    write = Writer("endings")
    rows = [
        ("o", f"{write.one(PEOPLE)} stood before the {write.one(THINGS)} {write.one(TIMES)}. {write.one(PEOPLE)}",
         *(f"{write.one(DEEDS)} {write.sentence().split(' ', 2)[2][:-2]}." for _ in range(4)), number % 4)
        for number in range(80)
    ]  # fmt: skip
    lines("codah/full_data.tsv", rows)
    blanks = [(f"{write.one(PEOPLE)} lives in the old [MASK] of {place}.", "town|house|part") for place in PLACES]
    lines("cloze_dev.tsv", [("prompt", "accepted"), *blanks])


def entities() -> None:
    for part, count in (("train", 150), ("valid", 60), ("test", 60)):
        write, sentences = Writer(f"conll {part}"), []
        for number in range(count):
            person, place = write.one(PEOPLE), write.one(PLACES)
            words = [(person, "B-PER"), ("Miller", "I-PER"), ("of", "O"), ("the", "O"), ("Harbour", "B-ORG")]
            words += [("Board", "I-ORG"), ("told", "O"), ("the", "O"), ("Old", "B-MISC"), ("Danish", "I-MISC")]
            words += [("press", "O"), ("in", "O"), ("New", "B-LOC"), (place, "I-LOC"), (".", "O")]
            if number % 5 == 4:
                words = [(place.upper(), "B-LOC"), (f"1996-08-{1 + number % 28:02}", "O")]
            sentences.append([*((word, tag, "0") for word, tag in words), ()])
        lines(f"conll2003/{part}.txt", [row for sentence in sentences for row in sentence], between=" ")


def questions() -> None:
    for part in ("dev", "test"):
        write, articles = Writer(f"squad {part}"), []
        for number in range(4):
            paragraphs = []
            for _ in range(3):
                told = [plain(write.sentence()) for _ in range(12)]
                context, asked = " ".join(told), []
                for sentence in told[::4]:
                    who, deed, _, _, thing = sentence.split()[:5]
                    start = context.index(sentence)
                    found = [{"text": who, "answer_start": start}] * 3
                    longer = (f"{who} {deed}", f"{who} {deed} the")
                    found = [*found, *({"text": each, "answer_start": start} for each in longer)][: 3 + len(asked)]
                    ident = f"{part}{number}{len(paragraphs)}{len(asked)}"
                    asked.append({"answers": found, "question": f"Who {deed} a “{thing}”?", "id": ident})
                paragraphs.append({"context": context, "qas": asked})
            articles.append({"title": f"The_{THINGS[number].title()}", "paragraphs": paragraphs})
        content = json.dumps({"data": articles, "version": "1.1"})
        save(f"squad11/{part}-v1.1.bloomsbury_half.json", content.encode())


def corpora() -> None:
    for name, count in (("novels_en", 90), ("wiki_en", 120)):
        write = Writer(name)
        text = "".join(f"{' '.join(plain(write.sentence()) for _ in range(3))}\n" for _ in range(count))
        save(f"corpus/{name}.txt.gz", text.encode())


if __name__ == "__main__":
    for make in (
        tweets, acceptable, feelings, films, glue, chinese, intents, messages, endings, entities, questions, corpora
    ):  # fmt: skip
        make()
