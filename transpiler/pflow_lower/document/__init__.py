"""JSON documents: values and their positions in the text."""
