"""The cache: never older than what was already seen."""

from meshmigrate.controller.cache import Cache
from meshmigrate.controller.observed import ObservedResource, observe_resource
from tests.unit.controller.scripted_cluster import KEY, UID, resource_body


def version(number: int, uid: str = UID) -> ObservedResource:
    """Give the resource in a version."""
    body = resource_body()
    body["metadata"].update(resourceVersion=str(number), uid=uid)
    return observe_resource(body)


def test_an_older_state_does_not_replace_a_newer() -> None:
    """A watch that lags behind our own writes takes nothing back; 10 is newer than 9."""
    cache = Cache()
    cache.put_resource(version(10))
    cache.put_resource(version(9))
    found = cache.resource(KEY)
    assert found is not None
    assert found.resource_version == "10"


def test_a_namesake_replaces_the_resource_before_it() -> None:
    """Deleted and created again: another uid, whatever its version."""
    cache = Cache()
    cache.put_resource(version(10))
    cache.put_resource(version(3, uid="other"))
    found = cache.resource(KEY)
    assert found is not None
    assert found.uid == "other"


def test_a_dropped_resource_is_gone() -> None:
    """Nothing of it stays."""
    cache = Cache()
    cache.put_resource(version(1))
    cache.drop_resource(KEY, UID)
    assert cache.resource(KEY) is None
    assert list(cache) == []
    assert list(cache.states()) == []


def test_the_deletion_of_an_old_resource_does_not_drop_its_namesake() -> None:
    """Watches order the events of one object, not those of two objects of one name."""
    cache = Cache()
    cache.put_resource(version(1))
    cache.drop_resource(KEY, "of-the-one-before")
    assert cache.resource(KEY) is not None
