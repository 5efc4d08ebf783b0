"""Select texts for the sentence encoder from Debian's fortunes.

    python3 texts.py /usr/share/games/fortunes DIRECTORY

Writes four files with one text in each line, white space collapsed:

    fit.txt      3600 short quotations (15 ... 160 characters), to fit to
    score.txt    1200 others, to judge by
    more.txt     all other short quotations, for refining and tuning
    check.txt    50 sentences for the comparison with the reference, unusual ones among them

Needs only the standard library. Quotations with the same letters are taken once. A hash of the text
decides which file it goes to, so the result does not depend on the order of files.
"""

import hashlib
import os
import sys

FIT, SCORE, ORDINARY = 3600, 1200, 36
LEAST, MOST = 15, 160

ODD = [
    "",
    "a",
    "?",
    "WHY IS EVERYBODY SHOUTING? PLEASE STOP IT AT ONCE!",
    "na\u00efve caf\u00e9 \u00e0 la cr\u00e8me, \u00fcber stra\u00dfe",
    "e\u0301 is a letter and a mark; \ufb01ne \u2460 \uff21\uff22\uff23 \u00bd are to be normalised",
    "\u65e5\u672c\u8a9e\u306e\u6587\u7ae0\u3067\u3059\u3002 \ud55c\uad6d\uc5b4",
    "party \U0001f389\U0001f389 time \U0001f600!",
    "a   b    c  and  a trailing space ",
    "under_scores, e-mail@example.org, http://example.org/x?y=1&z=2 :-) :(",
    "\u2581 is the mark of a space, and <s> </s> are reserved",
    "3.14159265358979 + 2,718,281,828 = 0x1F @ 100% #hash $5",
    "antidisestablishmentarianism and pneumonoultramicroscopicsilicovolcanoconiosis",
    " ".join(["One sentence that goes on, and on, well beyond what the encoder looks at."] * 12),
]


def quotations(directory):
    seen = set()
    for name in sorted(os.listdir(directory)):
        if "." in name or name == "ascii-art":
            continue
        with open(os.path.join(directory, name), encoding="utf-8") as file:
            for text in ("\n" + file.read()).split("\n%\n"):
                text = " ".join(text.split())
                letters = "".join(filter(str.isalnum, text.lower()))
                if LEAST <= len(text) <= MOST and letters not in seen:
                    seen.add(letters)
                    yield text


def write(directory, name, lines):
    with open(os.path.join(directory, name), "w", encoding="utf-8", newline="\n") as file:
        file.writelines(line + "\n" for line in lines)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    source, directory = sys.argv[1:]
    texts = sorted(quotations(source), key=lambda text: hashlib.sha256(text.encode()).digest())
    if len(texts) < FIT + SCORE + ORDINARY:
        sys.exit("%s has only %d short quotations" % (source, len(texts)))
    write(directory, "fit.txt", texts[:FIT])
    write(directory, "score.txt", texts[FIT:FIT + SCORE])
    write(directory, "more.txt", texts[FIT + SCORE:-ORDINARY])
    write(directory, "check.txt", ODD + texts[-ORDINARY:])


main()
