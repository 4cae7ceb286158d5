#!/usr/bin/env python3
"""People who ask how words are said, and say whether the answer was right: words of the dictionary that neither training
nor the first tuning has seen (the test split), as traffic for g2p_serve.

    traffic.py --data g2p.data --url http://127.0.0.1:8480 --mix everyday --rate 300 --words 10000
    traffic.py --data g2p.data --write recent.words --mix everyday      # validation words of the mix, for g2p_judge

What is asked: `everyday` words are those that the language model of pocketsphinx knows; `names` it does not know: most
are family names; `long` words have ten letters or more. A mix is one of them, or `names+long`, half each. Sending SIGUSR1
changes to the mix of --later: the drift.
"""
import argparse
import http.client
import json
import random
import re
import signal
import sys
import time
import urllib.parse

MODEL = "/usr/share/pocketsphinx/model/en-us/en-us.lm.bin"
LONG = 10


def known_words(path):
    """The vocabulary at the end of the language model, words that end with a zero."""
    with open(path, "rb") as file:
        return {word.decode() for word in re.findall(rb"([a-z]+)\0", file.read())}


def held_out(path, split):
    """(word, pronunciations as PH+PH|PH+PH) of a split of g2p_prep's output: v or x."""
    with open(path, encoding="ascii") as lines:
        return [tuple(line.split()[1:3]) for line in lines if line.startswith(split + " ")]


class Mixes:
    def __init__(self, words, known):
        of = {"everyday": [w for w in words if w[0] in known], "names": [w for w in words if w[0] not in known],
              "long": [w for w in words if len(w[0]) >= LONG]}
        self._of = of

    def pools(self, mix):
        return [self._of[name] for name in mix.split("+")]

    def draw(self, mix, rng):
        return rng.choice(rng.choice(self.pools(mix)))


def write_words(args, mixes):
    with open(args.data, encoding="ascii") as lines, open(args.write, "w", encoding="ascii") as out:
        out.writelines(line for line in lines if line.startswith(("g2p ", "class ")))
        for pool in mixes.pools(args.mix):
            out.writelines(f"v {word} {phones}\n" for word, phones in pool)


class Person:
    """Asks over one connection, which is made again when it is gone."""

    def __init__(self, url):
        self._at = urllib.parse.urlsplit(url).netloc
        self._connection = None

    def call(self, method, path, body=None):
        if not self._connection:
            self._connection = http.client.HTTPConnection(self._at, timeout=10)
        try:
            self._connection.request(method, path, body)
            with self._connection.getresponse() as answer:
                return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            self._connection = None
            return 0, b""

    def ask(self, unit, word, phones):
        """None: nobody answered. Else what was answered, and whether it was right."""
        status, body = self.call("GET", "/say?" + urllib.parse.urlencode({"word": word, "unit": unit}))
        if status != 200:
            return None
        answer = json.loads(body)
        right = answer["phones"] in phones.replace("+", " ").split("|")
        says = phones.replace("+", " ")
        status, _ = self.call("POST", "/feedback", json.dumps({"id": answer["id"], "right": right, "says": says}))
        return (answer, right) if status == 204 else None


class Rate:
    """So many a second, made up for when it was slower; no more than a second's worth."""

    def __init__(self, rate):
        self._step, self._next = 1 / rate, time.monotonic()

    def wait(self):
        now = time.monotonic()
        self._next = max(self._next + self._step, now - 1)
        if self._next > now:
            time.sleep(self._next - now)


def send(args, mixes):
    mix, ended = [args.mix], []
    signal.signal(signal.SIGUSR1, lambda *_: mix.__setitem__(0, args.later))
    for end in signal.SIGTERM, signal.SIGINT:
        signal.signal(end, lambda *_: ended.append(True))
    rng, person, rate = random.Random(args.seed), Person(args.url), Rate(args.rate)
    name, n, right, tokens = f"{int(time.time())}-{args.seed}", 0, 0, 0.0
    while not ended and n < args.words:
        rate.wait()
        answered = person.ask(f"user-{name}-{n}", *mixes.draw(mix[0], rng))
        if answered is None:
            time.sleep(0.2)
            continue
        n, right, tokens = n + 1, right + answered[1], tokens + answered[0]["tokens"]
    print(json.dumps({"asked": n, "em": right / max(n, 1), "tokens": tokens / max(n, 1)}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="output of g2p_prep")
    parser.add_argument("--model", default=MODEL, help="the language model whose vocabulary is everyday")
    parser.add_argument("--mix", default="everyday", help="everyday, names, long, names+long")
    parser.add_argument("--later", default="names+long", help="the mix after SIGUSR1")
    parser.add_argument("--url", help="of g2p_serve")
    parser.add_argument("--rate", type=float, default=300, help="words a second")
    parser.add_argument("--words", type=int, default=10**12, help="that are asked, before it ends (default: no end)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", help="write validation words of the mix into this file, and do nothing else")
    args = parser.parse_args()
    if not args.url and not args.write:
        parser.error("--url says where the server is")
    mixes = Mixes(held_out(args.data, "v" if args.write else "x"), known_words(args.model))
    write_words(args, mixes) if args.write else send(args, mixes)


if __name__ == "__main__":
    sys.exit(main())
