# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is changed: every mutant of a file, with a name that does not depend on line numbers."""

from __future__ import annotations

import ast
import dataclasses
import types
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
CALLS = {"any": "all", "all": "any", "min": "max", "max": "min", "sorted": "list", "startswith": "endswith"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One change: the file, the function by its qualified name, the line, and the text before and after."""

    path: str
    function: str
    line: int
    before: str
    after: str
    ordinal: int
    node: ast.AST = dataclasses.field(repr=False, compare=False)
    changed: ast.AST = dataclasses.field(repr=False, compare=False)
    tree: ast.Module = dataclasses.field(repr=False, compare=False)
    """The function alone, in its class where it has one."""

    @property
    def name(self) -> str:
        """Name the mutant so that the name stays when lines move."""
        again = f" #{self.ordinal}" if self.ordinal > 1 else ""
        return f"{self.path} {self.function}: {self.before} -> {self.after}{again}"

    def code(self, file: str) -> types.CodeType:
        """Compile the changed function."""
        place = ast.copy_location(self.changed, self.node)
        _Exchange(self.node, place).visit(self.tree)
        try:
            ast.fix_missing_locations(self.tree)
            return function_codes(compile(self.tree, file, "exec"))[self.function]
        finally:
            _Exchange(place, self.node).visit(self.tree)


class _Exchange(ast.NodeTransformer):
    """Put one node of a tree into the place of another."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old = old
        self.new = new

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.old else self.generic_visit(node)


def function_codes(code: types.CodeType) -> dict[str, types.CodeType]:
    """Give the code objects of all functions of a module that can be reached by name, by qualified name."""
    found: dict[str, types.CodeType] = {}
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            if "<" not in constant.co_qualname:
                found.setdefault(constant.co_qualname, constant)
            found.update({name: inner for name, inner in function_codes(constant).items() if name not in found})
    return found


def mutants(path: Path, shown: str) -> list[Mutant]:
    """Give every mutant of a file, in the order of the file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    seen: Counter[tuple[str, str, str]] = Counter()
    found = []
    for qualified, function in functions(tree):
        alone = by_itself(qualified, function)
        for node, changed in changes(function):
            before, after = text(node), text(changed)
            seen[qualified, before, after] += 1
            line: int = getattr(node, "lineno", function.lineno)
            again = seen[qualified, before, after]
            found.append(Mutant(shown, qualified, line, before, after, again, node, changed, alone))
    return found


def by_itself(qualified: str, function: Function) -> ast.Module:
    """Give a module that holds one function: to compile a whole file for each mutant would take ten times as long."""
    body: ast.stmt = function
    if "." in qualified:
        body = ast.ClassDef(qualified.partition(".")[0], bases=[], keywords=[], body=[function], decorator_list=[])
    annotations = ast.ImportFrom("__future__", [ast.alias("annotations")], 0)
    return ast.fix_missing_locations(ast.Module([annotations, body], type_ignores=[]))


def functions(tree: ast.Module) -> Iterator[tuple[str, Function]]:
    """Give the functions of a module and of its classes; what is defined inside a function belongs to that one."""
    for node in tree.body:
        if isinstance(node, Function):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, Function) and inner.name != "__repr__":
                    yield f"{node.name}.{inner.name}", inner


def text(node: ast.AST) -> str:
    """Write a piece of code in one line that is not too long for a table."""
    written = " ".join(ast.unparse(node).split())
    return written if len(written) <= 100 else f"{written[:70]} ... {written[-25:]}"


def changes(function: Function) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Give pairs of a node of a function and what it becomes.

    Left alone: annotations, defaults and decorators, which have had their effect when a test begins; docstrings; broken
    contracts (AssertionError), which no caller causes; and texts, whose wording is nobody's decision.
    """
    for statement in function.body:
        yield from _within(statement)


def _within(node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    if _left_alone(node):
        return
    yield from _of(node)
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "args") and not isinstance(node, ast.Call):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _within(child)


def _left_alone(node: ast.AST) -> bool:
    if isinstance(node, ast.Expr):
        if isinstance(node.value, ast.Constant):
            return True
        return isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == "require_cryptography"
    if isinstance(node, ast.If) and len(node.body) == 1:
        return _left_alone(node.body[0]) and not node.orelse
    return isinstance(node, ast.Raise) and ast.unparse(node).startswith("raise AssertionError")


def _of(node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    if isinstance(node, ast.Compare):
        for index, operator in enumerate(node.ops):
            ops = [*node.ops]
            ops[index] = COMPARISONS[type(operator)]()
            yield node, ast.Compare(node.left, ops, node.comparators)
    elif isinstance(node, ast.BoolOp):
        yield node, ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        # Each side alone must make a difference.
        for index in range(len(node.values)):
            rest = [value for number, value in enumerate(node.values) if number != index]
            yield node, rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node, node.operand
    elif isinstance(node, ast.BinOp) and type(node.op) in OPERATORS and not _is_text(node):
        yield node, ast.BinOp(node.left, OPERATORS[type(node.op)](), node.right)
    elif isinstance(node, ast.Constant):
        yield from _of_constant(node)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
        yield node, ast.Call(ast.Name(CALLS[node.func.id], ast.Load()), node.args, _kept(node))
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CALLS:
        func = ast.Attribute(node.func.value, CALLS[node.func.attr], ast.Load())
        yield node, ast.Call(func, node.args, node.keywords)
    elif isinstance(node, ast.If | ast.IfExp | ast.While):
        if isinstance(node.test, ast.Name | ast.Attribute | ast.Call):
            yield node.test, ast.UnaryOp(ast.Not(), node.test)
    elif isinstance(node, ast.comprehension):
        for condition in node.ifs:
            yield condition, ast.Constant(True)
    elif isinstance(node, ast.stmt):
        yield from _of_statement(node)


def _of_constant(node: ast.Constant) -> Iterator[tuple[ast.AST, ast.AST]]:
    if isinstance(node.value, bool):
        yield node, ast.Constant(not node.value)
    elif isinstance(node.value, int):
        yield node, ast.Constant(node.value + 1)


def _of_statement(node: ast.stmt) -> Iterator[tuple[ast.AST, ast.AST]]:
    if isinstance(node, ast.Expr | ast.Raise | ast.AugAssign | ast.Delete):
        yield node, ast.Pass()
    elif isinstance(node, ast.Continue):
        yield node, ast.Break()
    elif isinstance(node, ast.Break):
        yield node, ast.Continue()
    elif isinstance(node, ast.Return) and node.value is not None and not isinstance(node.value, ast.Constant):
        yield node, ast.Return(ast.Constant(None))


def _kept(node: ast.Call) -> list[ast.keyword]:
    return [] if isinstance(node.func, ast.Name) and node.func.id == "sorted" else node.keywords


def _is_text(node: ast.BinOp) -> bool:
    """Say whether something is put together as a text, which another operator would only break."""
    return any(
        isinstance(side, ast.JoinedStr) or (isinstance(side, ast.Constant) and isinstance(side.value, str))
        for side in (node.left, node.right)
    )
