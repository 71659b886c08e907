"""The metrics as Prometheus reads them."""

from prometheus_client.exposition import generate_latest

from meshmigrate.observe.metrics import FinishedRun, Metrics, ResourceState


def text(metrics: Metrics) -> str:
    """Give what a scrape would get."""
    return generate_latest(metrics.registry).decode()


def test_a_finished_run_is_counted_by_outcome_and_reason() -> None:
    """With its duration and its wait for the lock."""
    metrics = Metrics("1.2.3")
    metrics.run_finished(FinishedRun("app", "RolledBack", "CheckFailed", 2.0, 0.5, 1.25))
    shown = text(metrics)
    labels = 'namespace="app",outcome="RolledBack",reason="CheckFailed"'
    assert f"meshmigrate_runs_total{{{labels}}} 1.0" in shown
    assert 'meshmigrate_rollbacks_total{outcome="RolledBack"} 1.0' in shown
    assert "meshmigrate_run_duration_seconds_sum 2.0" in shown
    assert "meshmigrate_lock_wait_seconds_sum 0.5" in shown
    assert "meshmigrate_statement_seconds_sum 1.25" in shown
    assert 'meshmigrate_build_info{version="1.2.3"} 1.0' in shown


def test_a_success_is_no_rollback() -> None:
    """Only runs that went back are counted as such."""
    metrics = Metrics("1")
    metrics.run_finished(FinishedRun("app", "Succeeded", "Succeeded", 1.0, 0.0, 0.5))
    assert 'meshmigrate_rollbacks_total{outcome="RolledBack"} 0.0' in text(metrics)


def test_resources_are_shown_as_they_are_at_the_scrape() -> None:
    """A resource that is gone leaves no series behind."""
    states = [
        ResourceState("app", "web", "db", "Succeeded", "Succeeded", healthy=True),
        ResourceState("app", "jobs", "db", "Halted", "NoRollbackScript", healthy=False),
    ]
    metrics = Metrics("1")
    metrics.show_resources(lambda: states)
    shown = text(metrics)
    assert 'meshmigrate_migrations{namespace="app",phase="Succeeded"} 1.0' in shown
    unhealthy = 'database="db",name="jobs",namespace="app",phase="Halted",reason="NoRollbackScript"'
    names = "meshmigrate_migration_unhealthy{"
    assert unhealthy.split(",", maxsplit=1)[0] in shown
    assert shown.count(names) == 1
    states.clear()
    assert "meshmigrate_migrations{" not in text(metrics)


def test_queue_and_watches_are_shown_at_the_scrape() -> None:
    """The depth and the ages are asked for when they are read."""
    metrics = Metrics("1")
    metrics.show_queue(lambda: 3)
    metrics.show_event_ages(lambda: {"Job": 1.5})
    assert "meshmigrate_queue_depth 3.0" in text(metrics)
    assert 'meshmigrate_event_age_seconds{kind="Job"} 1.5' in text(metrics)
