"""The product's image and a PostgreSQL image for tests: built here, loaded into the cluster."""
