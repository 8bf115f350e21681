"""Views for checking a tracer: they say themselves how many calls and events a complete trace of them has."""
