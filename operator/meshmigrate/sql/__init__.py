"""The PostgreSQL parse tree: splitting, classifying and redacting."""
