"""Changes of a schema, and the section and object that must show each of them."""

SCHEMA = """
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE DOMAIN email AS text CHECK (VALUE LIKE '%@%');
CREATE TYPE pair AS (a int, b text);
CREATE TABLE users (
    id bigserial PRIMARY KEY, name text NOT NULL DEFAULT 'x', age int CHECK (age > 0), m mood
);
CREATE INDEX users_name ON users (name);
CREATE TABLE parts (d date NOT NULL) PARTITION BY RANGE (d);
CREATE TABLE parts_2026 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE VIEW names AS SELECT name FROM users;
CREATE MATERIALIZED VIEW ids AS SELECT id FROM users;
CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER t BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION note();
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON users USING (name = current_user);
CREATE TABLE loose (id bigint);
ALTER TABLE loose ADD CONSTRAINT fk FOREIGN KEY (id) REFERENCES users NOT VALID;
CREATE SEQUENCE numbers;
CREATE TABLE numbered (id int GENERATED ALWAYS AS IDENTITY);
CREATE INDEX users_lower ON users (lower(name));
CREATE FUNCTION same(int, int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1 = $2';
CREATE FUNCTION to_pair(int) RETURNS pair LANGUAGE sql AS 'SELECT $1, NULL::text';
CREATE RULE log AS ON DELETE TO loose DO ALSO NOTIFY gone;
CREATE STATISTICS name_age (ndistinct) ON name, m FROM users;
CREATE TEXT SEARCH DICTIONARY words (TEMPLATE = simple);
CREATE TEXT SEARCH CONFIGURATION plain (COPY = simple);
CREATE COLLATION posix (locale = 'C', provider = libc);
CREATE TABLE child () INHERITS (loose);
"""

SUPERUSERS_SCHEMA = """
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
CREATE FUNCTION on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE PUBLICATION feed FOR TABLE loose;
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER far FOREIGN DATA WRAPPER w OPTIONS (host 'h');
CREATE FOREIGN TABLE distant (id int) SERVER far;
"""


def _here(command: str) -> str:
    """Give a command about the database that one is connected to."""
    return f"DO $$ BEGIN EXECUTE format($e${command}$e$, current_database()); END $$"


