"""meshmigrate: schema migrations for PostgreSQL that are known after any crash."""
