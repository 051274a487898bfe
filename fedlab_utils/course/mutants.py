"""Small automatic mistakes in a solution, to see whether its check is awake.

A check that accepts a mutant would accept a student's slip of the same kind. The operators are the
usual ones of mutation testing (Offutt et al., "An experimental determination of sufficient mutant
operators", ACM TOSEM 5(2), 1996, doi:10.1145/227607.227610), plus the slips that array code
invites: another axis, arguments in the wrong order, a keyword left out.
"""

from __future__ import annotations

import ast
import copy
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fedlab_utils.course.exercise import Equivalent, Exercise
from fedlab_utils.course.judging import judge_answer
from fedlab_utils.course.registry import find_check

_COMPARISONS = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
_ARITHMETIC = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.MatMult: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
_KEPT = (ast.Return, ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Pass)
_COMMUTATIVE = {"add", "maximum", "max", "minimum", "min", "multiply", "allclose"}
_COMMUTATIVE |= {"logical_and", "logical_or", "logical_xor", "bitwise_and", "bitwise_or"}
_GUARDS = {"strict"}  # keywords that only guard against wrong input
_TINY = 1e-5  # a float below this guards a division; doubling it changes nothing


@dataclass(frozen=True)
class Mutant:
    """A changed solution: the statement before and after, and the whole source."""

    before: str
    after: str
    source: str

    def __str__(self) -> str:
        return f"- `{self.before}` -> `{self.after}`: "


def mutants(exercise: Exercise) -> list[Mutant]:
    """All mutants of the solution's region; each changes one thing."""
    tree = ast.parse(exercise.solution)
    inside = set(exercise.solution_lines)
    found: dict[str, Mutant] = {}
    for place, statement in enumerate(ast.walk(tree)):
        if not isinstance(statement, ast.stmt) or statement.lineno not in inside:
            continue
        for changed in _changed_statements(statement):
            whole = _with_statement(tree, place, changed)
            source = ast.unparse(ast.fix_missing_locations(whole))
            found.setdefault(source, Mutant(_headline(statement), _headline(changed), source))
    return list(found.values())


def surviving(exercise: Exercise, seconds: float = 2.0) -> list[Mutant]:
    """The mutants that the exercise's check accepts, declared equivalent or not."""
    check = find_check(exercise.name)
    return [m for m in mutants(exercise) if _accepted(exercise, check, m.source, seconds)]


def declared(mutant: Mutant, equivalents: tuple[Equivalent, ...]) -> bool:
    """Whether the author lists the mutant as a right answer."""
    return any((e.before, e.after) == (mutant.before, mutant.after) for e in equivalents)


def _accepted(exercise: Exercise, check: Callable, source: str, seconds: float) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return judge_answer(exercise.answer(source), check, exercise, seconds).status == "passed"


def _with_statement(tree: ast.Module, place: int, changed: ast.stmt) -> ast.Module:
    """A copy of the tree in which the node at ``place`` of ``ast.walk`` is ``changed``."""
    whole = copy.deepcopy(tree)
    old = list(ast.walk(whole))[place]
    for parent in ast.walk(whole):
        for _, value in ast.iter_fields(parent):
            if isinstance(value, list) and any(item is old for item in value):
                value[next(i for i, item in enumerate(value) if item is old)] = changed
                return whole
    raise AssertionError("every statement stands in some body")


def _changed_statements(statement: ast.stmt) -> Iterator[ast.stmt]:
    docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    if not isinstance(statement, _KEPT) and not docstring:
        yield ast.Pass()
    for place, node in enumerate(_own_nodes(statement)):
        for change in _changes(node):
            changed = copy.deepcopy(statement)
            change(_own_nodes(changed)[place])
            yield changed


def _own_nodes(statement: ast.stmt) -> list[ast.AST]:
    """The statement and its expressions, without the statements nested in it."""
    nodes: list[ast.AST] = [statement]
    for node in nodes:
        nodes += [n for n in ast.iter_child_nodes(node) if not _is_apart(n)]
    return nodes


def _is_apart(node: ast.AST) -> bool:
    """Whether a node is a statement of its own, or a keyword that only guards."""
    return isinstance(node, ast.stmt) or getattr(node, "arg", None) in _GUARDS


def _changes(node: ast.AST) -> Iterator:
    """Functions that change a node like this one in place."""
    if isinstance(node, ast.Compare):
        for i, op in enumerate(node.ops):
            for other in _COMPARISONS[type(op)]:
                yield lambda n, i=i, other=other: n.ops.__setitem__(i, other())
    elif isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in _ARITHMETIC:
        yield lambda n: setattr(n, "op", _ARITHMETIC[type(n.op)]())
    elif isinstance(node, ast.BoolOp):
        other = ast.Or if isinstance(node.op, ast.And) else ast.And
        yield lambda n: setattr(n, "op", other())
    elif isinstance(node, ast.Constant):
        for value in _other_values(node.value):
            yield lambda n, value=value: setattr(n, "value", value)
    elif isinstance(node, ast.Call):
        yield from _call_changes(node)
    yield from _negations(node)


def _other_values(value: object) -> tuple:
    if isinstance(value, bool):
        return (not value,)
    if isinstance(value, int):
        return (value + 1, value - 1)
    if isinstance(value, float) and abs(value) >= _TINY:
        return (2 * value,)
    return ()


def _call_changes(node: ast.Call) -> Iterator:
    first = node.args[:2]
    plain = len(first) == 2 and not any(isinstance(a, ast.Starred) for a in first)
    commutes = getattr(node.func, "attr", getattr(node.func, "id", "")) in _COMMUTATIVE
    if plain and not commutes and ast.dump(first[0]) != ast.dump(first[1]):
        yield lambda n: n.args.__setitem__(slice(0, 2), n.args[1::-1])
    for i, keyword in enumerate(node.keywords):
        if keyword.arg and keyword.arg not in _GUARDS:
            yield lambda n, i=i: n.keywords.pop(i)


def _negations(node: ast.AST) -> Iterator:
    """Negate a condition; undo a minus, ``not`` or ``~`` by a second one."""
    if isinstance(node, ast.UnaryOp) and not isinstance(node.op, ast.UAdd):
        yield lambda n: setattr(n, "operand", ast.UnaryOp(n.op, n.operand))
    test = getattr(node, "test", None)
    if test is not None and not _negated_elsewhere(test):
        yield lambda n: setattr(n, "test", ast.UnaryOp(ast.Not(), n.test))
    for i, condition in enumerate(getattr(node, "ifs", ())):
        if not _negated_elsewhere(condition):
            yield lambda n, i=i: n.ifs.__setitem__(i, ast.UnaryOp(ast.Not(), n.ifs[i]))


def _negated_elsewhere(condition: ast.expr) -> bool:
    """Whether another change already gives the negation."""
    if isinstance(condition, ast.Compare) and len(condition.ops) == 1:
        return len(_COMPARISONS[type(condition.ops[0])]) == 1
    return isinstance(condition, ast.UnaryOp) and isinstance(condition.op, ast.Not)


def _headline(statement: ast.stmt) -> str:
    """The statement in one line; of a compound one, its first line."""
    compound = any(isinstance(getattr(statement, name, None), list) for name in ("body", "items"))
    text = ast.unparse(statement)
    return text.splitlines()[0] if compound else " ".join(text.splitlines())
