"""The built-in node types, one module or package each: ordinary PocketFlow nodes.

They know nothing of batches or templates. The transpiler reads what their classes
declare (`nodetypes/`); a generated module imports only those that it uses.
"""
