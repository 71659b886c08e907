"""The fingerprint: what the schema is, as text that two states can be compared by."""
