"""Single-token mutants of C++ sources: what `./dev mutate` compiles and lets the tests find.

A mutant changes one token of the code proper: no comment, no string, no preprocessor line. Whether it compiles is left to
the compiler.
"""

import dataclasses
import re

# Binary operators stand between blanks in formatted code; references, pointers and templates do not.
OPERATORS = {
    "<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "&&": "||", "||": "&&", "+": "-", "-": "+",
    "*": "/", "/": "*", "+=": "-=", "-=": "+=", "*=": "/=", "/=": "*=", "%": "/",
}
WORDS = {"true": "false", "false": "true", "min": "max", "max": "min", "break": "continue", "continue": "break",
         "any_of": "all_of", "all_of": "any_of", "none_of": "any_of"}

_SKIPPED = re.compile(
    r"""//[^\n]*|/\*.*?\*/|R"([^()\\\s]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])+'|^[ \t]*\#[^\n]*""",
    re.DOTALL | re.MULTILINE)
_OPERATOR = re.compile(r"(?<= )(" + "|".join(map(re.escape, sorted(OPERATORS, key=len, reverse=True))) + r")(?= )")
_WORD = re.compile(r"\b(" + "|".join(WORDS) + r")\b")
_STEP = re.compile(r"\+\+|--")
_NOT = re.compile(r"(?<![\w\])])!(?=[\w(*])")
_NUMBER = re.compile(r"(?<![\w.'])(\d+)(?![\w.'])")
_PATTERNS = (
    (_OPERATOR, lambda token: OPERATORS[token]),
    (_WORD, lambda token: WORDS[token]),
    (_STEP, lambda token: "--" if token == "++" else "++"),
    (_NOT, lambda token: ""),
    (_NUMBER, lambda token: str(int(token) + 1)),
)


@dataclasses.dataclass(frozen=True, order=True)
class Mutant:
    file: str
    offset: int
    line: int
    before: str
    after: str

    def __str__(self):
        return f"{self.file}:{self.line}: '{self.before}' -> '{self.after}'"

    def of(self, text):
        """The file's text with the one token changed."""
        end = self.offset + len(self.before)
        if text[self.offset:end] != self.before:
            raise ValueError(f"{self}: the text is another one")
        return text[:self.offset] + self.after + text[end:]


def _blanked(text):
    """The text with what is no code made blank, every character at its place."""
    return _SKIPPED.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)


def mutants_of(file, text):
    """All mutants of a file, in the order of their places."""
    code = _blanked(text)
    found = []
    for pattern, other in _PATTERNS:
        for match in pattern.finditer(code):
            line = code.count("\n", 0, match.start()) + 1
            found.append(Mutant(file, match.start(), line, match.group(), other(match.group())))
    return sorted(found)
