-- The schemas that are covered, those that a platform manages, and the questions that would find
-- nothing: to plan a question takes longer than to answer most of them, so those are not asked.
-- What is below 16384 (FirstNormalObjectId) came with the cluster. Members of extensions and types
-- that are nothing else's (a table has a type, and each type one of its arrays) are found once, for
-- all questions.
-- Managed is what has the name and the owner of a schema that Supabase makes (the init scripts of
-- its server; Supabase's command line leaves out the same names). The owner alone is not enough: who
-- runs a server of his own as supabase_admin owns his tables so. Nor is the name: tests have stubs.
-- Neither depends on who reads.
WITH members AS MATERIALIZED (
    SELECT d.classid, d.objid FROM pg_catalog.pg_depend AS d
    WHERE d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.deptype = 'e'
), every AS MATERIALIZED (
    SELECT n.oid, n.nspname, CASE
               WHEN cardinality(%(named)s::text[]) > 0 THEN false
               WHEN %(managed)s::text[] IS NOT NULL THEN n.nspname = ANY (%(managed)s::text[])
               ELSE pg_get_userbyid(n.nspowner) ~ '^(supabase(_[a-z]+)*_admin|pgbouncer)$'
                    AND n.nspname ~ ('^(auth|storage|_?realtime|vault|graphql|graphql_public'
                                     '|pgsodium|pgsodium_masks|extensions|supabase_.*|pgbouncer'
                                     '|net|cron|pgmq|_analytics|_supavisor)$')
           END AS managed
    FROM pg_catalog.pg_namespace AS n
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND (cardinality(%(named)s::text[]) = 0 OR n.nspname = ANY (%(named)s::text[]))
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_description AS d
                      WHERE d.classoid = 'pg_catalog.pg_namespace'::regclass
                        AND d.objoid = n.oid AND starts_with(d.description, %(mark)s))
      AND NOT EXISTS (SELECT FROM members AS m
                      WHERE m.classid = 'pg_catalog.pg_namespace'::regclass AND m.objid = n.oid)
), covered AS MATERIALIZED (
    SELECT e.oid FROM every AS e WHERE NOT e.managed
), types AS MATERIALIZED (
    SELECT t.oid FROM pg_catalog.pg_type AS t
    WHERE t.oid >= 16384 AND t.typnamespace = ANY (ARRAY(SELECT oid FROM covered))
      AND (t.typtype IN ('e', 'd', 'r', 'b')
           OR t.typtype = 'c' AND EXISTS (SELECT FROM pg_catalog.pg_class AS c
                                          WHERE c.oid = t.typrelid AND c.relkind = 'c'))
      AND (t.typelem = 0 OR t.oid <> ALL (SELECT e.typarray FROM pg_catalog.pg_type AS e
                                          WHERE e.oid = t.typelem))
      AND NOT EXISTS (SELECT FROM members AS m
                      WHERE m.classid = 'pg_catalog.pg_type'::regclass AND m.objid = t.oid)
)
SELECT ARRAY(SELECT c.oid FROM covered AS c),
       ARRAY(SELECT e.oid FROM every AS e WHERE e.managed),
       ARRAY(SELECT e.nspname::text FROM every AS e WHERE e.managed),
       ARRAY(SELECT m.objid FROM members AS m
             WHERE m.classid = 'pg_catalog.pg_class'::regclass),
       ARRAY(SELECT m.objid FROM members AS m
             WHERE m.classid = 'pg_catalog.pg_proc'::regclass),
       ARRAY(SELECT t.oid FROM types AS t),
       ARRAY(SELECT unnest(v.sections) FROM (VALUES
           (ARRAY['relations', 'columns', 'indexes'], EXISTS (
               SELECT FROM pg_catalog.pg_class AS c
               WHERE c.oid >= 16384 AND c.relnamespace = ANY (ARRAY(SELECT oid FROM covered)))),
           (ARRAY['sequences'], EXISTS (
               SELECT FROM pg_catalog.pg_sequence AS s
               WHERE (SELECT c.relnamespace FROM pg_catalog.pg_class AS c WHERE c.oid = s.seqrelid)
                     = ANY (ARRAY(SELECT oid FROM covered)))),
           (ARRAY['constraints'], EXISTS (
               SELECT FROM pg_catalog.pg_constraint AS k
               WHERE k.connamespace = ANY (ARRAY(SELECT oid FROM covered)))),
           (ARRAY['types'], EXISTS (SELECT FROM types)),
           (ARRAY['functions'], EXISTS (
               SELECT FROM pg_catalog.pg_proc AS p
               WHERE p.oid >= 16384 AND p.pronamespace = ANY (ARRAY(SELECT oid FROM covered)))),
           (ARRAY['views', 'rules'], EXISTS (
               SELECT FROM pg_catalog.pg_rewrite AS r WHERE r.oid >= 16384)),
           (ARRAY['triggers'], EXISTS (
               SELECT FROM pg_catalog.pg_trigger AS t
               WHERE (NOT t.tgisinternal OR t.tgenabled <> 'O')
                 AND (SELECT c.relnamespace FROM pg_catalog.pg_class AS c WHERE c.oid = t.tgrelid)
                     = ANY (ARRAY(SELECT oid FROM every)))),
           (ARRAY['policies'], EXISTS (SELECT FROM pg_catalog.pg_policy)),
           (ARRAY['statistics'], EXISTS (SELECT FROM pg_catalog.pg_statistic_ext)),
           (ARRAY['operators'],
               EXISTS (SELECT FROM pg_catalog.pg_operator AS o WHERE o.oid >= 16384)
               OR EXISTS (SELECT FROM pg_catalog.pg_opfamily AS f WHERE f.oid >= 16384)
               OR EXISTS (SELECT FROM pg_catalog.pg_opclass AS c WHERE c.oid >= 16384)),
           (ARRAY['casts'],
               EXISTS (SELECT FROM pg_catalog.pg_cast AS k WHERE k.oid >= 16384)
               OR EXISTS (SELECT FROM pg_catalog.pg_transform)
               OR EXISTS (SELECT FROM pg_catalog.pg_conversion AS c WHERE c.oid >= 16384)),
           (ARRAY['collations'], EXISTS (
               SELECT FROM pg_catalog.pg_collation AS c WHERE c.oid >= 16384)),
           (ARRAY['text_search'],
               EXISTS (SELECT FROM pg_catalog.pg_ts_config AS c WHERE c.oid >= 16384)
               OR EXISTS (SELECT FROM pg_catalog.pg_ts_dict AS d WHERE d.oid >= 16384)
               OR EXISTS (SELECT FROM pg_catalog.pg_ts_parser AS p WHERE p.oid >= 16384)
               OR EXISTS (SELECT FROM pg_catalog.pg_ts_template AS t WHERE t.oid >= 16384)),
           (ARRAY['foreign_data'], EXISTS (SELECT FROM pg_catalog.pg_foreign_data_wrapper)),
           (ARRAY['replication'],
               EXISTS (SELECT FROM pg_catalog.pg_publication)
               OR EXISTS (SELECT FROM pg_catalog.pg_subscription)),
           (ARRAY['event_triggers'], EXISTS (SELECT FROM pg_catalog.pg_event_trigger)),
           (ARRAY['languages'],
               EXISTS (SELECT FROM pg_catalog.pg_language AS l WHERE l.oid >= 16384)
               OR EXISTS (SELECT FROM pg_catalog.pg_am AS m WHERE m.oid >= 16384)),
           (ARRAY['dependents_of_extensions'], EXISTS (
               SELECT FROM pg_catalog.pg_depend AS d
               WHERE d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.deptype = 'x')),
           -- The ledgers have triggers, and comments on tables and functions.
           (ARRAY['comments_of_relations'], EXISTS (
               SELECT FROM pg_catalog.pg_description AS m
               WHERE m.objoid >= 16384 AND m.classoid = 'pg_catalog.pg_class'::regclass
                 AND (SELECT c.relnamespace FROM pg_catalog.pg_class AS c WHERE c.oid = m.objoid)
                     = ANY (ARRAY(SELECT oid FROM covered)))),
           (ARRAY['comments_of_others'], EXISTS (
               SELECT FROM pg_catalog.pg_description AS m
               WHERE m.objoid >= 16384
                 AND m.classoid NOT IN ('pg_catalog.pg_class'::regclass,
                                        'pg_catalog.pg_namespace'::regclass)
                 AND (m.classoid <> 'pg_catalog.pg_proc'::regclass
                      OR (SELECT p.pronamespace FROM pg_catalog.pg_proc AS p WHERE p.oid = m.objoid)
                         = ANY (ARRAY(SELECT oid FROM covered))))),
           (ARRAY['default_privileges'], EXISTS (SELECT FROM pg_catalog.pg_default_acl)),
           (ARRAY['security_labels'],
               EXISTS (SELECT FROM pg_catalog.pg_seclabel)
               OR EXISTS (SELECT FROM pg_catalog.pg_shseclabel))
       ) AS v (sections, there) WHERE NOT v.there)
