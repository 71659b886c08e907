"""Looking at migrations before they touch the database they are for."""
