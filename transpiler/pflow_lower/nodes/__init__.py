"""The built-in node types, one file each: ordinary PocketFlow nodes.

They know nothing of batches or templates. `catalog.py` describes them to the
transpiler; a generated module imports just those that it uses.
"""
