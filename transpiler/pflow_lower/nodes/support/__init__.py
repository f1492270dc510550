"""What several node types share."""
