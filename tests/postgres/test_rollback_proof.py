"""What counts as the schema of a version when a way back has to be proven."""

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import Policy
from tests.postgres.harness import Database, Project, attempt, make_spec
from tests.postgres.test_rollback_to import apply, back


def test_what_a_halt_left_of_the_next_version_does_not_belong_to_this_one(
    database: Database, project: Project
) -> None:
    """The schema between two versions proves neither; what was seen before it still does."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    apply(database, project)
    index = "CREATE INDEX CONCURRENTLY i ON a (x);"
    project.migration("2", f"{index} SELECT 1 / 0", "DROP INDEX i")
    halted = attempt(database, make_spec(project, policy=Policy(on_failure="Halt")))
    assert halted.outcome is Outcome.HALTED
    project.migration("2", f"{index} SELECT 1", "DROP INDEX i")
    apply(database, project)
    done = back(database, project, "1").result
    assert (done.outcome, done.reason) == (Outcome.SUCCEEDED, Reason.SUCCEEDED)
