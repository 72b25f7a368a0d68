"""For all unit tests: examples are judged by their results, never by the clock of a busy machine."""

from hypothesis import settings

settings.register_profile("evensplit", deadline=None, print_blob=True)
settings.load_profile("evensplit")
