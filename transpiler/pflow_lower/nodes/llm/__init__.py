"""The node type `llm`."""
