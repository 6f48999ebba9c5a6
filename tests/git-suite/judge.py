"""Reads what a test file prints, compares two runs of it, and knows the differences that are accepted."""

import re

from prepare import die

CASE = re.compile(r"(not )?ok (\d+)(?: - (.*?))?(?: # (TODO|SKIP|skip)\b.*)?$")
SECTION = re.compile(r"\[(hooks|policy)((?: files| reftable| sha1| sha256)*)\] .+")
ENTRY = re.compile(r"\S+( (end|\d+(-\d+)?)\??)+|\S+ \*")


def read_tap(text):
    """The cases by number: `ok`, `fail`, `skip` or `todo`, and the title."""
    cases = {}
    for line in text.splitlines():
        if found := CASE.match(line):
            failed, number, title, note = found.groups()
            cases[number] = [note.lower() if note else "fail" if failed else "ok", title or ""]
    return cases


def differences(base, other):
    """The numbers of the cases that pass in base alone; `end` if they all pass and the file fails nevertheless."""
    passes = ("ok", "todo")
    found = {number for number, (state, _) in base["cases"].items()
             if state in passes and other["cases"].get(number, ["missing"])[0] not in passes}
    if not found and base["exit"] == 0 and other["exit"] != 0:
        found = {"end"}
    return found


def words(numbers):
    """`3 5-9 end` for case numbers."""
    spans = []
    for number in sorted(int(number) for number in numbers if number != "end"):
        if spans and spans[-1][1] == number - 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    named = [str(first) if first == last else f"{first}-{last}" for first, last in spans]
    return " ".join(named + ["end"] * ("end" in numbers))


def covers(case, number):
    """Whether `*`, `end`, `12`, `12-15` or one of them with `?` is or contains this number."""
    first, _, last = case.removesuffix("?").partition("-")
    if case == "*" or first == number:
        return True
    return first.isdigit() and number.isdigit() and int(first) <= int(number) <= int(last or first)


class Accepted:
    """The entries of accepted.txt for one kind of repository, each a file, a variant and a case."""

    def __init__(self, text, form):
        self.version, self.entries = None, []
        variant = applies = None
        for number, line in enumerate(text.splitlines(), 1):
            if found := SECTION.fullmatch(line):
                variant, only = found.groups()
                applies = set(only.split()) <= set(form.split("-"))
            elif line.startswith("git "):
                self.version = line.split()[1]
            # An indented line is part of the reason.
            elif line.strip() and not line.startswith(("#", " ")):
                if not variant or not ENTRY.fullmatch(line):
                    die(f"accepted.txt:{number}: cannot read `{line}`")
                file, *cases = line.split()
                self.entries += [(file, variant, case) for case in cases if applies]

    def has(self, file, variant, number):
        return any(entry[:2] == (file, variant) and covers(entry[2], number) for entry in self.entries)

    def stale(self, ran, occurs):
        """The entries for files that ran of which not every case occurred."""
        for file, variant, case in self.entries:
            if (file, variant) in ran and not case.endswith("?"):
                first, _, last = case.partition("-")
                wanted = int(last or first) - int(first) + 1 if first.isdigit() else 1
                if sum(covers(case, number) for number in occurs(file, variant)) < wanted:
                    yield file, variant, case
