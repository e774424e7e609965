"""Names of the free functions that a C++ header declares. No parser: enough for headers in this repository's style."""

import re

NOISE = re.compile(r'//[^\n]*|/\*.*?\*/|^\s*#(?:[^\n\\]|\\.|\\\n)*', re.MULTILINE | re.DOTALL)
LITERAL = re.compile(r'R"\(.*?\)"|"(?:[^"\\\n]|\\.)*"|' r"'(?:[^'\\\n]|\\.)*'", re.DOTALL)
# A name in front of the first parenthesis of a declaration, with a type in front of it.
FUNCTION = re.compile(r'^(?P<type>[^()=]*[\s&*>])(?P<name>[a-z_][A-Za-z0-9_]*)\s*\(')
NO_FUNCTION = re.compile(r'^(?:using|struct|class|enum|union|typedef|static_assert|extern|friend|requires)\b')
TEMPLATE = re.compile(r'^template\s*<')


def without_template(statement):
    """A declaration without the template<...> and [[attributes]] in front of it."""
    statement = statement.strip()
    while True:
        if TEMPLATE.match(statement):
            depth = 0
            for at, char in enumerate(statement):
                depth += (char == "<") - (char == ">")
                if char == ">" and depth == 0:
                    statement = statement[at + 1:].strip()
                    break
            else:
                return ""
        elif statement.startswith("[["):
            statement = statement.partition("]]")[2].strip()
        else:
            return statement


def function_of(statement):
    """The function that a statement at namespace level declares, or None."""
    statement = without_template(statement)
    found = None if NO_FUNCTION.match(statement) else FUNCTION.match(statement)
    return found["name"] if found and "operator" not in found["type"] else None


def free_functions(header):
    """The names of the functions that a header's text declares or defines outside classes."""
    text = LITERAL.sub('""', NOISE.sub("", header))
    names, statement, inside = set(), "", []  # inside: whether each open brace belongs to a namespace
    for char in text:
        if not all(inside):
            if char in "{}":
                inside.append(False) if char == "{" else inside.pop()
                if all(inside):
                    statement = ""
            continue
        if char in "{;}":
            name = function_of(statement)
            if name:
                names.add(name)
            if char == "{":
                inside.append(re.match(r'\s*(?:inline\s+)?namespace\b', statement) is not None)
            elif char == "}" and inside:
                inside.pop()
            statement = ""
        else:
            statement += char
    return names
