"""The documented reasons: one CamelCase word for why something is as it is.

The same words appear as condition reasons (Kubernetes API conventions: a programmatic
identifier in CamelCase), in results, in the log table and as a metric label, so the list is
closed and bounded.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why a run ended, or a resource waits, as it does."""

    # ends that need no explanation
    SUCCEEDED = "Succeeded"
    UP_TO_DATE = "UpToDate"
    PLANNED = "Planned"

    # a person decides
    AWAITING_APPROVAL = "AwaitingApproval"
    PLAN_CHANGED = "PlanChanged"

    # the files
    EMPTY_SOURCE = "EmptySource"
    SOURCE_UNREADABLE = "SourceUnreadable"
    SOURCE_UNWRITABLE = "SourceUnwritable"
    SOURCE_CHANGED = "SourceChanged"
    SOURCE_TOO_LARGE = "SourceTooLarge"
    INVALID_FILE_NAME = "InvalidFileName"
    DUPLICATE_VERSION = "DuplicateVersion"
    INVALID_ENCODING = "InvalidEncoding"
    INVALID_DIRECTIVE = "InvalidDirective"
    UNKNOWN_TARGET = "UnknownTarget"
    TARGET_BELOW_CURRENT = "TargetBelowCurrent"
    ORPHAN_SCRIPT = "OrphanScript"
    INVALID_FINGERPRINT = "InvalidFingerprint"
    INVALID_CHECK = "InvalidCheck"
    INVALID_SPEC = "InvalidSpec"

    # what is written in them
    SYNTAX_ERROR = "SyntaxError"
    TRANSACTION_CONTROL = "TransactionControl"
    SESSION_CONTROL = "SessionControl"
    PSQL_META_COMMAND = "PsqlMetaCommand"
    COPY_FROM_STDIN = "CopyFromStdin"
    NON_TRANSACTIONAL = "NonTransactional"
    BATCH_IMPOSSIBLE = "BatchImpossible"
    HAZARD_NOT_ALLOWED = "HazardNotAllowed"

    # the history
    CHECKSUM_MISMATCH = "ChecksumMismatch"
    OUT_OF_ORDER = "OutOfOrder"
    MISSING_FILE = "MissingFile"
    HISTORY_NOT_EMPTY = "HistoryNotEmpty"
    NOT_APPLIED = "NotApplied"
    NOTHING_TO_ADOPT = "NothingToAdopt"
    NOTHING_TO_REPAIR = "NothingToRepair"
    DRIFT = "Drift"
    NOTHING_TO_COMPARE = "NothingToCompare"
    RUN_UNFINISHED = "RunUnfinished"
    LEDGER_TOO_NEW = "LedgerTooNew"
    LEDGER_CONFLICT = "LedgerConflict"

    # the connection
    INVALID_DATABASE_URL = "InvalidDatabaseURL"
    INVALID_CONNECTION = "InvalidConnection"
    HOST_NOT_ALLOWED = "HostNotAllowed"
    CREDENTIALS_MISSING = "CredentialsMissing"
    AUTHENTICATION_FAILED = "AuthenticationFailed"
    TLS_FAILED = "TLSFailed"
    DATABASE_UNREACHABLE = "DatabaseUnreachable"
    CONNECTION_LOST = "ConnectionLost"
    ANOTHER_DATABASE = "AnotherDatabase"
    READ_ONLY_SERVER = "ReadOnlyServer"
    TRANSACTION_POOLER = "TransactionPooler"
    UNSUPPORTED_SERVER = "UnsupportedServer"
    PERMISSION_DENIED = "PermissionDenied"

    # the work
    STATEMENT_FAILED = "StatementFailed"
    STATEMENT_TIMEOUT = "StatementTimeout"
    CHECK_FAILED = "CheckFailed"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    ADVISORY_LOCK_TIMEOUT = "AdvisoryLockTimeout"
    TABLE_LOCK_TIMEOUT = "TableLockTimeout"
    DISK_FULL = "DiskFull"
    STEP_UNKNOWN = "StepUnknown"
    COMMIT_UNKNOWN = "CommitUnknown"
    SERVER_CRASH_SUSPECTED = "ServerCrashSuspected"
    FENCED = "Fenced"
    ABANDONED = "Abandoned"
    TERMINATED = "Terminated"
    CANCELLED = "Cancelled"
    PROGRAM_MISSING = "ProgramMissing"
    DUMP_FAILED = "DumpFailed"
    INTERNAL_ERROR = "InternalError"

    # the way back
    NO_ROLLBACK_SCRIPT = "NoRollbackScript"
    IRREVERSIBLE = "Irreversible"
    ROLLBACK_INCOMPLETE = "RollbackIncomplete"
    ROLLBACK_SCRIPT_FAILED = "RollbackScriptFailed"
    FINGERPRINT_MISMATCH = "FingerprintMismatch"
    UNPROVEN = "Unproven"
    CONCURRENT_CHANGE = "ConcurrentChange"
    DATA_NOT_RESTORED = "DataNotRestored"

    # the cluster
    PENDING = "Pending"
    QUEUED = "Queued"
    RUNNING = "Running"
    ROLLING_BACK = "RollingBack"
    BACKING_OFF = "BackingOff"
    SECRET_NOT_FOUND = "SecretNotFound"  # noqa: S105  a reason, not a secret
    SECRET_KEY_NOT_FOUND = "SecretKeyNotFound"  # noqa: S105  a reason, not a secret
    CONFIG_MAP_NOT_FOUND = "ConfigMapNotFound"
    CONFIG_MAP_KEY_NOT_FOUND = "ConfigMapKeyNotFound"
    SERVICE_ACCOUNT_NOT_FOUND = "ServiceAccountNotFound"
    SECRET_NOT_ALLOWED = "SecretNotAllowed"  # noqa: S105  a reason, not a secret
    SERVICE_ACCOUNT_NOT_ALLOWED = "ServiceAccountNotAllowed"
    LABEL_NOT_ALLOWED = "LabelNotAllowed"
    ANNOTATION_NOT_ALLOWED = "AnnotationNotAllowed"
    IMAGE_VOLUME_UNSUPPORTED = "ImageVolumeUnsupported"
    IMAGE_PULL_FAILED = "ImagePullFailed"
    POD_NOT_CREATED = "PodNotCreated"
    POD_NOT_STARTED = "PodNotStarted"
    RUNNER_LOST = "RunnerLost"
    RUNNER_CRASHING = "RunnerCrashing"
    SUPERSEDED = "Superseded"
    SUSPENDED = "Suspended"
    JOB_NAME_TAKEN = "JobNameTaken"
