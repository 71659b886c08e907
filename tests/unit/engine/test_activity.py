"""What the working connection does, and for how long."""

from meshmigrate.domain.script import ScriptKind
from meshmigrate.engine.activity import Activity
from meshmigrate.source.directives import make_script
from meshmigrate.sql.prepare import prepare


def test_the_time_of_statements_is_counted_and_no_other() -> None:
    """A statement ends with the next one, the last one with its file; between files none runs."""
    ticks = iter([10.0, 11.5, 12.0, 20.0, 20.25])
    activity = Activity(lambda: next(ticks))
    script = make_script(ScriptKind.MIGRATION, "1_a.sql", "SELECT 1")
    (statement,) = prepare(script)
    with activity.of_a_file():
        activity.begin(script, statement)
        activity.begin(script, statement)
    with activity.of_a_file():
        activity.begin(script, statement)
    assert activity.running is None
    assert activity.statement_seconds == 2.25
