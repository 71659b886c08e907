"""PostgreSQL servers that no Debian release at hand has: fetched once, kept in the cache folder."""
