"""The Python door: the functions behind `import genrebench`, which the command line calls too.

They take the same names and defaults as the command line's options and return objects with `to_frame()`, `to_json()`, tables
for notebooks and figures.
"""
