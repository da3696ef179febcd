"""``pytest --hypothesis-profile=quick`` leaves out the slowest phase, which explains a failure."""

from hypothesis import Phase, settings

settings.register_profile("quick", phases=set(Phase) - {Phase.explain})
