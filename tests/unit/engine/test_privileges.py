"""What is certain about rights, in the order of statements and files."""

from meshmigrate.domain.script import Script, ScriptKind
from meshmigrate.engine.prepared import prepare_script
from meshmigrate.engine.privileges import needs_of


def needed(*files: str) -> list[str]:
    """Give line, right and name of each need of some files."""
    scripts = [
        prepare_script(Script(ScriptKind.MIGRATION, f"{number}.sql", text))
        for number, text in enumerate(files)
    ]
    return [
        f"{script.file}:{script.location(offset).line} {need.right} {need.name}"
        for need, script, offset in needs_of(scripts)
    ]


def test_a_need_has_the_place_of_its_statement() -> None:
    """And one of USAGE before it, where the name has a schema."""
    assert needed("SELECT 1;\n\nDROP TABLE s.t") == ["0.sql:3 USAGE s", "0.sql:3 drop t"]


def test_what_an_earlier_file_made_is_there() -> None:
    """By its name alone: which schema it is in may be the search path's secret."""
    assert needed("CREATE TABLE t (x int)", "ALTER TABLE public.t ADD y int") == ["0.sql:1 CREATE "]


def test_a_new_schema_hides_what_names_without_one_mean() -> None:
    """It may come first on the search path; what is in it is new as well."""
    assert needed("CREATE SCHEMA s", "DROP TABLE t; DROP TABLE s.u; DROP TABLE o.v") == [
        "0.sql:1 CREATE ",
        "1.sql:1 USAGE o",
        "1.sql:1 drop v",
    ]


def test_a_search_path_holds_until_the_end_of_its_file() -> None:
    """The next file has the session anew."""
    assert needed("SET search_path = s; TRUNCATE a; TRUNCATE s.b", "TRUNCATE c") == [
        "0.sql:1 USAGE s",
        "0.sql:1 TRUNCATE b",
        "1.sql:1 TRUNCATE c",
    ]


def test_a_role_holds_until_the_end_of_its_file() -> None:
    """What another role may do is another matter."""
    assert needed("TRUNCATE a; SET ROLE r; TRUNCATE b", "TRUNCATE c") == [
        "0.sql:1 TRUNCATE a",
        "1.sql:1 TRUNCATE c",
    ]


def test_behind_code_nothing_is_certain() -> None:
    """A DO block may have made a role and granted it."""
    assert needed("TRUNCATE a; DO 'BEGIN END'; TRUNCATE b", "TRUNCATE c") == ["0.sql:1 TRUNCATE a"]
