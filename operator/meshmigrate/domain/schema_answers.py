"""What ``fingerprint`` and ``verify`` say of a schema: their JSON, documented in docs/cli.md."""

from enum import StrEnum
from typing import Literal

from meshmigrate.domain.result import DatabaseIdentity, FailureDetail
from meshmigrate.domain.runspec import Contract


class SectionDigest(Contract, frozen=True, kw_only=True):
    """One kind of objects in a fingerprint."""

    name: str
    objects: int
    """How many there are."""
    digest: str


class ObjectDifference(Contract, frozen=True, kw_only=True):
    """An object that two fingerprints show differently, without what may be a secret."""

    section: str
    object: str
    before: str = ""
    """Left out where it was not there."""
    after: str = ""
    """Left out where it is missing."""


class FingerprintAnswer(Contract, frozen=True, kw_only=True):
    """What the schema is, and how it differs from another one."""

    api_version: Literal[1]
    database: DatabaseIdentity
    digest: str
    sections: tuple[SectionDigest, ...]
    differences: tuple[ObjectDifference, ...] | None = None
    """Only where it was to be compared."""
    managed: tuple[str, ...] = ()
    """Schemas that a platform manages: of these only triggers and policies are covered."""
    notes: tuple[str, ...] = ()
    """What is no difference: the order of columns, and what else was covered."""


class Verdict(StrEnum):
    """What a rehearsal of a migration and its rollback script found."""

    PROVEN = "Proven"
    """Down, the schema is what it was before; up again, what it was after."""
    NO_SCRIPT = "NoScript"
    IRREVERSIBLE = "Irreversible"
    UP_FAILED = "UpFailed"
    DOWN_FAILED = "DownFailed"
    DOWN_DIFFERS = "DownDiffers"
    UP_AGAIN_FAILED = "UpAgainFailed"
    UP_AGAIN_DIFFERS = "UpAgainDiffers"

    @property
    def is_lie(self) -> bool:
        """Whether the scripts do not do what they are for."""
        return self not in {Verdict.PROVEN, Verdict.NO_SCRIPT, Verdict.IRREVERSIBLE}


class PairProof(Contract, frozen=True, kw_only=True):
    """What was found out about a migration and its rollback script."""

    version: str
    name: str
    verdict: Verdict
    message: str = ""
    failure: FailureDetail | None = None
    differences: tuple[str, ...] = ()


class VerifyAnswer(Contract, frozen=True, kw_only=True):
    """Whether the pending rollback scripts keep their promise."""

    api_version: Literal[1]
    database: DatabaseIdentity
    pending: int
    proofs: tuple[PairProof, ...]
    """In the order of the versions, up to the first that does not."""
    not_copied: tuple[str, ...] = ()
    """Statements of the schema that the scratch database does not have."""
    kept: int = 0
    """How many pairs the ledger knows as proven now."""
    not_kept: str = ""
    """Why it does not know them."""
