"""What holds for every test."""

from hypothesis import settings

# How long an example takes depends on who else uses the machine: that is no property of ours.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
