"""The PostgreSQL parse tree: splitting, classifying and redacting.

What reads every statement of a run takes the members of enumerations from their module, as
``pg.AT_AddColumn``: the enumeration itself looks them up by name, which takes 0.7 us each time.
"""
