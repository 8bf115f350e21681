"""The pure-Python probe: for PyPy, and for CPython where the extension module cannot be loaded."""
