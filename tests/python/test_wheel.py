"""What must hold of the package wherever it is installed: its types, and that the library is the package's own."""

import ast
import inspect
import pathlib

import sinkscope as ss
from sinkscope import _core

PACKAGE = pathlib.Path(ss.__file__).parent


def test_type_stubs_say_what_the_extension_has():
    stub = ast.parse((PACKAGE / "_core.pyi").read_text(encoding="utf-8"))
    assert (PACKAGE / "py.typed").exists()
    named = {node.name: node for node in stub.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    ours = {name for name in dir(_core) if not name.startswith("_")}
    values = {target.id for node in stub.body if isinstance(node, (ast.Assign, ast.AnnAssign))
              for target in ([node.target] if isinstance(node, ast.AnnAssign) else node.targets)
              if isinstance(target, ast.Name)}
    assert ours <= set(named) | values, ours - set(named) - values
    for name, node in named.items():
        if isinstance(node, ast.ClassDef) and name in ours:
            members = {member.name for member in node.body if isinstance(member, ast.FunctionDef)}
            members |= {member.target.id for member in node.body if isinstance(member, ast.AnnAssign)}
            public = {member for member in vars(getattr(_core, name)) if not member.startswith("_")}
            assert public <= members | {"args", "code", "with_traceback", "add_note"}, (name, public - members)


def test_every_public_thing_says_what_it_is():
    for name in ss.__all__:
        if name == "__version__":
            continue
        thing = getattr(ss, name)
        assert inspect.getdoc(thing), name
        for member, value in vars(thing).items() if inspect.isclass(thing) else ():
            if callable(value) and not member.startswith("_") and member not in ("n_layers",):
                assert inspect.getdoc(value), f"{name}.{member}"
