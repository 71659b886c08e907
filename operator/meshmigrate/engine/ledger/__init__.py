"""The ledger in the database: history, runs, log, lease."""
