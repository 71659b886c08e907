"""Directives: ``-- meshmigrate: <word> [arguments]`` before a file's first statement."""

from collections.abc import Iterator
from typing import Final

from meshmigrate.domain.directive import (
    Directive,
    DirectiveComment,
    Word,
    directive_comments,
    parse_duration,
)
from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.hazard import Hazard
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.script import Script, ScriptKind

_FORMS: Final = {
    Word.NO_TRANSACTION: "no-transaction",
    Word.IRREVERSIBLE: "irreversible <reason> (in a rollback script)",
    Word.TIMEOUT: "timeout <time>, such as timeout 30min",
    Word.ALLOW: f"allow <hazard> <reason> (in a migration; {' or '.join(Hazard)})",
}
_KINDS: Final = {
    Word.NO_TRANSACTION: {ScriptKind.MIGRATION, ScriptKind.ROLLBACK},
    Word.IRREVERSIBLE: {ScriptKind.ROLLBACK},
    Word.TIMEOUT: set(ScriptKind),
    Word.ALLOW: {ScriptKind.MIGRATION},
}


def make_script(kind: ScriptKind, file: str, text: str) -> Script:
    """Make a script of its text, with the directives that stand before its first statement.

    A directive without effect would be worse than an error, as its author relies on it: one that
    is unknown, or is in a file of another kind, is refused.

    Raises
    ------
    Refusal
        ``InvalidDirective`` with the place of the directive.
    """
    plain = Script(kind, file, text)
    # Most files begin with their first statement: 10,000 of them show what looking costs.
    if text[:1].isalpha():
        return plain
    found = tuple(_directives(plain))
    return Script(kind, file, text, found) if found else plain


def _directives(script: Script) -> Iterator[Directive]:
    seen: set[Word] = set()
    for comment in directive_comments(script.text):
        problem = _problem(script.kind, comment, seen)
        location = script.location(comment.offset)
        if problem:
            raise Refusal(
                Reason.INVALID_DIRECTIVE,
                problem,
                hint=f"There are: {'; '.join(_FORMS.values())}.",
                location=location,
            )
        word = Word(comment.word)
        seen.add(word)
        yield Directive(word, comment.arguments, location)


def _problem(kind: ScriptKind, comment: DirectiveComment, seen: set[Word]) -> str:
    try:
        word = Word(comment.word)
    except ValueError:
        return f"the directive '{comment.word}' is unknown to this release"
    if word in seen:
        return f"the directive '{word}' is given twice"
    if kind not in _KINDS[word]:
        return f"the directive '{word}' has no meaning in a {kind} script"
    return _bad_argument(word, comment.arguments)


def _bad_argument(word: Word, arguments: str) -> str:
    match word:
        case Word.NO_TRANSACTION if arguments:
            return f"the directive '{word}' takes no argument"
        case Word.IRREVERSIBLE if not arguments:
            return f"the directive '{word}' needs a reason: whoever finds the run halted reads it"
        case Word.ALLOW:
            return _bad_hazard(*arguments.partition(" "))
        case Word.TIMEOUT:
            try:
                parse_duration(arguments)
            except ValueError as error:
                return f"the directive '{word}' needs a time: {error}"
    return ""


def _bad_hazard(hazard: str, _: str, why: str) -> str:
    if hazard not in set(Hazard):
        return f"there is no hazard '{hazard}' that the directive 'allow' could allow"
    return "" if why else "the directive 'allow' needs a reason: it goes into the migration log"
