"""Statements that change what all databases of a server share."""

import pytest
from postgast import parse

from meshmigrate.sql.shared import changes_server


@pytest.mark.parametrize(
    "text",
    [
        "CREATE ROLE r",
        "CREATE USER r PASSWORD 'x'",
        "ALTER ROLE r LOGIN",
        "ALTER ROLE r IN DATABASE d SET work_mem = '1MB'",
        "ALTER ROLE r RENAME TO s",
        "DROP ROLE r",
        "GRANT r TO s",
        "REVOKE r FROM s",
        "ALTER GROUP r ADD USER s",
        "COMMENT ON ROLE r IS 'x'",
        "DROP OWNED BY r",
        "REASSIGN OWNED BY r TO s",
        "CREATE DATABASE d",
        "ALTER DATABASE d SET work_mem = '1MB'",
        "ALTER DATABASE d CONNECTION LIMIT 1",
        "ALTER DATABASE d OWNER TO r",
        "GRANT CONNECT ON DATABASE d TO r",
        "COMMENT ON DATABASE d IS 'x'",
        "GRANT SET ON PARAMETER work_mem TO r",
        "ALTER SYSTEM SET work_mem = '1MB'",
        "ALTER TABLESPACE t RENAME TO u",
        "CREATE SUBSCRIPTION s CONNECTION 'c' PUBLICATION p WITH (connect = false)",
        "ALTER SUBSCRIPTION s DISABLE",
        "DROP SUBSCRIPTION s",
    ],
)
def test_they_change_the_server(text: str) -> None:
    """Whichever database they are run in."""
    assert changes_server(parse(text).stmts[0].stmt)


@pytest.mark.parametrize(
    "text",
    [
        "CREATE TABLE a (x int)",
        "GRANT SELECT ON a TO r",
        "ALTER TABLE a OWNER TO r",
        "ALTER TABLE a RENAME TO b",
        "COMMENT ON TABLE a IS 'x'",
        "CREATE PUBLICATION p",
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO r",
        "ALTER USER MAPPING FOR r SERVER s OPTIONS (SET user 'x')",
    ],
)
def test_those_of_the_database_alone_do_not(text: str) -> None:
    """They name roles at most."""
    assert not changes_server(parse(text).stmts[0].stmt)
