"""The one-line faults that can be put into a module: boundaries, signs, constants, conditions, arguments, lost lines.

Annotations, decorators, texts and `strict=` are left alone: a fault there changes no behaviour, or only a message.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
"""Another boundary, and the opposite."""
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
NAMES = {
    **dict(pair for one in [("min", "max"), ("any", "all"), ("argmin", "argmax")] for pair in (one, one[::-1])),
    **dict(pair for one in [("minimum", "maximum"), ("floor", "ceil")] for pair in (one, one[::-1])),
    "reversed": "list",
    "sorted": "list",
    "abs": "float",
    "round": "max",
}
OPTIONS = {"key", "reverse", "default", "initial", "side", "axis", "start"}
"""Keywords that are left out."""
SYMMETRIC = {
    "min",
    "max",
    "minimum",
    "maximum",
    "isinstance",
    "getattr",
    "hasattr",
    "cast",
    "logical_or",
    "logical_and",
}
"""Functions whose arguments are not swapped: that does nothing, or cannot run."""
SMALL = 20
"""Whole numbers up to this are moved by one; all others are halved and doubled, as a threshold that is off by a
millisecond is nobody's fault."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Put `new` where `field` (and, in a list, `at`) of `parent` is; lines: of the statement, or of all tests' import.

    local: it lies inside a function, so only tests that execute one of its lines can notice.
    """

    parent: ast.AST
    field: str
    at: int | None
    new: ast.AST | None
    lines: range
    local: bool

    @property
    def old(self) -> Any:
        place = getattr(self.parent, self.field)
        return place if self.at is None else place[self.at]

    @property
    def place(self) -> str:
        """line:column, both from 1."""
        return f"{self.lines.start}:{getattr(self.old, 'col_offset', 0) + 1}"

    def apply(self) -> None:
        """Change the tree that it was found in, for good."""
        if self.at is None:
            setattr(self.parent, self.field, self.new)
        else:
            getattr(self.parent, self.field)[self.at] = self.new

    def __str__(self) -> str:
        return f"{_text(self.old)}  ->  {_text(self.new)}"


def faults(tree: ast.Module) -> list[Fault]:
    """Every fault of a module, in the order of its lines."""
    return list(_walk(tree, range(0), False))


def _walk(node: ast.AST, lines: range, local: bool) -> Iterator[Fault]:
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        for at, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST) or _left_alone(child):
                continue
            here = _lines(child, lines)
            inside = local or (isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and field == "body")
            for new in _instead(child, node, field, inside):
                yield Fault(node, field, at, new, here, inside)
            compound = isinstance(child, ast.stmt) and hasattr(child, "body")
            yield from _walk(child, range(0) if compound else here, inside)


def _left_alone(node: ast.AST) -> bool:
    match node:
        case ast.Expr(ast.Constant()) | ast.JoinedStr() | ast.Import() | ast.ImportFrom():
            return True
        case ast.Raise() | ast.keyword(arg="strict" | "dtype"):
            return True
        case ast.If(ast.Name("TYPE_CHECKING")):
            return True
    return False


def _lines(node: ast.AST, around: range) -> range:
    """The lines of a simple statement, of a compound one the first, of a condition in its head all."""
    if isinstance(node, ast.stmt) and hasattr(node, "body"):
        return range(node.lineno, node.lineno + 1)
    if isinstance(node, ast.stmt) or (isinstance(node, ast.expr) and not around):
        return range(node.lineno, (node.end_lineno or node.lineno) + 1)
    return around


def _instead(node: ast.AST, parent: ast.AST, field: str, inside: bool) -> Iterator[ast.AST | None]:
    """What may stand in place of a node."""
    yield from _conditions(node, parent, field)
    yield from _statements(node, inside)
    match node:
        case ast.Compare():
            for at, op in enumerate(node.ops):
                for other in COMPARISONS[type(op)]:
                    yield ast.Compare(node.left, [*node.ops[:at], other(), *node.ops[at + 1 :]], node.comparators)
        case ast.BoolOp():
            yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        case ast.BinOp() if type(node.op) in OPERATORS and not _type_union(node):
            yield ast.BinOp(node.left, OPERATORS[type(node.op)](), node.right)
        case ast.UnaryOp():
            yield node.operand
        case ast.Constant():
            yield from _constants(node.value)
        case ast.Slice():
            for bound in ("lower", "upper"):
                yield from _bounds(node, bound)
        case ast.Call():
            yield from _calls(node)
        case ast.Name(id=name) if name in NAMES:
            yield ast.Name(NAMES[name], node.ctx)
        case ast.Attribute(attr=name) if name in NAMES:
            yield ast.Attribute(node.value, NAMES[name], node.ctx)


def _conditions(node: ast.AST, parent: ast.AST, field: str) -> Iterator[ast.AST]:
    if (field == "test" or (field == "ifs" and isinstance(parent, ast.comprehension))) and isinstance(node, ast.expr):
        simple = isinstance(node, ast.Compare) and len(node.ops) == 1
        if not simple and not isinstance(node, ast.UnaryOp) and not isinstance(parent, ast.Assert):
            yield ast.UnaryOp(ast.Not(), node)


def _statements(node: ast.AST, inside: bool) -> Iterator[ast.AST]:
    match node:
        case ast.Return(ast.expr() as value) if not isinstance(value, ast.Constant):
            yield ast.Return(ast.Constant(None))
        case ast.AugAssign():
            yield ast.Pass()
            if type(node.op) in OPERATORS:
                yield ast.AugAssign(node.target, OPERATORS[type(node.op)](), node.value)
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript() | ast.Tuple([ast.Attribute(), *_])]) if inside:
            yield ast.Pass()
        case ast.Expr() | ast.Delete() if inside:
            yield ast.Pass()
        case ast.Continue():
            yield ast.Break()
        case ast.Break():
            yield ast.Pass()
        case ast.If(body=[ast.Raise()]):
            yield ast.Pass()


def _constants(value: object) -> Iterator[ast.AST]:
    match value:
        case bool():
            yield ast.Constant(not value)
        case int() if abs(value) <= SMALL:
            yield ast.Constant(value + 1)
            yield ast.Constant(value - 1)
        case int():
            yield ast.Constant(value * 2)
            yield ast.Constant(value // 2)
        case float() if value:
            yield ast.Constant(value * 2)
            yield ast.Constant(value / 2)
        case float():
            yield ast.Constant(1.0)
        case "left" | "right":
            yield ast.Constant("right" if value == "left" else "left")


def _bounds(node: ast.Slice, bound: str) -> Iterator[ast.AST]:
    value = getattr(node, bound)
    if value is not None:
        both: dict[str, Any] = {"lower": node.lower, "upper": node.upper, "step": node.step}
        yield ast.Slice(**{**both, bound: None})
        if not isinstance(value, ast.Constant):
            yield ast.Slice(**{**both, bound: ast.BinOp(value, ast.Add(), ast.Constant(1))})


def _calls(node: ast.Call) -> Iterator[ast.AST]:
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    if name not in SYMMETRIC:
        for at, (one, other) in enumerate(zip(node.args[:-1], node.args[1:], strict=True)):
            if (
                not isinstance(one, ast.Starred)
                and not isinstance(other, ast.Starred)
                and ast.dump(one) != ast.dump(other)
            ):
                yield ast.Call(node.func, [*node.args[:at], other, one, *node.args[at + 2 :]], node.keywords)
    for at, keyword in enumerate(node.keywords):
        if keyword.arg in OPTIONS:
            yield ast.Call(node.func, node.args, [*node.keywords[:at], *node.keywords[at + 1 :]])
    if name == "copy" and isinstance(node.func, ast.Attribute) and not node.args:
        yield node.func.value


def _type_union(node: ast.BinOp) -> bool:
    """`int | None`, `Turn | Withdrawn`: names of types, in upper case or built in."""
    if not isinstance(node.op, ast.BitOr):
        return False
    sides = [node.left, node.right]
    return any(
        (isinstance(side, ast.Constant) and side.value is None)
        or getattr(side, "attr", getattr(side, "id", "x"))[0].isupper()
        for side in sides
    )


def _text(node: object) -> str:
    return " ".join(ast.unparse(node).split()) if isinstance(node, ast.AST) else "nothing"