CHANGES = {
    "CREATE SCHEMA s": ("schemas", "s"),
    "CREATE TABLE t (x int)": ("relations", "public.t"),
    "DROP VIEW names": ("relations", "public.names"),
    "ALTER TABLE users DISABLE ROW LEVEL SECURITY": ("relations", "public.users"),
    "ALTER TABLE users FORCE ROW LEVEL SECURITY": ("relations", "public.users"),
    "ALTER TABLE users SET (fillfactor = 50)": ("relations", "public.users"),
    "ALTER TABLE numbered SET UNLOGGED": ("relations", "public.numbered"),
    "ALTER TABLE parts DETACH PARTITION parts_2026": ("relations", "public.parts_2026"),
    "ALTER TABLE users ALTER age TYPE bigint USING age": ("columns", "public.users.age"),
    "ALTER TABLE users ALTER name DROP NOT NULL": ("columns", "public.users.name"),
    "ALTER TABLE users ALTER name SET DEFAULT 'y'": ("columns", "public.users.name"),
    "ALTER TABLE users ALTER name SET STORAGE EXTERNAL": ("columns", "public.users.name"),
    "ALTER TABLE users ALTER name SET STATISTICS 7": ("columns", "public.users.name"),
    "ALTER TABLE users RENAME CONSTRAINT users_age_check TO c": (
        "constraints",
        "users_age_check on public.users",
    ),
    "ALTER TABLE loose VALIDATE CONSTRAINT fk": ("constraints", "fk on public.loose"),
    "ALTER DOMAIN email DROP CONSTRAINT email_check": (
        "constraints",
        "email_check on public.email",
    ),
    "DROP INDEX users_name": ("indexes", "public.users_name"),
    "CLUSTER users USING users_name": ("indexes", "public.users_name"),
    "ALTER TABLE users DISABLE TRIGGER t": ("triggers", "t on public.users"),
    "CREATE OR REPLACE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 2'": (
        "functions",
        "public.one()",
    ),
    "ALTER FUNCTION one() SECURITY DEFINER": ("functions", "public.one()"),
    "CREATE AGGREGATE total (int) (sfunc = int4pl, stype = int)": (
        "functions",
        "public.total(integer)",
    ),
    "ALTER POLICY own ON users TO app": ("policies", "own on public.users"),
    "ALTER POLICY own ON users USING (true)": ("policies", "own on public.users"),
    "CREATE OR REPLACE VIEW names AS SELECT name FROM users WHERE age > 1": (
        "views",
        "public.names",
    ),
    "ALTER SEQUENCE users_id_seq INCREMENT 5": ("sequences", "public.users_id_seq"),
    "ALTER SEQUENCE users_id_seq OWNED BY NONE": ("sequences", "public.users_id_seq"),
    "ALTER TYPE mood ADD VALUE 'mad' BEFORE 'sad'": ("types", "public.mood"),
    "ALTER DOMAIN email SET DEFAULT 'a@b'": ("types", "public.email"),
    "ALTER TYPE pair ADD ATTRIBUTE c int": ("columns", "public.pair.c"),
    "GRANT SELECT ON users TO PUBLIC": ("grants", "public.users"),
    "GRANT SELECT (name) ON users TO PUBLIC": ("grants", "public.users.name"),
    "GRANT SELECT ON users TO app WITH GRANT OPTION": ("grants", "public.users"),
    "REVOKE EXECUTE ON FUNCTION one() FROM PUBLIC": ("grants", "public.one()"),
    "REVOKE USAGE ON TYPE mood FROM PUBLIC": ("grants", "type public.mood"),
    "GRANT CREATE ON SCHEMA public TO PUBLIC": ("grants", "schema public"),
    "COMMENT ON COLUMN users.name IS 'who'": ("comments", "table column public.users.name"),
    "COMMENT ON SCHEMA public IS 'ours'": ("comments", "schema public"),
    # what pg_dump and most tools forget
    "ALTER TABLE users DISABLE TRIGGER ALL": ("triggers", "internal triggers on public.users"),
    "ALTER TABLE users ENABLE ALWAYS TRIGGER t": ("triggers", "t on public.users"),
    "ALTER TABLE loose DISABLE RULE log": ("rules", "log on public.loose"),
    "CREATE OR REPLACE RULE log AS ON DELETE TO loose DO NOTHING": (
        "rules",
        "log on public.loose",
    ),
    "ALTER TABLE users SET (toast.autovacuum_enabled = off)": ("relations", "public.users"),
    "ALTER TABLE users REPLICA IDENTITY FULL": ("relations", "public.users"),
    "ALTER TABLE users REPLICA IDENTITY USING INDEX users_pkey": ("indexes", "public.users_pkey"),
    "ALTER TABLE users ALTER name SET COMPRESSION pglz": ("columns", "public.users.name"),
    "ALTER TABLE users ALTER name SET (n_distinct = 7)": ("columns", "public.users.name"),
    "ALTER TABLE users ALTER id DROP DEFAULT": ("columns", "public.users.id"),
    "ALTER TABLE users ADD g int GENERATED ALWAYS AS (age) STORED": ("columns", "public.users.g"),
    "ALTER TABLE numbered ALTER id SET GENERATED BY DEFAULT": ("columns", "public.numbered.id"),
    'ALTER TYPE pair ALTER ATTRIBUTE b TYPE text COLLATE "C"': ("columns", "public.pair.b"),
    "ALTER TABLE child NO INHERIT loose": ("relations", "public.child"),
    "ALTER TABLE users OWNER TO app": ("relations", "public.users"),
    "ALTER TABLE loose ALTER CONSTRAINT fk DEFERRABLE": ("constraints", "fk on public.loose"),
    "ALTER INDEX users_name SET (fillfactor = 50)": ("indexes", "public.users_name"),
    "ALTER INDEX users_lower ALTER COLUMN 1 SET STATISTICS 9": ("indexes", "public.users_lower"),
    "ALTER FUNCTION one() IMMUTABLE": ("functions", "public.one()"),
    "ALTER FUNCTION one() SET search_path = x": ("functions", "public.one()"),
    "ALTER FUNCTION one() COST 7": ("functions", "public.one()"),
    "ALTER FUNCTION one() OWNER TO app": ("functions", "public.one()"),
    "ALTER POLICY own ON users WITH CHECK (true)": ("policies", "own on public.users"),
    "REFRESH MATERIALIZED VIEW ids WITH NO DATA": ("relations", "public.ids"),
    "ALTER VIEW names SET (security_barrier)": ("relations", "public.names"),
    "ALTER VIEW names ALTER name SET DEFAULT 'x'": ("columns", "public.names.name"),
    "ALTER SEQUENCE numbers CACHE 3": ("sequences", "public.numbers"),
    "ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'": ("types", "public.mood"),
    "ALTER TYPE pair OWNER TO app": ("types", "public.pair"),
    "CREATE TYPE span AS RANGE (subtype = int)": ("types", "public.span"),
    "ALTER STATISTICS name_age SET STATISTICS 9": ("statistics", "public.name_age"),
    "DROP STATISTICS name_age": ("statistics", "public.name_age"),
    "CREATE OPERATOR === (function = same, leftarg = int, rightarg = int)": (
        "operators",
        "operator public.===(integer,integer)",
    ),
    "CREATE OPERATOR FAMILY f USING btree": ("operators", "family public.f using btree"),
    "CREATE OPERATOR CLASS c FOR TYPE int USING btree AS OPERATOR 1 <": (
        "operators",
        "class public.c using btree",
    ),
    "CREATE CAST (int AS pair) WITH FUNCTION to_pair(int)": (
        "casts",
        "cast (integer AS public.pair)",
    ),
    "CREATE CONVERSION v FOR 'UTF8' TO 'LATIN1' FROM utf8_to_iso8859_1": (
        "casts",
        "conversion public.v",
    ),
    "CREATE TRANSFORM FOR int LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal))": (
        "casts",
        "transform for integer language sql",
    ),
    "DROP COLLATION posix": ("collations", "public.posix"),
    "ALTER COLLATION posix OWNER TO app": ("collations", "public.posix"),
    "ALTER TEXT SEARCH DICTIONARY words (accept = false)": (
        "text_search",
        "dictionary public.words",
    ),
    "ALTER TEXT SEARCH CONFIGURATION plain DROP MAPPING FOR word": (
        "text_search",
        "configuration public.plain",
    ),
    "CREATE TEXT SEARCH TEMPLATE tt (LEXIZE = dsimple_lexize)": (
        "text_search",
        "template public.tt",
    ),
    "CREATE TEXT SEARCH PARSER p (START = prsd_start, GETTOKEN = prsd_nexttoken, "
    "END = prsd_end, LEXTYPES = prsd_lextype)": ("text_search", "parser public.p"),
    "CREATE FOREIGN DATA WRAPPER x": ("foreign_data", "wrapper x"),
    "ALTER SERVER far OPTIONS (SET host 'i')": ("foreign_data", "server far"),
    "CREATE USER MAPPING FOR app SERVER far OPTIONS (password 'geheim')": (
        "foreign_data",
        "user mapping for app on far",
    ),
    "ALTER FOREIGN TABLE distant OPTIONS (path 'p')": ("foreign_data", "table public.distant"),
    "ALTER FOREIGN TABLE distant ALTER id OPTIONS (path 'p')": ("columns", "public.distant.id"),
    "ALTER PUBLICATION feed ADD TABLE users": ("replication", "public.users in publication feed"),
    "ALTER PUBLICATION feed SET (publish = 'insert')": ("replication", "publication feed"),
    "CREATE SUBSCRIPTION s CONNECTION 'password=geheim' PUBLICATION p WITH (connect = false)": (
        "replication",
        "subscription s",
    ),
    "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION on_ddl()": ("event_triggers", "e"),
    "CREATE LANGUAGE l HANDLER plpgsql_call_handler": ("languages", "language l"),
    "CREATE ACCESS METHOD m TYPE INDEX HANDLER bthandler": ("languages", "access method m"),
    "DROP EXTENSION plpgsql CASCADE": ("extensions", "extension plpgsql"),
    "ALTER FUNCTION one() DEPENDS ON EXTENSION plpgsql": ("extensions", "function public.one()"),
    _here("ALTER DATABASE %I SET work_mem = 64"): ("settings", "every role"),
    _here("ALTER ROLE app IN DATABASE %I SET work_mem = 64"): ("settings", "role app"),
    _here("ALTER DATABASE %I CONNECTION LIMIT 9"): ("settings", "database"),
    _here("REVOKE TEMP ON DATABASE %I FROM PUBLIC"): ("grants", "database"),
    _here("COMMENT ON DATABASE %I IS $c$x$c$ "): ("comments", "database"),
    "GRANT USAGE ON FOREIGN SERVER far TO app": ("grants", "server far"),
    "GRANT USAGE ON SEQUENCE numbers TO app": ("grants", "public.numbers"),
    "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO app": (
        "default_privileges",
        "for postgres on tables",
    ),
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO app": (
        "default_privileges",
        "for postgres in public on tables",
    ),
    "COMMENT ON TRIGGER t ON users IS 'x'": ("comments", "trigger t on public.users"),
    "COMMENT ON POLICY own ON users IS 'x'": ("comments", "policy own on public.users"),
    "COMMENT ON RULE log ON loose IS 'x'": ("comments", "rule log on public.loose"),
    "COMMENT ON CONSTRAINT fk ON loose IS 'x'": ("comments", "table constraint fk on public.loose"),
    "COMMENT ON CONSTRAINT email_check ON DOMAIN email IS 'x'": (
        "comments",
        "domain constraint email_check on public.email",
    ),
    "COMMENT ON INDEX users_name IS 'x'": ("comments", "index public.users_name"),
    "COMMENT ON TYPE mood IS 'x'": ("comments", "type public.mood"),
    "COMMENT ON FUNCTION one() IS 'x'": ("comments", "function public.one()"),
    "COMMENT ON PUBLICATION feed IS 'x'": ("comments", "publication feed"),
    "COMMENT ON SERVER far IS 'x'": ("comments", "server far"),
    "COMMENT ON STATISTICS name_age IS 'x'": ("comments", "statistics object public.name_age"),
    "SET LOCAL allow_system_table_mods = on; INSERT INTO pg_seclabel VALUES "
    "('users'::regclass, 'pg_class'::regclass, 0, 'p', 'secret')": (
        "security_labels",
        "table public.users for p",
    ),
}
