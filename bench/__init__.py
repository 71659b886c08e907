"""The figures that the documentation promises, measured on a real cluster."""
