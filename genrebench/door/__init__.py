"""The Python API: the functions behind `import genrebench`, which the command line calls, too.

Their parameters have the names and defaults of the command line's options. They return objects with `to_frame()`, `to_json()`,
HTML tables for notebooks and figures.
"""
