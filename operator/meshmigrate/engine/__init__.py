"""The migration engine against PostgreSQL."""
