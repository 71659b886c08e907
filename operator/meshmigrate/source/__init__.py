"""Reading migration folders: scripts, rollbacks and checks as values."""
