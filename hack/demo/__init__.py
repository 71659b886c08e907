"""The demo: one migration succeeds, one is rolled back, and every step can be followed."""
