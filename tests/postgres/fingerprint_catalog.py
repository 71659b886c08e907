"""Every table of PostgreSQL's catalog: the section that shows it, or why none does."""

_CLUSTER = "belongs to the cluster, not to the database"
_DATA = "is data, or collected from data"
_DERIVED = "follows from what the sections show"

SHOWN = {
    "pg_aggregate": "functions",
    "pg_am": "languages",
    "pg_amop": "operators",
    "pg_amproc": "operators",
    "pg_attrdef": "columns",
    "pg_attribute": "columns",
    "pg_cast": "casts",
    "pg_class": "relations",
    "pg_collation": "collations",
    "pg_constraint": "constraints",
    "pg_conversion": "casts",
    "pg_database": "settings",
    "pg_db_role_setting": "settings",
    "pg_default_acl": "default_privileges",
    "pg_description": "comments",
    "pg_enum": "types",
    "pg_event_trigger": "event_triggers",
    "pg_extension": "extensions",
    "pg_foreign_data_wrapper": "foreign_data",
    "pg_foreign_server": "foreign_data",
    "pg_foreign_table": "foreign_data",
    "pg_index": "indexes",
    "pg_inherits": "relations",
    "pg_language": "languages",
    "pg_namespace": "schemas",
    "pg_opclass": "operators",
    "pg_operator": "operators",
    "pg_opfamily": "operators",
    "pg_policy": "policies",
    "pg_proc": "functions",
    "pg_publication": "replication",
    "pg_publication_namespace": "replication",
    "pg_publication_rel": "replication",
    "pg_range": "types",
    "pg_rewrite": "rules",
    "pg_seclabel": "security_labels",
    "pg_sequence": "sequences",
    "pg_shdescription": "comments",
    "pg_shseclabel": "security_labels",
    "pg_statistic_ext": "statistics",
    "pg_subscription": "replication",
    "pg_transform": "casts",
    "pg_trigger": "triggers",
    "pg_ts_config": "text_search",
    "pg_ts_config_map": "text_search",
    "pg_ts_dict": "text_search",
    "pg_ts_parser": "text_search",
    "pg_ts_template": "text_search",
    "pg_type": "types",
}

BY_FUNCTION_OR_VIEW = {
    "pg_partitioned_table": ("relations", "pg_get_partkeydef"),
    "pg_user_mapping": ("foreign_data", "pg_user_mappings"),
}
"""What is read by a function of the server's, or a view that everybody may read."""

LEFT_OUT = {
    "pg_auth_members": _CLUSTER,
    "pg_authid": _CLUSTER,
    "pg_depend": _DERIVED,
    "pg_init_privs": "is what the cluster and extensions came with",
    "pg_largeobject": _DATA,
    "pg_largeobject_metadata": _DATA,
    "pg_parameter_acl": _CLUSTER,
    "pg_replication_origin": _CLUSTER,
    "pg_shdepend": _DERIVED,
    "pg_statistic": _DATA,
    "pg_statistic_ext_data": _DATA,
    "pg_subscription_rel": "is how far a subscription is",
    "pg_tablespace": _CLUSTER,
}
