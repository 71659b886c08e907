"""The two images: what they are made of, and when they must be made again."""

import shutil
from pathlib import Path

from hack.cluster.paths import CHECKOUT, Cache
from hack.images import wheels
from hack.images.base import POSTGRES, PYTHON
from hack.images.builder import Builder
from hack.images.delivery import Recipe, key_of

PRODUCT_IMAGE = "localhost/meshmigrate:dev"
POSTGRES_IMAGE = "localhost/meshmigrate-postgres:15"
_HERE = CHECKOUT / "hack" / "images"


def product(cache: Cache, builder: Builder) -> Recipe:
    """Give the product's image; its own wheel is built each time, which takes a second.

    Raises
    ------
    ClusterError
        A wheel could not be built or collected.
    """
    dockerfile = CHECKOUT / "Dockerfile"
    context = cache.images / "contexts" / "product"
    base = builder.base(PYTHON)
    dependencies = wheels.ensure_dependencies(cache, _python_version(cache, builder, base))
    wheel = wheels.build_product(cache, context / "product")

    def build() -> None:
        linked = context / "dependencies"
        shutil.rmtree(linked, ignore_errors=True)
        shutil.copytree(dependencies, linked)
        builder.build(PRODUCT_IMAGE, dockerfile, context, base)

    key = key_of([dockerfile, wheels.RUNTIME, wheel], base, dependencies.name)
    return Recipe(PRODUCT_IMAGE, key, build)


def postgres(cache: Cache, builder: Builder) -> Recipe:
    """Give the PostgreSQL image for tests."""
    del cache
    dockerfile = _HERE / "postgres.Dockerfile"
    base = builder.base(POSTGRES)

    def build() -> None:
        builder.build(POSTGRES_IMAGE, dockerfile, _HERE, base)

    return Recipe(
        POSTGRES_IMAGE, key_of([dockerfile, _HERE / "postgres-entrypoint.sh"], base), build
    )


def _python_version(cache: Cache, builder: Builder, base: str) -> str:
    """Ask a base for its Python's version, once."""
    known = cache.images / "bases" / f"{Path(base).name.replace(':', '-')}.python"
    if not known.exists():
        known.parent.mkdir(parents=True, exist_ok=True)
        known.write_text(builder.python_version(base))
    return known.read_text()
