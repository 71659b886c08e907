"""The input of one attempt: what the operator, or the command line, asks the runner to do.

It holds no secret: credentials are files (or an environment variable on the command line).
The JSON form is a contract between versions of the operator and of the runner, so it carries
its own version and refuses a field it does not know.
"""

from typing import Literal
from uuid import UUID

from msgspec import DecodeError, Struct, json

from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.hazard import Hazard
from meshmigrate.domain.reason import Reason

Intent = Literal["apply", "undo"]
Purpose = Literal["apply", "undo", "plan"]
"""What an attempt is for; ``plan`` only looks: nothing is written, not even the ledger."""
OnFailure = Literal["Rollback", "Halt"]
OutOfOrder = Literal["Refuse", "Apply"]
Drift = Literal["Warn", "Refuse", "Ignore"]
TransactionMode = Literal["Auto", "PerFile", "Batch"]
Approval = Literal["None", "Required"]
Adopt = Literal["None", "Supabase"]
ConnectionPart = Literal["host", "port", "dbname", "user", "password"]

TLSMode = Literal["", "disable", "require", "verify-ca", "verify-full"]


class Contract(
    Struct,
    frozen=True,
    kw_only=True,
    rename="camel",
    omit_defaults=True,
):
    """Base of the JSON values: immutable, camelCase outside.

    An unknown field is passed over: what a newer release stored, this one can still read.
    """


class Request(Contract, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of what asks for something: a field that is not understood is refused, not skipped."""


class RunIdentity(Request, frozen=True, kw_only=True):
    """Which run this is: the id is the same for every attempt of it."""

    id: UUID
    number: int = 1
    attempt: int = 1
    intent: Purpose = "apply"


class Folders(Request, frozen=True, kw_only=True):
    """Where the files are: several folders of one kind merge into one set."""

    migrations: tuple[str, ...]
    rollbacks: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    within: str = ""
    """The folder that no link may lead out of; empty for the folder that a file is in."""


class LockPolicy(Request, frozen=True, kw_only=True):
    """How long to wait for locks, in seconds."""

    acquire_timeout_seconds: float = 300
    table_lock_deadline_seconds: float = 600


class FingerprintScope(Request, frozen=True, kw_only=True):
    """What of the database a fingerprint covers."""

    ignore: tuple[str, ...] = ()
    """Patterns of ``schema.name``, or of a schema, that others change at any time."""
    schemas: tuple[str, ...] = ()
    """The schemas to cover; empty for all but the system's and those that a platform manages."""


class HazardPolicy(Request, frozen=True, kw_only=True):
    """What files may do only if somebody has said that it is meant."""

    enforce: tuple[Hazard, ...] = (Hazard.DELETES_DATA,)
    """What a run is refused for, unless its file or ``allow`` has it; the others only warn."""
    allow: tuple[Hazard, ...] = ()
    """What every file of the run may do."""


class Policy(Request, frozen=True, kw_only=True):
    """What to do when, as in the resource's ``spec.policy``; times in seconds."""

    on_failure: OnFailure = "Rollback"
    transaction_mode: TransactionMode = "Auto"
    out_of_order: OutOfOrder = "Refuse"
    hazards: HazardPolicy = HazardPolicy()
    drift: Drift = "Warn"
    fingerprint: FingerprintScope = FingerprintScope()
    lock: LockPolicy = LockPolicy()
    statement_timeout_seconds: float = 900
    deadline_seconds: float = 3600
    rollback_deadline_seconds: float = 3600
    approval: Approval = "None"
    """Whether a run begins only with the plan that ``approved_plan`` names."""


class TLS(Request, frozen=True, kw_only=True):
    """How the connection is protected; what is said here wins over the URL. Files are paths."""

    mode: TLSMode = ""
    """As libpq's sslmode; empty for the URL's, and verify-full where it has none."""
    root_certificate: str = ""
    """Of the server's authority; empty for those of the system."""
    client_certificate: str = ""
    client_key: str = ""


class Connection(Request, frozen=True, kw_only=True):
    """A connection by its parts: what stands here, and which parts are files."""

    host: str = ""
    port: str = ""
    dbname: str = ""
    user: str = ""
    files: tuple[ConnectionPart, ...] = ()
    """The parts that are files of their name in the folder of credentials."""
    allowed_hosts: tuple[str, ...] | None = None
    """Patterns that the host must match if it is a file; none where it belongs to the password."""


class Access(Request, frozen=True, kw_only=True):
    """How the database is worked with, once its URL has been read."""

    role: str = ""
    """The role that scripts run as; empty for the one that logs in."""
    search_path: tuple[str, ...] = ()
    """The schemas that scripts find names in; empty for the role's own."""
    tls: TLS = TLS()
    connection: Connection | None = None
    """The connection by its parts, where there is no URL."""


class Accepted(Request, frozen=True, kw_only=True):
    """An applied version whose file is right although it was edited: what it is now, and why."""

    version: str
    checksum: str
    reason: str


class Ledger(Request, frozen=True, kw_only=True):
    """Which ledger keeps the history, one schema is one history; and what it is to take over."""

    schema: str = "meshmigrate"
    write_back: bool | None = None
    """Whether what is applied is written into the history of Supabase's command line too; if it
    is not said, what the last run said that did."""
    baseline: str = ""
    """The last version whose changes a database without a history already has; empty for none."""
    adopt: Adopt = "None"
    """Whose history is taken over."""
    accept: tuple[Accepted, ...] = ()


class Provenance(Request, frozen=True, kw_only=True):
    """Where the change comes from, as CI knows it; stored with the run."""

    commit: str = ""
    ref: str = ""
    actor: str = ""
    run_url: str = ""


class RunSpec(Request, frozen=True, kw_only=True):
    """One attempt of one run."""

    api_version: Literal[1]  # required: a spec without its version is not a spec
    run: RunIdentity
    folders: Folders
    target: str = "latest"
    allow_rollback: bool = False
    """Whether a target below the current version means to go back, and is not refused."""
    approved_plan: str = ""
    """The digest of the plan that a person has approved."""
    database: Access = Access()
    ledger: Ledger = Ledger()
    policy: Policy = Policy()
    provenance: Provenance = Provenance()
    resource: str = ""
    supersedes: UUID | None = None
    """A run that may be taken over: a session of it that is idle is ended."""
    traceparent: str = ""
    """The span that the attempt's belong below, as W3C Trace Context has it; empty for none."""


def encode_spec(spec: RunSpec) -> bytes:
    """Give the spec as JSON."""
    return json.encode(spec)


def decode_spec(data: bytes) -> RunSpec:
    """Read a spec.

    Raises
    ------
    Refusal
        With reason ``InvalidSpec`` if the JSON is not a spec of this version.
    """
    try:
        return json.decode(data, type=RunSpec)
    except (DecodeError, UnicodeDecodeError) as error:
        raise Refusal(
            Reason.INVALID_SPEC,
            f"the run spec is not one this runner understands: {error}",
            hint="Operator and runner image must be of the same release.",
        ) from error
